"""When an effect counts as shown: a decision rule, and what it says of a fit or of a truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .asking import evaluate
from .errors import SpecError
from .estimate import Estimate
from .fitting import Fit
from .spec import Estimand
from .summaries import by_row


@dataclass(frozen=True)
class Rule:
    """When an effect counts as shown: P(effect beyond ``smallest`` in this direction) ≥ ``prob``.

    Parameters
    ----------
    estimand
        ``shift``, ``gap``, or any `Estimand` (a ``change`` between two waves, say).
    role, ally, country
        The row that is meant; the rest is averaged over. Where several rows are left, the rule must hold in each.
    signal
        For ``shift`` (may be left out if there is one); for ``gap``, the gap in that signal's shift.
    direction
        ``<0`` or ``>0``.
    prob
        Posterior probability asked for.
    smallest
        Smallest effect of interest, percentage points, not negative.

    Examples
    --------
    >>> print(Rule("shift", role="sender", smallest=5.0))
    P(shift of the sender < -5 points) ≥ 0.95
    """

    estimand: Literal["shift", "gap"] | Estimand
    role: str = ""
    ally: str = ""
    country: str = ""
    signal: str | None = None
    direction: Literal["<0", ">0"] = "<0"
    prob: float = 0.95
    smallest: float = 0.0

    def __post_init__(self) -> None:
        if self.direction not in ("<0", ">0"):
            raise SpecError(f"direction is '<0' or '>0', got {self.direction!r}")
        if not 0 < self.prob < 1 or not 0 <= self.smallest < np.inf:
            raise SpecError(f"prob lies between 0 and 1 and smallest is not negative: {self.prob}, {self.smallest}")
        match self.estimand:
            case Estimand(of="levels" | "marginal_means") | Estimand(answer="mean"):
                raise SpecError("a rule is about a difference in percentage points: shift, gap, change, amce, …")
            case Estimand() | "shift" | "gap":
                pass
            case other:
                raise SpecError(f"a rule is about 'shift', 'gap' or an Estimand, got {other!r}")

    def __str__(self) -> str:
        name = self.estimand if isinstance(self.estimand, str) else self.estimand.name or self.estimand.of
        who = [f"the {self.role}" if self.role else "", self.ally, f"in {self.country}" if self.country else ""]
        what = " ".join([name, *(["of"] if self.role or self.ally else []), *filter(None, who)])
        bound = f"{self.sign * self.smallest:g} points" if self.smallest else "0"
        return f"P({what} {self.direction[0]} {bound}) ≥ {self.prob:g}"

    @property
    def sign(self) -> int:
        """1 or -1."""
        return 1 if self.direction == ">0" else -1

    def estimate(self, fit: Fit) -> Estimate:
        """Return the rows the rule is about."""
        match self.estimand:
            case Estimand() as asked:
                pass
            case of:
                by = tuple(f for f in ("country", "ally") if getattr(self, f))
                asked = Estimand(of, by=by, signal=self.signal)
        found = evaluate(fit, asked)
        return found.at(role=self.role or None, ally=self.ally or None, country=self.country or None)


def ask(rule: Rule | Callable[[Fit], bool], fit: Fit) -> tuple[bool, float | None, Estimate | None]:
    """Return whether the rule holds; of a `Rule` also its probability and the estimate it looked at."""
    if not isinstance(rule, Rule):
        return bool(rule(fit)), None, None
    estimate = rule.estimate(fit)
    probability = float((rule.sign * by_row(estimate) > rule.smallest).mean(1).min())
    return probability >= rule.prob, probability, estimate
