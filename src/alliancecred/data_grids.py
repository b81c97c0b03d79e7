"""Analyses that differ in their data: which answers count, who is left out, what a published share is worth."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from operator import ne
from pathlib import Path

import pandas as pd

from .asked import By, factors_of
from .errors import Problem, SpecError, nearest, raise_spec
from .grids import AS_DECLARED
from .sources import Survey, Toplines
from .spec import Estimand, Spec
from .spec_file import as_spec
from .specifications import Analysis
from .terms import Gap

_OR = " + "


def overdispersion_grid(
    spec: Spec | str | Path, *sources: Survey | Toplines, values: Sequence[float]
) -> dict[str, Analysis]:
    """Return the analysis with each overdispersion (intraclass correlation) of all its published shares.

    Raises
    ------
    SpecError
        If a value is not in [0, 1), or no source holds published shares.
    """
    spec = as_spec(spec)
    if not any(isinstance(s, Toplines) and s.rating is None for s in sources):
        raise SpecError("no source holds published shares: there is no overdispersion to vary")
    bad = [v for v in values if not 0 <= v < 1]
    if bad:
        raise SpecError(f"overdispersion lies in [0, 1), got {bad}")

    def with_value(value: float) -> tuple[Survey | Toplines, ...]:
        return tuple(replace(s, overdispersion=value) if isinstance(s, Toplines) else s for s in sources)

    return {f"overdispersion {v:g}": Analysis(spec, with_value(v)) for v in values}


# --- which answers count --------------------------------------------------------------------------
def answers_grid(
    spec: Spec | str | Path, *sources: Survey | Toplines, tops: Sequence[Sequence[str]] = ()
) -> dict[str, Analysis]:
    """Return the analysis with other answers counted as credible, the declared ones first.

    The likelihood does not know which answers count, so that the fits differ by their draws alone: what moves is the
    question.

    Parameters
    ----------
    spec, sources
        The analysis and its data.
    tops
        Sets of answers that count; empty: the highest answer, the two highest, …, all but the lowest.

    Raises
    ------
    SpecError
        If answers are numbers, there are but two, or a set is empty, holds all answers or one that is not declared.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> list(ac.answers_grid("retrenchment_simulated", survey))
    ['top likely + very likely', 'top very likely', 'top unlikely + likely + very likely']
    """
    spec = as_spec(spec)
    return {
        f"top {_OR.join(top)}": with_top(Analysis(spec, tuple(sources)), top)
        for top in (spec.top, *tops_of(spec, tops))
    }


def tops_of(spec: Spec, tops: Sequence[Sequence[str]] = ()) -> tuple[tuple[str, ...], ...]:
    """Return the sets of answers that may count besides the declared one, each in the order of the answers."""
    if spec.gaussian is not None or spec.rating is not None:
        raise SpecError(
            [Problem("outcome", "top", "answers are numbers: none of them counts as top", (), "leave tops out")]
        )
    names = spec.answers
    if len(names) < 3:
        message = f"there are two answers, {' and '.join(names)}: which one counts only turns the sign"
        raise SpecError([Problem("outcome", "tops", message, (), "leave tops out")])
    problems = []
    for top in tops:
        unknown = [a for a in top if a not in names]
        if unknown:
            remedy = nearest(str(unknown[0]), names)
            problems.append(Problem("outcome", "tops", f"not an answer: {unknown[:5]}", (), remedy))
        elif not 0 < len(set(top)) < len(names):
            remedy = "some of the answers, not all"
            problems.append(Problem("outcome", "tops", f"{list(top)} of {list(names)} tells nobody apart", (), remedy))
    raise_spec(problems)
    chosen = [tuple(a for a in names if a in top) for top in tops] or [names[k:] for k in range(len(names) - 1, 0, -1)]
    declared = tuple(a for a in names if a in spec.top)
    return tuple(dict.fromkeys(t for t in chosen if t != declared))


def with_top(analysis: Analysis, top: Sequence[str]) -> Analysis:
    """Return the analysis with these answers counted."""
    kept = tuple(replace(s, top=tuple(top)) for s in analysis.sources)
    return replace(analysis, spec=replace(analysis.spec, top=tuple(top)), sources=kept)


# --- what if some had not been asked --------------------------------------------------------------
def without_grid(spec: Spec | str | Path, *sources: Survey | Toplines, by: By = "country") -> dict[str, Analysis]:
    """Return the analysis of all data, and without each level of a factor in turn.

    The priors, and the levels that the spec declares, stay as they are; averages are over those that are left.

    Parameters
    ----------
    spec, sources
        The analysis and its data.
    by
        A factor (``country``, ``ally``, ``wave``, …) or a group; of several, every combination of their levels.

    Returns
    -------
    dict
        ``as declared`` and ``without Poland`` → `Analysis`. An estimand loses countries that are left out; where it
        then has none, or asks for a wave that is left out, it is left out too; so are gaps where one of the two
        populations is.

    Raises
    ------
    SpecError
        If there is but one level, or ``by`` is an attribute: an experiment without one of its levels is another one.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> list(ac.without_grid("retrenchment_simulated", survey, by="population"))
    ['as declared', 'without public', 'without members of parliament']
    """
    spec = as_spec(spec)
    factors = factors_of(spec.factors, by)
    varied = [a.name for a in spec.attributes if a.name in factors]
    if varied or not factors:
        message = f"{', '.join(varied)} was varied at random" if varied else "no factor is given"
        raise SpecError([Problem("schema", "by", message, (), f"one of {', '.join(_of_people(spec))}")])
    keys = list(dict.fromkeys(k for s in sources for k in _levels(s, factors) if any(k)))
    if len(keys) < 2:
        raise SpecError([Problem("level", factors[0], "has one level: leaving it out leaves nothing")])
    out = {AS_DECLARED: Analysis(spec, tuple(sources))}
    for key in keys:
        kept = only(sources, factors, partial(ne, key))
        asked = tuple(_still_asked(spec.estimands, dict(zip(factors, key, strict=True)), kept))
        less = without_gaps(replace(spec, estimands=asked), {k[0] for s in kept for k in _levels(s, ("population",))})
        name = ", ".join(spec.label(k) for k in key)
        name = name if f"without {name}" not in out else ", ".join(key)
        out[f"without {name}"] = Analysis(less, kept)
    return out


def _of_people(spec: Spec) -> list[str]:
    return [f for f in spec.factors if f not in {a.name for a in spec.attributes}]


def _levels(source: Survey | Toplines, factors: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the combinations of labels that a source has; a factor that it has not is empty."""
    if isinstance(source, Survey):
        return list(dict.fromkeys(_keys(source.table, factors)))
    return list(dict.fromkeys(tuple(r.labels.get(f, "") for f in factors) for r in source.rows))


