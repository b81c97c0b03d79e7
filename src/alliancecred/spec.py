"""What an analysis is: a frozen, hashable value, read from and written to TOML."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import tomli_w

from .codec import decode, encode
from .errors import Problem, SpecError, nearest, raise_spec
from .terms import (
    DIRECTIONS,
    FACTORS,
    NOT_YET,
    ROLES,
    SIGNAL_KINDS,
    Cuts,
    Fixed,
    Gap,
    Level,
    Normal,
    Shift,
    Signal,
    Term,
    Wave,
)

SCHEMA = 1
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


# --- where the data come from -------------------------------------------------------------------
@dataclass(frozen=True)
class ToplineFile:
    """Published percentages in a CSV beside the spec (see `read_toplines`)."""

    tag: ClassVar[str] = "toplines"
    path: str
    overdispersion: float = 0.0


@dataclass(frozen=True)
class SurveyFile:
    """Microdata in a file beside the spec, with the roles of its columns (see `read_survey`)."""

    tag: ClassVar[str] = "survey"
    path: str
    roles: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fielding:
    """One simulated sample: ``n`` people of a population in a wave, who rate every ally."""

    wave: str
    n: int
    population: str = "public"
    countries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Simulation:
    """A simulated survey with known truth: scalars in ``truth``, group effects drawn with ``seed``."""

    tag: ClassVar[str] = "simulation"
    seed: int
    fieldings: tuple[Fielding, ...]
    truth: tuple[tuple[str, float], ...]


Source = ToplineFile | SurveyFile | Simulation


# --- what is asked of the posterior -------------------------------------------------------------
@dataclass(frozen=True)
class Estimand:
    """A question put to the posterior: the arguments of the estimand function ``of``.

    Parameters
    ----------
    of
        ``levels``, ``change``, ``shift`` or ``gap``.
    name
        Label in tables; defaults to ``of``.
    by
        Factors the answer is broken down by.
    signal, roles, include_self
        For ``shift`` and ``gap`` of a shift.
    countries
        Respondent countries averaged over (equally); empty means all.
    answer
        ``top``, ``mean`` or one of the answers.
    waves
        The wave, or the two waves of a ``change``.
    smallest
        Smallest effect of interest, percentage points.
    """

    of: str
    name: str = ""
    by: tuple[str, ...] = ()
    signal: str | None = None
    roles: tuple[str, ...] = ()
    include_self: bool = False
    countries: tuple[str, ...] = ()
    answer: str = "top"
    waves: tuple[str, ...] = ()
    smallest: float = 0.0


@dataclass(frozen=True)
class Variant:
    """The same analysis with another declared overdispersion of its toplines, reported beside it."""

    name: str
    overdispersion: float
    why: str = ""


@dataclass(frozen=True)
class Spec:
    """An analysis: what was asked, of whom, which signals, which terms, which estimands.

    Parameters
    ----------
    name
        Identifier (lower case, digits, underscores).
    answers
        The answers in their order, from least to most credible.
    top
        The answers that count as "credible".
    terms
        Values of the closed vocabulary (`Level`, `Shift`, `Gap`, `Fixed`, `Cuts`).
    waves
        Fielding periods with dates.
    signals
        Dated acts.
    countries, allies
        Declared levels; empty means those of the data, in the order of their codes.
    populations
        Populations, the reference first.
    self_ratings
        ``apart`` (a country that judges itself has the role ``self``) or ``merged``.
    intercept
        Prior of the intercept (logit).
    estimands, sources
        What to report, and where the data come from (for the command line).
    variants
        Declared variations that are fitted and reported beside the main analysis.
    names
        Full names of codes, for tables and figures.
    title, question, references
        Words for the report.

    Raises
    ------
    SpecError
        With every problem, when made by `read_spec`, `spec_from_table` or `check_spec`.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)),))
    >>> spec.reference
    'public'
    """

    name: str
    answers: tuple[str, ...]
    top: tuple[str, ...]
    terms: tuple[Term, ...]
    waves: tuple[Wave, ...] = ()
    signals: tuple[Signal, ...] = ()
    countries: tuple[str, ...] = ()
    allies: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    populations: tuple[str, ...] = ("public", "elite")
    self_ratings: str = "apart"
    intercept: Normal = Normal(0.0, 1.5)
    estimands: tuple[Estimand, ...] = ()
    sources: tuple[Source, ...] = ()
    variants: tuple[Variant, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    title: str = ""
    question: str = ""
    references: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The population the gaps are measured from."""
        return self.populations[0]

    @property
    def simulated(self) -> bool:
        """Whether any declared source is simulated."""
        return any(isinstance(s, Simulation) for s in self.sources)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of this spec, hexadecimal."""
        text = json.dumps(encode(self), sort_keys=True, default=str, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def label(self, code: str) -> str:
        """Return the full name of a code, or the code itself."""
        return dict(self.names).get(code, code)

    def signal(self, name: str) -> Signal:
        """Return the declared signal of that name."""
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise SpecError(f"no signal {name!r}: {nearest(name, [s.name for s in self.signals])}")


# --- in and out ---------------------------------------------------------------------------------
def spec_from_table(table: dict[str, Any]) -> Spec:
    """Return the `Spec` a parsed TOML table describes.

    Raises
    ------
    SpecError
        Listing every unknown key, wrong type and inconsistency at once.

    Examples
    --------
    >>> spec_from_table({"name": "demo", "answers": ["no", "yes"], "top": ["yes"],
    ...                  "terms": [{"kind": "level", "by": ["country"]}]}).top
    ('yes',)
    """
    problems: list[Problem] = []
    table = dict(table)
    schema = table.pop("schema", SCHEMA)
    if schema != SCHEMA:
        problems.append(Problem("schema", "schema", f"this version reads schema {SCHEMA}, got {schema!r}"))
    terms = table.get("terms", [])
    if isinstance(terms, list):
        kept = []
        for i, term in enumerate(terms):
            if isinstance(term, dict) and term.get("kind") in NOT_YET:
                problems.append(Problem("schema", f"terms[{i}]", f"{term['kind']!r} terms are not supported yet"))
            else:
                kept.append(term)
        table["terms"] = kept
    spec = decode(Spec, table, "", problems)
    if spec is not None:
        problems += list(spec_problems(spec))
    raise_spec(problems)
    return spec


def read_spec(path: str | Path) -> Spec:
    """Read a spec from a TOML file.

    Raises
    ------
    SpecError
        If the file is not TOML, or listing everything wrong in it.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name} is not valid TOML: {error}") from error
    except OSError as error:
        raise SpecError(f"cannot read {path.name}: {error.strerror}") from error
    return spec_from_table(table)


