"""The one place that knows what a term means: spec + cells → blocks of the linear predictor.

    η = Σ fixed coefficient · carrier + Σ pooled block: carrier · effect[group]

A *carrier* is a number per row (1 for a level; "signal on and the ally is the sender" for a
first-order shift). The likelihood, every engine and every prediction evaluate the same blocks by
`linear_predictor`, or multiply the matrices made from the same carriers.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

from .carriers import Carrier
from .cells import Levels
from .errors import Problem, SpecError
from .events import Decay
from .opponents import Opponents
from .priors import LKJ, Flat, HalfNormal, LogNormal, Normal
from .sliders import ENDS_AND_BETWEEN, Slider
from .spec import Spec
from .terms import JOINED, ROLES, Cuts, Drift, Effect, Fixed, Gap, Level, Respondent, Shift, Slope, Trend

STEP, DRIFT = "step", "drift"
DAYS_PER_YEAR = 365.25
SD_RESPONDENT = "sd_respondent"
SPACING = "cut_spacing"
CUTS_BY_COUNTRY = f"{SPACING}_country"
SD_CUTS = f"sd_{CUTS_BY_COUNTRY}"


@dataclass(frozen=True)
class Coefficient:
    """One unpooled coefficient: entry ``label`` of ``variable`` (scalar variables have label "")."""

    variable: str
    label: str
    carrier: Carrier
    prior: Normal | Flat

    @property
    def name(self) -> str:
        """The variable, with its label in brackets."""
        return f"{self.variable}[{self.label}]" if self.label else self.variable


@dataclass(frozen=True)
class Pooled:
    """A block of exchangeable effects over the full grid of ``by``, with a scale of its own.

    ``partner`` names the level block it is correlated with. A ``walk`` has, along the waves, not an effect per wave
    but a step per interval between waves (see `walk_basis`).
    """

    variable: str
    by: tuple[str, ...]
    carrier: Carrier
    scale: HalfNormal
    partner: str | None = None
    correlation: LKJ = LKJ()
    walk: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """The factors its effects run along; ``step`` stands for the waves of a walk."""
        return tuple(STEP if self.walk and f == "wave" else f for f in self.by)

    @property
    def sd_name(self) -> str:
        """Name of its scale."""
        return f"sd_{self.variable}"

    @property
    def corr_name(self) -> str:
        """Name of its correlation with the partner."""
        return f"corr_{self.variable}"


@dataclass(frozen=True)
class Design:
    """The linear-Gaussian structure of a model on given levels.

    Parameters
    ----------
    spec, levels
        What it was made from.
    coefficients
        Unpooled coefficients, the intercept first; where one of two profiles is chosen there is none.
    pooled
        Pooled blocks, levels before shifts before gaps.
    cuts
        Prior of the log-spacings of the cuts.
    respondent
        Prior of the sd over people, whose deviations are integrated out; None where answers are independent.
    cut_scale
        Prior of the sd of the countries' log-spacings around the common ones; None where cuts are common.
    notes
        What was merged, left out, or rests on the prior; shown in the report.
    opponents
        The profiles that a profile is up against, where one of two is chosen.
    """

    spec: Spec
    levels: Levels
    coefficients: tuple[Coefficient, ...]
    pooled: tuple[Pooled, ...]
    cuts: Normal
    respondent: HalfNormal | None = None
    cut_scale: HalfNormal | None = None
    notes: tuple[str, ...] = ()
    opponents: Opponents | None = None

    @cached_property
    def answers(self) -> int:
        """Number of answers K."""
        return len(self.spec.answers)

    @property
    def slider(self) -> Slider | None:
        """The slider that was answered on, if any."""
        return self.spec.slider

    @cached_property
    def inner(self) -> int:
        """Number of (common) log-spacings of cuts."""
        if self.spec.gaussian is not None:
            return 0
        return (self.answers if self.slider is None else ENDS_AND_BETWEEN) - 2

    @cached_property
    def variables(self) -> Mapping[str, tuple[int, ...]]:
        """Unpooled variable → positions of its coefficients."""
        out: dict[str, tuple[int, ...]] = {}
        for i, c in enumerate(self.coefficients):
            out[c.variable] = (*out.get(c.variable, ()), i)
        return out

    def shape(self, block: Pooled) -> tuple[int, ...]:
        """Return the number of effects along each axis of a block."""
        return tuple(len(self.levels["wave"]) - 1 if f == STEP else len(self.levels[f]) for f in block.axes)

    def block(self, variable: str) -> Pooled:
        """Return the pooled block of that name."""
        return next(b for b in self.pooled if b.variable == variable)

    @cached_property
    def fading(self) -> Mapping[str, LogNormal]:
        """Signals that fade with a half-life to be estimated, and its prior (weeks)."""
        used = {c.carrier.signal for c in self.coefficients} | {b.carrier.signal for b in self.pooled}
        forms = {s.name: s.form for s in self.spec.signals if s.name in used}
        return {k: f.half_life for k, f in forms.items() if isinstance(f, Decay) and f.half_life.sd > 0}

    @cached_property
    def scales(self) -> Mapping[str, HalfNormal]:
        """Name of every scale → its prior: those of the pooled blocks, of the countries' cuts, of respondents."""
        out = {b.sd_name: b.scale for b in self.pooled}
        out |= {} if self.cut_scale is None else {SD_CUTS: self.cut_scale}
        return out if self.respondent is None else {**out, SD_RESPONDENT: self.respondent}

    @cached_property
    def cut_groups(self) -> int:
        """Number of countries with cuts of their own; 0 where cuts are common."""
        return 0 if self.cut_scale is None else len(self.levels["country"])

    @cached_property
    def spacings(self) -> int:
        """Number of log-spacings of cuts: the common ones, then those of the countries."""
        return self.inner * (1 + self.cut_groups)

    @cached_property
    def correlated(self) -> tuple[Pooled, ...]:
        """Blocks that are correlated with a level block."""
        return tuple(b for b in self.pooled if b.partner is not None)


