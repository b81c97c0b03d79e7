"""What stands below a table."""

from collections.abc import Callable, Collection, Sequence

from ..estimate import Estimate
from ..gates import passed_words, weights_of
from ..spec import Spec
from ..summaries import (
    KIND_WORDS,
    CiKind,
    averaged_words,
    constants,
    failed_gates,
    identification_words,
    opening_words,
    sentence,
)
from ..terms import Cuts, Effect, Gap, Level, Respondent, Shift, Slope, Trend

_DIGITS = 12  # of a SHA-256: enough to tell analyses apart


def notes_of(estimates: Sequence[Estimate], *, ci_prob: float, ci_kind: CiKind) -> tuple[str, ...]:
    """Return the notes of a table of estimates; the first is the verdict of the gates."""
    status = list(dict.fromkeys(e.status for e in estimates))
    out = [gate_note(status, {"k_hat" if weights_of(e.draws) else "r_hat" for e in estimates})]
    out += simulated_note([e.spec for e in estimates])
    out += _each(estimates, opening_words)
    beyond = any(e.smallest > 0 for e in estimates)
    signed = any(e.is_difference for e in estimates)
    words = f"Posterior means; {100 * ci_prob:g} % {KIND_WORDS[ci_kind]} intervals."
    words += " P(> 0): posterior probability that the difference is above zero." if signed else ""
    words += " P(beyond): that it is larger than the smallest effect of interest, either way." if beyond else ""
    out.append(words)
    out += _each(estimates, lambda e: sentence(_first(constants(e))))
    out += _each(estimates, lambda e: sentence(averaged_words(e)))
    out += _each(estimates, lambda e: pooled_words(e.spec))
    out += _each(estimates, lambda e: sentence(f"Data: {e.data}") if e.data else "")
    out += _each(estimates, identification_words)
    out += dict.fromkeys(sentence(n) for e in estimates for n in e.notes)
    out += dict.fromkeys(spec_note(e.spec) for e in estimates)
    return tuple(x for x in out if x)


def gate_note(status: Sequence[str], kinds: Collection[str] = ()) -> str:
    """Return the verdict of the gates over all that is shown; ``kinds`` of draws as in `passed_words`."""
    bad = [failed_gates(s) for s in status if s != "passed"]
    if bad:
        return f"GATES FAILED, do not report these numbers: {'; '.join(bad)}."
    return f"All gates passed: {passed_words(kinds)}." if kinds else "All gates passed."


def simulated_note(specs: Sequence[Spec]) -> list[str]:
    """Return that data are simulated, where they are."""
    return ["SIMULATED DATA: these numbers describe no real survey."] if any(s.simulated for s in specs) else []


def spec_note(spec: Spec) -> str:
    """Return which analysis it is."""
    return f"Analysis {spec.name}, SHA-256 {spec.digest[:_DIGITS]}."


def pooled_words(spec: Spec) -> str:
    """Return which groups lean on each other.

    Examples
    --------
    >>> pooled_words(Spec("demo", ("no", "yes"), ("yes",), (Level(("country",)), Shift("us2025"))))
    'Partially pooled: level by country.'
    """
    pooled: dict[str, list[str]] = {}
    for term in spec.terms:
        match term:
            case Level(by=by):
                pooled.setdefault("level", []).append(_by(by))
            case Shift(by=by, signal=signal) if by:
                pooled.setdefault(f"shift with {signal}", []).append(_by(by))
            case Gap(by=by, signal=signal) if by:
                pooled.setdefault(f"gap in the shift with {signal}" if signal else "gap", []).append(_by(by))
            case Slope(by=by, covariate=covariate) if by:
                pooled.setdefault(f"slope of {covariate}", []).append(_by(by))
            case Effect(by=by, of=of) if by:
                pooled.setdefault(f"effect of {_by(of)}", []).append(_by(by))
            case Trend(by=by) if by:
                pooled.setdefault("trend", []).append(_by(by))
            case Cuts(by=by) if by:
                pooled.setdefault("cut points", []).append(_by(by))
            case Respondent():
                pooled.setdefault("level", []).append("respondent")
    if not pooled:
        return "Nothing is pooled."
    return "Partially pooled: " + "; ".join(f"{k} by {', '.join(dict.fromkeys(v))}" for k, v in pooled.items()) + "."


def _by(by: tuple[str, ...]) -> str:
    return " × ".join(by)


def _each(estimates: Sequence[Estimate], words: Callable[[Estimate], str]) -> list[str]:
    """Return what is said of estimates: once if it is the same of all, else with their names."""
    said: dict[str, list[str]] = {}
    for estimate in estimates:
        names = list(dict.fromkeys(str(n) for n in estimate.draws["estimand"].values))
        said.setdefault(words(estimate), []).extend(names)
    if len(said) == 1:
        return list(said)
    return [f"{_first(', '.join(dict.fromkeys(names)))}: {text}" for text, names in said.items() if text]


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]