def spec_to_toml(spec: Spec) -> str:
    """Return the TOML text of a spec; `read_spec` gives back an equal value.

    Examples
    --------
    >>> text = spec_to_toml(Spec("demo", ("no", "yes"), ("yes",), ()))
    >>> "demo" in text
    True
    """
    return tomli_w.dumps({"schema": SCHEMA} | encode(spec))


def as_spec(spec: "Spec | str | Path") -> Spec:
    """Return a checked `Spec` from a value, a path to a TOML file, or the name of a shipped one."""
    if isinstance(spec, Spec):
        check_spec(spec)
        return spec
    path = Path(spec)
    if path.suffix != ".toml" and not path.exists():
        path = models_dir() / f"{spec}.toml"
        if not path.exists():
            raise SpecError(f"no file or shipped model {str(spec)!r}: {nearest(str(spec), shipped_models())}")
    return read_spec(path)


def models_dir() -> Path:
    """Return the folder of the shipped specs (in the wheel, or in the checkout)."""
    inside = Path(__file__).parent / "models"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "models"


def shipped_models() -> tuple[str, ...]:
    """Return the names of the shipped specs."""
    return tuple(sorted(p.stem for p in models_dir().glob("*.toml")))


# --- checks -------------------------------------------------------------------------------------
def check_spec(spec: Spec) -> None:
    """Raise one `SpecError` that lists everything inconsistent in ``spec``."""
    raise_spec(list(spec_problems(spec)))


