"""Each gate fires on the failure it stands for, and none on good draws."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from alliancecred.gates import bfmi, convergence, diagnosis, table_problems
from alliancecred.weights import fit_pareto, pareto_k, pareto_smooth

CHAINS, DRAWS = 4, 500


def good(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(CHAINS, DRAWS))


def dataset(**arrays: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {k: (("chain", "draw", *[f"{k}_dim{i}" for i in range(v.ndim - 2)]), v) for k, v in arrays.items()}
    )


def stats(**arrays: np.ndarray) -> xr.Dataset:
    base = {
        "diverging": np.zeros((CHAINS, DRAWS), bool),
        "energy": good(9),
        "maxdepth_reached": np.zeros((CHAINS, DRAWS), bool),
    }
    return xr.Dataset({k: (("chain", "draw"), v) for k, v in (base | arrays).items()})


def slow(rho: float) -> np.ndarray:
    """An autoregressive chain: converged, with few effective draws."""
    noise = good(5)
    out = noise.copy()
    for t in range(1, DRAWS):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * noise[:, t]
    return out


def failed(x: np.ndarray) -> str:
    return " | ".join(diagnosis(dataset(good=good(1), x=x), stats()).problems)


def test_good_draws_pass():
    verdict = diagnosis(dataset(a=good(1), b=np.stack([good(2), good(3)], -1)), stats())
    assert verdict.passed
    assert verdict.status == "passed"
    assert verdict.table.variable.tolist() == ["a", "b[0]", "b[1]"]
    assert verdict.table.r_hat.max() < 1.01
    assert verdict.table[["ess_bulk", "ess_tail"]].min().min() > 400
    assert len(verdict.bfmi) == CHAINS
    assert str(verdict).startswith("passed")


# --- draws that were weighted and resampled ---------------------------------------------------------
def weighted(ancestor: np.ndarray, log_weight: np.ndarray, **arrays: np.ndarray) -> xr.Dataset:
    shape = (CHAINS, DRAWS)
    extra = {"ancestor": ancestor.reshape(shape), "log_weight": log_weight.reshape(shape)}
    return dataset(**arrays).assign_coords({k: (("chain", "draw"), v) for k, v in extra.items()})


def test_weighted_draws_without_repetition_count_in_full():
    n = CHAINS * DRAWS
    table = convergence(weighted(np.arange(n), np.zeros(n), x=good(3)))
    assert list(table) == ["variable", "k_hat", "ess_bulk", "ess_tail", "mcse_mean"]
    assert table.ess_bulk[0] == pytest.approx(n)
    assert table.ess_tail[0] == pytest.approx(n)
    assert table.mcse_mean[0] == pytest.approx(good(3).std(ddof=1) / np.sqrt(n))
    assert table_problems(table) == ()


def test_repetitions_of_a_draw_count_once():
    """Every draw five times: the effective size is a fifth, and the error of the mean that of the fifth."""
    n = CHAINS * DRAWS
    ancestor = np.random.default_rng(1).permutation(np.repeat(np.arange(n // 5), 5))
    values = np.random.default_rng(2).normal(size=n // 5)
    table = convergence(weighted(ancestor, np.zeros(n), x=values[ancestor].reshape(CHAINS, DRAWS)))
    assert table.ess_bulk[0] == pytest.approx(n / 5, rel=0.01)
    assert table.ess_tail[0] == pytest.approx(n / 5, rel=0.01)
    assert table.mcse_mean[0] == pytest.approx(values.std() / np.sqrt(n / 5), rel=0.01)


def test_error_of_a_mean_of_resampled_draws_is_what_repeated_runs_show():
    rng = np.random.default_rng(3)
    means, errors = [], []
    for _ in range(200):
        pool, log_weight = rng.normal(size=1000), rng.normal(size=1000)
        total = np.cumsum(np.exp(log_weight))
        ancestor = np.searchsorted(total / total[-1], (rng.random() + np.arange(CHAINS * DRAWS)) / (CHAINS * DRAWS))
        x = pool[ancestor].reshape(CHAINS, DRAWS)
        means.append(x.mean())
        errors.append(convergence(weighted(ancestor, log_weight[ancestor], x=x)).mcse_mean[0])
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


def test_heavy_weights_fail_by_their_pareto_k():
    n = CHAINS * DRAWS
    heavy = 1.5 * np.random.default_rng(4).exponential(size=n)
    table = convergence(weighted(np.arange(n), heavy, x=good(3)))
    assert table.k_hat[0] > 0.9
    assert "Pareto k" in table_problems(table)[0]
    assert "Pareto k max" in str(diagnosis(weighted(np.arange(n), heavy, x=good(3)), stats()))


def test_a_heavy_quantity_fails_by_its_own_pareto_k():
    n = CHAINS * DRAWS
    cauchy = np.random.default_rng(6).standard_cauchy(size=(CHAINS, DRAWS))
    table = convergence(weighted(np.arange(n), np.zeros(n), light=good(3), heavy=cauchy))
    assert table.k_hat[0] < 0.3
    assert table.k_hat[1] > 0.7


def test_a_weighted_draw_that_is_not_a_number_fails_every_gate():
    n = CHAINS * DRAWS
    x = good(3)
    x[1, 7] = np.nan
    table = convergence(weighted(np.arange(n), np.zeros(n), x=x))
    assert table.drop(columns="variable").isna().all(axis=None)
    assert len(table_problems(table)) == 3


@pytest.mark.parametrize("extra", [{}, {"ancestor": (("chain", "draw"), np.zeros((2, 3)))}])
def test_nothing_to_judge_is_an_empty_table(extra):
    nothing = xr.Dataset({"x": (("chain", "draw", "row"), np.zeros((2, 3, 0)))}).assign_coords(extra)
    assert len(convergence(nothing)) == 0
    assert table_problems(convergence(nothing)) == ()


def test_few_or_infinite_weights_have_no_pareto_k():
    for values, k_hat in (
        (np.arange(20.0), np.inf),
        (np.append(np.zeros(100), np.inf), np.inf),
        (np.append(np.zeros(100), np.nan), np.inf),
        (np.zeros(100), -np.inf),
    ):
        assert pareto_smooth(values)[1] == k_hat
        assert pareto_k(values[None]) == k_hat


@pytest.mark.parametrize("shape", [0.1, 0.4, 0.8])
def test_pareto_smoothing_is_that_of_arviz(shape):
    from arviz_stats.base import array_stats

    log_weight = shape * np.random.default_rng(7).exponential(size=(3, 4000))
    for one, k_hat in zip(log_weight, pareto_k(log_weight), strict=True):
        smooth, theirs = array_stats.psislw(-one)  # it takes log likelihoods and negates them
        ours, mine = pareto_smooth(one)
        assert mine == pytest.approx(float(theirs), abs=1e-9)
        assert k_hat == pytest.approx(mine, abs=1e-12)
        np.testing.assert_allclose(ours, smooth, atol=1e-9)


def test_a_tail_of_draws_that_were_kept_by_weight_is_that_of_all():
    """Thinned by weight, only the heavy draws are all there; what the others stand for must be known."""
    rng = np.random.default_rng(8)
    log_weight = 0.3 * rng.exponential(size=(40, 16_000))
    whole = pareto_k(log_weight)
    chance = np.minimum(1, np.exp(log_weight) / np.exp(log_weight).mean(1, keepdims=True) / 4)
    kept = [(w[u < c], 1 / c[u < c]) for w, c, u in zip(log_weight, chance, rng.random(chance.shape), strict=True)]
    thinned = np.array([pareto_k(w[None], m)[0] for w, m in kept])
    assert thinned.mean() == pytest.approx(whole.mean(), abs=0.03)
    ignored = np.array([pareto_k(w[None])[0] for w, _ in kept])
    assert abs(ignored.mean() - whole.mean()) > 2 * abs(thinned.mean() - whole.mean())


def test_quantities_of_kept_draws_are_judged_as_if_all_had_been_kept():
    """Of 16,000 evaluated draws 2,000 are kept; almost equal weights and rare outliers, which are all among them."""
    n, evaluated, rng = CHAINS * DRAWS, 16_000, np.random.default_rng(11)
    kept, whole = [], []
    for _ in range(20):
        rare = (rng.random(evaluated) < 0.01) * rng.exponential(size=evaluated)
        log_weight = 0.1 * rng.normal(size=evaluated) + rare
        log_weight -= np.log(np.exp(log_weight).sum())
        x = rng.normal(size=evaluated)
        total = np.cumsum(np.exp(log_weight))
        ancestor = np.searchsorted(total / total[-1], (rng.random() + np.arange(n)) / n)
        values = x[ancestor].reshape(CHAINS, DRAWS)
        kept.append(convergence(weighted(ancestor, log_weight[ancestor], x=values)).k_hat[0])
        away = np.log(np.abs(x - np.exp(log_weight) @ x))
        whole.append(max(pareto_k(log_weight[None])[0], pareto_k((log_weight + away)[None])[0]))
    assert np.mean(kept) == pytest.approx(np.mean(whole), abs=0.2)  # 0.6 too high if all stood for themselves alone


def test_a_tail_without_a_shape_is_not_a_number():
    assert np.isnan(fit_pareto(np.array([[0.0] * 30 + [1.0] * 10]))).all()


def test_one_draw_that_is_not_a_number_fails():
    x = good()
    x[2, 77] = np.nan
    assert "R-hat ≥ 1.01 for 1 of 2 (x: nan)" in failed(x)
    everything = np.full((CHAINS, DRAWS), np.nan)
    assert "R-hat" in failed(everything)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_one_infinite_draw_fails(bad):
    # Once wrong (gates.convergence): ranks do not mind an infinite draw, means and sds do.
    x = good()
    x[2, 77] = bad
    assert failed(x)


def test_a_whole_chain_that_is_not_a_number_fails():
    x = good()
    x[3] = np.nan
    assert "R-hat" in failed(x)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_a_constant_fails():
    text = failed(np.ones((CHAINS, DRAWS)))
    assert "R-hat ≥ 1.01 for 1 of 2 (x: nan)" in text


def test_a_chain_that_is_stuck_elsewhere_fails():
    x = good()
    x[1] = 3.0 + 0.01 * x[1]
    assert "R-hat ≥ 1.01 for 1 of 2 (x: " in failed(x)
    half = good()
    half[:, DRAWS // 2 :] += 2.0  # drifts within every chain alike: only the split shows it
    assert "R-hat" in failed(half)


def test_chains_of_different_spread_fail():
    x = good()
    x[0] *= 10.0
    assert "R-hat" in failed(x) or "ESS" in failed(x)


def test_few_effective_draws_fail():
    text = failed(slow(0.9))
    assert "bulk ESS < 400 for 1 of 2 (x: " in text
    assert "tail ESS < 400 for 1 of 2 (x: " in text


def test_too_few_draws_fail_however_good_they_are():
    short = diagnosis(dataset(x=good()[:, :50]), stats().isel(draw=slice(50)))
    assert [p.split(" for ")[0] for p in short.problems if "ESS" in p] == ["bulk ESS < 400", "tail ESS < 400"]


def test_the_worst_is_reported():
    few, fewer = slow(0.8), slow(0.97)
    verdict = diagnosis(dataset(good=good(1), few=few, fewer=fewer), stats())
    table = verdict.table.set_index("variable")
    text = next(p for p in verdict.problems if p.startswith("bulk"))
    assert text.startswith("bulk ESS < 400 for 2 of 3")
    assert f"{table.ess_bulk['fewer']:.4g}" in text
    assert table.ess_bulk["fewer"] < table.ess_bulk["few"] < 400


def test_divergences_fail():
    diverging = np.zeros((CHAINS, DRAWS), bool)
    diverging[0, :3] = True
    verdict = diagnosis(dataset(x=good()), stats(diverging=diverging))
    assert verdict.problems == ("3 divergences",)
    assert (verdict.divergences, verdict.passed) == (3, False)


def test_draws_that_hit_the_depth_limit_fail():
    deep = np.zeros((CHAINS, DRAWS), bool)
    deep[0, :20] = True
    assert diagnosis(dataset(x=good()), stats(maxdepth_reached=deep)).passed
    deep[0, :100] = True
    assert diagnosis(dataset(x=good()), stats(maxdepth_reached=deep)).problems == (
        "100 draws hit the tree-depth limit",
    )


def test_low_energy_fraction_fails():
    energy = good(9)
    energy[2] = np.cumsum(energy[2])
    verdict = diagnosis(dataset(x=good()), stats(energy=energy))
    (problem,) = verdict.problems
    assert problem.startswith("E-BFMI 0.")
    assert problem.endswith("< 0.3")


def test_energy_fraction_is_betancourts():
    energy = good(9)
    for chain, found in zip(energy, bfmi(energy), strict=True):
        mean = sum(chain) / DRAWS
        steps = sum((b - a) ** 2 for a, b in pairwise(chain)) / (DRAWS - 1)
        assert found == pytest.approx(steps / (sum((e - mean) ** 2 for e in chain) / DRAWS))
    assert np.mean(bfmi(energy)) == pytest.approx(2.0, abs=0.2)  # independent energies


@pytest.mark.parametrize("chain", range(CHAINS))
def test_energy_that_is_not_a_number_fails_in_whichever_chain(chain):
    # Once wrong (gates.diagnosis): Python's `min` passes over a NaN that is not the first.
    energy = good(9)
    energy[chain, 5] = np.nan
    assert any("E-BFMI" in p for p in diagnosis(dataset(x=good()), stats(energy=energy)).problems)


def test_convergence_does_not_depend_on_the_order_of_dims():
    values = np.stack([good(1), slow(0.5)], -1)
    a = xr.Dataset({"x": (("chain", "draw", "g"), values)})
    b = xr.Dataset({"x": (("g", "draw", "chain"), values.transpose(2, 1, 0))})
    pd.testing.assert_frame_equal(convergence(a), convergence(b))


def test_nothing_to_look_at_is_no_failure_of_its_own():
    assert table_problems(convergence(xr.Dataset())) == ()


def test_a_table_with_nan_fails_in_each_column():
    sound = {"variable": ["x"], "r_hat": [1.0], "ess_bulk": [900.0], "ess_tail": [900.0]}
    assert table_problems(pd.DataFrame(sound)) == ()
    for column in ("r_hat", "ess_bulk", "ess_tail"):
        assert len(table_problems(pd.DataFrame(sound | {column: [np.nan]}))) == 1
    for column, value in (("r_hat", 1.01), ("ess_bulk", 399.9), ("ess_tail", 399.9)):
        assert len(table_problems(pd.DataFrame(sound | {column: [value]}))) == 1


@pytest.mark.parametrize(
    ("unit", "sd", "words"),
    [
        ("percent", 40.0, "Monte Carlo error ≥ 0.5 percent for 1 of 1"),
        ("percentage points", 40.0, "Monte Carlo error ≥ 0.5 percentage points"),
        ("percentage points", 10.0, ""),
        ("points", 4.0, "Monte Carlo error ≥ 0.05 points"),
        ("scale points", 1.0, ""),
    ],
)
def test_monte_carlo_error_may_not_reach_what_is_printed(unit, sd, words):
    table = convergence(dataset(x=sd * good(1)))
    assert table["mcse_mean"].item() == pytest.approx(sd / np.sqrt(CHAINS * DRAWS), rel=0.1)
    found = "; ".join(table_problems(table, unit))
    assert words in found
    assert bool(found) == bool(words)
    assert not table_problems(table)
