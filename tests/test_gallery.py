"""Every figure with 2, 6 and 40 groups, short and long names, complete or not, 1 or 4 chains, one column or two.

What is checked is what is drawn: bounding boxes of texts, and the numbers in the artists. The slow part runs an
orthogonal array of strength two over the five conditions (every pair of conditions meets in every figure); with
``GALLERY=all`` in the environment it runs all 48 combinations.
"""

import datetime as dt
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import alliancecred as ac
from alliancecred import figures as fig
from alliancecred.declared import Attribute
from alliancecred.estimate import LABELS, Attrition, Estimate, stacked
from alliancecred.events import Signal, Wave
from alliancecred.figures.text import clean, in_order
from alliancecred.folds import Folds
from alliancecred.leaving_out import Loo
from alliancecred.spec import Spec
from alliancecred.specifications import CHOICE

WIDTHS = {"column": 3.5, "double": 7.0}
SMALLEST = 6.5  # points, of the plain preset
WAVES = tuple(Wave(str(y), dt.date(y, 5, 1), dt.date(y, 5, 9)) for y in range(2021, 2026))


@dataclass(frozen=True)
class Case:
    groups: int = 6
    long: bool = False
    missing: bool = False
    chains: int = 4
    width: object = "column"

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(f"C{i:02d}" for i in range(self.groups))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of 60 characters, of which the first half have only their ends of their own."""
        short = ("Germany", "Poland", "Canada", "Korea", "Japan", "Italy")
        if not self.long:
            return tuple(f"{short[i % 6]} {i // 6}" if i >= 6 else short[i] for i in range(self.groups))
        one = [f"The Federated Commonwealth of Islands in the Southern Sea, {i:02d}" for i in range(self.groups)]
        two = [
            f"{short[i % 6]} {i} and its Territories beyond the Sea and in the Mountains"[:60]
            for i in range(self.groups)
        ]
        return tuple(two[i] if i % 2 else one[i] for i in range(self.groups))

    @property
    def spec(self) -> Spec:
        return Spec(
            "demo", ("very unlikely", "unlikely", "likely", "very likely"), ("likely", "very likely"), (),
            waves=WAVES, signals=(Signal("aid_halt", "C00", dt.date(2025, 3, 3), "aid"),),
            names=tuple(zip(self.codes, self.names, strict=True)), populations=("public", "elite"),
            attributes=(
                Attribute("country_attacked", self.codes, self.codes[0]), Attribute("stakes", ("low", "high"), "low")
            ),
        )  # fmt: skip

    def gone(self, size: int) -> np.ndarray:
        """Which of so many cells are missing: a fifth, one at least."""
        out = np.zeros(size, dtype=bool)
        if self.missing:
            out[np.random.default_rng(3).permutation(size)[: max(1, size // 5)]] = True
        return out


@dataclass(frozen=True)
class Drawn:
    """A figure, the frame it draws, texts that must be seen, and which marks are which column, along which axis."""

    figure: Figure
    table: pd.DataFrame
    names: tuple[str, ...]
    marks: dict[str, tuple[str, str]] = field(default_factory=lambda: {"mean": ("mean", "x")})


def draws_of(case: Case, means: np.ndarray, rows: list[dict[str, str]], seed: int = 1) -> xr.DataArray:
    noise = 1.5 * np.random.default_rng(seed).normal(size=(case.chains, 60, len(means)))
    keys = dict.fromkeys((*LABELS, *(k for r in rows for k in r)))
    coords = {k: ("row", np.array([r.get(k, "") for r in rows], dtype=object)) for k in keys}
    return xr.DataArray(noise + means, dims=("chain", "draw", "row"), coords=coords)


def estimate_of(case: Case, rows: list[dict[str, str]], unit: str, *, sides: bool = False, seed: int = 1) -> Estimate:
    """Return an estimate; of missing cells a draw is not finite, or (of levels) the row is left out."""
    rng = np.random.default_rng(seed)
    percent = unit == "percent"
    means = rng.uniform(12, 88, len(rows)) if percent else rng.normal(-3, 5, len(rows))
    draws = draws_of(case, means, rows, seed)
    bad = case.gone(len(rows))
    draws = draws.where(xr.DataArray(~bad, dims="row")) if len(rows) > 1 else draws
    before = draws_of(case, rng.uniform(25, 75, len(rows)), rows, seed + 1) if sides else None
    made = Estimate(draws, unit, "descriptive" if percent else "before-after", "top", "countries, equally", case.spec)
    if before is None:
        return made
    before = before.where(xr.DataArray(~bad, dims="row"))
    return replace(made, before=before, after=before + draws)


def rows_by_country(case: Case, name: str, **more: str) -> list[dict[str, str]]:
    return [{"estimand": name, "country": c, **more} for c in case.codes]


def shift(case: Case) -> Drawn:
    rows = [{"estimand": "shift", "role": "sender", "country": c} for c in ("", *case.codes)]
    rows += [{"estimand": "shift", "role": "other", "country": c} for c in ("", *case.codes[:2])]
    made = estimate_of(case, rows, "percentage points", sides=True)
    marks = {k: (k if k == "mean" else f"{k}_mean", "x") for k in ("before", "after", "mean")}
    return Drawn(fig.plot_shift(made, width=case.width), fig.shift_data(made), case.names, marks)


def gap(case: Case) -> Drawn:
    made = estimate_of(
        case, rows_by_country(case, "gap", population="elite minus public"), "percentage points", sides=True
    )
    marks = {"reference": ("reference_mean", "x"), "other": ("other_mean", "x"), "mean": ("mean", "x")}
    return Drawn(fig.plot_gap(made, width=case.width), fig.gap_data(made), (*case.names, "elite", "public"), marks)


def contrast(case: Case) -> Drawn:
    rows = [{"estimand": "shift", "country": f"{c} − {case.codes[0]}"} for c in case.codes]
    made = estimate_of(case, rows, "percentage points")
    names = (f"Minus {case.names[0]}", *case.names)
    return Drawn(fig.plot_gap(made, width=case.width), fig.gap_data(made), names)


def contrast_of_pairs(case: Case) -> Drawn:
    pairs = [(i, (i + 1) % case.groups) for i in range(case.groups)]
    rows = [{"estimand": "shift", "country": f"{case.codes[i]} − {case.codes[j]}"} for i, j in pairs]
    made = estimate_of(case, rows, "percentage points")
    names = tuple(f"{case.names[i]} − {case.names[j]}" for i, j in pairs)
    return Drawn(fig.plot_gap(made, width=case.width), fig.gap_data(made), names)


def crossed(case: Case, name: str, unit: str, *, many: str) -> Estimate:
    """Return rows of a matrix with that many countries or allies, eight at most of the other."""
    few = case.codes[:7]
    pairs = list(product(case.codes, (*few, "US")) if many == "country" else product(few, (*case.codes, "US")))
    kept = [p for p, bad in zip(pairs, case.gone(len(pairs)), strict=True) if not bad]
    rows = [{"estimand": name, "country": c, "ally": a, "role": "self" if a == c else ""} for c, a in kept]
    return estimate_of(replace(case, missing=False), rows, unit)


def cells_drawn(figure: Figure, table: pd.DataFrame) -> pd.DataFrame:
    """Check that every finite cell of a matrix is a shaded patch; numbers are compared where they are printed."""
    shaded = [p for ax in figure.axes for p in ax.patches if p.get_gid() is None]
    assert len(shaded) == int(np.isfinite(table["mean"]).sum())
    printed = sorted(t.get_text() for ax in figure.axes for t in ax.texts if t.get_gid() == "mean")
    if printed:
        assert printed == sorted(f"{m:.0f}".replace("-0", "0").replace("-", "−") for m in table["mean"])
    return table


def matrix(case: Case) -> Drawn:
    made = crossed(case, "levels", "percent", many="ally")
    figure = fig.plot_matrix(made, width=case.width)
    return Drawn(figure, cells_drawn(figure, fig.matrix_data(made)), case.names, {})


def matrix_of_shifts(case: Case) -> Drawn:
    made = crossed(case, "shift", "percentage points", many="country")
    figure = fig.plot_matrix(made, width=case.width)
    table = cells_drawn(figure, fig.matrix_data(made))
    sure = [line for ax in figure.axes for line in ax.lines if line.get_gid() == "sure"]
    assert len(sure) == int(((table["lower"] > 0) | (table["upper"] < 0)).sum())
    return Drawn(figure, table, case.names, {})


def levels(case: Case) -> Drawn:
    rows = [{"estimand": "levels", "country": c, "ally": "US", "wave": w} for c in case.codes for w in ("2024", "2025")]
    made = estimate_of(case, rows, "percent")
    return Drawn(fig.plot_levels(made, width=case.width), fig.levels_data(made), case.names)


def waves(case: Case) -> Drawn:
    cells = [(c, w.name) for c in case.codes for w in WAVES]
    cells = [x for x, bad in zip(cells, case.gone(len(cells)), strict=True) if not bad]
    rows = [{"estimand": "levels", "country": c, "ally": "US", "wave": w} for c, w in cells]
    made = estimate_of(replace(case, missing=False), rows, "percent")
    figure = fig.plot_waves(made, width=case.width)
    table = fig.waves_data(made)
    drawn = [y for ax in figure.axes for x in ax.lines if x.get_marker() == "o" for y in x.get_ydata()]
    assert sorted(drawn) == pytest.approx(sorted(table["mean"]))
    return Drawn(figure, table, case.names, {})


def experiment(case: Case, *, unit: str = "percent", minus: bool = False, by: bool = False) -> Estimate:
    base = case.codes[0]
    found = [("country_attacked", c, base) for c in case.codes] + [("stakes", "low", "low"), ("stakes", "high", "low")]
    rows = [{"attribute": a, "level": f"{x} − {b}" if minus else x} for a, x, b in found if not (minus and x == b)]
    rows = [{**r, "population": p} for r in rows for p in ("public", "elite")] if by else rows
    return estimate_of(case, [{"estimand": "amce", **r} for r in rows], unit)


def marginal_means(case: Case) -> Drawn:
    made = experiment(case, by=True)
    return Drawn(fig.plot_marginal_means(made, width=case.width), fig.marginal_means_data(made), case.names)


def amce(case: Case) -> Drawn:
    made = experiment(case, unit="percentage points", minus=True)
    table = fig.amce_data(made)
    return Drawn(fig.plot_amce(made, width=case.width), table[~table["baseline"]].reset_index(), case.names)


def margins(case: Case) -> Drawn:
    one = experiment(case).at(where={"attribute": "stakes"})
    rows = [
        {"estimand": "amce", "attribute": "stakes", "level": x, "country": c}
        for x in ("low", "high")
        for c in case.codes
    ]
    two = estimate_of(case, rows, "percent")
    return Drawn(
        fig.plot_margins(one, two, width=case.width), fig.margins_data(one, two), case.names if case.groups > 4 else ()
    )


def moderation(case: Case) -> Drawn:
    rows = [
        {"estimand": "moderation", "attribute": "country_attacked", "level": c, "stakes": "high − low"}
        for c in case.codes
    ]
    made = estimate_of(case, rows, "percentage points")
    return Drawn(fig.plot_moderation(made, width=case.width), fig.moderation_data(made), case.names)


def pooling(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    mean = rng.uniform(20, 80, case.groups)
    frame = pd.DataFrame({"country": case.codes, "ally": "US", "target": "", "wave": "2025", "population": "public",
                          "people": rng.integers(20, 2000, case.groups), "observed": mean + 4, "own_lower": mean - 6,
                          "own_upper": mean + 11, "mean": mean, "lower": mean - 3, "upper": mean + 3})  # fmt: skip
    frame.loc[case.gone(case.groups), ["people", "observed", "own_lower", "own_upper"]] = np.nan
    return Drawn(
        fig.plot_pooling(frame, spec=case.spec, width=case.width),
        fig.pooling_data(frame, spec=case.spec),
        case.names,
        {"mean": ("mean", "x"), "observed": ("observed", "x")},
    )


def populations(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"country": case.codes, "people": 1000.0})
    for way in ("raw", "weighted", "model", "poststratified"):
        table[way] = rng.uniform(20, 80, case.groups)
        table[f"{way}_lower"], table[f"{way}_upper"] = table[way] - 3, table[way] + 3
    hidden = case.gone(case.groups)
    table.loc[hidden, ["people", *(f"{w}{e}" for w in ("raw", "weighted") for e in ("", "_lower", "_upper"))]] = np.nan
    table["status"] = "passed"
    spec = replace(case.spec, attributes=())
    return Drawn(
        fig.plot_populations(table, spec=spec, width=case.width), fig.populations_data(table, spec=spec), case.names
    )


def ppc(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    mean = rng.uniform(15, 85, case.groups)
    seen = mean + rng.normal(0, 3, case.groups)
    frame = pd.DataFrame({"country": case.codes, "ally": "US", "target": "", "wave": "2025", "population": "public",
                          "answer": "top", "observed_lower": seen, "observed_upper": seen + 0.5, "mean": mean,
                          "lower": mean - 5, "upper": mean + 5, "rank": rng.uniform(size=case.groups)})  # fmt: skip
    frame = frame[~case.gone(case.groups)].reset_index(drop=True) if case.groups > 2 else frame
    return Drawn(fig.plot_ppc(frame, spec=case.spec, width=case.width), fig.ppc_data(frame, spec=case.spec), ())


def specifications(case: Case, crossed: bool = False) -> Drawn:
    rng = np.random.default_rng(2)
    names = ("as declared", *(f"without {n}" for n in case.names[1:]))
    rows = []
    for i, name in enumerate(names):
        for role in ("sender", "other"):
            mean = rng.normal(-5, 3)
            rows.append({"specification": name, "estimand": "shift", "role": role, "mean": mean, "lower": mean - 3,
                         "upper": mean + 3, "prob": 0.95, "unit": "percentage points", "identification": "before-after",
                         "status": "passed", "method": "laplace"})  # fmt: skip
            if crossed:
                rows[-1] |= {f"{CHOICE}countries": names[i], f"{CHOICE}priors": ["× 1", "× 2"][i % 2]}
    frame = pd.DataFrame(rows)
    gone = np.repeat(case.gone(len(names)) & (np.arange(len(names)) > 0), 2)
    frame.loc[gone, ["mean", "lower", "upper"]] = np.nan
    frame.loc[gone, "status"] = "failed: no posterior"
    table = fig.sensitivity_data(frame, spec=case.spec)
    return Drawn(
        fig.plot_sensitivity(frame, spec=case.spec, width=case.width),
        table,
        names,
        {"mean": ("mean", "y" if crossed else "x")},
    )


def sensitivity(case: Case) -> Drawn:
    return specifications(case)


def curve(case: Case) -> Drawn:
    return specifications(case, crossed=True)


def attrition(case: Case) -> Drawn:
    rows = [{"estimand": "shift", "role": "sender", "country": c} for c in case.codes]

    def made(name: str, seed: int) -> Estimate:
        whole = replace(case, missing=False)
        return estimate_of(whole, rows, "percentage points", sides=True, seed=seed).named(name)

    over_all = {d: made(f"over all, δ = {d:g}", i) for i, d in enumerate((-0.5, 0.0, 0.5))}
    returned = pd.DataFrame({"country": case.codes, "population": "public", "people": 1000, "returned": 640})
    found = Attrition(stacked([made(n, 9) for n in ("stayers", "leavers", "over all")]), over_all, returned)
    return Drawn(
        fig.plot_attrition(found, width=case.width),
        fig.attrition_data(found),
        tuple(f"Sender: {n}" for n in case.names),
        {},
    )


def prior_posterior(case: Case) -> Drawn:
    posterior = estimate_of(case, rows_by_country(case, "shift", role="sender"), "percentage points")
    prior = replace(
        posterior, draws=draws_of(case, np.zeros(case.groups), rows_by_country(case, "shift", role="sender")) * 6
    )
    marks = {"mean": ("mean", "x"), "prior": ("prior_mean", "x")}
    return Drawn(
        fig.plot_prior_posterior(prior, posterior, width=case.width),
        fig.prior_posterior_data(prior, posterior),
        (*case.names, "prior", "posterior"),
        marks,
    )


def left_out(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    size = 7 * case.groups
    table = pd.DataFrame({"country": np.repeat(case.codes, 7), "ally": list("ABCDEFG") * case.groups, "times": 1,
                          "elpd": -0.7, "k_hat": rng.uniform(-0.1, 0.9, size)})  # fmt: skip
    table.loc[case.gone(size), "k_hat"] = np.nan
    found = Loo("demo", "answer", -400.0, 9.0, 12.0, table, 0.7)
    return Drawn(
        fig.plot_left_out(found, spec=case.spec, width=case.width), fig.left_out_data(found, spec=case.spec), case.names
    )


def folds(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"fold": case.codes, "rows": 12, "elpd": rng.normal(-40, 5, case.groups), "se": 3.0,
                          "status": "passed"})  # fmt: skip
    table.loc[case.gone(case.groups), ["elpd", "status"]] = [np.nan, "failed: R-hat"]
    found = Folds("demo", -400.0, 9.0, table, pd.DataFrame({"lpd": [0.0]}))
    return Drawn(
        fig.plot_left_out(found, spec=case.spec, width=case.width), fig.left_out_data(found, spec=case.spec), case.names
    )


def balance(case: Case) -> Drawn:
    rng = np.random.default_rng(2)
    before = rng.uniform(5, 95, case.groups)
    gap = rng.normal(0, 3, case.groups)
    frame = pd.DataFrame({"what": ["country" if i % 3 else "age" for i in range(case.groups)], "label": case.codes,
                          "before": before, "after": before + gap, "difference": gap, "lower": gap - 3,
                          "upper": gap + 3}).sort_values("what", ignore_index=True)  # fmt: skip
    return Drawn(
        fig.plot_balance(frame, spec=case.spec, width=case.width), fig.balance_data(frame, spec=case.spec), case.names
    )


FIGURES: dict[str, Callable[[Case], Drawn]] = {
    f.__name__: f
    for f in (shift, gap, contrast, contrast_of_pairs, matrix, matrix_of_shifts, levels, waves, marginal_means,
              margins, amce, moderation, pooling, populations, ppc, sensitivity, curve, attrition, prior_posterior,
              left_out, folds, balance)
}  # fmt: skip


@pytest.fixture(autouse=True)
def undiagnosed(monkeypatch):
    """Leave out the diagnostics of estimates, which no figure draws and which take half of the time."""
    from alliancecred.summaries import table

    def none(estimate: Estimate, bad: np.ndarray) -> dict[str, np.ndarray]:
        return {k: np.full(len(bad), np.nan) for k in table.DIAGNOSTICS[:-1]}

    monkeypatch.setattr(table, "_diagnostics", none)


# --- what is seen -------------------------------------------------------------------------------
def boxes_of(figure: Figure) -> list[tuple[Text, mpl.transforms.Bbox]]:
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    seen = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [(t, t.get_window_extent(renderer)) for t in seen]


def overlaps(edges: np.ndarray, by: float) -> list[tuple[int, int]]:
    """Return which boxes (x0, y0, x1, y1) share more than so many pixels in both directions."""
    low = np.maximum(edges[:, None, :2], edges[None, :, :2])
    high = np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    both = ((high - low) > by).all(axis=-1)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(both, 1))]


def marked(figure: Figure) -> np.ndarray:
    """Return the places (pixels) of every mark of data."""
    lines = [x for ax in figure.axes for x in ax.lines if x.get_marker() not in ("", "None", None, " ")]
    places = [x.get_transform().transform(np.column_stack(x.get_data())) for x in lines if x.get_transform().is_affine]
    found = np.concatenate(places) if places else np.empty((0, 2))
    return found[np.isfinite(found).all(axis=1)]


def bars(figure: Figure) -> list[np.ndarray]:
    """Return the ends (pixels) of every bar and line of data; lines across all of an axes are not data."""
    lines = [x for ax in figure.axes for x in ax.lines if x.get_transform() == ax.transData]
    lines = [x for x in lines if x.get_linewidth() > 0 and x.get_linestyle() != "None"]
    out = [x.get_transform().transform(np.column_stack(x.get_data())) for x in lines if len(x.get_xdata()) == 2]
    return [b for b in out if np.isfinite(b).all()]


def faults(figure: Figure, *, smallest: float = SMALLEST) -> list[str]:
    """Return what is wrong with the texts of a figure: they meet, leave the page, are too small or cover data."""
    boxes, page = boxes_of(figure), figure.bbox
    edges = np.array([b.extents for _, b in boxes]).reshape(-1, 4)
    out = [f"meet: {boxes[i][0].get_text()!r} {boxes[j][0].get_text()!r}" for i, j in overlaps(edges, 0.3)]
    out += [f"off the page: {t.get_text()!r}" for t, b in boxes
            if b.x0 < -0.5 or b.y0 < -0.5 or b.x1 > page.x1 + 0.5 or b.y1 > page.y1 + 0.5]  # fmt: skip
    out += [
        f"too small: {t.get_text()!r} {t.get_fontsize():.2f}" for t, _ in boxes if t.get_fontsize() < smallest - 1e-6
    ]
    points, lines = marked(figure), bars(figure)
    legends = [(x.get_texts()[0], x.get_window_extent()) for ax in figure.axes if (x := ax.get_legend()) is not None]
    for text, box in [*boxes, *legends]:
        if text.get_gid() in ("mean", "interval"):  # numbers of a matrix stand in its cells
            continue
        under = ((points > (box.x0 + 0.5, box.y0 + 0.5)) & (points < (box.x1 - 0.5, box.y1 - 0.5))).all(axis=1)
        if under.any():
            out.append(f"covers {under.sum()} marks: {text.get_text()!r}")
        for (x0, y0), (x1, y1) in lines:
            level = abs(y0 - y1) < 0.5
            if level and box.y0 + 1 < y0 < box.y1 - 1 and min(x1, box.x1) - max(x0, box.x0) > 1:
                out.append(f"covers a bar: {text.get_text()!r}")
    return out


def unnamed(figure: Figure, names: tuple[str, ...]) -> list[str]:
    """Return groups that no text names; a name may be cut or go over several lines, but two may not look alike."""
    seen = [t.get_text().removesuffix(" †") for t in figure.findobj(Text) if t.get_visible()]
    runs = [seen[i : i + n] for n in (1, 2, 3) for i in range(len(seen) - n + 1)]  # lines, from the first or the last
    shown = dict.fromkeys(" ".join(run[:: -1 if back else 1]) for run in runs for back in (False, True))
    out, used = [], {}
    for name in names:
        whole = in_order(clean(name))
        found = [s for s in shown if s == whole or _cut(s, whole)]
        if not found:
            out.append(name)
        elif whole not in found:
            used.setdefault(max(found, key=len), set()).add(name)
    return out + [f"{cut!r} is {len(who)} names" for cut, who in used.items() if len(who) > 1]


def _cut(shown: str, whole: str) -> bool:
    parts = shown.split("…")
    kept = ".*".join(map(re.escape, parts))
    return len(parts) > 1 and len(parts[0]) >= 2 and re.fullmatch(kept, whole) is not None


def unequal(drawn: Drawn) -> list[str]:
    """Return marks whose numbers are not those of the frame."""
    out = []
    for gid, (column, axis) in drawn.marks.items():
        lines = [x for ax in drawn.figure.axes for x in ax.lines if x.get_gid() == gid]
        got = [float((x.get_xdata() if axis == "x" else x.get_ydata())[0]) for x in lines]
        want = drawn.table[column].to_numpy(dtype=float)
        if not np.allclose(sorted(v for v in got if np.isfinite(v)), sorted(want[np.isfinite(want)])):
            out.append(f"{gid}: {len(got)} marks, {np.isfinite(want).sum()} numbers in {column}")
    return out


def untold(drawn: Drawn) -> list[str]:
    """Return what caption and alternative text leave out."""
    said = {"caption": fig.caption(drawn.figure), "alt": fig.alt_text(drawn.figure)}
    out = [f"{k} is short: {v!r}" for k, v in said.items() if len(v) < 40]
    if "k-hat" not in said["alt"]:
        out += [f"{k} has no probability" for k, v in said.items() if "95%" not in v]
    if f"{len(drawn.table)} rows" not in said["alt"] and "specifications" not in said["alt"]:
        out.append(f"alt does not say {len(drawn.table)} rows: {said['alt'][:80]!r}")
    return out


def wrong(drawn: Drawn, *, smallest: float = SMALLEST) -> list[str]:
    return [
        *faults(drawn.figure, smallest=smallest),
        *unnamed(drawn.figure, drawn.names),
        *unequal(drawn),
        *untold(drawn),
    ]


CASES = [Case(*c) for c in product((2, 6, 40), (False, True), (False, True), (1, 4), WIDTHS)]
# L12: three levels of groups and four factors of two; every pair of levels occurs in it
_L12 = (
    (2, 0, 0, 0, 0), (2, 0, 1, 1, 1), (2, 1, 0, 1, 1), (2, 1, 1, 0, 0),
    (6, 0, 0, 1, 0), (6, 0, 1, 0, 1), (6, 1, 0, 0, 1), (6, 1, 1, 1, 0),
    (40, 0, 0, 0, 1), (40, 0, 1, 1, 0), (40, 1, 0, 1, 0), (40, 1, 1, 0, 1),
)  # fmt: skip
ARRAY = [Case(n, bool(a), bool(b), (1, 4)[c], ("column", "double")[d]) for n, a, b, c, d in _L12]
SOME = [Case(2, True, False, 1, "column"), Case(6, False, True, 4, "double")]


def test_the_array_has_every_pair_of_conditions():
    values = [(c.groups, c.long, c.missing, c.chains, c.width) for c in ARRAY]
    for i, j in combinations(range(5), 2):
        have = {(v[i], v[j]) for v in values}
        assert have == set(product({v[i] for v in values}, {v[j] for v in values})), (i, j)


def test_every_public_figure_is_here():
    public = {n for n in ac.__all__ if n.startswith("plot_")}
    source = Path(__file__).read_text(encoding="utf-8")
    assert {n for n in public if f"fig.{n}(" not in source} == set()


def test_the_checker_finds_what_is_planted():
    drawn = balance(Case())
    assert wrong(drawn) == []
    axes = drawn.figure.axes[0]
    label = next(t for t in drawn.figure.texts if t.get_text() == "Germany")
    x, y = label.get_position()
    drawn.figure.text(x, y, "planted", fontsize=7)
    drawn.figure.text(0.9, 0.5, "planted far to the right", fontsize=7)
    drawn.figure.text(0.01, 0.99, "tiny", fontsize=4)
    mark = next(line for line in axes.lines if line.get_gid() == "mean")
    axes.text(mark.get_xdata()[0], mark.get_ydata()[0], "over a mark", ha="center", va="center", fontsize=7)
    found = faults(drawn.figure)
    for what in ("meet", "off the page", "too small", "covers 1 marks", "covers a bar"):
        assert any(f.startswith(what) for f in found), what
    label.set_text("Ger")
    assert unnamed(drawn.figure, drawn.names) == ["Germany"]
    mark.set_xdata([0.0123])
    assert unequal(drawn) != []
    drawn.figure.alt = "Dots: 7 rows."
    assert len(untold(drawn)) == 3


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_legible_and_true(name):
    case = SOME[list(FIGURES).index(name) % 2]
    assert wrong(FIGURES[name](case)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_legible_and_true_in_every_condition(name):
    cases = CASES if os.environ.get("GALLERY") == "all" else ARRAY
    found = {case: wrong(FIGURES[name](case)) for case in cases}
    assert {case: bad for case, bad in found.items() if bad} == {}
