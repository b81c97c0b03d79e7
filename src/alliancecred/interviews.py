"""An unexpected event during fieldwork: interviews before and after it, within one wave.

Who is interviewed on which day is taken for unrelated to the event (Muñoz, Falcó-Gimeno & Hernández 2020, Political
Analysis 28, 186-206): then people after it differ from those before it by the event alone. What speaks for or against
that: people before and after are alike in what the event cannot have changed (`event_balance`), the shift does not
hang on how many days are compared, and is absent at dates when nothing happened (`event_grid`).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from .errors import Problem, SpecError, nearest, raise_spec
from .events import Signal, Wave
from .sources import DATE, ReportLine, Survey
from .spec import Spec
from .spec_check import spec_problems
from .specifications import Analysis

BEFORE, AFTER = "before", "after"
LEAST = 30  # people on a side, below which a comparison is refused
_Z = 1.959963984540054


def event_window(
    spec: Spec,
    survey: Survey,
    *,
    signal: str,
    bandwidth: int = 7,
    donut: int = 0,
    date: dt.date | None = None,
    least: int = LEAST,
) -> Analysis:
    """Return the analysis of the interviews of one fieldwork before and after a signal.

    Interviews of the very day are left out: nobody knows on which side of the event they were.

    Parameters
    ----------
    spec
        Declares the signal, whose date falls into a wave (`read_spec` refuses that, a `Spec` value may have it). Terms
        that need other waves (a `Trend`, say) have no place in it.
    survey
        Read with ``Roles(date=…)``.
    signal
        The event.
    bandwidth
        Days on each side.
    donut
        Days next to the event that are left out on each side, besides the day itself.
    date
        Another day than the signal's: a placebo. Only interviews before the signal (or only after it) are then used.
    least
        Fewest people on each side.

    Returns
    -------
    Analysis
        The spec with two waves in place of the one, and the survey's interviews in them. `fit` it:
        ``fit(analysis.spec, *analysis.sources)``; its shifts have the label ``unexpected event``.

    Raises
    ------
    SpecError
        If interviews have no dates, the date lies in no wave, or a side has too few people.

    Examples
    --------
    >>> window = ac.event_window(spec, survey, signal="speech", bandwidth=5)  # doctest: +SKIP
    >>> ac.shift(ac.fit(window.spec, *window.sources))  # doctest: +SKIP
    """
    if DATE not in survey.table:
        raise SpecError("the days of the interviews are not known → read_survey with Roles(date=…)")
    if bandwidth < 1 or donut < 0 or donut >= bandwidth:
        raise SpecError(f"a bandwidth of at least 1 day and a smaller donut are needed, got {bandwidth} and {donut}")
    true = spec.signal(signal)
    day = date or true.date
    wave = next((w for w in spec.waves if w.start <= day <= w.end), None)
    if wave is None:
        waves = ", ".join(f"{w.name} ({w.start} to {w.end})" for w in spec.waves)
        raise SpecError(f"{day} lies in no wave: {waves}")
    sides = _sides(wave, true.date, day, bandwidth, donut)
    windows = {w.name: (w.start, w.end) for w in sides}
    kept = tuple(_inside(t, wave, windows) for t in (survey.table, survey.unsure) if t is not None)
    people = {w.name: int(kept[0].loc[kept[0]["wave"] == w.name, "count"].sum()) for w in sides}
    if few := [f"{n} on the side {name!r}" for name, n in people.items() if n < least]:
        raise SpecError(
            f"too few answers to compare: {', '.join(few)}; at least {least} are needed → a wider bandwidth"
        )
    total = int(survey.table["count"].sum())
    line = ReportLine("noted", total - sum(people.values()), f"answers outside {bandwidth} days of {day} are left out")
    report = replace(survey.report, lines=(*survey.report.lines, line))
    found = replace(survey, table=kept[0], unsure=kept[1] if len(kept) > 1 else None, report=report)
    return Analysis(_narrowed(spec, true, day, sides), (found,))


def _sides(wave: Wave, true: dt.date, day: dt.date, bandwidth: int, donut: int) -> tuple[Wave, Wave]:
    """Return the windows before and after a day; a placebo's end before the true event, or begin after it."""
    first, last = wave.start, wave.end
    if day < true:
        last = min(last, true - dt.timedelta(1))
    elif day > true:
        first = max(first, true + dt.timedelta(1))
    near, far = dt.timedelta(1 + donut), dt.timedelta(bandwidth)
    spans = {BEFORE: (max(first, day - far), day - near), AFTER: (day + near, min(last, day + far))}
    if empty := [side for side, (start, end) in spans.items() if start > end]:
        raise SpecError(f"no day of {wave.name!r} is left {' and '.join(empty)} {day}")
    before, after = (
        replace(wave, name=f"{wave.name}: {side}", start=start, end=end, part_of=wave.name)
        for side, (start, end) in spans.items()
    )
    return before, after


