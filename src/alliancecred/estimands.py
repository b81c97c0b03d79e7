"""Draws → `Estimate`: levels, changes, shifts and gaps, each over an explicit population.

Averages are taken within a country over the rows asked there, then equally over countries; always
over draws of probabilities, never over coefficients or interval bounds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from .cells import Rows, rows_of
from .design import roles_of, same_state
from .gates import convergence, table_problems
from .errors import SpecError, nearest
from .estimate import LABELS, Estimate
from .fitting import Fit
from .prediction import score_rows
from .spec import Estimand, Spec
from .terms import FACTORS

By = str | Sequence[str]


def levels(
    fit: Fit,
    *,
    by: By = ("country", "ally", "wave", "population"),
    answer: str = "top",
    countries: Sequence[str] = (),
    waves: Sequence[str] = (),
    population_size: Mapping[str, int] | None = None,
) -> Estimate:
    """Return how credible a promise is believed to be, where it was asked.

    Parameters
    ----------
    fit
        A fitted analysis.
    by
        Factors to break down by; the rest is averaged (equal weights within a country, then equal
        countries). Without ``population`` the reference population is meant.
    answer
        ``top`` (share of the top answers), one answer (its share), or ``mean`` (score 1…K).
    countries, waves
        Restrict to these.
    population_size
        Population → its finite size N: people already asked count as known, the other N-n are
        predicted (for a parliament of 650, say).

    Returns
    -------
    Estimate
        In per cent (``mean``: points); identification ``descriptive``.

    Raises
    ------
    SpecError
        If a factor, answer, country or wave is unknown.
    """
    by = _by(by)
    table = _asked(fit, by, countries=countries, waves=waves)
    values = _scored(fit, table, answer, population_size)
    return _estimate(fit, "levels", table, by, values, answer=answer, identification="descriptive")


def change(
    fit: Fit,
    before: str,
    after: str,
    *,
    by: By = ("country", "ally"),
    answer: str = "top",
    countries: Sequence[str] = (),
    smallest: float = 0.0,
) -> Estimate:
    """Return the plain difference between two waves where a promise was judged in both.

    Parameters
    ----------
    before, after
        Names of waves.
    by, answer, countries
        As in `levels`.
    smallest
        Smallest change of interest, percentage points.

    Returns
    -------
    Estimate
        In percentage points. ``before-after`` if signals lie between the waves (all are named: two
        waves cannot tell them apart), else ``descriptive``.
    """
    by = _by(by)
    table = _asked(fit, by, countries=countries, waves=(before, after))
    keys = [f for f in FACTORS if f != "wave"]
    paired = table.groupby(keys, sort=False)["wave"].transform("nunique") == 2
    table = table[paired]
    if table.empty:
        raise SpecError(f"nothing was asked in both {before!r} and {after!r}")
    first, second = (table[table.wave == w].sort_values(keys).reset_index(drop=True) for w in (before, after))
    values = [_scored(fit, t, answer, None) for t in (first, second)]
    between = _between(fit.spec, before, after)
    label = "before-after" if between else "descriptive"
    notes = (f"between the waves: {', '.join(between)}; two waves cannot tell them apart",) if between else ()
    first = first.assign(wave=f"{before} → {after}")
    return _estimate(
        fit, "change", first, by, values[1] - values[0], answer=answer, identification=label, smallest=smallest,
        notes=notes, sides=(values[0], values[1]),
    )


def _between(spec: Spec, before: str, after: str) -> list[str]:
    waves = {w.name: w for w in spec.waves}
    if before not in waves or after not in waves:
        return []
    return [f"{s.name} ({s.sender}, {s.date})" for s in spec.signals if waves[before].end < s.date < waves[after].start]


def shift(
    fit: Fit,
    *,
    signal: str | None = None,
    by: By = "country",
    roles: Sequence[str] = (),
    countries: Sequence[str] = (),
    include_self: bool = False,
    wave: str | None = None,
    answer: str = "top",
    smallest: float = 0.0,
) -> Estimate:
    """Return the model's signal on minus off: first-order (sender), second-order (other), self.

    Parameters
    ----------
    fit
        A fitted analysis.
    signal
        Name of the signal; may be left out if there is one.
    by
        Factors to break down by, besides the role (roles are never mixed).
    roles
        Restrict to these roles.
    countries
        Respondent countries averaged over.
    include_self
        Count the sender's rating of itself to the sender's role, and label it so.
    wave
        Wave at which on and off are compared; default the first after the signal that asked.
    answer, smallest
        As in `levels` and `change`.

    Returns
    -------
    Estimate
        In percentage points, with the levels ``before`` (off) and ``after`` (on).

    Raises
    ------
    SpecError
        If the signal or a factor is unknown, or nothing matches.
    """
    name = _signal_name(fit.spec, signal)
    by = _by(by)
    table = _after(fit, name, by, countries, wave)
    table = table[_role_filter(fit, table, name, roles, include_self)].reset_index(drop=True)
    if table.empty:
        raise SpecError(f"nothing was asked after {name} in the roles {list(roles) or 'sender, other, self'}")
    role = _role_column(fit, table, name, include_self)
    off, on = (_scored(fit, table, answer, None, {name: x}) for x in (0.0, 1.0))
    table = table.assign(role=role)
    notes = _signal_notes(fit, name)
    return _estimate(
        fit, "shift", table, ("role", *by), on - off, answer=answer, smallest=smallest,
        identification=_identification(fit, name), sides=(off, on), notes=notes,
    )


def gap(
    fit: Fit,
    *,
    population: str = "elite",
    signal: str | None = None,
    by: By = ("country", "ally", "wave"),
    answer: str = "top",
    population_size: Mapping[str, int] | None = None,
    smallest: float = 0.0,
) -> Estimate:
    """Return a population minus the reference population, raw, where both were asked.

    Parameters
    ----------
    population
        The population compared with the reference.
    signal
        None for the gap in level; a signal's name for the gap in its shift (split by role).
    by, answer, population_size, smallest
        As in `levels` and `change`.

    Returns
    -------
    Estimate
        In percentage points, ``descriptive``; a note says how much of the gap's coefficient is
        prior: its posterior over its prior variance.

    Raises
    ------
    SpecError
        If the two populations were nowhere asked the same.
    """
    by = _by(by)
    table = _both_asked(fit, population, signal)
    other = table.assign(population=fit.spec.reference)
    name = f"{population} minus {fit.spec.reference}"
    if signal is None:
        values = [_scored(fit, t, answer, population_size) for t in (other, table)]
        labelled = table.assign(population=name)
        return _estimate(fit, "gap", labelled, by, values[1] - values[0], answer=answer, smallest=smallest,
                         identification="descriptive", notes=prior_shares(fit, f"gap_{population}"),
                         sides=(values[0], values[1]))
    shifts = [_scored(fit, t, answer, None, {signal: 1.0}) - _scored(fit, t, answer, None, {signal: 0.0})
              for t in (other, table)]
    labelled = table.assign(population=name, role=roles_of(_rows(fit, table), fit.cells.levels, fit.spec, signal))
    return _estimate(fit, "gap in shift", labelled, ("role", *by), shifts[1] - shifts[0], answer=answer,
                     smallest=smallest, identification=_identification(fit, signal),
                     notes=prior_shares(fit, f"gap_{population}_shift_{signal}"))


def contrast(a: Estimate, b: Estimate, *, name: str = "", smallest: float = 0.0) -> Estimate:
    """Return ``a`` minus ``b``, draw by draw: of one row each, or row by row.

    Raises
    ------
    SpecError
        If the two have different units, draws or numbers of rows (one row pairs with any number).
    """
    if (a.unit, a.draws.shape[:2]) != (b.unit, b.draws.shape[:2]) or a.spec.digest != b.spec.digest:
        raise SpecError(f"only estimates of one fit and unit can be compared: {a.unit} and {b.unit}")
    if len(b) not in (1, len(a)):
        raise SpecError(f"{len(a)} rows cannot be paired with {len(b)}: select one row with .at(...)")
    right = b.draws.values if len(b) == len(a) else np.broadcast_to(b.draws.values, a.draws.shape)
    coords = {}
    for key in LABELS:
        left, other = a.draws[key].values.astype(str), np.resize(b.draws[key].values.astype(str), len(a))
        coords[key] = [x if x == y else f"{x or 'all'} − {y or 'all'}" for x, y in zip(left, other, strict=True)]
    if name:
        coords["estimand"] = [name] * len(a)
    draws = xr.DataArray(a.draws.values - right, dims=a.draws.dims).assign_coords(
        {k: ("row", np.asarray(v, dtype=str)) for k, v in coords.items()}
    )
    unit = {"percent": "percentage points", "points": "scale points"}.get(a.unit, a.unit)
    label = a.identification if a.identification == b.identification else "descriptive"
    return replace(a, draws=draws, unit=unit, before=None, after=None, smallest=smallest, identification=label,
                   averaged=a.averaged, notes=tuple(dict.fromkeys((*a.notes, *b.notes))))


def evaluate(fit: Fit, estimand: Estimand) -> Estimate:
    """Return the estimate a spec's `Estimand` asks for, under its own name."""
    e = estimand
    match e.of:
        case "levels":
            result = levels(fit, by=e.by, answer=e.answer, countries=e.countries, waves=e.waves)
        case "change":
            result = change(fit, *e.waves, by=e.by, answer=e.answer, countries=e.countries, smallest=e.smallest)
        case "shift":
            result = shift(fit, signal=e.signal, by=e.by, roles=e.roles, countries=e.countries, smallest=e.smallest,
                           include_self=e.include_self, answer=e.answer)
        case "gap":
            result = gap(fit, signal=e.signal, by=e.by, answer=e.answer, smallest=e.smallest)
        case _:
            raise SpecError(f"unknown estimand {e.of!r}")
    if not e.name:
        return result
    names = ("row", np.full(len(result), e.name))
    named = {k: getattr(result, k) for k in ("draws", "before", "after")}
    return replace(result, **{k: None if v is None else v.assign_coords(estimand=names) for k, v in named.items()})


