"""Don't know as an answer of its own: whether people answer, and what they answer, with bounds on what is unknown.

A hurdle (Mullahy 1986, Journal of Econometrics 33, 341-365): the chance of "don't know" has the terms of the analysis
with parameters of their own, and those who answer have the ordered logit. The two parts share no parameter, so that
their posteriors are independent: they are two fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from .asked import By, asked, asked_after, factors_of, identification, role_column, role_filter, signal_name
from .averaging import make_estimate, scored
from .errors import SpecError
from .estimate import Estimate, stacked
from .fitting import Fit, Method, fit
from .sources import ANSWER_COLUMNS, DataReport, Survey
from .spec import Spec
from .spec_file import as_spec
from .terms import Cuts

ANSWERED, UNSURE = "answered", "don't know"


@dataclass(frozen=True)
class Hurdle:
    """The two parts of a hurdle model.

    Parameters
    ----------
    unsure
        The fit of "don't know" against any answer; its share is that of `levels` and `shift` with ``answer="top"``.
    answered
        The fit of the answers of those who gave one.
    """

    unsure: Fit
    answered: Fit

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Hurdle is two fits and has no {name!r} → give hurdle.answered, or hurdle.unsure")


def unsure_spec(spec: Spec | str | Path) -> Spec:
    """Return the analysis of "don't know": the same terms, two answers, no cuts.

    Examples
    --------
    >>> unsure_spec("retrenchment_simulated").answers
    ('answered', "don't know")
    """
    spec = as_spec(spec)
    if spec.gaussian is not None:
        raise SpecError(
            "priors of normal answers are in points of the scale, which don't know has not → a spec of its own"
        )
    estimands = tuple(e for e in spec.estimands if e.answer == "top" and e.of != "attrition")
    return replace(
        spec,
        name=f"{spec.name}_unsure",
        answers=(ANSWERED, UNSURE),
        top=(UNSURE,),
        slider=None,
        terms=tuple(t for t in spec.terms if not isinstance(t, Cuts)),
        estimands=estimands,
        sources=(),
        variants=(),
    )


def unsure_survey(survey: Survey) -> Survey:
    """Return who answered and who did not know, as answers.

    Raises
    ------
    SpecError
        If it was read without ``dont_know``.
    """
    if survey.unsure is None:
        raise SpecError("nobody is known not to have known → read_survey(dont_know=…)")
    both = [survey.table.assign(answer=0), survey.unsure.assign(answer=1)]
    columns = [c for c in survey.table.columns if c != "value"]
    table = pd.concat([t[columns] for t in both], ignore_index=True)
    assert set(ANSWER_COLUMNS) <= set(columns)
    report = DataReport(f"{survey.report.source}, whether answered", survey.report.lines)
    return Survey(table, (ANSWERED, UNSURE), (UNSURE,), report)


def fit_hurdle(
    spec: Spec | str | Path,
    *surveys: Survey,
    random_seed: int | None = None,
    draws: int = 1000,
    chains: int = 4,
    method: Method = "auto",
    progressbar: bool = True,
) -> Hurdle:
    """Fit an analysis and, apart, who answered "don't know".

    Parameters
    ----------
    spec
        The analysis of the answers.
    surveys
        Read with ``dont_know``.
    random_seed, draws, chains, method, progressbar
        As in `fit`; both parts have as many draws.

    Returns
    -------
    Hurdle

    Raises
    ------
    SpecError
        If a survey was read without ``dont_know``, or as in `fit`.
    """
    spec = as_spec(spec)
    unsure = [unsure_survey(s) for s in surveys]
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if random_seed is None else random_seed
    options: dict[str, int | bool] = {"draws": draws, "chains": chains, "progressbar": progressbar}
    return Hurdle(
        fit(unsure_spec(spec), *unsure, random_seed=seed, method=method, **options),  # type: ignore[arg-type]
        fit(spec, *surveys, random_seed=seed + 1, method=method, **options),  # type: ignore[arg-type]
    )


def bounds(
    hurdle: Hurdle,
    *,
    signal: str | None = None,
    by: By = (),
    roles: Sequence[str] = (),
    countries: Sequence[str] = (),
    waves: Sequence[str] = (),
    smallest: float = 0.0,
) -> Estimate:
    """Return the share of all people who find a promise credible, whatever those say who do not know.

    With q the chance of "don't know" and p that of a top answer among the others, it lies between (1 - q) p and
    (1 - q) p + q, without any assumption on the former (Manski 2003, Partial Identification of Probability
    Distributions, section 1.1); a shift between the lowest after less the highest before, and the reverse.

    Parameters
    ----------
    signal
        None for levels; a signal's name for its shift.
    by, roles, countries, waves, smallest
        As in `levels` and `shift`; for a shift, at most one wave.

    Returns
    -------
    Estimate
        Rows ``lowest``, ``as those who answered`` (p itself) and ``highest``, below each other; in per cent, or
        percentage points.

    Raises
    ------
    SpecError
        If a label is unknown, nothing matches, or a shift is asked at several waves.

    Examples
    --------
    >>> ac.summary(ac.bounds(hurdle, signal="us2025"))  # doctest: +SKIP
    """
    one = hurdle.answered
    by = factors_of(one.spec.factors, by)
    if signal is None:
        table, groups, label, name = asked(one, by, countries=countries, waves=waves), by, "descriptive", "levels"
        q, p = (scored(f, table, "top", None) / 100 for f in (hurdle.unsure, one))
        parts = {"lowest": (1 - q) * p, "as those who answered": p, "highest": (1 - q) * p + q}
        sides: dict[str, tuple[np.ndarray, np.ndarray] | None] = dict.fromkeys(parts)
    else:
        found = signal_name(one.spec, signal)
        if len(waves) > 1:
            raise SpecError(f"a shift is evaluated at one wave, got {', '.join(waves)}")
        table = asked_after(one, found, by, countries, waves[0] if waves else None)
        table = table[role_filter(one, table, found, roles, False)].reset_index(drop=True)
        if table.empty:
            raise SpecError(f"nothing was asked after {found} that matches")
        table = table.assign(role=role_column(one, table, found, False))
        groups, label, name = ("role", *by), identification(one, found), "shift"
        off, on = (
            tuple(scored(f, table, "top", None, {found: x}) / 100 for f in (hurdle.unsure, one)) for x in (0.0, 1.0)
        )
        lows, highs = (tuple((1 - q) * p + k * q for q, p in (off, on)) for k in (0, 1))
        parts = {
            "lowest": lows[1] - highs[0],
            "as those who answered": on[1] - off[1],
            "highest": highs[1] - lows[0],
        }
        sides = {
            "lowest": (highs[0], lows[1]),
            "as those who answered": (off[1], on[1]),
            "highest": (lows[0], highs[1]),
        }
    note = "bounds: whatever those would say who do not know (Manski 2003); their intervals are those of each bound"
    made = [
        make_estimate(
            one,
            name,
            table,
            groups,
            100 * values,
            answer="top",
            identification=label,
            smallest=smallest,
            notes=(note,),
            sides=None if (both := sides[key]) is None else (100 * both[0], 100 * both[1]),
        ).named(key)
        for key, values in parts.items()
    ]
    return _judged(stacked(made), hurdle.unsure)


def _judged(estimate: Estimate, unsure: Fit) -> Estimate:
    """Return the estimate with the verdict on both parts."""
    if unsure.diagnosis.passed:
        return estimate
    both = [s for s in (estimate.status, unsure.diagnosis.status) if s != "passed"]
    return replace(estimate, status="; ".join(both))
