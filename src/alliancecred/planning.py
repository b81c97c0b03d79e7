"""How many people, how many waves: the probability that a planned survey will show what it is meant to show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .errors import SpecError
from .fitting import Fit, Method
from .layout import Layout, lay_out
from .origins import Fielding, Simulation
from .rules import Rule, ask
from .simulation import simulate_on
from .spec import Spec
from .spec_file import as_spec
from .studies import name_of, refit, run_study, seed_of
from .summaries import by_row

Plan = tuple[int | None, int | None]  # people per elite fielding, waves; None: as declared


@dataclass(frozen=True)
class Assurance:
    """What `assurance` found.

    Parameters
    ----------
    name, rule
        The analysis, and the rule in words.
    table
        One row per plan: ``n_elites, n_waves, simulations, failed`` (fits that missed their gates: not shown),
        ``assurance, lower, upper``; ``met`` (simulations whose truth meets the rule), ``power, power_lower,
        power_upper`` (the share of those that show it), ``wrong_sign`` (the share of claims with a truth on the
        other side of zero; empty where nothing was claimed or the rule is a function). Intervals: 95 %, Wilson.
    simulations
        One row per simulation: ``n_elites, n_waves, simulation, shown, met, wrong_sign, probability, status``.
    """

    name: str
    rule: str
    table: pd.DataFrame
    simulations: pd.DataFrame

    def __repr__(self) -> str:
        text = self.table.to_string(index=False, float_format="{:.3f}".format)
        return f"<Assurance {self.name}: {self.rule}; 95 % Wilson intervals>\n{text}"


def assurance(
    spec: Spec | str | Path,
    rule: Rule | Callable[[Fit], bool],
    *,
    n_elites: int | Sequence[int] | None = None,
    n_waves: int | Sequence[int] | None = None,
    simulations: int = 200,
    truth: Mapping[str, float] | None = None,
    draws: int = 1000,
    method: Method = "auto",
    random_seed: int = 0,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progressbar: bool = True,
) -> Assurance:
    """Return how probable it is that a survey will show an effect, for every plan on a grid.

    Each simulation draws a truth from the priors, fields the survey of the plan, fits the spec, and asks the
    rule. *Assurance* is the share of simulations in which the rule holds (O'Hagan, Stevens & Campbell 2005);
    *power* is that share among the simulations whose truth itself meets the rule; ``wrong_sign`` is the share of
    claims with a truth of the other sign (Gelman & Carlin 2014). A fit that misses its gates shows nothing. Every
    plan meets the same truths, as far as it has the same parameters.

    Parameters
    ----------
    spec
        Its `Simulation` source declares the fieldings that are varied.
    rule
        A `Rule`, or a function of a `Fit` that returns a bool; asked of the truth (a fit of one draw) as well.
    n_elites
        People in each fielding (country and wave) of any population but the first; None leaves what is declared.
    n_waves
        Waves fielded: the first so many, by date, of those that are declared; None means all.
    simulations
        Per plan. A later call with more, and the same ``path``, adds to them.
    truth
        Scalars held fixed instead of drawn, as in `simulate`: ``{"shift_us2025[sender]": -0.5}``.
    draws, method
        As in `fit`; four chains.
    random_seed, path, n_jobs, progressbar
        As in `run_study`.

    Returns
    -------
    Assurance

    Raises
    ------
    SpecError
        If the spec declares no fieldings, no elites to vary, or fewer waves than asked for; or if the rule
        cannot be asked of a plan.

    Examples
    --------
    >>> import alliancecred as ac
    >>> rule = ac.Rule("shift", role="sender", smallest=5.0)
    >>> ac.assurance("retrenchment_simulated", rule, n_elites=[50, 100, 200])  # doctest: +SKIP
    """
    spec = as_spec(spec)
    if simulations < 1:
        raise SpecError(f"simulations must be at least 1, got {simulations}")
    fixed = dict(truth or {})
    sizes, waves = _several(n_elites), _several(n_waves)
    plans = {(n, w): lay_out(spec, plan_fieldings(spec, n, w)) for n, w in product(sizes, waves)}
    for layout in plans.values():  # what cannot be asked is refused before anything is fitted
        ask(rule, simulate_on(layout, fixed, 0).truth)
    seeds = [seed_of(random_seed, f"truth {i}") for i in range(1, simulations + 1)]
    items = {_key(plan, i): (layout, seed) for plan, layout in plans.items() for i, seed in enumerate(seeds, 1)}
    asked: object = asdict(rule) if isinstance(rule, Rule) else name_of(rule)
    found = run_study(
        partial(_simulate, rule=rule, truth=fixed, draws=draws, method=method),
        items,
        identity={"study": "assurance", "spec": spec.digest, "rule": asked, "truth": fixed}
        | {"draws": draws, "method": method},
        random_seed=random_seed,
        path=path,
        n_jobs=n_jobs,
        progressbar=progressbar,
    )
    frame = pd.DataFrame(
        [
            {**_labels(plan), "simulation": i, **found[_key(plan, i)]}
            for plan in plans
            for i in range(1, simulations + 1)
        ]
    )
    words = str(rule) if isinstance(rule, Rule) else getattr(rule, "__name__", "a function of the fit")
    return Assurance(spec.name, words, _tally(frame), frame)


def plan_fieldings(spec: Spec, n_elites: int | None, n_waves: int | None) -> tuple[Fielding, ...]:
    """Return the declared fieldings of the first waves, with so many people in those of elites.

    Raises
    ------
    SpecError
        If the spec declares none, no elites, or fewer waves.
    """
    source = next((s for s in spec.sources if isinstance(s, Simulation)), None)
    if source is None:
        raise SpecError("the spec declares no fieldings: give it a source of kind 'simulation'")
    used = {f.wave for f in source.fieldings}
    waves = [w.name for w in sorted(spec.waves, key=lambda w: (w.start, w.end)) if w.name in used]
    if n_waves is not None and not 1 <= n_waves <= len(waves):
        raise SpecError(f"{n_waves} waves were asked for; the spec fields {len(waves)}: {', '.join(waves)}")
    kept = [f for f in source.fieldings if f.wave in waves[:n_waves]]
    if n_elites is None:
        return tuple(kept)
    if n_elites < 1:
        raise SpecError(f"n_elites must be positive, got {n_elites}")
    if all(f.population == spec.reference for f in kept):
        raise SpecError(f"no fielding is of another population than {spec.reference!r}: n_elites has nothing to vary")
    return tuple(f if f.population == spec.reference else replace(f, n=n_elites) for f in kept)


def _several(value: int | Sequence[int] | None) -> tuple[int | None, ...]:
    if value is None or isinstance(value, int):
        return (value,)
    return tuple(dict.fromkeys(value))


def _labels(plan: Plan) -> dict[str, int | str]:
    return {k: "declared" if x is None else x for k, x in zip(("n_elites", "n_waves"), plan, strict=True)}


def _key(plan: Plan, i: int) -> str:
    return ", ".join([*(f"{k} {x}" for k, x in _labels(plan).items()), f"simulation {i}"])


# --- one simulation -------------------------------------------------------------------------------
def _simulate(
    value: tuple[Layout, int],
    seed: int,
    *,
    rule: Rule | Callable[[Fit], bool],
    truth: Mapping[str, float],
    draws: int,
    method: Method,
) -> dict[str, Any]:
    layout, truth_seed = value
    simulated = simulate_on(layout, truth, truth_seed).truth
    met, _, true = ask(rule, simulated)
    fit = refit(layout.design, simulated.cells, seed, draws=draws, method=method)
    if isinstance(fit, str):
        return {"shown": False, "met": met, "wrong_sign": None, "probability": None, "status": fit}
    claimed, probability, estimate = ask(rule, fit)
    status = fit.diagnosis.status if estimate is None else estimate.status
    shown = claimed and status == "passed"
    wrong = None
    if isinstance(rule, Rule) and true is not None:
        wrong = bool(shown and (rule.sign * by_row(true) < 0).any())
    return {"shown": shown, "met": met, "wrong_sign": wrong, "probability": probability, "status": status}


# --- what is reported -----------------------------------------------------------------------------
def wilson(successes: int, trials: int, prob: float = 0.95) -> tuple[float, float]:
    """Return Wilson's (1927) interval of a share; NaN where there are no trials.

    Examples
    --------
    >>> [round(x, 4) for x in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    from scipy.special import ndtri

    if trials == 0:
        return np.nan, np.nan
    z = ndtri((1 + prob) / 2)
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def _tally(simulations: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (n, w), part in simulations.groupby(["n_elites", "n_waves"], sort=False):
        shown, met = part["shown"].to_numpy(bool), part["met"].to_numpy(bool)
        lower, upper = wilson(int(shown.sum()), len(part))
        power_lower, power_upper = wilson(int(shown[met].sum()), int(met.sum()))
        wrong = part["wrong_sign"][shown]
        rows.append(
            {
                "n_elites": n,
                "n_waves": w,
                "simulations": len(part),
                "failed": int((part["status"] != "passed").sum()),
                "assurance": float(shown.mean()),
                "lower": lower,
                "upper": upper,
                "met": int(met.sum()),
                "power": float(shown[met].mean()) if met.any() else np.nan,
                "power_lower": power_lower,
                "power_upper": power_upper,
                "wrong_sign": float(wrong.mean()) if len(wrong) and wrong.notna().all() else np.nan,
            }
        )
    return pd.DataFrame(rows)