def prior_shares(fit: Fit, variable: str) -> tuple[str, ...]:
    """Return, for each coefficient of a variable, how much of its posterior variance is the prior's."""
    if variable not in fit.design.variables:
        return ()
    draws = fit.draws()[variable].reshape(len(next(iter(fit.draws().values()))), -1)
    out = []
    for i, j in enumerate(fit.design.variables[variable]):
        c = fit.design.coefficients[j]
        sd = getattr(c.prior, "sd", np.inf)
        share = float(draws[:, i].var() / sd**2)
        out.append(f"{c.name}: posterior sd {draws[:, i].std():.2f}, prior sd {sd:.2f} (logit): "
                   f"{100 * (1 - min(share, 1.0)):.0f} % data, {100 * min(share, 1.0):.0f} % prior")
    return tuple(out)


# --- which rows -----------------------------------------------------------------------------------
def _by(by: By) -> tuple[str, ...]:
    out = (by,) if isinstance(by, str) else tuple(by)
    for factor in out:
        if factor not in FACTORS:
            raise SpecError(f"cannot break down by {factor!r}: {nearest(factor, FACTORS)}")
    return out


def _signal_name(spec: Spec, signal: str | None) -> str:
    names = [s.name for s in spec.signals]
    if signal is None:
        if len(names) != 1:
            raise SpecError(f"name the signal: {', '.join(names) or 'the spec declares none'}")
        return names[0]
    return spec.signal(signal).name