def _inside(table: pd.DataFrame, wave: Wave, windows: dict[str, tuple[dt.date, dt.date]]) -> pd.DataFrame:
    """Return the interviews of a wave within the windows, with their names for its."""
    days = table[DATE].to_numpy(dtype="datetime64[D]")
    name = np.full(len(table), "", dtype=object)
    for side, (start, end) in windows.items():
        name[(days >= np.datetime64(start)) & (days <= np.datetime64(end))] = side
    own = ((table["wave"] == wave.name) | (table["wave"] == "")).to_numpy() & (name != "")
    return table[own].assign(wave=name[own]).reset_index(drop=True)


def _narrowed(spec: Spec, signal: Signal, day: dt.date, sides: tuple[Wave, Wave]) -> Spec:
    others = {s.name for s in spec.signals} - {signal.name}
    out = replace(
        spec,
        waves=sides,
        signals=(replace(signal, date=day),),
        terms=tuple(t for t in spec.terms if getattr(t, "signal", None) not in others),
        estimands=tuple(replace(e, waves=()) for e in spec.estimands if e.of != "change" and e.signal not in others),
        sources=(),
    )
    raise_spec(list(spec_problems(out)))
    return out


def event_balance(window: Analysis) -> pd.DataFrame:
    """Return how people before and after the event differ: covariates of people, country asked, and don't know.

    Parameters
    ----------
    window
        As `event_window` returns it. Covariates are those the survey was read with (``traits``); the country counts
        too; "don't know" is there if the survey was read with ``dont_know``: it is no cause but may be an effect.

    Returns
    -------
    pandas.DataFrame
        One row per label: ``what, label, before, after`` (per cent of answers), ``difference`` (points) with
        ``lower, upper`` (95 %, independent shares), and ``standardised``: the difference over the pooled sd (Imbens &
        Rubin 2015, section 14.2; beyond ±0.1 or so people are not alike).

    Examples
    --------
    >>> ac.event_balance(window)  # doctest: +SKIP
    """
    survey = window.sources[0]
    if not isinstance(survey, Survey) or any(not w.part_of for w in window.spec.waves):
        raise SpecError("balance is that of an event_window")
    names = [w.name for w in window.spec.waves]
    table, rows = survey.table, []
    for what in ("country", *survey.traits):
        for label in sorted(set(table[what])):
            rows.append({"what": what, "label": label, **_compared(table, table[what] == label, names)})
    if survey.unsure is not None:
        both = pd.concat([table.assign(_unsure=False), survey.unsure.assign(_unsure=True)], ignore_index=True)
        rows.append({"what": "answer", "label": "don't know", **_compared(both, both["_unsure"], names)})
    return pd.DataFrame(rows)


def _compared(table: pd.DataFrame, has: pd.Series, names: Sequence[str]) -> dict[str, float]:
    share, size = [], []
    for name in names:
        own, count = (table["wave"] == name).to_numpy(), table["count"].to_numpy(dtype=float)
        size.append(count[own].sum())
        share.append(count[own & has.to_numpy(dtype=bool)].sum() / size[-1])
    spread = [p * (1 - p) for p in share]
    error = _Z * np.sqrt(sum(v / n for v, n in zip(spread, size, strict=True)))
    gap = share[1] - share[0]
    pooled = np.sqrt(np.mean(spread))
    return {
        "before": 100 * share[0],
        "after": 100 * share[1],
        "difference": 100 * gap,
        "lower": 100 * (gap - error),
        "upper": 100 * (gap + error),
        "standardised": gap / pooled if pooled > 0 else 0.0,
    }


def event_grid(
    spec: Spec,
    survey: Survey,
    *,
    signal: str,
    bandwidths: Sequence[int] = (3, 7, 14),
    donuts: Sequence[int] = (0, 1),
    placebos: Sequence[dt.date] = (),
    least: int = LEAST,
) -> dict[str, Analysis]:
    """Return the analyses of all bandwidths and donuts, and of placebo dates, for `sensitivity`.

    Parameters
    ----------
    spec, survey, signal, least
        As in `event_window`.
    bandwidths, donuts
        Days; combinations where the donut is not smaller are left out.
    placebos
        Days of the wave on which nothing happened; each with the widest bandwidth that fits.

    Returns
    -------
    dict
        ``7 days``, ``7 days, donut 1``, ``placebo YYYY-MM-DD`` → `Analysis`.

    Examples
    --------
    >>> ac.sensitivity(ac.event_grid(spec, survey, signal="speech"))  # doctest: +SKIP
    """
    if not bandwidths:
        raise SpecError([Problem("schema", "bandwidths", "none is given")])
    name = spec.signal(signal).name
    out = {}
    for days, hole in product(sorted(set(bandwidths)), sorted(set(donuts or (0,)))):
        if hole < days:
            label = f"{days} days" + (f", donut {hole}" if hole else "")
            out[label] = event_window(spec, survey, signal=name, bandwidth=days, donut=hole, least=least)
    for date in placebos:
        if date == spec.signal(name).date:
            raise SpecError(f"{date} is the day of {name} itself: {nearest(name, [s.name for s in spec.signals])}")
        found = event_window(spec, survey, signal=name, bandwidth=max(bandwidths), date=date, least=least)
        out[f"placebo {date.isoformat()}"] = found
    return out