# --- terms to blocks ----------------------------------------------------------------------------
def draft_design(spec: Spec, levels: Levels) -> Design:
    """Return every coefficient and block the terms of a spec ask for, whatever the data can tell apart."""
    first = () if spec.forced_choice else (Coefficient("intercept", "", Carrier(), spec.intercept),)
    coefficients = (*first, *_coefficients(spec), *_drifts(spec, levels))
    pooled = tuple(_pooled(spec))
    names = [*dict.fromkeys(c.variable for c in coefficients), *(b.variable for b in pooled), *levels]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        message = f"{twice[0]!r} would name two things in the posterior"
        raise SpecError([Problem("schema", "terms", message, (), "rename the covariate, the attribute or the group")])
    return Design(
        spec=spec,
        levels=levels,
        coefficients=coefficients,
        pooled=pooled,
        cuts=spec.slider.spacing
        if spec.slider is not None
        else next((t.spacing for t in spec.terms if isinstance(t, Cuts)), Cuts().spacing),
        cut_scale=next((t.scale for t in spec.terms if isinstance(t, Cuts) and t.by), None),
        respondent=next((t.scale for t in spec.terms if isinstance(t, Respondent)), None),
    )


def _coefficients(spec: Spec) -> Iterator[Coefficient]:
    roles = ROLES if spec.self_ratings == "apart" else ROLES[:2]
    for term in spec.terms:
        match term:
            case Fixed(name=name, where=where, prior=prior):
                yield Coefficient(f"fixed_{name}", "", Carrier(where=where), prior)
            case Shift(signal=signal, by=(), prior=prior):
                for role in term.roles or roles:
                    yield Coefficient(f"shift_{signal}", role, Carrier(signal, (role,)), prior)
            case Gap(population=population, by=(), signal=None, prior=prior):
                yield Coefficient(f"gap_{population}", "", Carrier(population=population), prior)
            case Gap(population=population, by=(), signal=str(signal), prior=prior):
                for role in term.roles or roles:
                    carrier = Carrier(signal, (role,), population)
                    yield Coefficient(f"gap_{population}_shift_{signal}", role, carrier, prior)
            case Effect(of=of, by=(), prior=prior):
                yield from _effects(spec, of, prior)
            case Slope(covariate=covariate, by=(), signal=None, prior=prior):
                yield Coefficient(f"slope_{covariate}", "", Carrier(covariate=covariate), prior)
            case Slope(covariate=covariate, by=(), signal=str(signal), prior=prior):
                for role in term.roles or roles:
                    carrier = Carrier(signal, (role,), covariate=covariate)
                    yield Coefficient(f"slope_{covariate}_shift_{signal}", role, carrier, prior)
            case _:
                pass