def _asked(fit: Fit, by: Sequence[str], *, countries: Sequence[str] = (), waves: Sequence[str] = ()) -> pd.DataFrame:
    """Distinct rows that were asked, of the reference population unless broken down by population."""
    table = fit.cells.labels().drop_duplicates().reset_index(drop=True)
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
    return table.reset_index(drop=True)


def _after(fit: Fit, signal: str, by: Sequence[str], countries: Sequence[str], wave: str | None) -> pd.DataFrame:
    """Rows asked after a signal: at ``wave``, or each at the first wave after it that asked."""
    table = _asked(fit, by, countries=countries)
    table = table[_rows(fit, table).on[signal] > 0]
    if wave is not None:
        if wave not in set(table.wave):
            raise SpecError(f"{wave!r} is not a wave after {signal}: {nearest(wave, sorted(set(table.wave)))}")
        return table[table.wave == wave].reset_index(drop=True)
    if "wave" in by:
        return table.reset_index(drop=True)
    order = {w: i for i, w in enumerate(fit.cells.levels["wave"])}
    table = table.assign(_order=table.wave.map(order)).sort_values("_order", kind="stable")
    keys = [f for f in FACTORS if f != "wave"]
    return table.drop_duplicates(keys).drop(columns="_order").reset_index(drop=True)


