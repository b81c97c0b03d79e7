"""The figures of a report: which there are, drawn twice (for paper and for a phone), with their words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..estimate import Estimate, stacked
from ..figures import (
    alt_text,
    amce_data,
    gap_data,
    levels_data,
    marginal_means_data,
    margins_data,
    moderation_data,
    plot_amce,
    plot_gap,
    plot_levels,
    plot_marginal_means,
    plot_margins,
    plot_moderation,
    plot_ppc,
    plot_shift,
    plot_waves,
    ppc_data,
    save_figure,
    shift_data,
    waves_data,
)
from ..figures.page import Width
from ..figures.save import PACKED
from ..figures.waves import LEAST_WAVES
from ..origins import Simulation
from ..sources import Survey, Toplines
from ..spec import Estimand, Spec
from ..store import slug
from ..summaries import quantity
from .contents import Contents, relabelled
from .left_out import left_out_title
from .sentences import with_sentences
from .truth import plot_truth, truth_data, truth_words

_EXPERIMENTAL: dict[str, tuple[Callable[..., Figure], Callable[..., pd.DataFrame]]] = {
    "marginal_means": (plot_marginal_means, marginal_means_data),
    "amce": (plot_amce, amce_data),
    "moderation": (plot_moderation, moderation_data),
}
_FEW = 6  # countries: so many are named in the label of their mean


@dataclass(frozen=True)
class Picture:
    """A figure, drawn: ``wide`` and ``narrow`` are PNGs, ``files`` what was written.

    ``alt`` says in short what it shows, for who cannot see it; ``words`` says all of it, for everybody who asks.
    """

    title: str
    alt: str
    wide: bytes
    narrow: bytes
    inches: float
    files: tuple[Path, ...]
    words: str = ""


@dataclass(frozen=True)
class _Plan:
    name: str
    title: str
    words: str
    draw: Callable[[Width], Figure]
    data: pd.DataFrame


def draw_pictures(contents: Contents, folder: Path) -> tuple[Picture, ...]:
    """Draw every figure of a report into a folder, each as PDF, PNG and CSV."""
    return tuple(_drawn(plan, folder) for plan in plans(contents))


def _drawn(plan: _Plan, folder: Path) -> Picture:
    wide = plan.draw("double")
    files = save_figure(wide, folder / plan.name, plan.data)
    narrow = _png(plan.draw("column"))
    shown = files[1].read_bytes()
    return Picture(plan.title, alt_text(wide), shown, narrow, float(wide.get_figwidth()), files, plan.words)


def _png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png", dpi=220, metadata={"Software": "alliancecred"}, pil_kwargs=PACKED)
    return out.getvalue()


def plans(contents: Contents) -> list[_Plan]:
    """Return which figures there are: averages of shifts together, one per other estimand, truth, and checks."""
    asked = [a for a in contents.asked if not _is_mean(a[0])]
    out: list[_Plan] = []
    keys = list(dict.fromkeys((a[0].of, a[1].unit, a[0].answer) for a in contents.asked if _is_mean(a[0])))
    for key in keys:
        means = [a for a in contents.asked if _is_mean(a[0]) and (a[0].of, a[1].unit, a[0].answer) == key]
        together = stacked([named_mean(estimand, estimate) for estimand, estimate, _ in means])
        rows = pd.concat([rows for _, _, rows in means], ignore_index=True)
        name = slug(f"{key[0]}_means", [p.name for p in out])
        title = f"{key[0].capitalize()}s averaged over countries"
        if sum(other[0] == key[0] for other in keys) > 1:  # of several quantities: say which
            title += f": {quantity(together)}"
        out.append(_of_estimate(key[0], together, rows, name, title, contents.source))
    for estimand, estimate, rows in asked:
        name = slug(stem(estimand), [p.name for p in out])
        if (overall := _overall(estimand, asked)) is not None:
            out.append(_margins(overall, estimate, rows, name, contents.source))
            continue
        out.append(_of_estimate(estimand.of, estimate, rows, name, title_of(estimate), contents.source))
    if "truth" in contents.table:
        frame = truth_data(contents.table, contents.spec)
        out.append(
            _Plan(
                "truth",
                "Truth beside estimate",
                truth_words(frame),
                lambda width: plot_truth(frame, contents.spec, width=width),
                frame,
            )
        )
    return out + _checks(contents)


def _is_mean(estimand: Estimand) -> bool:
    return estimand.of in ("shift", "change") and not estimand.by


def stem(estimand: Estimand) -> str:
    """Return what the file of an estimand's figure is called.

    Examples
    --------
    >>> stem(Estimand("levels")), stem(Estimand("shift", by=("country",))), stem(Estimand("attrition"))
    ('levels', 'shift_by_country', 'attrition')
    """
    if estimand.name:
        return estimand.name if estimand.name.startswith(estimand.of) else f"{estimand.of}_{estimand.name}"
    plain = estimand.of in ("levels", "gap") or not estimand.by
    return estimand.of if plain else "_".join([estimand.of, "by", *estimand.by])


def title_of(estimate: Estimate) -> str:
    """Return a title: the estimand's own name, or what it is; of rows with names of their own, these."""
    names = list(dict.fromkeys(map(str, estimate.draws["estimand"].values)))
    if len(names) > 1:
        return f"Shifts: {', '.join(names)}"
    name = names[0]
    words = {
        "levels": "Levels: how many believe the promise",
        "shift": "Shifts with the signal",
        "gap": "Gaps between populations",
        "change": "Changes between waves",
        "marginal mean": "Marginal means",
        "AMCE": "Average marginal component effects",
        "moderation": "Differences of marginal means",
    }
    return words.get(name, name[:1].upper() + name[1:])


