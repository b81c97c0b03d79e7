"""The questions of a spec, put to a fit: each `Estimand` to its function."""

from .comparisons import comparison, gap
from .drop_out import attrition
from .effects import amce
from .errors import SpecError
from .estimands import change, levels, shift
from .estimate import Estimate, stacked
from .experiments import marginal_means, moderation
from .fitting import Fit
from .populations import Population
from .profiles import Profiles
from .spec import Estimand


def evaluate(fit: Fit, estimand: Estimand, population: Population | None = None) -> Estimate:
    """Return the estimate a spec's `Estimand` asks for, under its own name; poststratified ones need the population."""
    e = estimand
    if e.poststratify and population is None:
        raise SpecError(f"{e.name or e.of} is poststratified: give evaluate(…, population=…)")
    people = population if e.poststratify else None
    match e.of:
        case "levels":
            result = levels(fit, by=e.by, answer=e.answer, countries=e.countries, population=people, waves=e.waves)
        case "change":
            result = change(
                fit, *e.waves, by=e.by, answer=e.answer, countries=e.countries, population=people, smallest=e.smallest
            )
        case "shift":
            result = shift(
                fit,
                signal=e.signal,
                by=e.by,
                roles=e.roles,
                countries=e.countries,
                population=people,
                smallest=e.smallest,
                include_self=e.include_self,
                answer=e.answer,
                wave=e.waves[0] if e.waves else None,
                weeks=e.weeks,
            )
        case "gap":
            result = gap(fit, signal=e.signal, by=e.by, answer=e.answer, smallest=e.smallest, poststratify=people)
        case "attrition":
            result = attrition(
                fit,
                signal=e.signal,
                by=e.by,
                roles=e.roles,
                countries=e.countries,
                deltas=(0.0,),
                answer=e.answer,
                smallest=e.smallest,
            ).apart
        case "comparison":
            result = comparison(
                fit,
                str(e.covariate),
                low=e.low,
                high=e.high,
                signal=e.signal,
                by=e.by,
                countries=e.countries,
                population=people,
                waves=e.waves,
                answer=e.answer,
                smallest=e.smallest,
            )
        case "marginal_means":
            result = marginal_means(
                fit,
                e.attributes,
                by=e.by,
                answer=e.answer,
                profiles=_profiles(e),
                countries=e.countries,
                population=people,
            )
        case "amce":
            result = amce(
                fit,
                e.attributes,
                by=e.by,
                answer=e.answer,
                profiles=_profiles(e),
                countries=e.countries,
                population=people,
                smallest=e.smallest,
            )
        case "moderation":
            result = moderation(
                fit,
                e.attributes[0],
                e.moderator,
                by=e.by,
                answer=e.answer,
                profiles=_profiles(e),
                countries=e.countries,
                population=people,
                smallest=e.smallest,
            )
        case _:
            raise SpecError(f"unknown estimand {e.of!r}")
    if not e.name:
        return result
    if e.of == "attrition":  # its rows are told apart by their names
        names = dict.fromkeys(map(str, result.draws["estimand"].values))
        return stacked([result.at(estimand=name).named(f"{e.name}: {name}") for name in names])
    return result.named(e.name)


def _profiles(estimand: Estimand) -> Profiles:
    return "uniform" if estimand.profiles == "uniform" else "design"