def _both_asked(fit: Fit, population: str, signal: str | None) -> pd.DataFrame:
    asked = fit.cells.labels().drop_duplicates()
    if population not in set(asked.population):
        raise SpecError(f"population {population!r} was not asked: {nearest(population, sorted(set(asked.population)))}")
    keys = [f for f in FACTORS if f != "population"]
    reference = asked[asked.population == fit.spec.reference][keys]
    table = asked[asked.population == population].merge(reference, on=keys)
    if signal is not None and len(table):
        on = _rows(fit, table).on[_signal_name(fit.spec, signal)] > 0
        pair = [f for f in keys if f != "wave"]
        before = table[~on][pair].drop_duplicates()
        table = table[on].merge(before, on=pair).drop_duplicates(pair)
    if table.empty:
        raise SpecError(f"{population!r} and {fit.spec.reference!r} were nowhere asked the same")
    return table[list(FACTORS)].reset_index(drop=True)


def _rows(fit: Fit, table: pd.DataFrame) -> Rows:
    return rows_of(fit.spec, fit.cells.levels, table)


def _role_filter(fit: Fit, table: pd.DataFrame, signal: str, roles: Sequence[str], include_self: bool) -> np.ndarray:
    if not roles:
        return np.ones(len(table), dtype=bool)
    rows = _rows(fit, table)
    keep = np.isin(roles_of(rows, fit.cells.levels, fit.spec, signal), roles)
    if include_self and "sender" in roles:
        keep |= same_state(rows, fit.cells.levels) & (table.ally == fit.spec.signal(signal).sender).to_numpy()
    return np.asarray(keep)


def _role_column(fit: Fit, table: pd.DataFrame, signal: str, include_self: bool) -> np.ndarray:
    role = roles_of(_rows(fit, table), fit.cells.levels, fit.spec, signal).astype(object)
    if include_self:
        sender = (table.ally == fit.spec.signal(signal).sender).to_numpy()
        role[sender] = "sender + self"
    return role


# --- identification -------------------------------------------------------------------------------
def _identification(fit: Fit, signal: str) -> str:
    exposed = fit.spec.signal(signal).countries
    asked = set(fit.cells.labels().country)
    return "difference-in-differences" if exposed and asked - set(exposed) else "before-after"


def _signal_notes(fit: Fit, signal: str) -> tuple[str, ...]:
    chosen = fit.spec.signal(signal)
    waves = sorted(fit.spec.waves, key=lambda w: w.start)
    earlier = [w for w in waves if w.end < chosen.date]
    later = [w for w in waves if w.start > chosen.date]
    same = [s.name for s in fit.spec.signals
            if s.name != signal and earlier and later and earlier[-1].end < s.date < later[0].start]
    if same:
        return (f"{', '.join(same)} fell between the same two waves: their shifts cannot be told apart",)
    return ()


