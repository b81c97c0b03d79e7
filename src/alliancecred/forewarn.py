"""What deserves a look before a fit: self-ratings that nothing tells apart, panels that lose people by answers."""

import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from .carriers import same_state
from .cells import Cells
from .errors import DataWarning
from .labels import shown
from .sources import CHOICE_SET, Survey, Toplines
from .spec import Spec
from .terms import Fixed, Level, Slope

UNLIKELY = 3.29  # standard errors: p below 0.001
FEWEST = 10  # people who stay, and who leave


def warn_data(spec: Spec, cells: Cells, sources: Sequence[Survey | Toplines]) -> None:
    """Warn (`DataWarning`) of what deserves a look in the data of an analysis."""
    for text in data_warnings(spec, cells, sources):
        warnings.warn(text, DataWarning, stacklevel=3)


def data_warnings(spec: Spec, cells: Cells, sources: Sequence[Survey | Toplines]) -> Iterator[str]:
    """Yield what deserves a look in the data of an analysis."""
    yield from _unasked(spec, cells)
    yield from _self_ratings(spec, cells)
    yield from _answers_out_of_order(spec)
    waves = [w.name for w in sorted(spec.waves, key=lambda w: (w.start, w.end))]
    for survey in (s for s in sources if isinstance(s, Survey)):
        if CHOICE_SET in survey.table and not spec.forced_choice:
            yield (
                f"{survey.report.source} says which profiles stood side by side, and profiles are taken one by one: "
                "forced_choice=True takes choices, leave out Roles(choice_set=…) if this is meant"
            )
        for before, after in pairwise(w for w in waves if (survey.table["wave"] == w).any()):
            yield from selective_loss(survey, before, after)


def _unasked(spec: Spec, cells: Cells) -> Iterator[str]:
    """Yield labels that are declared and that no row has: misspelt, dropped on the way, or not asked."""
    wanted = {"country": spec.countries, "ally": spec.allies, "target": spec.targets}
    wanted |= {g.name: g.levels for g in spec.groups}  # levels of attributes that are never shown are refused
    for factor, labels in wanted.items():
        seen = {cells.levels[factor][i] for i in np.unique(cells.rows.codes[factor])}
        if gone := [x for x in labels if x not in seen]:
            yield f"{factor}: {shown(gone)} declared, and no row has it: no estimate is about it"


def _answers_out_of_order(spec: Spec) -> Iterator[str]:
    """Yield that answers which count as credible are not those above all others: an order may be wrong."""
    last = spec.answers[-len(spec.top) :]
    if spec.scores or len(spec.answers) < 3 or set(last) == set(spec.top):
        return
    yield (
        f"{', '.join(spec.top)} count as credible, and are not the last of the answers, {', '.join(spec.answers)}, "
        "which a cumulative logit takes to rise: declare them from the lowest to the highest, unless this is meant"
    )


def _self_ratings(spec: Spec, cells: Cells) -> Iterator[str]:
    """Yield countries that judge themselves and others, where no term but a shift's role tells the two apart."""
    own = same_state(cells.rows, cells.levels)
    country = cells.rows.codes["country"]
    both = sorted(set(country[own]) & set(country[~own]))
    dyad = {"country", "ally"}
    by_dyad = {c.name for c in spec.covariates if dyad <= set(c.by)}
    known = any(
        (isinstance(t, Fixed) and "self" in dict(t.where))
        or (isinstance(t, Level) and dyad <= set(t.by))
        or (isinstance(t, Slope) and t.covariate in by_dyad)
        for t in spec.terms
    )
    if both and not known and spec.self_ratings == "apart":
        names = ", ".join(cells.levels["country"][i] for i in both[:5])
        more = f" and {len(both) - 5} more" if len(both) > 5 else ""
        yield (
            f"{names}{more} judge themselves as well as others, and have one level for both: "
            "Fixed('self_rating', (('self', ('yes',)),)) tells them apart, self_ratings='merged' says that it is meant"
        )


def selective_loss(survey: Survey, before: str, after: str) -> Iterator[str]:
    """Yield how many came back by what they had answered, if those who did had answered otherwise.

    Compared is the share of top answers per person, less the mean of the country and population.
    """
    table = survey.table[survey.table["respondent"] != ""]
    first = table[table["wave"] == before]
    came = first["respondent"].isin(table.loc[table["wave"] == after, "respondent"])
    top = [i for i, answer in enumerate(survey.answers) if answer in survey.top]
    first = first.assign(came=came, yes=first["answer"].isin(top).astype(float))
    people = first.groupby(["country", "population", "respondent"], as_index=False)[["came", "yes"]].mean()
    away = people["yes"] - people.groupby(["country", "population"])["yes"].transform("mean")
    stay, leave = away[people["came"] > 0], away[people["came"] == 0]
    if min(len(stay), len(leave)) < FEWEST:
        return
    error = np.sqrt(stay.var() / len(stay) + leave.var() / len(leave))
    if abs(stay.mean() - leave.mean()) > UNLIKELY * error > 0:
        share = first.groupby("answer")["came"].mean()
        told = ", ".join(f"{survey.answers[int(str(i))]!r} {x:.0%}" for i, x in share.items())
        yield (
            f"who came back from {before} to {after} had answered otherwise than who did not; came back, by answer: "
            f"{told}; retention() tells more, attrition() what unseen change would do"
        )
