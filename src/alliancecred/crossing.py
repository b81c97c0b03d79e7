"""The garden of forking paths, walked: every combination of choices that could as well have been made."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import product
from operator import contains
from pathlib import Path

from .data_grids import only, tops_of, with_top, without_gaps
from .errors import Problem, SpecError, nearest, raise_spec
from .grids import AS_DECLARED, check_factors, scaled, terms_grid
from .sources import Survey, Toplines
from .spec import Spec
from .spec_check import spec_problems
from .spec_file import as_spec
from .specifications import Analysis
from .terms import Term

MOST = 100
PEOPLE = "people asked"
_FIXED = ("name", "answers", "top", "terms", "estimands", "sources", "names", "title", "question", "references")
_Change = Callable[[Analysis], Analysis]


def multiverse(
    spec: Spec | str | Path,
    *sources: Survey | Toplines,
    tops: Sequence[Sequence[str]] = (),
    populations: Sequence[Sequence[str]] = (),
    factors: Sequence[float] = (),
    terms: bool = False,
    fields: Mapping[str, Sequence[object]] | None = None,
    most: int = MOST,
) -> dict[str, Analysis]:
    """Return every combination of choices, for `sensitivity` (Steegen et al. 2016).

    What is not given is not varied; what is declared is always one of the choices. Combine choices that you would
    defend: a specification that nobody would run says nothing about the answer.

    Parameters
    ----------
    spec, sources
        The analysis and its data.
    tops
        Sets of answers that count, besides the declared one (see `answers_grid`).
    populations
        Sets of populations whose answers are used, ``[("public",)]`` say, besides all of them; gaps between
        populations that are not both there go.
    factors
        What the sds of all priors are multiplied by, together.
    terms
        Whether to leave out each term that can go (see `terms_grid`), one at a time.
    fields
        Other fields of a `Spec` → values they may have besides the declared one:
        ``{"self_ratings": ("apart", "merged")}``.
    most
        More specifications than this are refused: each is a fit.

    Returns
    -------
    dict
        ``as declared``, ``top very likely; priors × 2`` → `Analysis`, whose ``choices`` say which of each were made.
        Combinations that come to the same (without the elites there is no gap to leave out) are there once.

    Raises
    ------
    SpecError
        If nothing is varied, there are too many specifications, or a combination is inconsistent, by its name.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> grid = ac.multiverse("retrenchment_simulated", survey, tops=[("very likely",)], factors=(0.5, 2.0))
    >>> list(grid)[:4]
    ['as declared', 'priors × 0.5', 'priors × 2', 'top very likely']
    >>> grid["priors × 2"].choices
    (('answers that count', 'likely + very likely'), ('priors', '× 2'))
    """
    spec = as_spec(spec)
    dimensions: dict[str, list[tuple[str, str, _Change]]] = {}
    if terms:  # first: of terms as they are declared
        dimensions["terms"] = [
            (name if name != AS_DECLARED else "all", name, partial(_with_terms, terms=less.terms))
            for name, less in terms_grid(spec).items()
        ]
    if tops:
        options = [(" + ".join(t), partial(with_top, top=t)) for t in (spec.top, *tops_of(spec, tops))]
        dimensions["answers that count"] = [(t, f"top {t}", change) for t, change in options]
    if populations:
        dimensions[PEOPLE] = _of_populations(spec, sources, populations)
    if factors:
        check_factors(factors)
        dimensions["priors"] = [
            (f"× {f:g}" if f != 1 else AS_DECLARED, f"priors × {f:g}", partial(_with_priors, factor=f))
            for f in dict.fromkeys((1.0, *map(float, factors)))
        ]
    for field, values in (fields or {}).items():
        dimensions[field] = _of_field(spec, field, values)
    return _crossed(Analysis(spec, tuple(sources)), dimensions, most)


def _crossed(
    declared: Analysis, dimensions: Mapping[str, Sequence[tuple[str, str, _Change]]], most: int
) -> dict[str, Analysis]:
    size = math.prod(map(len, dimensions.values()))
    if size < 2:
        raise SpecError([Problem("schema", "multiverse", "nothing is varied", (), "give tops, factors or terms, say")])
    if size > most:
        parts = " × ".join(f"{len(options)} {name}" for name, options in dimensions.items())
        message = f"{size:,} specifications ({parts}), more than {most}"
        raise SpecError([Problem("schema", "most", message, (), f"vary less, or say most={size}")])
    out: dict[str, Analysis] = {}
    problems, seen = [], set()
    for combination in product(*dimensions.values()):
        made = declared
        for _, _, change in combination:
            made = change(made)
        people = [label for d, (label, _, _) in zip(dimensions, combination, strict=True) if d == PEOPLE]
        if (made.spec, *people) in seen:
            continue
        seen.add((made.spec, *people))
        changed = [words for options, (_, words, _) in zip(dimensions.values(), combination, strict=True)
                   if words != options[0][1]]  # fmt: skip
        name = "; ".join(changed) or AS_DECLARED
        problems += [replace(p, column=f"{name}: {p.column}") for p in spec_problems(made.spec)]
        choices = tuple((d, label) for d, (label, _, _) in zip(dimensions, combination, strict=True))
        out[name] = replace(made, choices=choices)
    raise_spec(problems)
    return out


def _of_populations(
    spec: Spec, sources: Sequence[Survey | Toplines], populations: Sequence[Sequence[str]]
) -> list[tuple[str, str, _Change]]:
    asked = {p for s in sources for p in _populations(s)}
    known = tuple(p for p in spec.populations if p in asked)
    problems = [
        Problem("level", "populations", f"{p!r} was not asked", (), nearest(p, known))
        for chosen in populations for p in chosen if p not in known
    ]  # fmt: skip
    problems += [Problem("level", "populations", "a set is empty", ()) for chosen in populations if not chosen]
    raise_spec(problems)
    sets = dict.fromkeys([known, *(tuple(p for p in known if p in chosen) for chosen in populations)])
    return [
        (" + ".join(chosen), f"only {' + '.join(chosen)}", partial(_with_populations, chosen=frozenset(chosen)))
        for chosen in sets
    ]


def _populations(source: Survey | Toplines) -> list[str]:
    if isinstance(source, Survey):
        return list(source.table["population"].unique())
    return [r.labels["population"] for r in source.rows]


def _with_populations(analysis: Analysis, chosen: frozenset[str]) -> Analysis:
    kept = only(analysis.sources, ("population",), lambda key: contains(chosen, key[0]))
    return replace(analysis, spec=without_gaps(analysis.spec, chosen), sources=kept)


def _with_priors(analysis: Analysis, factor: float) -> Analysis:
    spec = analysis.spec
    wider = replace(spec.intercept, sd=spec.intercept.sd * factor)
    return replace(analysis, spec=replace(spec, intercept=wider, terms=tuple(scaled(t, factor) for t in spec.terms)))


def _with_terms(analysis: Analysis, terms: tuple[Term, ...]) -> Analysis:
    return replace(analysis, spec=replace(analysis.spec, terms=terms))


def _of_field(spec: Spec, field: str, values: Sequence[object]) -> list[tuple[str, str, _Change]]:
    known = [f.name for f in fields(Spec) if f.name not in _FIXED]
    if field not in known:
        remedy = nearest(field, known)
        raise SpecError([Problem("schema", "fields", f"{field!r} is no field that can be varied", (), remedy)])

    def change(analysis: Analysis, value: object) -> Analysis:
        return replace(analysis, spec=replace(analysis.spec, **{field: value}))  # type: ignore[arg-type]

    every = [getattr(spec, field), *(v for v in values if v != getattr(spec, field))]
    return [(str(v), f"{field.replace('_', ' ')} {v}", partial(change, value=v)) for v in every]
