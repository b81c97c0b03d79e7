"""Before and after a signal, and the posterior of the difference."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..errors import SpecError
from ..estimate import Estimate
from ..summaries import CiKind, asked_of, flat
from .dumbbell import Pair, dumbbell, with_levels
from .page import Width, inches, interval_words
from .presets import on_paper
from .rows import naming, row_frame

_PAIR = Pair(("before", "after"), ("before", "after"))


def shift_data(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return what `plot_shift` draws: a line per row, from top to bottom.

    Columns are those of `summary`, with ``label``, ``average`` (whether the row is an average over
    others), ``draws_row`` (its place in the estimate) and mean and bounds of ``before`` and ``after``.

    Parameters
    ----------
    estimate
        A shift or a change, with its levels before and after.
    ci_prob, ci_kind
        Probability and kind of the intervals.

    Raises
    ------
    SpecError
        If there are no levels before and after, if their difference is not the estimate, or no rows.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> shift_data(example_estimate())[["label", "before_mean", "after_mean"]].round(0).values.tolist()
    [['Germany', 60.0, 50.0], ['Poland', 70.0, 58.0], ['Germany', 55.0, 61.0], ['Poland', 50.0, 55.0]]
    """
    _check(estimate)
    table = row_frame(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    return with_levels(estimate, table, _PAIR.prefixes, ci_prob=ci_prob, ci_kind=ci_kind)


def _check(estimate: Estimate) -> None:
    if estimate.before is None or estimate.after is None or asked_of(estimate) == "gap":
        raise SpecError("this estimate has no levels before and after: use plot_gap for a gap or a contrast")
    if not len(estimate):
        raise SpecError("the estimate has no rows: there is nothing to draw")
    before, after = flat(estimate.before), flat(estimate.after)
    if not np.allclose(after - before, flat(estimate.draws), rtol=0, atol=1e-6, equal_nan=True):
        raise SpecError("the draws are not the levels after minus the levels before: were the two swapped?")


@on_paper
def plot_shift(
    estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti", width: Width = "double", source: str = ""
) -> Figure:
    """Draw levels before and after, and beside them the posterior of their difference.

    Rows stand in groups by role (sender, other allies, self-ratings), averages first, then from the
    highest to the lowest difference. A hollow circle is before, a filled one after.

    Parameters
    ----------
    estimate
        A shift or a change, with its levels before and after.
    ci_prob, ci_kind
        Probability and kind of the intervals.
    width
        ``double`` (7 in), ``column`` (3.5 in; the differences are printed without their intervals),
        inches, or the `Paper` of a `preset`.
    source
        Where the data come from, for the caption.

    Examples
    --------
    >>> from alliancecred.figures.example import example_estimate
    >>> figure = plot_shift(example_estimate(), source="a made-up survey")
    >>> float(figure.get_figwidth())
    7.0
    """
    table = shift_data(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    intervals = interval_words(ci_prob, ci_kind)
    marks = f"Hollow: before; filled: after. Marks: posterior means; bars: {intervals}{naming(table)}"
    return dumbbell(
        estimate,
        table,
        _PAIR,
        inches(width),
        words=(marks, "Levels before and after, and the posterior density of their difference"),
        titles=(level_title(estimate), "Difference"),
        intervals=intervals,
        source=source,
    )


def level_title(estimate: Estimate) -> str:
    """Return the short title of an axis of levels."""
    if estimate.answer == "mean":
        return "Mean answer"
    if estimate.answer != "top":
        return f"Answered “{estimate.answer}” (%)"
    return "Share of the top answers (%)" if estimate.spec.declared else "Credible (%)"
