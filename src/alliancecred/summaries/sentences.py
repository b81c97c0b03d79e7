"""Notes as sentences: what is printed one behind the other begins with a capital letter."""

from collections.abc import Iterable

from ..spec import Spec
from ..terms import Fixed


def opened(note: str, spec: Spec | None = None) -> str:
    """Return a note that begins with a capital letter, unless it begins with a name: one the analysis declares.

    Examples
    --------
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> opened("weights: counts are scaled", spec), opened("shift_act[self]: no data", spec)
    ('Weights: counts are scaled', 'shift_act[self]: no data')
    """
    first = note.partition(" ")[0].rstrip(":,;")
    plain = first.isalpha() and first.islower() and (spec is None or first not in _names(spec))
    return note[:1].upper() + note[1:] if plain else note


def in_sentences(parts: Iterable[str], spec: Spec | None = None) -> str:
    """Return parts as sentences with capitals and full stops; empty ones are left out, names stay as they are.

    Examples
    --------
    >>> in_sentences(["weights: counts of 45 cells", "", "...", "aid_2025: a name."])
    'Weights: counts of 45 cells. aid_2025: a name.'
    """
    kept = (p.strip().rstrip(".") for p in parts)
    return " ".join(f"{opened(p, spec)}." for p in kept if p)


def _names(spec: Spec) -> set[str]:
    declared = [
        *(s.name for s in spec.signals),
        *(c.name for c in spec.covariates),
        *(w.name for w in spec.waves),
        *spec.declared,
    ]
    levels = [x for factor in spec.declared.values() for x in factor.levels]
    terms = [t.name for t in spec.terms if isinstance(t, Fixed)]
    return {*declared, *levels, *terms, *spec.countries, *spec.allies, *spec.targets, *spec.populations}
