"""Where the data of an analysis come from: files beside its spec, or a simulation."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Exclusion:
    """Rows of a source that are left out on purpose, and why: those that match ``where`` in every factor it names.

    Examples
    --------
    >>> Exclusion((("country", ("PL",)), ("wave", ("2002",))), "its shares sum to 130").why
    'its shares sum to 130'
    """

    where: tuple[tuple[str, tuple[str, ...]], ...]
    why: str


@dataclass(frozen=True)
class ToplineFile:
    """Published percentages in a CSV beside the spec (see `read_toplines`)."""

    tag: ClassVar[str] = "toplines"
    path: str
    overdispersion: float = 0.0
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True)
class MeanFile:
    """Published means of a rating scale in a CSV beside the spec (see `read_means`)."""

    tag: ClassVar[str] = "means"
    path: str
    exclude: tuple[Exclusion, ...] = ()


@dataclass(frozen=True)
class SurveyFile:
    """Microdata in a file beside the spec, with the roles of its columns (see `read_survey`).

    ``levels`` maps, for a role or a trait, labels of the file to those of the analysis (see `LevelMap`).
    """

    tag: ClassVar[str] = "survey"
    path: str
    roles: tuple[tuple[str, str], ...]
    constants: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    traits: tuple[tuple[str, str], ...] = ()
    dont_know: tuple[str, ...] = ()
    levels: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()


@dataclass(frozen=True)
class PopulationFile:
    """A table of people beside the spec, to poststratify to (see `read_population`)."""

    path: str
    keys: tuple[tuple[str, str], ...]
    size: str = "count"
    levels: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    share: bool = False
    source: str = ""


@dataclass(frozen=True)
class Fielding:
    """One simulated sample: ``n`` people of a population in a wave, who rate every ally.

    Parameters
    ----------
    wave, n, population, countries
        When, how many new people per country, of which population, where (empty: everywhere).
    again
        An earlier wave whose people are asked again; for specs with a `Respondent` term. The ``n`` new people then are
        a refreshment sample.
    retention
        Share of them who answer.
    tasks
        Profiles that each of them is shown, in experiments.
    selection
        Log-odds of answering, of those who called every ally credible then against those who called none so.
    """

    wave: str
    n: int
    population: str = "public"
    countries: tuple[str, ...] = ()
    again: str = ""
    retention: float = 1.0
    selection: float = 0.0
    tasks: int = 1


@dataclass(frozen=True)
class Simulation:
    """A simulated survey with known truth: scalars in ``truth``, group effects drawn with ``seed``."""

    tag: ClassVar[str] = "simulation"
    seed: int
    fieldings: tuple[Fielding, ...]
    truth: tuple[tuple[str, float], ...]


Source = ToplineFile | MeanFile | SurveyFile | Simulation
