"""Covariates of people: what their labels in a survey count."""

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from .declared import Covariate
from .errors import Problem, nearest, raise_spec
from .sources import Survey, Toplines
from .spec import Spec

_LISTED = 5


def trait_problems(spec: Spec, source: Survey | Toplines) -> Iterator[Problem]:
    """Yield covariates of people, groups and attributes that a source does not know."""
    wanted = {c.name: "covariates" for c in spec.used_covariates if c.of_people}
    wanted |= {g.name: "groups" for g in spec.groups} | {a.name: "attributes" for a in spec.attributes}
    for name, kind in wanted.items():
        where = f"{kind}.{name}"
        if isinstance(source, Toplines):
            message = f"{source.report.source} has published shares, which say nothing of who gave which answer"
            yield Problem("schema", where, message, (), "leave it out, or the published shares")
        elif name not in source.traits:
            message = f"{source.report.source} does not have it"
            remedy = nearest(name, source.traits) if source.traits else ""
            yield Problem("schema", where, message, (), remedy or f"read_survey(…, traits={{{name!r}: …}})")


def within_problems(spec: Spec, surveys: Collection[Survey]) -> Iterator[Problem]:
    """Yield attributes declared to vary within people that do not: their effects would be compared between people."""
    for name in (a.name for a in spec.attributes if a.within):
        where = f"attributes.{name}"
        tables = [s.table.loc[(s.table["respondent"] != "").to_numpy(), ["respondent", name]] for s in surveys]
        shown = [t.groupby("respondent")[name].agg(["size", "nunique"]) for t in tables]
        several = sum(int((t["size"] > 1).sum()) for t in shown)
        if not several:
            message = "declared to vary within people, but nobody is known to have been asked twice"
            remedy = "give the column of ids as Roles(respondent=…), and data in memory; or within = false"
            yield Problem("schema", where, message, (), remedy)
        elif not any((t["nunique"] > 1).any() for t in shown):
            message = f"declared to vary within people, but each of the {several} people asked twice saw one level only"
            yield Problem("schema", where, message, (), "within = false: it is compared between people")


def trait_values(covariates: Collection[Covariate], table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the covariates of people in every row, less their center, in units; 0 where the table has none.

    Raises
    ------
    SpecError
        If a label is not declared, or no number where numbers are needed; all at once.

    Examples
    --------
    >>> age = Covariate("age", ("person",), (), center=40.0, unit=10.0)
    >>> trait_values([age], pd.DataFrame({"age": ["30", "45"]}))["age"].tolist()
    [-1.0, 0.5]
    """
    out: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    for covariate in (c for c in covariates if c.of_people):
        if covariate.name not in table:
            out[covariate.name] = np.zeros(len(table))
            continue
        labels, declared = table[covariate.name].astype(str), dict(covariate.values)
        values = labels.map(declared) if declared else pd.to_numeric(labels, errors="coerce")
        found = values.to_numpy(dtype=float)
        strange = sorted(set(labels[~np.isfinite(found)]))
        if strange:
            what = "not declared" if declared else "no numbers"
            remedy = nearest(strange[0], list(declared)) if declared else "declare what each label counts in `values`"
            message = f"{len(strange)} labels are {what}: {strange[:_LISTED]}"
            problems.append(Problem("level", f"covariates.{covariate.name}", message, (), remedy))
        out[covariate.name] = (found - covariate.center) / covariate.unit
    raise_spec(problems)
    return out
