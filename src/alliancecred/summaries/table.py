"""Estimates in numbers: a table with diagnostics, and how sure the order of its rows is."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import SpecError
from ..estimate import LABELS, Estimate
from ..gates import convergence

CiKind = Literal["eti", "hdi"]
COLUMNS = (*LABELS, "mean", "sd", "lower", "upper", "prob", "p_positive", "unit", "identification")
DIAGNOSTICS = ("ess_bulk", "ess_tail", "r_hat", "k_hat", "mcse_mean", "status")


def check_interval(ci_prob: float, ci_kind: str) -> None:
    """Raise `SpecError` unless the interval is one that can be computed.

    Examples
    --------
    >>> check_interval(0.95, "eti")
    """
    if not (isinstance(ci_prob, int | float) and 0 < ci_prob < 1):
        raise SpecError(f"ci_prob must lie between 0 and 1, got {ci_prob!r}")
    if ci_kind not in ("eti", "hdi"):
        raise SpecError(f"ci_kind must be 'eti' (equal-tailed) or 'hdi' (highest density), got {ci_kind!r}")


def interval(draws: np.ndarray, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> np.ndarray:
    """Return lower and upper bounds over the last axis, NaN where a draw is not finite.

    Examples
    --------
    >>> interval(np.arange(101.0), ci_prob=0.9).round(6).tolist()
    [5.0, 95.0]
    """
    from arviz_stats.base import array_stats

    check_interval(ci_prob, ci_kind)
    flat = np.asarray(draws, dtype=float).reshape(-1, np.shape(draws)[-1])
    out = np.full((len(flat), 2), np.nan)
    good = np.isfinite(flat).all(axis=1)
    if good.any():
        out[good] = getattr(array_stats, ci_kind)(flat[good], ci_prob)
    return out.reshape(*np.shape(draws)[:-1], 2)


def flat(array: xr.DataArray) -> np.ndarray:
    """Return draws with dims ``chain, draw, row`` as an array of row × (chain · draw)."""
    values = array.transpose("row", "chain", "draw").to_numpy().astype(float)
    return values.reshape(values.shape[0], values.shape[1] * values.shape[2])


def by_row(estimate: Estimate) -> np.ndarray:
    """Return the draws of an estimate as an array of row × (chain · draw)."""
    return flat(estimate.draws)


def summary(estimate: Estimate | Sequence[Estimate], *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> pd.DataFrame:
    """Return one line per row of the estimate: mean, interval, probability of direction, diagnostics.

    Nothing is rounded. ``p_positive`` is the posterior probability that a difference is above zero;
    it is empty for levels. Where a smallest effect of interest was declared, ``smallest`` and
    ``p_beyond`` (the probability that the effect is larger than it, in either direction) follow at
    the end. Where a draw is not finite, every number of that row is empty.

    Parameters
    ----------
    estimate
        An estimate, or several, which are put below each other.
    ci_prob
        Probability of the interval, repeated in the column ``prob``.
    ci_kind
        ``eti`` (equal-tailed) or ``hdi`` (highest density).

    Examples
    --------
    >>> import xarray as xr
    >>> from alliancecred.spec import Spec
    >>> rng = np.random.default_rng(1)
    >>> draws = xr.DataArray(rng.normal(-5, 1, (2, 50, 1)), dims=("chain", "draw", "row"),
    ...                      coords={k: ("row", [""]) for k in LABELS})
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> table = summary(Estimate(draws, "percentage points", "before-after", "top", "", spec))
    >>> float(table["p_positive"].iloc[0])
    0.0
    """
    check_interval(ci_prob, ci_kind)
    parts = list(estimate) if isinstance(estimate, Iterable) else [estimate]
    if not all(isinstance(e, Estimate) for e in parts):
        message = f"estimates are summarised and described, got {type(estimate).__name__}"
        raise SpecError(f"{message} → levels(fit) or shift(fit) makes one")
    frames = [_one(part, ci_prob, ci_kind) for part in parts]
    if not frames:
        return pd.DataFrame(columns=[*COLUMNS, *DIAGNOSTICS])
    extra = [c for c in ("smallest", "p_beyond") if any(c in f for f in frames)]
    own = dict.fromkeys(k for part in parts for k in part.keys if k not in LABELS)
    columns = [*LABELS, *own, *COLUMNS[len(LABELS) :], *DIAGNOSTICS, *extra]
    table = pd.concat([f.reindex(columns=columns) for f in frames], ignore_index=True)
    return table.fillna(dict.fromkeys(own, ""))


def _one(estimate: Estimate, ci_prob: float, ci_kind: CiKind) -> pd.DataFrame:
    draws = by_row(estimate)
    bad = ~np.isfinite(draws).all(axis=1)
    kept = np.where(bad[:, None], np.nan, draws)
    bounds = interval(kept, ci_prob=ci_prob, ci_kind=ci_kind)
    table: dict[str, object] = {k: estimate.draws[k].to_numpy().astype(str).astype(object) for k in estimate.keys}
    table |= {"mean": kept.mean(axis=1), "sd": kept.std(axis=1, ddof=1 if kept.shape[1] > 1 else 0)}
    table |= {"lower": bounds[:, 0], "upper": bounds[:, 1], "prob": float(ci_prob)}
    positive = (draws > 0).mean(axis=1)
    table["p_positive"] = np.where(bad | (not estimate.is_difference), np.nan, positive)
    table |= {"unit": estimate.unit, "identification": estimate.identification}
    table |= _diagnostics(estimate, bad) | {"status": estimate.status}
    if estimate.smallest > 0:
        beyond = (np.abs(draws) > estimate.smallest).mean(axis=1)
        table["smallest"] = float(estimate.smallest)
        table["p_beyond"] = np.where(bad | (not estimate.is_difference), np.nan, beyond)
    return pd.DataFrame(table, index=range(len(estimate)))


def _diagnostics(estimate: Estimate, bad: np.ndarray) -> dict[str, np.ndarray]:
    draws = estimate.draws.transpose("row", "chain", "draw").to_numpy().astype(float)
    out = {k: np.full(len(draws), np.nan) for k in DIAGNOSTICS[:-1]}
    # draws that never move have no effective size
    good = ~bad & (np.ptp(np.where(bad[:, None, None], 0.0, draws), axis=(1, 2)) > 0)
    if good.any():
        moving = estimate.draws.isel(row=np.flatnonzero(good)).drop_vars(list(estimate.keys))
        table = convergence(xr.Dataset({"estimate": moving}))
        for k in set(out) & set(table):
            out[k][good] = table[k]
    return out


def ranks(estimate: Estimate, *, ci_prob: float = 0.95) -> pd.DataFrame:
    """Return how sure the order of the rows is: ranks within each draw (1 is the largest).

    All rows are ranked against each other: choose comparable ones first, for instance with
    ``estimate.at(role="other")``. Ties share their rank and their probability.

    Parameters
    ----------
    estimate
        The estimate.
    ci_prob
        Probability of the equal-tailed interval of the rank.

    Examples
    --------
    >>> import xarray as xr
    >>> from alliancecred.spec import Spec
    >>> draws = xr.DataArray(np.array([[[1.0, 3.0], [2.0, 5.0]]]), dims=("chain", "draw", "row"),
    ...                      coords={k: ("row", ["", ""]) for k in LABELS})
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> ranks(Estimate(draws, "percent", "descriptive", "top", "", spec))["p_largest"].tolist()
    [0.0, 1.0]
    """
    from scipy.stats import rankdata

    check_interval(ci_prob, "eti")
    draws = by_row(estimate)
    if not np.isfinite(draws).all():
        raise SpecError("some draws are not finite: rows cannot be ranked")
    table = pd.DataFrame({k: estimate.draws[k].to_numpy().astype(str).astype(object) for k in estimate.keys})
    if not len(estimate):
        empty = pd.DataFrame(columns=["mean_rank", "rank_lower", "rank_upper", "p_largest", "p_smallest", "prob"])
        return pd.concat([table, empty.astype(float)], axis=1)
    order = rankdata(-draws, axis=0)
    bounds = np.quantile(order, [(1 - ci_prob) / 2, (1 + ci_prob) / 2], axis=1)
    first, last = draws == draws.max(axis=0), draws == draws.min(axis=0)
    table["mean_rank"] = order.mean(axis=1)
    table["rank_lower"], table["rank_upper"] = bounds
    table["p_largest"] = (first / first.sum(axis=0)).mean(axis=1)
    table["p_smallest"] = (last / last.sum(axis=0)).mean(axis=1)
    return table.assign(prob=float(ci_prob))
