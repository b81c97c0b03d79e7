"""Cells that the model does not reproduce, by name, and how many there would be by chance."""

from ..figures import ppc_data
from ..markup import Html, bullets, el, join, link
from ..summaries import number
from .contents import Contents
from .rounding import digits_apart

TAIL = 0.025
_MOST = 12  # cells that are named


def misfits(contents: Contents) -> Html:
    """Return which observed shares lie in the tails of their posterior predictive distribution."""
    if contents.ppc.empty:
        return Html("")
    spec = contents.spec
    frame = ppc_data(contents.ppc, spec=spec)
    size, expected = len(frame), 2 * TAIL * len(frame)
    outside = frame[(frame["rank"] < TAIL) | (frame["rank"] > 1 - TAIL)]
    far = (outside["observed"] - outside["mean"]).abs().sort_values(ascending=False, kind="stable").index
    unit, digits = (" %", 1) if spec.gaussian is None else (" points", 2)
    named = []
    for row in outside.loc[far].head(_MOST).to_dict("records"):
        shown = digits_apart(float(row["observed"]), float(row["lower"]), float(row["upper"]), digits)
        observed, mean, low, high = (
            number(float(row[k]), digits=shown) for k in ("observed", "mean", "lower", "upper")
        )
        side = "less" if row["rank"] < TAIL else "more"
        named.append(f"{row['label']}: observed {observed}{unit}, {side} than predicted, {mean} [{low}, {high}]")
    more = len(outside) - len(named)
    return join(
        el("h3", "Cells that the model does not reproduce"),
        el(
            "p",
            f"{len(outside)} of {size} cells have a rank below {TAIL:g} or above {1 - TAIL:g}; by chance it would be "
            f"about {number(expected, digits=1)}, or fewer, since the model has seen these cells. All ranks: ",
            link("ppc.csv", "ppc.csv"),
            ".",
        ),
        bullets([*named, *([f"and {more} more"] if more else [])]),
    )
