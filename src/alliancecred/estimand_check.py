"""What can be wrong with the questions a spec asks."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from .errors import nearest
from .spec import Estimand, Spec
from .terms import ROLES

EXPERIMENTAL = ("marginal_means", "amce", "moderation")
_ALL = ("poststratify", "by")
_USED = {
    "levels": (*_ALL, "countries", "answer", "waves"),
    "change": (*_ALL, "countries", "answer", "waves", "smallest"),
    "shift": (
        "poststratify",
        "by",
        "signal",
        "roles",
        "countries",
        "include_self",
        "answer",
        "waves",
        "smallest",
        "weeks",
    ),
    "attrition": ("by", "signal", "roles", "countries", "answer", "smallest"),
    "gap": (*_ALL, "signal", "answer", "smallest"),
    "marginal_means": (*_ALL, "countries", "answer", "attributes", "profiles"),
    "amce": (*_ALL, "countries", "answer", "attributes", "profiles", "smallest"),
    "moderation": (*_ALL, "countries", "answer", "attributes", "profiles", "moderator", "smallest"),
    "comparison": (
        "poststratify",
        "by",
        "covariate",
        "low",
        "high",
        "signal",
        "countries",
        "answer",
        "waves",
        "smallest",
    ),
}


def unknown(kind: str, values: Sequence[str], allowed: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield which values are not among the allowed ones."""
    for value in values:
        if value not in allowed:
            yield f"unknown {kind} {value!r}", nearest(value, allowed)
    if len(set(values)) < len(values):
        yield f"repeated {kind}: {sorted({v for v in values if list(values).count(v) > 1})}", ""


def roles_of_spec(spec: Spec) -> tuple[str, ...]:
    """Return the roles that allies can have."""
    return ROLES if spec.self_ratings == "apart" else ROLES[:2]


def estimand_problems(spec: Spec, estimand: Estimand) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with an estimand, and remedies."""
    yield from unknown("estimand", (estimand.of,), tuple(_USED))
    yield from unknown("factor", estimand.by, spec.factors)
    yield from unknown("attribute", estimand.attributes, [a.name for a in spec.attributes])
    yield from unknown("profiles", (estimand.profiles,), ("design", "uniform"))
    yield from unknown("role", estimand.roles, roles_of_spec(spec))
    if estimand.signal is not None:
        yield from unknown("signal", (estimand.signal,), [s.name for s in spec.signals])
    yield from unknown("answer", (estimand.answer,), ("top", "mean", *spec.answers))
    if spec.gaussian is not None and estimand.answer != "mean" and not spec.gaussian.has_shares(len(spec.answers)):
        yield f"normal answers scored {spec.scores} have a mean, but no shares", 'answer = "mean"'
    if spec.waves:
        yield from unknown("wave", estimand.waves, [w.name for w in spec.waves])
    defaults = Estimand(estimand.of)
    used = _USED.get(estimand.of, tuple(f.name for f in fields(Estimand)))
    for field in fields(Estimand):
        if field.name not in (*used, "of", "name") and getattr(estimand, field.name) != getattr(defaults, field.name):
            yield f"{estimand.of!r} does not use {field.name!r}", f"it uses {', '.join(used)}"
    if estimand.of == "shift" and len(estimand.waves) > 1:
        yield "a shift is evaluated at one wave", ""
    if estimand.of == "change" and len(estimand.waves) != 2:
        yield "a change needs two waves", ""
    if estimand.weeks is not None and not estimand.weeks >= 0:
        yield f"weeks after a signal are counted from 0, got {estimand.weeks}", ""
    if estimand.of == "comparison":
        yield from unknown("covariate", (str(estimand.covariate),), [c.name for c in spec.covariates])
    if estimand.of in EXPERIMENTAL and not spec.attributes:
        yield f"{estimand.of}: the spec declares no attributes", ""
    if estimand.of == "moderation":
        yield from unknown("factor", (estimand.moderator,), spec.factors)
        if len(estimand.attributes) != 1:
            yield f"moderation is of one attribute, got {len(estimand.attributes)}", ""
    if estimand.of == "amce":
        for attribute in spec.attributes:
            if not attribute.baseline and attribute.name in (estimand.attributes or (attribute.name,)):
                yield f"{attribute.name!r} has no baseline", "declare it; marginal means need none"
    if estimand.poststratify and spec.population is None:
        yield "poststratify: the spec declares no [population]", ""
    if estimand.of == "attrition" and not spec.asks_for_people:
        yield "attrition is about people: it needs a respondent term", ""
    if estimand.of in ("shift", "attrition") and not spec.signals:
        yield f"{estimand.of}: a shift needs a declared signal", ""
