"""A signal moved to dates at which nothing was signalled: what the design finds where there is nothing to find."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from .asked import signal_name
from .errors import SpecError, raise_spec
from .events import Signal, Wave
from .sources import Survey, Toplines
from .spec import Spec
from .spec_check import spec_problems
from .spec_file import as_spec
from .specifications import Analysis
from .terms import Gap, Shift, Slope


def placebo_grid(
    spec: Spec | str | Path,
    *sources: Survey | Toplines,
    signal: str | None = None,
    dates: Sequence[dt.date] = (),
) -> dict[str, Analysis]:
    """Return the analysis as declared, and with its signal moved to each of some dates before it.

    A placebo analysis has only the waves that ended before the signal; its shift should be about zero. Give the grid
    to `sensitivity` to fit it.

    Parameters
    ----------
    spec, sources
        The analysis and its data.
    signal
        The signal that is moved; may be left out if there is one.
    dates
        Days between two waves before the signal; empty: the middle of every gap between them.

    Returns
    -------
    dict
        ``as declared`` and ``placebo YYYY-MM-DD`` → `Analysis`. Estimands other than shifts and gaps in them are
        left out of a placebo, as are other signals that its waves cannot show.

    Raises
    ------
    SpecError
        If fewer than two waves ended before the signal, or a date falls into a wave or has no wave on one side.

    Examples
    --------
    >>> import alliancecred as ac
    >>> survey = ac.simulate("retrenchment_simulated").survey
    >>> ac.placebo_grid("retrenchment_simulated", survey)
    Traceback (most recent call last):
    ...
    alliancecred.errors.SpecError: 1 wave ended before us2025: a placebo date needs two → none can be tried
    """
    spec = as_spec(spec)
    name = signal_name(spec, signal)
    true = spec.signal(name)
    waves = sorted((w for w in spec.waves if w.end < true.date), key=lambda w: w.start)
    asked = _asked(sources)
    waves = [w for w in waves if w.name in asked]
    if len(waves) < 2:
        count = f"{len(waves)} wave{'s' if len(waves) != 1 else ''}"
        raise SpecError(f"{count} ended before {name}: a placebo date needs two → none can be tried")
    kept = tuple(_only(s, {w.name for w in waves}) for s in sources)
    out = {"as declared": Analysis(spec, tuple(sources))}
    for date in dates or _gaps(waves):
        moved = _moved(spec, replace(true, date=date), waves)
        raise_spec([p for p in spec_problems(moved) if p.column.startswith("signals.")])
        out[f"placebo {date.isoformat()}"] = Analysis(moved, kept)
    return out


def _asked(sources: Sequence[Survey | Toplines]) -> set[str]:
    return {
        w for s in sources for w in (s.table["wave"] if isinstance(s, Survey) else [r.labels["wave"] for r in s.rows])
    }


def _only(source: Survey | Toplines, waves: set[str]) -> Survey | Toplines:
    if isinstance(source, Survey):
        return replace(source, table=source.table[source.table["wave"].isin(waves)].reset_index(drop=True))
    return replace(source, rows=tuple(r for r in source.rows if r.labels["wave"] in waves))


def _gaps(waves: Sequence[Wave]) -> list[dt.date]:
    return [a.end + (b.start - a.end) / 2 for a, b in pairwise(waves) if (b.start - a.end).days > 1]


def _moved(spec: Spec, signal: Signal, waves: Sequence[Wave]) -> Spec:
    first, last = waves[0].end, waves[-1].start
    others = [s for s in spec.signals if s.name != signal.name and first < s.date < last]
    names = {signal.name, *(s.name for s in others)}
    terms = tuple(t for t in spec.terms if not isinstance(t, Shift | Gap | Slope) or t.signal in (None, *names))
    estimands = tuple(
        replace(e, waves=()) for e in spec.estimands if e.of == "shift" or (e.of in ("gap", "comparison") and e.signal)
    )
    return replace(
        spec,
        waves=tuple(waves),
        signals=(signal, *others),
        terms=terms,
        estimands=tuple(e for e in estimands if e.signal in (None, *names)),
    )
