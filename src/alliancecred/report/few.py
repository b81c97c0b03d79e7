"""Scales that rest on few groups: how the first answer moves when their priors are halved and doubled."""

import pandas as pd

from ..asking import evaluate
from ..fitting import Fit, beyond_laplace
from ..grids import FEW, few_terms, levels_asked, with_scales, words_of
from ..identify import make_design
from ..markup import Html, el, join, link, table
from ..populations import Population
from ..studies import refit
from ..summaries import summary
from .contents import Contents
from .findings import heading_of, row_labels
from .rounding import with_interval

FACTORS = {0.5: "sd halved", 2.0: "sd doubled"}
SLOW = 20.0  # seconds of the first fit: two more of them would be too long a wait


def vary_scales(
    fit: Fit, population: Population | None = None, *, random_seed: int, draws: int
) -> tuple[pd.DataFrame | None, str]:
    """Return the first estimand with the priors of all scales of few groups halved and doubled, by nested Laplace.

    Returns
    -------
    pandas.DataFrame or None, str
        ``factor``, ``row``, and the columns of `summary`; a fit without a posterior has one line, whose ``status``
        says why. None if no scale rests on few groups, or it was not done: then the text says why not.
    """
    few = few_terms(fit.spec, levels_asked(fit.cells))
    if not few:
        return None, ""
    seconds, reason = float(str(fit.idata.attrs["fit_time"])), beyond_laplace(fit.design)
    why = f"nested Laplace {reason}" if reason else f"a fit takes {seconds:.0f} s" if seconds > SLOW else ""
    if why:
        names = ", ".join(words_of(fit.spec.terms[i]) for i in few)
        return None, (
            f"Scales of {FEW} groups or fewer ({names}) owe much to their priors, which were not varied here, since "
            f"{why}. sensitivity(few_groups_grid(spec, survey), survey) varies them."
        )
    parts = []
    for factor in FACTORS:
        design = make_design(with_scales(fit.spec, few, factor), fit.cells)
        again = refit(design, fit.cells, random_seed, draws=draws, method="laplace")
        if isinstance(again, str):
            found = pd.DataFrame([{"status": again}])
        else:
            found = summary(evaluate(again, fit.spec.estimands[0], population))
        parts.append(found.assign(factor=factor, row=range(len(found))))
    return pd.concat(parts, ignore_index=True), ""


def moved(contents: Contents) -> Html:
    """Return the table of `vary_scales` beside the main analysis; nothing if there is none."""
    frame = contents.moved
    if frame is None:
        return Html("")
    spec = contents.spec
    few = few_terms(spec, levels_asked(contents.fit.cells))
    estimand, estimate, rows = contents.asked[0]
    beside = [_column(frame[frame["factor"] == f], len(rows), estimate.unit) for f in FACTORS]
    own = [with_interval(row, estimate.unit) for row in rows.to_dict("records")]
    names = row_labels(estimand, estimate)
    body = [list(cells) for cells in zip(names, beside[0], own, beside[1], strict=True)]
    first, last = FACTORS.values()
    bad = frame.loc[frame["status"] != "passed", "factor"].nunique()
    return join(
        el("h3", "How the answer moves with the prior on the scale"),
        el(
            "p",
            f"{', '.join(words_of(spec.terms[i]) for i in few)}: the spread of {FEW} groups or fewer says little about "
            "its scale. Here the sds of these priors are halved and doubled together (nested Laplace)."
            + (f" {bad} of these fits failed a gate (†)." if bad else ""),
            " All columns: ",
            link("few_groups.csv", "few_groups.csv"),
            ".",
        ),
        table(
            ["", first.capitalize(), "As declared", last.capitalize()], body, numbers=(1, 2, 3),
            caption=f"{heading_of(estimand)}: mean [95 % interval], {estimate.unit}",
        ),
    )  # fmt: skip


def _column(part: pd.DataFrame, size: int, unit: str) -> list[str]:
    if "mean" not in part or part["mean"].isna().all():
        return ["–"] * size
    marks = ["" if status == "passed" else " †" for status in part["status"]]
    return [join(with_interval(row, unit), mark) for row, mark in zip(part.to_dict("records"), marks, strict=True)]
