"""Notes as sentences: a report prints them one behind the other."""

from dataclasses import replace

from ..estimate import Estimate
from ..summaries import describe, opened


def with_sentences(estimate: Estimate) -> Estimate:
    """Return the estimate with notes that can follow a full stop."""
    return replace(estimate, notes=tuple(opened(n, estimate.spec) for n in estimate.notes))


def described(estimate: Estimate) -> str:
    """Return the estimate in words, every note a sentence."""
    return describe(with_sentences(estimate))