def _keys(table: pd.DataFrame, factors: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*(table[f] if f in table else [""] * len(table) for f in factors), strict=True))


def only(
    sources: Sequence[Survey | Toplines], factors: Sequence[str], keep: Callable[[tuple[str, ...]], bool]
) -> tuple[Survey | Toplines, ...]:
    """Return the sources with those rows whose labels of ``factors`` are kept; one without any left is left out."""
    out: list[Survey | Toplines] = []
    for source in sources:
        if isinstance(source, Survey):
            table, unsure = (
                None if t is None else t[[keep(k) for k in _keys(t, factors)]].reset_index(drop=True)
                for t in (source.table, source.unsure)
            )
            if table is not None and len(table):
                out.append(replace(source, table=table, unsure=unsure))
        elif rows := tuple(r for r in source.rows if keep(tuple(r.labels.get(f, "") for f in factors))):
            out.append(replace(source, rows=rows))
    return tuple(out)


def without_gaps(spec: Spec, populations: Collection[str]) -> Spec:
    """Return the spec without gaps (terms and estimands) of populations that are not there."""
    there = set(populations) if spec.reference in populations else set()
    terms = tuple(t for t in spec.terms if not isinstance(t, Gap) or t.population in there)
    asked = tuple(e for e in spec.estimands if e.of != "gap" or len(there) > 1)
    return spec if (terms, asked) == (spec.terms, spec.estimands) else replace(spec, terms=terms, estimands=asked)


def _still_asked(
    estimands: Sequence[Estimand], left_out: dict[str, str], kept: Sequence[Survey | Toplines]
) -> list[Estimand]:
    gone = {f: v for f, v in left_out.items() if v not in {k[0] for s in kept for k in _levels(s, (f,))}}
    out = []
    for estimand in estimands:
        countries = tuple(c for c in estimand.countries if c != gone.get("country"))
        if (countries or not estimand.countries) and gone.get("wave") not in estimand.waves:
            out.append(replace(estimand, countries=countries))
    return out
