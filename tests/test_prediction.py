"""Predictions: asked rows as the estimands have them; new countries and allies from their pooled distribution."""

import datetime as dt
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from alliancecred.cells import make_cells, rows_of
from alliancecred.contrasts import contrast
from alliancecred.errors import PredictError, SpecError
from alliancecred.estimands import levels, shift
from alliancecred.events import Signal, Wave
from alliancecred.fitting import Fit
from alliancecred.gates import Diagnosis
from alliancecred.identify import make_design
from alliancecred.new_levels import extend
from alliancecred.priors import LKJ
from alliancecred.simulation import dataset, draw_prior
from alliancecred.sources import DataReport, Survey
from alliancecred.spec import Spec
from alliancecred.terms import FACTORS, Cuts, Fixed, Gap, Level, Shift
from alliancecred.unasked import _complete, predict

D = dt.date
COUNTRIES, ALLIES, WAVES = ("PL", "DE", "US"), ("US", "UK", "PL"), ("one", "two")
CHAINS, DRAWS = 2, 2000
SIZE = CHAINS * DRAWS


@cache
def fit(k: int = 2) -> Fit:
    of = Spec(
        "predict", ("no", "rather", "yes")[-k:] if k == 3 else ("no", "yes"), ("yes",),
        (
            Level(("country",)), Level(("ally",)), Level(("country", "ally")),
            Fixed("self_rating", (("self", ("yes",)),)), Shift("aid"), Shift("aid", ("country",), ("sender",)),
            Shift("aid", ("ally",), ("other",), correlated=True, correlation=LKJ(1.0)), Gap(), Cuts(),
        ),
        waves=(Wave("one", D(2025, 1, 1), D(2025, 1, 9)), Wave("two", D(2025, 4, 1), D(2025, 4, 9))),
        signals=(Signal("aid", "US", D(2025, 3, 3)),), countries=COUNTRIES, allies=ALLIES,
    )  # fmt: skip
    asked = [
        *product(COUNTRIES, ALLIES, ("",), WAVES, ("public",)),
        *product(("PL",), ALLIES, ("",), WAVES, ("elite",)),
    ]
    rows = [(*a, j, 9) for a in asked for j in range(k)]
    table = pd.DataFrame(rows, columns=[*FACTORS, "answer", "count"]).assign(respondent="")
    cells = make_cells(of, [Survey(table, of.answers, of.top, DataReport("made", ()))])
    design = make_design(of, cells)
    values = draw_prior(design, np.random.default_rng(4), SIZE)
    tree = xr.DataTree.from_dict({"posterior": dataset(design, values, CHAINS)})
    tree.attrs["random_seed"] = 1
    return Fit(of, cells, design, tree, Diagnosis(pd.DataFrame(), 0, 0, (), ()))


def table(*rows: tuple[str, ...], columns: str = "country ally wave") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=columns.split())


def extended(rows: pd.DataFrame, seed: int = 0) -> tuple[dict[str, np.ndarray], Any]:
    design, draws = extend(fit(), _complete(fit(), rows), "draw", seed)
    return draws, design


def same_mean_and_sd(x: np.ndarray, mean: float = 0.0, sd: float = 1.0) -> None:
    """Within four Monte Carlo standard errors."""
    assert abs(x.mean() - mean) < 4 * x.std() / np.sqrt(x.size)
    spread = (x - x.mean()) ** 2
    assert abs(spread.mean() - sd**2) < 4 * spread.std() / np.sqrt(x.size)


# --- rows that were asked -------------------------------------------------------------------------
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("answer", ["top", "mean", "no"])
def test_asked_rows_are_as_in_levels(k, answer):
    of = fit(k)
    asked = of.cells.labels().sample(frac=1.0, random_state=3)
    found = predict(of, asked[["wave", "population", "ally", "country"]], answer=answer)
    wanted = levels(of, answer=answer)
    assert (found.unit, found.answer, found.identification) == (wanted.unit, answer, "descriptive")
    for i, row in enumerate(asked.to_dict("records")):
        assert {f: found.labels(i)[f] for f in FACTORS} == row
        one = wanted.at(country=row["country"], ally=row["ally"], wave=row["wave"], population=row["population"])
        np.testing.assert_allclose(found.draws.values[..., i], one.draws.values[..., 0], rtol=0, atol=1e-9)