def spec_problems(spec: Spec) -> Iterator[Problem]:
    """Yield every inconsistency of a spec."""
    yield from _answer_problems(spec)
    yield from _wave_problems(spec)
    yield from _signal_problems(spec)
    for i, term in enumerate(spec.terms):
        for message, remedy in _term_problems(spec, term):
            yield Problem("schema", f"terms[{i}]", message, (), remedy)
    yield from _across_terms(spec)
    for i, estimand in enumerate(spec.estimands):
        for message, remedy in _estimand_problems(spec, estimand):
            yield Problem("schema", f"estimands[{i}]", message, (), remedy)


def _answer_problems(spec: Spec) -> Iterator[Problem]:
    if not _NAME.match(spec.name):
        yield Problem("schema", "name", f"{spec.name!r} is not lower case letters, digits and underscores")
    if len(spec.answers) < 2:
        yield Problem("schema", "answers", f"at least two answers are needed, got {len(spec.answers)}")
    for key in ("answers", "top", "countries", "allies", "targets", "populations"):
        values = getattr(spec, key)
        if len(set(values)) < len(values):
            yield Problem("schema", key, f"repeated: {_repeated(values)}")
        if any(not v.strip() for v in values):
            yield Problem("schema", key, "an empty label")
    unknown = [t for t in spec.top if t not in spec.answers]
    if unknown:
        yield Problem("schema", "top", f"{unknown} not among the answers", (), nearest(unknown[0], spec.answers))
    if not spec.top or set(spec.top) == set(spec.answers):
        yield Problem("schema", "top", "must name some, not all, of the answers")
    if not spec.populations:
        yield Problem("schema", "populations", "at least the reference population is needed")
    if spec.self_ratings not in ("apart", "merged"):
        yield Problem("schema", "self_ratings", f"{spec.self_ratings!r} is not 'apart' or 'merged'")
    yield from _prior_problems("intercept", spec.intercept)


def _repeated(values: Sequence[str]) -> list[str]:
    return sorted({v for v in values if list(values).count(v) > 1})


def _wave_problems(spec: Spec) -> Iterator[Problem]:
    names = [w.name for w in spec.waves]
    if len(set(names)) < len(names):
        yield Problem("schema", "waves", f"repeated: {_repeated(names)}")
    for wave in spec.waves:
        if wave.end < wave.start:
            yield Problem("schema", f"waves.{wave.name}", f"ends ({wave.end}) before it starts ({wave.start})")


def _signal_problems(spec: Spec) -> Iterator[Problem]:
    names = [s.name for s in spec.signals]
    if len(set(names)) < len(names):
        yield Problem("schema", "signals", f"repeated: {_repeated(names)}")
    for signal in spec.signals:
        where = f"signals.{signal.name}"
        if not _NAME.match(signal.name):
            yield Problem("schema", where, "the name must be lower case letters, digits and underscores")
        if signal.kind not in SIGNAL_KINDS:
            yield Problem("schema", where, f"unknown kind {signal.kind!r}", (), nearest(signal.kind, SIGNAL_KINDS))
        if signal.direction not in DIRECTIONS:
            yield Problem(
                "schema", where, f"unknown direction {signal.direction!r}", (), nearest(signal.direction, DIRECTIONS)
            )
        if spec.allies and signal.sender not in spec.allies:
            yield Problem("schema", where, f"sender {signal.sender!r} is not a declared ally")
        if not spec.waves:
            yield Problem("schema", where, "a signal needs dated waves", (), "declare [[waves]] with start and end")
            continue
        inside = [w.name for w in spec.waves if w.start <= signal.date <= w.end]
        if inside:
            yield Problem(
                "schema", where, f"its date {signal.date} falls inside wave {inside[0]!r}", (),
                "split that wave at the signal's date",
            )
        elif all(w.start > signal.date for w in spec.waves) or all(w.end < signal.date for w in spec.waves):
            yield Problem("schema", where, f"no wave on one side of {signal.date}: no before and after")


def _prior_problems(where: str, *priors: object) -> Iterator[Problem]:
    for prior in priors:
        for field in fields(prior):  # type: ignore[arg-type]
            value = getattr(prior, field.name)
            if field.name in ("sd", "eta") and not value > 0:
                yield Problem("schema", where, f"{field.name} of a prior must be positive, got {value}")


