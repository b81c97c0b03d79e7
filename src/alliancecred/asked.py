"""Which rows an estimand is about: what was asked, of whom, in which role; and how it is identified."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from .carriers import roles_of, same_state
from .cautions import changes_with
from .cells import Rows, labels_of, rows_of
from .composition import PLACE, Kinds, numbered
from .errors import SpecError, nearest
from .fitting import Fit
from .spec import Spec
from .terms import FACTORS, Drift, Level, Trend

By = str | Sequence[str]


def factors_of(known: Sequence[str], by: By) -> tuple[str, ...]:
    """Return ``by`` as a tuple of factors; one that is not among the known ones is a `SpecError`."""
    out = (by,) if isinstance(by, str) else tuple(by)
    for factor in out:
        if factor not in known:
            raise SpecError(f"cannot break down by {factor!r}: {nearest(factor, known)}")
    return out


def combinations_asked(fit: Fit, by: Sequence[str]) -> pd.DataFrame:
    """Return the distinct rows that were asked, in the factors every analysis has and those of ``by``."""
    names = [*FACTORS, *(f for f in fit.spec.declared if f in by)]
    first = np.unique(numbered([fit.cells.rows.codes[f] for f in names]), return_index=True)[1]
    table = labels_of(fit.cells.rows.take(np.sort(first)), fit.cells.levels)[names]
    table = table.drop_duplicates().reset_index(drop=True)
    own = {f: {x: i for i, x in enumerate(fit.cells.levels[f])} for f in names[len(FACTORS) :]}
    if not own:
        return table
    return table.sort_values(list(own), key=lambda c: c.map(own[str(c.name)]), kind="stable", ignore_index=True)


def signal_name(spec: Spec, signal: str | None) -> str:
    """Return the name of a declared signal; the only one where none is given."""
    names = [s.name for s in spec.signals]
    if signal is None:
        if len(names) != 1:
            raise SpecError(f"name the signal: {', '.join(names) or 'the spec declares none'}")
        return names[0]
    return spec.signal(signal).name


def asked(
    fit: Fit,
    by: Sequence[str],
    *,
    countries: Sequence[str] = (),
    waves: Sequence[str] = (),
    kinds: Kinds | None = None,
) -> pd.DataFrame:
    """Distinct rows that were asked, of the reference population unless broken down by population.

    With ``kinds`` the declared factors of ``by`` have every combination that is among them, asked or not.
    """
    table = combinations_asked(fit, by if kinds is None else [f for f in by if f in FACTORS])
    for factor, wanted in (("country", countries), ("wave", waves)):
        known = set(table[factor])
        for value in wanted:
            if value not in known:
                raise SpecError(f"{factor} {value!r} was not asked: {nearest(value, sorted(known))}")
        if wanted:
            table = table[table[factor].isin(wanted)]
    if "population" not in by and fit.spec.reference in set(table.population):
        table = table[table.population == fit.spec.reference]
    if table.empty:
        raise SpecError("nothing was asked that matches")
    if kinds is not None:
        table = _with_groups(fit, table, [f for f in by if f in kinds.codes], kinds)
    return table.reset_index(drop=True)


def _with_groups(fit: Fit, table: pd.DataFrame, groups: Sequence[str], kinds: Kinds) -> pd.DataFrame:
    """Return every row once for each combination of groups that people of its country and population have."""
    if not groups:
        return table
    there = kinds.where(kinds.share > 0)
    names = [*PLACE, *groups]
    codes = np.unique(np.column_stack([{**there.place, **there.codes}[f] for f in names]), axis=0)
    frame = pd.DataFrame({f: np.array(fit.cells.levels[f], dtype=object)[codes[:, j]] for j, f in enumerate(names)})
    out = table.merge(frame, on=list(PLACE), how="left")
    lone = out[out[groups[0]].isna()]
    if len(lone):
        message = f"nobody is there in {', '.join(lone['country'].unique())}: there is nothing to average over"
        raise SpecError(f"{message} → countries=…")
    return out


def asked_after(
    fit: Fit,
    signal: str,
    by: Sequence[str],
    countries: Sequence[str],
    wave: str | None,
    kinds: Kinds | None = None,
) -> pd.DataFrame:
    """Rows asked after a signal: at ``wave``, or each at the first wave after it that asked."""
    table = asked(fit, by, countries=countries, kinds=kinds)
    table = table[rows_for(fit, table).on[signal] > 0]
    if wave is not None:
        if wave not in set(table.wave):
            raise SpecError(f"{wave!r} is not a wave after {signal}: {nearest(wave, sorted(set(table.wave)))}")
        return table[table.wave == wave].reset_index(drop=True)
    if "wave" in by:
        return table.reset_index(drop=True)
    order = {w: i for i, w in enumerate(fit.cells.levels["wave"])}
    table = table.assign(_order=table.wave.map(order)).sort_values("_order", kind="stable")
    keys = [f for f in table.columns if f not in ("wave", "_order")]
    return table.drop_duplicates(keys).drop(columns="_order").reset_index(drop=True)


def asked_of_both(fit: Fit, population: str, signal: str | None, by: Sequence[str]) -> pd.DataFrame:
    """Return rows asked of ``population`` and the reference alike; with a signal, before and after it."""
    asked = combinations_asked(fit, by)
    if population not in set(asked.population):
        raise SpecError(
            f"population {population!r} was not asked: {nearest(population, sorted(set(asked.population)))}"
        )
    keys = [f for f in asked.columns if f != "population"]
    reference = asked[asked.population == fit.spec.reference][keys]
    table = asked[asked.population == population].merge(reference, on=keys)
    if signal is not None and len(table):
        on = rows_for(fit, table).on[signal_name(fit.spec, signal)] > 0
        pair = [f for f in keys if f != "wave"]
        before = table[~on][pair].drop_duplicates()
        table = table[on].merge(before, on=pair).drop_duplicates(pair)
    if table.empty:
        raise SpecError(f"{population!r} and {fit.spec.reference!r} were nowhere asked the same")
    return table[list(asked.columns)].reset_index(drop=True)


def rows_for(fit: Fit, table: pd.DataFrame) -> Rows:
    """Return the `Rows` of a table of labels on the levels of a fit."""
    return rows_of(fit.spec, fit.cells.levels, table)


def role_filter(fit: Fit, table: pd.DataFrame, signal: str, roles: Sequence[str], include_self: bool) -> np.ndarray:
    """Return which rows have one of the ``roles``; ``include_self`` counts the sender judging itself as sender."""
    if not roles:
        return np.ones(len(table), dtype=bool)
    rows = rows_for(fit, table)
    keep = np.isin(roles_of(rows, fit.cells.levels, fit.spec, signal), roles)
    if include_self and "sender" in roles:
        keep |= same_state(rows, fit.cells.levels) & (table.ally == fit.spec.signal(signal).sender).to_numpy()
    return np.asarray(keep)


def role_column(fit: Fit, table: pd.DataFrame, signal: str, include_self: bool) -> np.ndarray:
    """Return the role of every row; with ``include_self`` the sender's rows are ``sender + self``."""
    role = roles_of(rows_for(fit, table), fit.cells.levels, fit.spec, signal).astype(object)
    if include_self:
        sender = (table.ally == fit.spec.signal(signal).sender).to_numpy()
        role[sender] = "sender + self"
    return role