def _drifts(spec: Spec, levels: Levels) -> Iterator[Coefficient]:
    """Yield a step of declared drift per wave after the first, which all later waves keep."""
    term = next((t for t in spec.terms if isinstance(t, Drift)), None)
    if term is None:
        return
    middle = {w.name: 0.5 * (w.start.toordinal() + w.end.toordinal()) for w in spec.waves}
    for i, (a, b) in enumerate(pairwise(levels["wave"])):
        years = (middle[b] - middle[a]) / DAYS_PER_YEAR
        later = Carrier(where=(("wave", tuple(levels["wave"][i + 1 :])),))
        yield Coefficient(DRIFT, f"{a} → {b}", later, Normal(0.0, term.sd * math.sqrt(years)))


def _effects(spec: Spec, of: Sequence[str], prior: Normal | Flat) -> Iterator[Coefficient]:
    """Yield a contrast for every combination of levels none of which is a baseline."""
    factors = [spec.declared[f] for f in of]
    for labels in product(*([x for x in f.levels if x != f.baseline] for f in factors)):
        where = tuple((f, (label,)) for f, label in zip(of, labels, strict=True))
        yield Coefficient("_".join(["effect", *of]), JOINED.join(labels), Carrier(where=where), prior)


def _ordered(spec: Spec, by: Sequence[str]) -> tuple[str, ...]:
    return tuple(f for f in spec.factors if f in by)


def _pooled(spec: Spec) -> Iterator[Pooled]:
    all_roles = ROLES if spec.self_ratings == "apart" else ROLES[:2]
    pooled = [
        t for t in spec.terms if isinstance(t, Trend) or (isinstance(t, Level | Effect | Slope | Shift | Gap) and t.by)
    ]
    for term in sorted(pooled, key=lambda t: (Level, Trend, Effect, Slope, Shift, Gap).index(type(t))):
        by = _ordered(spec, term.by)
        suffix = "_".join(by)
        match term:
            case Level(scale=scale):
                yield Pooled(f"level_{suffix}", by, Carrier(), scale)
            case Trend(scale=scale):
                yield Pooled("_".join(["trend", *by]), _ordered(spec, (*by, "wave")), Carrier(), scale, walk=True)
            case Effect(of=of, scale=scale):
                (contrast,) = _effects(spec, of, Flat())
                yield Pooled("_".join(["effect", *of, "by", *by]), by, contrast.carrier, scale)
            case Slope(covariate=covariate, scale=scale):
                partner = f"level_{suffix}" if term.correlated else None
                name, carrier = f"slope_{covariate}_{suffix}", Carrier(covariate=covariate)
                yield Pooled(name, by, carrier, scale, partner, term.correlation)
            case Shift(signal=signal, scale=scale):
                partner = f"level_{suffix}" if term.correlated else None
                wanted = term.roles or all_roles
                whole = () if set(wanted) == set(all_roles) else wanted
                groups = [whole] if term.together else [(r,) for r in wanted]
                for roles in groups:
                    name = f"shift_{signal}_{'_'.join(roles) or 'all'}_{suffix}"
                    yield Pooled(name, by, Carrier(signal, roles), scale, partner, term.correlation)
            case Gap(population=population, signal=signal, scale=scale):
                carrier = Carrier(signal, term.roles, population)
                infix = f"_shift_{signal}" if signal else ""
                yield Pooled(f"gap_{population}{infix}_{suffix}", by, carrier, scale)


def half_life(signal: str) -> str:
    """Return the name of the variable that holds a signal's half-life (weeks)."""
    return f"half_life_{signal}"