def _unknown(kind: str, values: Sequence[str], allowed: Sequence[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        if value not in allowed:
            yield f"unknown {kind} {value!r}", nearest(value, allowed)
    if len(set(values)) < len(values):
        yield f"repeated {kind}: {_repeated(values)}", ""


def _term_problems(spec: Spec, term: Term) -> Iterator[tuple[str, str]]:
    signals = [s.name for s in spec.signals]
    priors = [getattr(term, f.name) for f in fields(term) if f.name in ("prior", "scale", "correlation", "spacing")]
    for problem in _prior_problems("", *priors):
        yield problem.message, ""
    match term:
        case Level(by=by):
            yield from _unknown("factor", by, FACTORS)
            if not by:
                yield "a level needs at least one factor in `by`", "the intercept is always there"
        case Shift(signal=name, by=by, roles=roles, correlated=correlated):
            yield from _unknown("factor", by, FACTORS)
            yield from _unknown("role", roles, _roles(spec))
            yield from _unknown("signal", (name,), signals)
            if correlated and not any(isinstance(t, Level) and set(t.by) == set(by) for t in spec.terms):
                yield f"correlated with a level that is not there: Level({by})", "add that level term"
        case Gap(population=population, by=by, signal=name, roles=roles):
            yield from _unknown("factor", by, FACTORS)
            yield from _unknown("role", roles, _roles(spec))
            yield from _unknown("population", (population,), spec.populations[1:])
            if name is not None:
                yield from _unknown("signal", (name,), signals)
            if roles and name is None:
                yield "`roles` of a gap need its `signal`", ""
            if "population" in by:
                yield "a gap cannot vary by population", ""
        case Fixed(name=name, where=where):
            yield from _unknown("factor", tuple(k for k, _ in where), (*FACTORS, "self"))
            if not _NAME.match(name):
                yield f"name {name!r} is not lower case letters, digits and underscores", ""
            if not where:
                yield "`where` is empty: it would be a second intercept", ""
        case Cuts(by=by):
            if by:
                yield "cuts that vary by group are not supported yet", "use common cuts"


def _roles(spec: Spec) -> tuple[str, ...]:
    return ROLES if spec.self_ratings == "apart" else ROLES[:2]


def _across_terms(spec: Spec) -> Iterator[Problem]:
    for i, term in enumerate(spec.terms):
        if term in spec.terms[:i]:
            yield Problem("schema", f"terms[{i}]", "the same term twice")
    levels = [frozenset(t.by) for t in spec.terms if isinstance(t, Level)]
    if len(set(levels)) < len(levels):
        yield Problem("schema", "terms", "two levels by the same factors")
    names = [t.name for t in spec.terms if isinstance(t, Fixed)]
    if len(set(names)) < len(names):
        yield Problem("schema", "terms", f"two fixed terms named {_repeated(names)}")
    if sum(isinstance(t, Cuts) for t in spec.terms) > 1:
        yield Problem("schema", "terms", "two cuts terms")
    correlated = [frozenset(t.by) for t in spec.terms if isinstance(t, Shift) and t.correlated]
    if len(set(correlated)) < len(correlated):
        yield Problem(
            "schema", "terms", "two shifts correlated with the level of one group are not supported yet", (),
            "set correlated = true on one of them",
        )


def _estimand_problems(spec: Spec, estimand: Estimand) -> Iterator[tuple[str, str]]:
    yield from _unknown("estimand", (estimand.of,), ("levels", "change", "shift", "gap"))
    yield from _unknown("factor", estimand.by, FACTORS)
    yield from _unknown("role", estimand.roles, _roles(spec))
    if estimand.signal is not None:
        yield from _unknown("signal", (estimand.signal,), [s.name for s in spec.signals])
    yield from _unknown("answer", (estimand.answer,), ("top", "mean", *spec.answers))
    if spec.waves:
        yield from _unknown("wave", estimand.waves, [w.name for w in spec.waves])
    if estimand.of == "change" and len(estimand.waves) != 2:
        yield "a change needs two waves", ""
    if estimand.of == "shift" and not spec.signals:
        yield "a shift needs a declared signal", ""