def _of_estimate(kind: str, estimate: Estimate, rows: pd.DataFrame, name: str, title: str, source: str) -> _Plan:
    plot: Callable[..., Figure]
    if (drawn := _EXPERIMENTAL.get(kind)) is not None:
        plot, data = drawn
    elif not estimate.is_difference and len(set(estimate.draws["wave"].values) - {""}) >= LEAST_WAVES:
        plot, data = plot_waves, waves_data
    elif not estimate.is_difference:
        plot, data = plot_levels, levels_data
    elif estimate.before is not None and not name.startswith("gap"):
        plot, data = plot_shift, shift_data
    else:
        plot, data = plot_gap, gap_data
    words = alt_text(with_sentences(estimate)) + _truth_note(rows)
    return _Plan(name, title, words, _drawer(plot, estimate, source), _with_truth(data(estimate), rows))


def _overall(estimand: Estimand, asked: Sequence[tuple[Estimand, Estimate, pd.DataFrame]]) -> Estimate | None:
    """Return the same marginal means not broken down, if they were asked for: both go into one figure."""
    if estimand.of != "marginal_means" or len(estimand.attributes) != 1 or len(estimand.by) != 1:
        return None
    same = replace(estimand, by=(), name="")
    return next((estimate for e, estimate, _ in asked if replace(e, name="") == same), None)


def _margins(overall: Estimate, conditional: Estimate, rows: pd.DataFrame, name: str, source: str) -> _Plan:
    words = alt_text(with_sentences(conditional)) + _truth_note(rows)
    return _Plan(
        name,
        title_of(conditional),
        words,
        lambda width: plot_margins(overall, conditional, width=width, source=source),
        margins_data(overall, conditional),
    )


def _drawer(plot: Callable[..., Figure], estimate: Estimate, source: str) -> Callable[[Width], Figure]:
    return lambda width: plot(estimate, width=width, source=source)


def named_mean(estimand: Estimand, estimate: Estimate) -> Estimate:
    """Return an average whose rows say, in place of a country, over which countries."""
    few = 0 < len(estimand.countries) <= _FEW
    every = estimand.name if estimand.countries and estimand.name else "All countries"
    words = f"Mean of {', '.join(estimand.countries)}" if few else every
    return relabelled(estimate, "country", np.full(len(estimate), words))


def _truth_note(rows: pd.DataFrame) -> str:
    return " The truth of each row stands in the column truth of its table." if "truth" in rows else ""


def _with_truth(data: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    if "truth" not in rows:
        return data
    place = data["draws_row"].to_numpy(dtype=int) if "draws_row" in data else np.arange(len(data))
    return data.assign(truth=np.where(place < 0, np.nan, rows["truth"].to_numpy()[place]))


def _checks(contents: Contents) -> list[_Plan]:
    spec, out = contents.spec, []
    without = "" if contents.left_out is None else left_out_title(contents.left_out)
    for name, title, frame in (
        ("ppc", f"Observed {_observed(spec)} and what the model predicts for them", contents.ppc),
        ("leave_one_out", without, contents.left_out),
    ):
        if frame is not None and len(frame):
            out.append(
                _Plan(
                    name,
                    title,
                    _ppc_words(frame, spec),
                    _ppc_drawer(frame, spec, contents.source),
                    ppc_data(frame, spec=spec),
                )
            )
    return out


def _ppc_drawer(frame: pd.DataFrame, spec: Spec, source: str) -> Callable[[Width], Figure]:
    return lambda width: plot_ppc(frame, spec=spec, width=width, source=source)


def _observed(spec: Spec) -> str:
    return "shares" if spec.gaussian is None else "means"


def _ppc_words(frame: pd.DataFrame, spec: Spec) -> str:
    inside = int(ppc_data(frame, spec=spec)["inside"].sum())
    what = _observed(spec)
    low, high = np.min(frame["rank"]), np.max(frame["rank"])
    return (
        f"Observed {what} of {len(frame)} cells against 95 % predictive intervals: {inside} of {len(frame)} lie "
        f"inside. Ranks of the observed {what} run from {low:.2f} to {high:.2f}."
    )


def source_line(spec: Spec, sources: Sequence[Survey | Toplines]) -> str:
    """Return where the data come from, in one line."""
    names: list[str] = []
    for source in sources:
        if isinstance(source, Toplines):
            names += [row.source for row in source.rows if row.source] or [source.report.source]
        else:
            names.append(source.report.source)
    seeds = [f"(seed {s.seed})" for s in spec.sources if isinstance(s, Simulation)]
    return "; ".join(dict.fromkeys(names)) + (" " + seeds[0] if seeds else "")
