"""The terms that most analyses start from."""

from .terms import Fixed, Gap, Level, Shift, Term


def standard_terms(signal: str, elites: bool = False) -> tuple[Term, ...]:
    """Return the terms most analyses of one signal start from.

    Levels by country, ally and dyad with self-ratings apart; unpooled shifts by role; the sender's
    and self shifts vary by country, the others' by ally and dyad, the latter correlated with the
    ally's level; with ``elites``, unpooled gaps in level and in shift, and gaps by ally. The latter are pooled over
    allies: with few elites, a gap in the sender's credibility that is unlike the others' is drawn towards them, and a
    `Fixed` contrast of elites on the sender keeps it apart.

    Examples
    --------
    >>> len(standard_terms("us2025"))
    9
    """
    terms: tuple[Term, ...] = (
        Level(("country",)),
        Level(("ally",)),
        Level(("country", "ally")),
        Fixed("self_rating", (("self", ("yes",)),)),
        Shift(signal),
        Shift(signal, by=("country",), roles=("sender",)),
        Shift(signal, by=("country",), roles=("self",)),
        Shift(signal, by=("ally",), roles=("other",), correlated=True),
        Shift(signal, by=("country", "ally"), roles=("other",)),
    )
    if elites:
        terms += (Gap(), Gap(by=("ally",)), Gap(signal=signal))
    return terms
