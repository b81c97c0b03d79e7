"""What the answers rest on: power-scaling sensitivity to the priors and to the data, as a table of the report."""

import pandas as pd

from ..estimate import Estimate
from ..fitting import Fit
from ..markup import Html, details, el, join, link, table
from ..power_scaling import LIKELIHOOD, PRIORS, THRESHOLD, powerscale_sensitivity
from ..summaries import digits_for, number
from .contents import Contents
from .findings import heading_of, row_labels

_MOST_PATTERNS = 2_000  # of people's answers: their likelihood in every draw takes seconds from here on
_LONG = 12  # rows of a table that is shown without being asked for


def reliance_on(fit: Fit, estimates: tuple[Estimate, ...]) -> pd.DataFrame | None:
    """Return `powerscale_sensitivity` of the estimates; None where it would take long, or the fit failed."""
    people = fit.cells.people
    if not fit.diagnosis.passed or (people is not None and len(people) > _MOST_PATTERNS):
        return None
    return powerscale_sensitivity(fit, estimates)


def reliance(contents: Contents) -> Html:
    """Return, per estimand, how far its rows move with the priors and with the data, and the prior that moves them."""
    if (found := contents.reliance) is None or PRIORS not in set(found["component"]):
        return Html("")
    parts, start = [], 0
    for estimand, estimate, rows in contents.asked:
        size = len(rows)
        block = found.iloc[start : start + size * found["component"].nunique()]
        start += len(block)
        by = {str(name): part.reset_index(drop=True) for name, part in block.groupby("component", sort=False)}
        body = [_line(label, by, i, estimate.unit) for i, label in enumerate(row_labels(estimand, estimate))]
        caption = f"{heading_of(estimand)}: what it rests on"
        head = ("", "Data", "Priors", "Prior that moves it most", f"Counted twice ({estimate.unit})", "")
        made = table(head, body, numbers=(1, 2, 4), caption=caption)
        parts.append(details(f"{caption} ({size} rows)", made) if size > _LONG else made)
    note = el(
        "p",
        "Data and priors are given a little more weight in turn; the numbers say how far an estimate then moves per "
        f"doubling of that weight, as a distance between 0 and 1, of which {THRESHOLD} is worth a look (power scaling, "
        "Kallioinen et al. 2024). “Counted twice” is by how much the mean would move if that prior alone counted "
        "twice. All priors: ",
        link("reliance.csv", "reliance.csv"),
        ".",
    )
    return join(el("h3", "What the answers rest on"), note, parts)


def _line(label: str, by: dict[str, pd.DataFrame], i: int, unit: str) -> list[str]:
    single = {name: part for name, part in by.items() if name not in (PRIORS, LIKELIHOOD)}
    name = max(single, key=lambda k: abs(single[k]["per_doubling"].iloc[i]))
    return [
        label,
        number(by[LIKELIHOOD]["sensitivity"].iloc[i], digits=3),
        number(by[PRIORS]["sensitivity"].iloc[i], digits=3),
        name,
        number(single[name]["per_doubling"].iloc[i], digits=digits_for(unit) + 1),
        by[PRIORS]["diagnosis"].iloc[i],
    ]
