"""What a spec declares beside the factors every analysis has: attributes, groups of people, covariates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

PERSON = "person"
EXPECTED = 20.0  # profiles: e^-20 is the chance of none


@dataclass(frozen=True)
class Attribute:
    """A part of a question that is assigned at random: of a vignette, or of a profile in a conjoint experiment.

    Parameters
    ----------
    name
        A short identifier (lower case, digits, underscores); survey data carry it as ``read_survey(traits=…)``.
    levels
        Its levels, in the order of tables and figures.
    baseline
        The level others are compared with (`amce`, `Effect`); marginal means need none.
    within
        Whether people are shown several of its levels; refused if everybody saw one only.

    Examples
    --------
    >>> Attribute("regime", ("not a democracy", "democracy"), "not a democracy").baseline
    'not a democracy'
    """

    name: str
    levels: tuple[str, ...]
    baseline: str = ""
    within: bool = False


@dataclass(frozen=True)
class Group:
    """Groups that people belong to (age, education, region, party): pooled over, broken down by, poststratified.

    Parameters
    ----------
    name
        A short identifier; survey data carry it as ``read_survey(traits=…)``.
    levels
        Its levels, in the order of tables and figures.
    baseline
        The level that an `Effect` contrasts others with.

    Examples
    --------
    >>> Group("educ", ("school", "college")).levels
    ('school', 'college')
    """

    name: str
    levels: tuple[str, ...]
    baseline: str = ""


@dataclass(frozen=True)
class Covariate:
    """A number for every country, ally, dyad, wave, …: gross domestic product, distance, a treaty in force.

    Or for every person: age, degree. These come with the survey (``read_survey(traits=…)``).

    Parameters
    ----------
    name
        A short identifier (lower case, digits, underscores).
    by
        The factors it depends on; ``("person",)`` if it is one of people.
    values
        Label → value; labels of several factors in the order of ``by``, joined by ``" | "``. Of people: what each label
        of the survey counts; empty if the survey has numbers.
    center, unit
        Terms multiply (value - center) / unit.
    source
        Where the values come from, for the report.

    Examples
    --------
    >>> Covariate("treaty", ("country", "ally"), (("PL | US", 1.0), ("PL | CN", 0.0))).unit
    1.0
    """

    name: str
    by: tuple[str, ...]
    values: tuple[tuple[str, float], ...]
    center: float = 0.0
    unit: float = 1.0
    source: str = ""

    @property
    def of_people(self) -> bool:
        """Whether people of one country and wave differ in it."""
        return self.by == (PERSON,)


@dataclass(frozen=True)
class Restriction:
    """Combinations of attributes that were never shown: every one that matches ``where`` in each attribute it names.

    Examples
    --------
    >>> Restriction((("job", ("doctor",)), ("education", ("none", "school")))).where[0]
    ('job', ('doctor',))
    """

    where: tuple[tuple[str, tuple[str, ...]], ...]


def allowed(
    restrictions: Sequence[Restriction], labels: Mapping[str, Sequence[str]], codes: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return which profiles may be shown, (profiles,).

    Parameters
    ----------
    labels
        Attribute → its levels.
    codes
        Attribute → integer codes into them, (profiles,).

    Examples
    --------
    >>> never = Restriction((("job", ("doctor",)), ("education", ("none",))))
    >>> labels = {"job": ("cook", "doctor"), "education": ("none", "college")}
    >>> allowed([never], labels, {"job": np.array([0, 1, 1]), "education": np.array([0, 0, 1])}).tolist()
    [True, False, True]
    """
    size = len(next(iter(codes.values()))) if codes else 0
    out = np.ones(size, dtype=bool)
    for restriction in restrictions:
        hit = np.ones(size, dtype=bool)
        for name, levels in restriction.where:
            hit &= np.isin(np.array(labels[name], dtype=object).astype(str), levels)[codes[name]]
        out &= ~hit
    return out


