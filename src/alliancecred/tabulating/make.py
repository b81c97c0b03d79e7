"""`table`: from estimates, a fit or a frame of them to a table for a paper."""

from collections.abc import Sequence

import pandas as pd

from ..asking import evaluate
from ..errors import SpecError, nearest
from ..estimate import LABELS, Estimate
from ..fitting import Fit
from ..spec import Spec
from ..summaries import CiKind, check_interval
from .estimates import of_estimates
from .frames import of_frame
from .value import PaperTable


def table(
    what: Estimate | Sequence[Estimate] | Fit | pd.DataFrame,
    *,
    by: str = "",
    title: str = "",
    ci_prob: float = 0.95,
    ci_kind: CiKind = "eti",
    diagnostics: bool = False,
    spec: Spec | None = None,
) -> PaperTable:
    """Return a table for a paper: rows in words, means with intervals, probabilities of direction, notes below.

    The notes always say whether the gates were passed, what was measured, the kind of the intervals, over whom is
    averaged, who is pooled, on how much data it rests, what the identification can carry, and the SHA-256 of the
    analysis.

    Parameters
    ----------
    what
        An estimate, or several; a fit, of which every declared estimand is shown; or a frame: of `summary`,
        `sensitivity` (rows are specifications, under a heading per question), `compare` or
        `populations_side_by_side` (what small cells keep back stays blank).
    by
        Of estimates: what rows are put together by, under a heading each: ``role``, ``estimand``, ``country``,
        ``ally``, … (a label of the rows). Default: by estimand and role, where there are several; else by the
        attribute of an experiment.
    title
        What stands above; default what is asked and the name of the analysis.
    ci_prob, ci_kind
        Probability and kind (``eti``, ``hdi``) of the intervals of estimates; frames bring their own.
    diagnostics
        Whether to show bulk and tail effective sizes and R-hat (or Pareto k).
    spec
        Of a frame: the analysis, for full names and its SHA-256.

    Returns
    -------
    PaperTable
        With ``html()``, ``latex()``, ``markdown()`` and ``word(path)``.

    Raises
    ------
    SpecError
        If there is nothing to show, rows have no label ``by``, or a frame is none of these.

    Examples
    --------
    >>> import alliancecred as ac
    >>> from alliancecred.figures.example import example_estimate
    >>> print(ac.table(example_estimate("levels"), by="country").groups[0].heading)
    Germany
    """
    check_interval(ci_prob, ci_kind)
    match what:
        case pd.DataFrame():
            if by:
                raise SpecError("a frame has rows and headings of its own: `by` is for estimates")
            return of_frame(what, spec=spec, title=title, diagnostics=diagnostics)
        case Fit():
            estimates = [evaluate(what, asked) for asked in what.spec.estimands]
            if not estimates:
                raise SpecError("the spec of this fit declares no estimands → table(ac.shift(fit)), say")
        case Estimate():
            estimates = [what]
        case list() | tuple() if what and all(isinstance(e, Estimate) for e in what):
            estimates = list(what)
        case _:
            shown = "nothing" if isinstance(what, list | tuple) and not what else type(what).__name__
            raise SpecError(f"a table is made of estimates, a fit or a frame of them, got {shown}")
    if not any(len(e) for e in estimates):
        raise SpecError("the estimates have no rows: there is nothing to show")
    known = list(dict.fromkeys(k for e in estimates for k in e.keys)) or list(LABELS)
    if by and by not in known:
        raise SpecError(f"rows have no label {by!r}: {nearest(by, known)}")
    return of_estimates(estimates, by=by, title=title, ci_prob=ci_prob, ci_kind=ci_kind, diagnostics=diagnostics)
