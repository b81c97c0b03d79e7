"""A small made-up estimate for examples in the documentation."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from ..declared import Attribute
from ..estimate import LABELS, Attrition, Estimate, stacked
from ..events import Signal, Wave
from ..leaving_out import Loo
from ..origins import Fielding, Simulation
from ..spec import Spec

_NAMES = (
    ("US", "United States"),
    ("UK", "United Kingdom"),
    ("DE", "Germany"),
    ("PL", "Poland"),
    ("CA", "Canada"),
    ("RU", "Russia"),
)

_ATTRIBUTES = (
    Attribute("regime", ("autocracy", "democracy"), "autocracy"),
    Attribute("stakes", ("low", "high"), "low"),
)
_Rows = tuple[dict[str, str], ...]
_REGIME: _Rows = ({"attribute": "regime", "level": "autocracy"}, {"attribute": "regime", "level": "democracy"})
_STAKES: _Rows = ({"attribute": "stakes", "level": "low"}, {"attribute": "stakes", "level": "high"})
_EXPERIMENT: dict[str, tuple[str, tuple[float, ...], _Rows]] = {
    "marginal_means": ("percent", (40.0, 50.0, 42.0, 48.0), (*_REGIME, *_STAKES)),
    "marginal_means by stakes": (
        "percent",
        (38.0, 42.0, 46.0, 54.0),
        tuple({**row, "stakes": x} for row in _REGIME for x in ("low", "high")),
    ),
    "amce": (
        "percentage points",
        (10.0, 6.0),
        ({"attribute": "regime", "level": "democracy − autocracy"}, {"attribute": "stakes", "level": "high − low"}),
    ),
    "moderation": ("percentage points", (4.0, 8.0), tuple({**row, "stakes": "high − low"} for row in _REGIME)),
}


def example_estimate(of: str = "shift", *, seed: int = 1) -> Estimate:
    """Return a made-up ``shift``, ``levels`` or ``gap`` with two countries: 4 chains of 250 draws.

    Of an experiment with two attributes, regime and stakes: ``marginal_means``, ``marginal_means by stakes`` (of the
    regime), ``amce`` or ``moderation`` (of the regime by the stakes).

    Examples
    --------
    >>> len(example_estimate()), example_estimate("levels").unit
    (4, 'percent')
    >>> example_estimate("amce").labels(0)["level"]
    'democracy − autocracy'
    """
    rng = np.random.default_rng(seed)
    if of in _EXPERIMENT:
        unit, means, varied = _EXPERIMENT[of]
        named = [{"estimand": of.split(" ")[0].replace("_", " ").rstrip("s"), **row} for row in varied]
        made = _estimate(_draws(rng, list(means), named), unit, "randomised")
        return replace(made, spec=replace(made.spec, signals=(), waves=(), attributes=_ATTRIBUTES))
    if of == "levels":
        cells = {("DE", "US"): 60.0, ("PL", "US"): 70.0, ("DE", "UK"): 55.0, ("PL", "UK"): 50.0}
        rows = [{"estimand": of, "country": c, "ally": a} for c, a in cells]
        return _estimate(_draws(rng, list(cells.values()), rows), "percent", "descriptive")
    if of == "gap":
        rows = [{"estimand": of, "country": c, "population": "elite minus public"} for c in ("DE", "PL")]
        made = _estimate(_draws(rng, [-8.0, -2.0], rows), "percentage points", "descriptive")
        public = _draws(rng, [60.0, 70.0], rows)
        return replace(made, before=public, after=public + made.draws)
    rows = [{"estimand": of, "role": r, "country": c} for r in ("sender", "other") for c in ("DE", "PL")]
    before = _draws(rng, [60, 70, 55, 50], rows)
    after = before + _draws(rng, [-10, -12, 6, 5], rows)
    estimate = _estimate(after - before, "percentage points", "before-after")
    return replace(estimate, before=before, after=after)


def example_waves(*, seed: int = 1) -> Estimate:
    """Return made-up levels of two countries in five waves, with a signal between the last two: 4 chains of 250 draws.

    Examples
    --------
    >>> len(example_waves())
    10
    """
    years = ["2021", "2022", "2023", "2024", "2025"]
    waves = tuple(Wave(y, dt.date(int(y), 5, 1), dt.date(int(y), 5, 20)) for y in years)
    rows = [{"estimand": "levels", "country": c, "ally": "US", "wave": y} for c in ("DE", "PL") for y in years]
    draws = _draws(np.random.default_rng(seed), [62, 61, 63, 60, 41, 75, 76, 74, 77, 66], rows)
    return replace(_estimate(draws, "percent", "descriptive"), spec=replace(_spec(), waves=waves))


def example_attrition(*, seed: int = 1) -> Attrition:
    """Return a made-up shift in a panel of which 65 % came back, over three δ: 4 chains of 250 draws.

    Examples
    --------
    >>> list(example_attrition().over_all)
    [-0.5, 0.0, 0.5]
    """
    rng = np.random.default_rng(seed)

    def shifts(name: str, means: list[float]) -> Estimate:
        rows = [{"estimand": name, "role": r} for r in ("sender", "other")]
        before = _draws(rng, [60, 55], rows)
        after = before + _draws(rng, means, rows)
        made = _estimate(after - before, "percentage points", "before-after")
        return replace(made, before=before, after=after)

    apart = [shifts(n, [m, -m / 4]) for n, m in (("stayers", -11), ("leavers", -9), ("over all", -10.3))]
    over_all = {d: shifts(f"over all, δ = {d:g}", [-10.3 + 8 * d, 2.6 + 8 * d]) for d in (-0.5, 0.0, 0.5)}
    returned = pd.DataFrame({"country": ["DE", "PL"], "population": "public", "people": 1000, "returned": [640, 660]})
    return Attrition(stacked(apart), over_all, returned)


def example_populations() -> pd.DataFrame:
    """Return a made-up table of `populations_side_by_side`: two countries, four ways.

    Examples
    --------
    >>> example_populations()["country"].tolist()
    ['DE', 'PL']
    """
    means = {"raw": (50.0, 62.0), "weighted": (47.0, 60.0), "model": (49.0, 61.0), "poststratified": (46.0, 58.0)}
    table = pd.DataFrame({"country": ["DE", "PL"], "people": [1012.0, 985.0], "effective": [640.0, 702.0]})
    for way, mean in means.items():
        half = 4.0 if way == "weighted" else 3.0
        table[way] = mean
        table[f"{way}_lower"], table[f"{way}_upper"] = table[way] - half, table[way] + half
    return table.assign(status="passed")


def example_sensitivity() -> pd.DataFrame:
    """Return a made-up frame of `sensitivity`: two rows of a shift, as declared and without each of three countries.

    Examples
    --------
    >>> example_sensitivity()["specification"].nunique()
    4
    """
    names = ("as declared", "without DE", "without PL", "without UK")
    rows = [
        {"specification": name, "estimand": "shift", "role": role, "mean": mean + away * (role == "sender"),
         "lower": mean + away - 3.0, "upper": mean + away + 3.0, "prob": 0.95, "unit": "percentage points",
         "identification": "before-after", "status": "passed", "method": "laplace"}
        for name, away in zip(names, (0.0, 1.0, -2.0, 0.5), strict=True)
        for role, mean in (("sender", -10.0), ("other", 3.0))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def example_balance() -> pd.DataFrame:
    """Return a made-up table of `event_balance`: countries, an age group, don't know.

    Examples
    --------
    >>> len(example_balance())
    4
    """
    rows = [("country", "DE", 52.0, 50.0), ("country", "PL", 48.0, 50.0), ("age", "young", 30.0, 37.0),
            ("answer", "don't know", 9.0, 10.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["what", "label", "before", "after"])
    gap = table["after"] - table["before"]
    return table.assign(difference=gap, lower=gap - 3.0, upper=gap + 3.0)


def example_loo() -> Loo:
    """Return what `loo` might find: six units of two countries, one of them not to be trusted.

    Examples
    --------
    >>> example_loo().failed
    1
    """
    table = pd.DataFrame({"country": ["DE", "PL"] * 3, "ally": ["US", "US", "UK", "UK", "PL", "DE"], "times": 1,
                          "elpd": -0.7, "k_hat": [0.12, 0.82, 0.2, 0.31, -0.05, 0.24]})  # fmt: skip
    return Loo("example", "answer", -4.2, 0.3, 1.1, table, 0.7)


def _draws(rng: np.random.Generator, means: list[float], rows: Sequence[dict[str, str]]) -> xr.DataArray:
    noise = rng.normal(size=(4, 250, len(means)))
    noise = (noise - noise.mean(axis=(0, 1))) * 1.5
    keys = dict.fromkeys((*LABELS, *(k for r in rows for k in r)))
    coords = {k: ("row", np.array([r.get(k, "") for r in rows], dtype=object)) for k in keys}
    return xr.DataArray(noise + np.array(means, dtype=float), dims=("chain", "draw", "row"), coords=coords)


def _estimate(draws: xr.DataArray, unit: str, identification: str) -> Estimate:
    return Estimate(draws, unit, identification, "top", "", _spec())


def _spec() -> Spec:
    waves = (
        Wave("2024", dt.date(2024, 5, 1), dt.date(2024, 5, 20)),
        Wave("2025", dt.date(2025, 5, 1), dt.date(2025, 5, 20)),
    )
    return Spec(
        "example",
        ("very unlikely", "unlikely", "likely", "very likely"),
        ("likely", "very likely"),
        (),
        waves=waves,
        signals=(Signal("aid_halt", "US", dt.date(2025, 3, 3), "aid"),),
        names=_NAMES,
        sources=(Simulation(1, (Fielding("2024", 1000), Fielding("2025", 1000)), ()),),
    )
