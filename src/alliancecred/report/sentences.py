"""Notes as sentences: a report prints them one behind the other."""

from dataclasses import replace

from ..estimate import Estimate
from ..spec import Spec
from ..summaries import describe
from ..terms import Fixed


def opened(note: str, spec: Spec) -> str:
    """Return a note that begins with a capital letter, unless it begins with a name the analysis declares.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> opened("weights: counts are scaled", spec), opened("shift_act[self]: no data", spec)
    ('Weights: counts are scaled', 'shift_act[self]: no data')
    """
    first = note.partition(" ")[0].removesuffix(":")
    plain = first.isalpha() and first.islower() and first not in _names(spec)
    return note[:1].upper() + note[1:] if plain else note


def _names(spec: Spec) -> set[str]:
    declared = [
        *(s.name for s in spec.signals),
        *(c.name for c in spec.covariates),
        *(a.name for a in spec.attributes),
        *(g.name for g in spec.groups),
    ]
    terms = [t.name for t in spec.terms if isinstance(t, Fixed)]
    return {*declared, *terms, *spec.countries, *spec.allies, *spec.populations}


def with_sentences(estimate: Estimate) -> Estimate:
    """Return the estimate with notes that can follow a full stop."""
    return replace(estimate, notes=tuple(opened(n, estimate.spec) for n in estimate.notes))


def described(estimate: Estimate) -> str:
    """Return the estimate in words, every note a sentence."""
    return describe(with_sentences(estimate))