def factor_problems(
    attributes: Sequence[Attribute], groups: Sequence[Group], restrictions: Sequence[Restriction]
) -> Iterator[tuple[str, str]]:
    """Yield where a declared factor, and what is wrong with it (its name is checked by the spec)."""
    factors: list[Attribute | Group] = [*attributes, *groups]
    for factor in factors:
        where = f"{'attributes' if isinstance(factor, Attribute) else 'groups'}.{factor.name}"
        if len(factor.levels) < 2:
            yield where, f"at least two levels are needed, got {len(factor.levels)}"
        if len(set(factor.levels)) < len(factor.levels):
            yield where, f"repeated levels: {sorted({x for x in factor.levels if factor.levels.count(x) > 1})}"
        if any(not x.strip() for x in factor.levels):
            yield where, "an empty label"
        if factor.baseline and factor.baseline not in factor.levels:
            yield where, f"baseline {factor.baseline!r} is not among the levels {list(factor.levels)}"
    known = {a.name: a.levels for a in attributes}
    if attributes and restrictions and not _anything_left(attributes, restrictions):
        yield "restrictions", "together they leave no profile that may be shown"
    for i, restriction in enumerate(restrictions):
        if len({name for name, _ in restriction.where}) < max(2, len(restriction.where)):
            yield f"restrictions[{i}]", "names at least two attributes, each once: it is about combinations"
        for name, levels in restriction.where:
            if not levels:
                yield f"restrictions[{i}]", f"{name!r} without levels: it would exclude nothing"
            if strange := [x for x in levels if x not in known.get(name, ())]:
                yield f"restrictions[{i}]", f"{name!r} has no level {strange[0]!r}: {list(known.get(name, ()))}"


def shown_problems(
    restrictions: Sequence[Restriction],
    labels: Mapping[str, Sequence[str]],
    codes: Mapping[str, np.ndarray],
    people: np.ndarray,
) -> Iterator[tuple[str, str, str]]:
    """Yield where, what and remedy: levels never shown, and combinations shown or missing against what is declared.

    A pair of levels counts as missing where chance alone would have shown it some twenty times or more.
    """
    if not codes or not people.sum():
        return
    never = people[~allowed(restrictions, labels, codes)].sum()
    if never:
        yield "restrictions", f"{int(never)} answers are to profiles that are declared never to be shown", "correct it"
    share = {f: np.bincount(c, people, len(labels[f])) / people.sum() for f, c in codes.items()}
    for name, own in share.items():
        if unseen := [labels[name][i] for i in np.flatnonzero(own == 0).tolist()]:
            yield f"attributes.{name}", f"never shown: {unseen[:5]}", "leave these levels out, or correct their labels"
    for a, b in combinations(codes, 2):
        shape = len(labels[a]), len(labels[b])
        seen = np.bincount(codes[a] * shape[1] + codes[b], people, shape[0] * shape[1]).reshape(shape)
        missing = (seen == 0) & (np.outer(share[a], share[b]) * people.sum() > EXPECTED)
        for i, j in np.argwhere(missing).tolist():
            pair = {a: np.array([i]), b: np.array([j])}
            known = [r for r in restrictions if {f for f, _ in r.where} <= {a, b}]
            if allowed(known, labels, pair)[0]:
                message = f"{labels[a][i]!r} never stands beside {b} {labels[b][j]!r}"
                yield f"attributes.{a}", message, "declare it in [[restrictions]] if the design excludes it"


def _anything_left(attributes: Sequence[Attribute], restrictions: Sequence[Restriction]) -> bool:
    """Whether some profile may be shown, of all or of very many drawn."""
    known = {a.name: a.levels for a in attributes}
    if any(not set(dict(r.where)) <= set(known) for r in restrictions) or not all(known.values()):
        return True  # what is unknown is named elsewhere
    rng = np.random.default_rng(0)
    drawn = {a.name: rng.integers(max(len(a.levels), 1), size=100_000) for a in attributes}
    return bool(allowed(restrictions, known, drawn).any())