def signals_between(spec: Spec, before: str, after: str) -> list[str]:
    """Return the signals dated between two waves, in words."""
    waves = {w.name: w for w in spec.waves}
    if before not in waves or after not in waves:
        return []
    before, after = sorted((before, after), key=lambda w: waves[w].start)
    return [f"{s.name} ({s.sender}, {s.date})" for s in spec.signals if waves[before].end < s.date < waves[after].start]


def identification(fit: Fit, signal: str) -> str:
    """Return the identification label of a shift.

    ``unexpected event`` compares interviews of one fieldwork (`event_window`). ``difference-in-differences`` needs
    countries that were not exposed but asked before and after, and a level by wave or a trend that their change can
    inform. ``interrupted series`` has a trend that the waves before the signal inform.
    """
    if _unexpected(fit, signal):
        return "unexpected event"
    exposed = fit.spec.signal(signal).countries
    trend = any(isinstance(t, Trend) for t in fit.spec.terms)
    by_wave = trend or any("wave" in getattr(t, "by", ()) for t in fit.spec.terms if isinstance(t, Level))
    starts = {w.name: w.start > fit.spec.signal(signal).date for w in fit.spec.waves}
    table = fit.cells.labels()
    sides = table.assign(after=table.wave.map(starts)).groupby("country")["after"].nunique()
    unexposed = [c for c in sides.index[sides == 2] if exposed and c not in exposed]
    if unexposed and by_wave:
        return "difference-in-differences"
    return "interrupted series" if trend else "before-after"


def _unexpected(fit: Fit, signal: str) -> bool:
    """Whether all waves that were asked are parts of one fieldwork."""
    asked = set(fit.cells.labels()["wave"])
    whole = {w.part_of for w in fit.spec.waves if w.name in asked}
    return len(whole) == 1 and whole != {""} and bool(signal)


def signal_notes(fit: Fit, signal: str) -> tuple[str, ...]:
    """Return notes on what the waves cannot tell apart from this signal: other signals, another house or wording."""
    changed = tuple(changes_with(fit.design, fit.cells, signal))
    if (drift := next((t for t in fit.spec.terms if isinstance(t, Drift)), None)) is not None:
        changed += (
            f"a drift of sd {drift.sd:g} ({fit.spec.unit}) a year is declared: it alone tells the shift from a drift",
        )
    chosen = fit.spec.signal(signal)
    waves = sorted(fit.spec.waves, key=lambda w: w.start)
    earlier = [w for w in waves if w.end < chosen.date]
    later = [w for w in waves if w.start > chosen.date]
    same = [
        s.name
        for s in fit.spec.signals
        if s.name != signal and earlier and later and earlier[-1].end < s.date < later[0].start
    ]
    if same:
        return (f"{', '.join(same)} fell between the same two waves: their shifts cannot be told apart", *changed)
    return changed