# --- averaging ------------------------------------------------------------------------------------
def _scored(
    fit: Fit, table: pd.DataFrame, answer: str, sizes: Mapping[str, int] | None, on: Mapping[str, float] | None = None
) -> np.ndarray:
    """Estimand's value in every row, (draws, rows): per cent, or points for ``mean``."""
    rows = _rows(fit, table)
    for name, value in (on or {}).items():
        rows = rows.with_signal(name, value)
    return score_rows(fit, rows, answer, sizes)


def _weights(table: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Groups in order of appearance, and weights (rows, groups): equal within country, equal over countries."""
    keys = list(by)
    if not keys:
        groups, member = pd.DataFrame(index=[0]), np.zeros(len(table), dtype=int)
    else:
        groups = table[keys].drop_duplicates().reset_index(drop=True)
        member = table[keys].merge(groups.reset_index(), on=keys, how="left")["index"].to_numpy()
    weights = np.zeros((len(table), len(groups)))
    frame = pd.DataFrame({"group": member, "country": table.country.to_numpy()})
    within = frame.groupby(["group", "country"])["country"].transform("size").to_numpy(dtype=float)
    across = frame.groupby("group")["country"].transform("nunique").to_numpy(dtype=float)
    weights[np.arange(len(table)), member] = 1.0 / (within * across)
    return groups, weights


def _estimate(
    fit: Fit,
    name: str,
    table: pd.DataFrame,
    by: Sequence[str],
    values: np.ndarray,
    *,
    answer: str,
    identification: str,
    smallest: float = 0.0,
    notes: tuple[str, ...] = (),
    sides: tuple[np.ndarray, np.ndarray] | None = None,
) -> Estimate:
    groups, weights = _weights(table, by)
    labels = {k: groups[k].to_numpy(dtype=str) if k in groups else _constant(table, k, len(groups)) for k in LABELS[1:]}
    coords = {"estimand": np.full(len(groups), name)} | labels
    post = fit.posterior.sizes

    def averaged(x: np.ndarray) -> xr.DataArray:
        shaped = (x @ weights).reshape(post["chain"], post["draw"], -1)
        return xr.DataArray(shaped, dims=("chain", "draw", "row"),
                            coords={k: ("row", np.asarray(v, dtype=str)) for k, v in coords.items()})

    draws = averaged(values)
    level = name == "levels"
    unit = ("points" if level else "scale points") if answer == "mean" else ("percent" if level else "percentage points")
    return Estimate(
        draws=draws, unit=unit, identification=identification, answer=answer, spec=fit.spec, smallest=smallest,
        averaged=_words(table, by), before=averaged(sides[0]) if sides else None,
        after=averaged(sides[1]) if sides else None, status=_status(fit, draws), notes=notes,
    )


def _constant(table: pd.DataFrame, key: str, size: int) -> np.ndarray:
    """The one value all rows share (shown although not asked for), else empty."""
    values = set(table[key]) if key in table else set()
    shared = values.pop() if len(values) == 1 and key in ("wave", "population", "target", "ally") else ""
    return np.full(size, shared)


def _words(table: pd.DataFrame, by: Sequence[str]) -> str:
    parts = []
    if "country" not in by:
        names = list(dict.fromkeys(table.country))
        parts.append(f"equal weights over {len(names)} countries ({', '.join(names)})" if len(names) > 1 else
                     f"country {names[0]}")
    rest = [f for f in ("ally", "target", "wave", "population") if f not in by and table[f].nunique() > 1]
    if rest:
        parts.append(f"within a country equally over {' and '.join(rest)}")
    return "; ".join(parts) or "nothing: one row per combination"


def _status(fit: Fit, draws: xr.DataArray) -> str:
    problems = list(fit.diagnosis.problems)
    moving = draws.isel(row=draws.std(("chain", "draw")).values > 0)
    table = convergence(xr.Dataset({"row": moving.drop_vars(list(LABELS))}))
    problems += [f"this estimate: {p}" for p in table_problems(table)]
    return "failed: " + "; ".join(problems) if problems else "passed"
