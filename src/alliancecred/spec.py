"""What an analysis is: a frozen, hashable value."""

import hashlib
import json
from dataclasses import dataclass

from .codec import encode
from .declared import Attribute, Covariate, Group, Restriction
from .errors import SpecError, nearest
from .events import Signal, Wave
from .gaussian import SIGMA, Gaussian
from .origins import PopulationFile, Simulation, Source
from .priors import LogNormal, Normal
from .ratings import Rating
from .sliders import LOCATION, PRECISION, Slider
from .terms import FACTORS, Respondent, Slope, Term


# --- what is asked of the posterior -------------------------------------------------------------
@dataclass(frozen=True)
class Estimand:
    """A question put to the posterior: the arguments of the estimand function ``of``.

    Parameters
    ----------
    of
        ``levels``, ``change``, ``shift``, ``attrition`` (the shift among who stayed, who left, and over all), ``gap``,
        ``comparison``; of experiments ``marginal_means``, ``amce``, ``moderation``.
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
    weeks
        For ``shift``: weeks after the signal; default those of the wave.
    covariate, low, high
        For ``comparison``: what is compared at ``high`` with ``low``.
    attributes
        For estimands of experiments: which attributes; empty means all.
    moderator
        For ``moderation``: between whose levels marginal means are compared.
    profiles
        For estimands of experiments: ``design`` or ``uniform``.
    poststratify
        Whether averages are over the population of the spec, instead of those asked.
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
    weeks: float | None = None
    covariate: str | None = None
    low: float = 0.0
    high: float = 1.0
    attributes: tuple[str, ...] = ()
    moderator: str = ""
    profiles: str = "design"
    poststratify: bool = False


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
        Values of the closed vocabulary (`Level`, `Trend`, `Shift`, `Gap`, `Slope`, `Effect`, `Fixed`, `Respondent`,
        `Cuts`).
    waves
        Fielding periods with dates.
    signals
        Dated acts.
    countries, allies
        Declared levels; empty means those of the data, in the order of their codes.
    covariates
        Numbers that slopes multiply.
    attributes, restrictions
        What an experiment varies at random, and the combinations it never shows.
    groups
        Groups people belong to.
    populations
        Populations, the reference first.
    self_ratings
        ``apart`` (a country that judges itself has the role ``self``) or ``merged``.
    intercept
        Prior of the intercept (logit; with ``gaussian`` points of the scale, as all other priors).
    slider
        Declares that people answered on a slider; ``answers`` then names four parts of it (see `Slider`).
    rating
        Declares that data are published means of a scale; ``answers`` then names its two ends (see `Rating`).
    gaussian
        Declares that answers are numbers, normal around a linear predictor without a link (see `Gaussian`).
    forced_choice
        Whether an answer is a choice of one of two profiles (`Roles.choice_set`), the last answer naming the one that
        was chosen: the chance of it is logit⁻¹ of the difference of their linear predictors, without an intercept.
    estimands, sources, population
        What to report, where the data come from, and whom to poststratify to (for the command line).
    variants
        Declared variations that are fitted and reported beside the main analysis.
    names
        Full names of codes, for tables and figures.
    title, question, references
        Words for the report.

    Raises
    ------
    SpecError
        With every problem, when read by `read_spec` or fitted.

    Examples
    --------
    >>> from alliancecred.terms import Level
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
    covariates: tuple[Covariate, ...] = ()
    countries: tuple[str, ...] = ()
    allies: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    groups: tuple[Group, ...] = ()
    populations: tuple[str, ...] = ("public", "elite")
    self_ratings: str = "apart"
    intercept: Normal = Normal(0.0, 1.5)
    slider: Slider | None = None
    rating: Rating | None = None
    gaussian: Gaussian | None = None
    forced_choice: bool = False
    estimands: tuple[Estimand, ...] = ()
    sources: tuple[Source, ...] = ()
    population: PopulationFile | None = None
    variants: tuple[Variant, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    title: str = ""
    question: str = ""
    references: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from .cards import spec_card

        return spec_card(self)

    def __repr__(self) -> str:
        from .cards import spec_line

        return spec_line(self)

    @property
    def reference(self) -> str:
        """The population the gaps are measured from."""
        return self.populations[0]

    @property
    def used_covariates(self) -> tuple[Covariate, ...]:
        """The covariates that a slope is about."""
        used = {t.covariate for t in self.terms if isinstance(t, Slope)}
        return tuple(c for c in self.covariates if c.name in used)

    @property
    def declared(self) -> dict[str, Attribute | Group]:
        """The factors it declares itself, by name: attributes, then groups."""
        both: tuple[Attribute | Group, ...] = (*self.attributes, *self.groups)
        return {f.name: f for f in both}

    @property
    def factors(self) -> tuple[str, ...]:
        """All factors: those every analysis has, then those it declares."""
        return (*FACTORS, *self.declared)

    @property
    def asks_for_people(self) -> bool:
        """Whether the answers of a person belong together."""
        return any(isinstance(t, Respondent) for t in self.terms)

    @property
    def scores(self) -> tuple[float, ...]:
        """The number of each answer, where they are taken for numbers (`Gaussian`); else none."""
        return () if self.gaussian is None else self.gaussian.numbers(len(self.answers))

    @property
    def extra(self) -> dict[str, Normal | LogNormal]:
        """Further scalars of the family of the answers, and their priors: two of a slider, sigma of normal answers."""
        if (slider := self.slider) is not None:
            return {LOCATION: slider.location, PRECISION: slider.precision}
        return {} if self.gaussian is None else {SIGMA: self.gaussian.sd}

    @property
    def unit(self) -> str:
        """What the linear predictor and the priors are in."""
        return "logit" if self.gaussian is None else "points of the scale"

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