def test_signals_on_minus_off_is_the_shift():
    rows = table(*product(COUNTRIES, ALLIES, ("two",)))
    on, off = (predict(fit(), rows, signals={"aid": x}) for x in (1.0, 0.0))
    wanted = shift(fit(), by=("country", "ally"))
    difference = contrast(on, off)
    for i, (country, ally, _) in enumerate(rows.itertuples(index=False)):
        one = wanted.at(country=country, ally=ally).draws.values[..., 0]
        np.testing.assert_allclose(difference.draws.values[..., i], one, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(predict(fit(), rows).draws.values, on.draws.values)


def test_columns_that_are_left_out_are_filled_where_there_is_no_choice():
    found = predict(fit(), table(("PL", "US", "two")))
    assert found.labels(0)["population"] == "public"
    assert found.labels(0)["target"] == ""


# --- refusals -------------------------------------------------------------------------------------
@pytest.mark.bad(80)
def test_new_levels_are_refused_by_default_with_the_nearest_names():
    rows = table(("PLL", "US", "two"), ("PL", "USA", "two"), ("PL", "US", "three"))
    with pytest.raises(PredictError) as caught:
        predict(fit(), rows)
    assert {p.column for p in caught.value.problems} == {"country", "ally", "wave"}
    text = str(caught.value)
    for words in ("['PLL']", "did you mean 'PL'", "['USA']", "did you mean 'US'", "['three']", "new_levels='draw'"):
        assert words in text


@pytest.mark.parametrize("row", [("PL", "US", "three", "public"), ("PL", "US", "two", "experts")])
def test_new_waves_and_populations_cannot_be_drawn(row):
    with pytest.raises(PredictError, match="not in the data"):
        predict(fit(), table(row, columns="country ally wave population"), new_levels="draw")


def test_columns_are_checked_together():
    with pytest.raises(PredictError) as caught:
        predict(fit(), table(("PL", "US"), columns="contry ally"))
    found = [(p.column, p.message) for p in caught.value.problems]
    assert found == [("contry", "unknown column"), ("country", "column is missing"), ("wave", "column is missing")]
    assert "did you mean 'country'" in str(caught.value)
    assert "its levels: one, two" in str(caught.value)
    with pytest.raises(PredictError, match="0 rows"):
        predict(fit(), table())


def test_other_arguments_are_checked():
    rows = table(("PL", "US", "two"))
    with pytest.raises(PredictError, match="'refuse' or 'draw', got 'yes'"):
        predict(fit(), rows, new_levels="yes")
    with pytest.raises(SpecError, match="no signal 'aidd': did you mean 'aid'"):
        predict(fit(), rows, signals={"aidd": 1.0})
    with pytest.raises(SpecError, match="unknown answer 'yess'"):
        predict(fit(), rows, answer="yess")


def test_a_column_that_is_there_twice_is_refused():
    # Once wrong (prediction._complete): ValueError from numpy.
    rows = pd.DataFrame([("PL", "DE", "US", "two")], columns=["country", "country", "ally", "wave"])
    with pytest.raises(PredictError, match="country"):
        predict(fit(), rows)


def test_an_empty_label_is_no_new_country():
    # Once wrong (prediction._complete): an empty cell becomes the text "None", and with "draw" a country of that name.
    for nothing in (None, np.nan, pd.NA):
        with pytest.raises(PredictError, match="country"):
            predict(fit(), pd.DataFrame({"country": [nothing], "ally": ["US"], "wave": ["two"]}), new_levels="draw")


# --- new levels -----------------------------------------------------------------------------------
NEW = ("NO", "US", "two")


def test_one_new_country_is_the_same_in_every_call_and_row():
    alone = predict(fit(), table(NEW), new_levels="draw")
    among = predict(fit(), table(("SE", "UK", "one"), ("NO", "UK", "one"), NEW), new_levels="draw")
    assert not contrast(alone, predict(fit(), table(NEW), new_levels="draw")).draws.values.any()
    np.testing.assert_array_equal(among.draws.values[..., 2], alone.draws.values[..., 0])
    other = predict(fit(), table(NEW), new_levels="draw", random_seed=1)
    assert contrast(alone, other).draws.values.std() > 1


def test_the_arms_of_a_contrast_are_about_the_same_new_country():
    on, off = (predict(fit(), table(NEW), new_levels="draw", signals={"aid": x}) for x in (1.0, 0.0))
    draws, design = extended(table(NEW))
    level = draws["intercept"] + draws["level_country"][:, 3] + draws["level_ally"][:, 0]
    level = level + draws["level_country_ally"][:, 3, 0]
    later = level + draws["shift_aid"][:, 0] + draws["shift_aid_sender_country"][:, 3]
    assert design.levels["country"] == (*COUNTRIES, "NO")
    wanted = 100 / (1 + np.exp(-later)) - 100 / (1 + np.exp(-level))
    np.testing.assert_allclose(contrast(on, off).draws.values.ravel(), wanted, rtol=0, atol=1e-9)


def test_different_new_countries_and_blocks_are_independent():
    draws, _ = extended(table(NEW, ("SE", "US", "two")))
    z = np.column_stack([
        draws["level_country"][:, 3] / draws["sd_level_country"],
        draws["level_country"][:, 4] / draws["sd_level_country"],
        draws["level_country_ally"][:, 3, 0] / draws["sd_level_country_ally"],
        draws["level_country_ally"][:, 3, 1] / draws["sd_level_country_ally"],
        draws["shift_aid_sender_country"][:, 3] / draws["sd_shift_aid_sender_country"],
    ])  # fmt: skip
    off = np.corrcoef(z.T)[np.triu_indices(5, 1)]
    assert np.abs(off).max() < 4 / np.sqrt(SIZE)


@pytest.mark.parametrize(
    ("variable", "place"),
    [("level_country", (3,)), ("level_country_ally", (3, 1)), ("level_country_ally", (3, 3)),
     ("shift_aid_sender_country", (3,)), ("level_ally", (3,)), ("shift_aid_other_ally", (3,))],
)  # fmt: skip
def test_a_new_level_has_the_spread_of_its_block(variable, place):
    draws, _ = extended(table(("NO", "FR", "two")))
    same_mean_and_sd(draws[variable][(slice(None), *place)] / draws[f"sd_{variable}"])


def test_old_levels_keep_their_draws():
    draws, _ = extended(table(("NO", "FR", "two")))
    for name, old in fit().draws().items():
        inside = tuple(slice(0, n) for n in old.shape)
        np.testing.assert_array_equal(draws[name][inside], old)
        assert np.isfinite(draws[name]).all()


def test_a_new_ally_keeps_the_correlation_of_level_and_shift():
    draws, _ = extended(table(("PL", "FR", "two"), ("PL", "NO", "two")))
    rho = draws["corr_shift_aid_other_ally"]
    for j in (3, 4):
        z = draws["level_ally"][:, j] / draws["sd_level_ally"]
        y = draws["shift_aid_other_ally"][:, j] / draws["sd_shift_aid_other_ally"]
        same_mean_and_sd(z * y - rho, 0.0, np.sqrt(np.mean(1 + rho**2)))  # E zy = ρ, var zy = 1 + ρ²
        error = (z * y - rho) * rho
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(SIZE)
        assert np.corrcoef(z * y, rho)[0, 1] > 0.3


def test_a_new_country_that_is_an_ally_judges_itself():
    rows = table(("UK", "UK", "two"), ("UK", "US", "two"))
    draws, design = extended(rows)
    full = rows_of(fit().spec, design.levels, _complete(fit(), rows))
    found = predict(fit(), rows, new_levels="draw").draws.values.reshape(SIZE, 2)
    base = draws["intercept"] + draws["level_country"][:, 3] + draws["level_ally"][:, 1]
    eta = base + draws["level_country_ally"][:, 3, 1] + draws["fixed_self_rating"] + draws["shift_aid"][:, 2]
    assert full.codes["country"].tolist() == [3, 3]
    np.testing.assert_allclose(found[:, 0], 100 / (1 + np.exp(-eta)), rtol=0, atol=1e-9)
