"""Estimates in numbers: tables with diagnostics, ranks, and files that spreadsheets open safely."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from .errors import SpecError
from .estimate import LABELS, Estimate
from .spec import Spec

CiKind = Literal["eti", "hdi"]
COLUMNS = (*LABELS, "mean", "sd", "lower", "upper", "prob", "p_positive", "unit", "identification")
DIAGNOSTICS = ("ess_bulk", "ess_tail", "r_hat", "mcse_mean", "status")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
    >>> rng = np.random.default_rng(1)
    >>> draws = xr.DataArray(rng.normal(-5, 1, (2, 50, 1)), dims=("chain", "draw", "row"),
    ...                      coords={k: ("row", [""]) for k in LABELS})
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> table = summary(Estimate(draws, "percentage points", "before-after", "top", "", spec))
    >>> float(table["p_positive"].iloc[0])
    0.0
    """
    check_interval(ci_prob, ci_kind)
    parts = [estimate] if isinstance(estimate, Estimate) else list(estimate)
    frames = [_one(part, ci_prob, ci_kind) for part in parts]
    if not frames:
        return pd.DataFrame(columns=[*COLUMNS, *DIAGNOSTICS])
    extra = [c for c in ("smallest", "p_beyond") if any(c in f for f in frames)]
    return pd.concat([f.reindex(columns=[*COLUMNS, *DIAGNOSTICS, *extra]) for f in frames], ignore_index=True)


def _one(estimate: Estimate, ci_prob: float, ci_kind: CiKind) -> pd.DataFrame:
    draws = by_row(estimate)
    bad = ~np.isfinite(draws).all(axis=1)
    kept = np.where(bad[:, None], np.nan, draws)
    bounds = interval(kept, ci_prob=ci_prob, ci_kind=ci_kind)
    table: dict[str, object] = {k: estimate.draws[k].to_numpy().astype(str).astype(object) for k in LABELS}
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
    from arviz_stats.base import array_stats

    draws = estimate.draws.transpose("row", "chain", "draw").to_numpy().astype(float)
    out = {k: np.full(len(draws), np.nan) for k in DIAGNOSTICS[:-1]}
    # draws that never move have no effective size and no R-hat
    good = ~bad & (np.ptp(np.where(bad[:, None, None], 0.0, draws), axis=(1, 2)) > 0)
    if not good.any():
        return out
    with np.errstate(invalid="ignore", divide="ignore"):
        out["ess_bulk"][good] = array_stats.ess(draws[good])
        out["ess_tail"][good] = array_stats.ess(draws[good], method="tail", prob=(0.05, 0.95))
        out["r_hat"][good] = array_stats.rhat(draws[good])
        out["mcse_mean"][good] = array_stats.mcse(draws[good])
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
    table = pd.DataFrame({k: estimate.draws[k].to_numpy().astype(str).astype(object) for k in LABELS})
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


# --- words --------------------------------------------------------------------------------------
ROLE_WORDS = {
    "sender": "First-order effect (the sender's own credibility)",
    "other": "Second-order effect (the other allies)",
    "self": "Self-rating",
}
KIND_WORDS = {"eti": "equal-tailed", "hdi": "highest-density"}
CAUSAL = ("randomised", "difference-in-differences")
_LISTED = 8


def number(value: float, *, digits: int = 1) -> str:
    """Return a rounded number with a true minus sign and no minus zero.

    Examples
    --------
    >>> number(-0.04), number(-12.345)
    ('0.0', '−12.3')
    """
    if not np.isfinite(value):
        return "not available"
    text = f"{value:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "\N{MINUS SIGN}")


def digits_for(unit: str) -> int:
    """Return the decimals that suit a unit: 1 for percentages, 2 for points of a scale."""
    return 1 if unit in ("percent", "percentage points") else 2


def quantity(estimate: Estimate) -> str:
    """Return in words what is measured: a share of answers, or the mean answer."""
    spec = estimate.spec
    if estimate.answer == "mean":
        return f"mean answer (1 = “{spec.answers[0]}” to {len(spec.answers)} = “{spec.answers[-1]}”)"
    answers = spec.top if estimate.answer == "top" else (estimate.answer,)
    return "share that answered " + " or ".join(f"“{a}”" for a in answers)


def row_names(estimate: Estimate) -> list[str]:
    """Return a readable name of each row, in full names: what sets it apart within its role.

    A row that is averaged over the factor others are broken down by is called ``Average``.
    """
    table = pd.DataFrame([estimate.labels(i) for i in range(len(estimate))], columns=list(LABELS), dtype=object)
    names = [""] * len(table)
    for _, group in table.groupby("role", sort=False):
        varying = [k for k in LABELS[2:] if group[k].nunique() > 1]
        given = [k for k in ("country", "ally", "target", "population", "wave") if group[k].ne("").all()]
        keys = [k for k in LABELS[2:] if k in varying or (k == "country" and k in given)] or given[:1]
        many = group["estimand"].nunique() > 1
        for i in group.index.to_numpy(dtype=int):
            row = table.iloc[i]
            names[i] = _row_name(estimate.spec, {k: str(row[k]) for k in keys}, str(row["estimand"]) if many else "")
    return names


def _row_name(spec: Spec, labels: dict[str, str], estimand: str) -> str:
    who = spec.label(labels["country"]) if labels.get("country") else ""
    judged = spec.label(labels["ally"]) if labels.get("ally") else "average of allies" if "ally" in labels else ""
    if not who and ("country" in labels or not any(labels.values())):
        who = "Average"
    first = ": ".join(x for x in (who, judged) if x)
    rest = [
        spec.label(labels[k]) if labels[k] else f"all {k}s" for k in ("target", "wave", "population") if k in labels
    ]
    return ", ".join([x for x in (first, *rest, spec.label(estimand)) if x])


def constants(estimate: Estimate) -> str:
    """Return what all rows have in common and their names therefore leave out, as ``ally judged: X; wave: Y``."""
    words = {"ally": "ally judged", "target": "state to be defended", "wave": "wave", "population": "population"}
    have = {k: {str(v) for v in estimate.draws[k].to_numpy()} - {""} for k in words}
    rows = {k: bool((estimate.draws[k].to_numpy().astype(str) != "").all()) for k in words}
    return "; ".join(
        f"{words[k]}: {estimate.spec.label(next(iter(have[k])))}" for k in words if len(have[k]) == 1 and rows[k]
    )


def averages(estimate: Estimate) -> np.ndarray:
    """Return which rows are averages over a country or ally other rows of their role are broken down by."""
    out = np.zeros(len(estimate), dtype=bool)
    role = estimate.draws["role"].to_numpy().astype(str)
    for key in ("country", "ally"):
        have = estimate.draws[key].to_numpy().astype(str)
        for r in set(role):
            out |= (role == r) & (have == "") & bool((have[role == r] != "").any())
    return out


def asked_of(estimate: Estimate) -> str:
    """Return which estimand function made the estimate: ``levels, change, shift, gap`` or ``contrast``."""
    known = {e.name or e.of: e.of for e in estimate.spec.estimands}
    names = {str(n) for n in estimate.draws["estimand"].to_numpy()}
    found = {known.get(n, n if n in ("levels", "change", "shift", "gap") else "") for n in names} - {""}
    if len(found) == 1:
        return found.pop()
    if not estimate.is_difference:
        return "levels"
    return "contrast" if estimate.before is None else "shift"


def signal_words(estimate: Estimate) -> str:
    """Return the signal's name, sender, kind and date, where the estimate can only mean one; else nothing."""
    spec = estimate.spec
    names = {str(n) for n in estimate.draws["estimand"].to_numpy()}
    named = {e.signal for e in spec.estimands if (e.name or e.of) in names and e.signal}
    chosen = [s for s in spec.signals if s.name in named] if named else list(spec.signals)
    if len(chosen) != 1:
        return ""
    s = chosen[0]
    return f"{s.name} ({spec.label(s.sender)}, {s.kind}, {s.direction}, {s.date.isoformat()})"


def describe(estimate: Estimate, *, ci_prob: float = 0.95, ci_kind: CiKind = "eti") -> str:
    """Return the estimate as a paragraph that can stand in a paper.

    No verb says that a signal did anything unless the identification label is ``randomised`` or
    ``difference-in-differences``. With more than eight rows of a role only the averages, the
    extremes and a count are written out.

    Parameters
    ----------
    estimate
        The estimate.
    ci_prob, ci_kind
        Probability and kind of the intervals.

    Examples
    --------
    >>> import xarray as xr
    >>> draws = xr.DataArray(np.full((1, 10, 1), 40.0), dims=("chain", "draw", "row"),
    ...                      coords={k: ("row", [""]) for k in LABELS})
    >>> spec = Spec("demo", ("no", "yes"), ("yes",), ())
    >>> text = describe(Estimate(draws, "percent", "descriptive", "top", "all countries, equally", spec))
    >>> "averaged over all countries, equally" in text
    True
    """
    table = summary(estimate, ci_prob=ci_prob, ci_kind=ci_kind)
    parts = []
    if estimate.spec.simulated:
        parts.append("SIMULATED DATA: these numbers describe no real survey.")
    if estimate.status != "passed":
        parts.append(f"DO NOT REPORT: the fit failed its gates ({estimate.status.strip().rstrip('.')}).")
    parts.append(_opening(estimate))
    common = constants(estimate)
    parts.append(_sentence(common[:1].upper() + common[1:]))
    role = table["role"].astype(str)
    for r in sorted(set(role), key=lambda r: [*ROLE_WORDS, ""].index(r) if r in ROLE_WORDS else 9):
        heading = f"{ROLE_WORDS.get(r, r)}: " if r else ""
        parts.append(heading + _rows_text(estimate, table, np.flatnonzero(role == r)) + ".")
    parts.append(f"Intervals are {100 * ci_prob:g}% {KIND_WORDS[ci_kind]} posterior intervals around the mean.")
    parts.append(_identification(estimate))
    return " ".join(p for p in (*parts, *(_sentence(n) for n in estimate.notes)) if p)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?" else text + "."


def averaged_words(estimate: Estimate) -> str:
    """Return ``averaged over …``, or nothing if nothing was averaged over."""
    words = estimate.averaged.strip().rstrip(".")
    return words if not words or words.lower().startswith("average") else f"averaged over {words}"


def _opening(estimate: Estimate) -> str:
    averaged = averaged_words(estimate)
    what = quantity(estimate) + (f", {averaged}" if averaged else "")
    signal = f"the signal {signal_words(estimate)}".strip()
    match asked_of(estimate):
        case "levels":
            return f"The {what}, in {estimate.unit}."
        case "shift":
            return f"Difference, with minus without {signal}, in the {what}, in {estimate.unit}."
        case "change":
            return f"Difference, later minus earlier wave, in the {what}, in {estimate.unit}."
        case "gap":
            low, *high = estimate.spec.populations
            return f"Gap, {' or '.join(high) or 'other'} minus {low}, in the {what}, in {estimate.unit}."
        case _:
            return f"Difference in the {what}, in {estimate.unit}."


def _rows_text(estimate: Estimate, table: pd.DataFrame, index: np.ndarray) -> str:
    names = row_names(estimate)
    if len(index) <= _LISTED:
        return "; ".join(_clause(estimate, table, names, i) for i in index)
    mean = table["mean"].to_numpy()
    average = averages(estimate)
    single = [i for i in index if not average[i]]
    shown = [_clause(estimate, table, names, i) for i in index if average[i]]
    by_mean = sorted(single, key=lambda i: mean[i])
    shown += ["highest, " + _clause(estimate, table, names, by_mean[-1])]
    shown += ["lowest, " + _clause(estimate, table, names, by_mean[0])]
    if estimate.is_difference:
        clear = sum(table["lower"][i] > 0 or table["upper"][i] < 0 for i in single)
        shown.append(f"the interval excludes zero in {clear} of {len(single)} rows")
    return "; ".join(shown)


def _clause(estimate: Estimate, table: pd.DataFrame, names: list[str], i: int) -> str:
    digits = digits_for(estimate.unit)
    mean, lower, upper = (float(table[k][i]) for k in ("mean", "lower", "upper"))
    if not np.isfinite(mean):
        return f"{names[i]}: not available (a draw is not finite)"
    bounds = f"interval {number(lower, digits=digits)} to {number(upper, digits=digits)}"
    if not estimate.is_difference:
        return f"{names[i]}: {number(mean, digits=digits)} {estimate.unit} ({bounds})"
    draws = by_row(estimate)[i]
    down = mean < 0
    p = _probability(float((draws < 0).mean() if down else (draws > 0).mean()), draws.size)
    words = f"probability of {'a decrease' if down else 'an increase'} {p}"
    if asked_of(estimate) in ("gap", "contrast"):
        words = f"probability of being {'below' if down else 'above'} zero {p}"
    if "p_beyond" in table:
        beyond = _probability(float(table["p_beyond"][i]), draws.size)
        words += f", of more than {estimate.smallest:g} either way {beyond}"
    size = f"{number(abs(mean), digits=digits)} {estimate.unit}"
    return f"{names[i]}: {_verb(estimate, down)} {size} ({bounds}; {words})"


def _verb(estimate: Estimate, down: bool) -> str:
    noun = "mean answer" if estimate.answer == "mean" else "share"
    kind = asked_of(estimate)
    if kind in ("shift", "change") and estimate.identification in CAUSAL:
        return f"the signal {'lowered' if down else 'raised'} the {noun} by"
    when = {"shift": "after the signal ", "change": "in the later wave ", "gap": "than in the reference population "}
    where = when.get(kind, "")
    return f"the {noun} was {'lower' if down else 'higher'} {where}by"


def _probability(p: float, draws: int) -> str:
    least = max(0.001, 1 / draws)
    if p > 1 - least:
        return f"above {1 - least:.3f}"
    if p < least:
        return f"below {least:.3f}"
    return f"{p:.2f}" if 0.01 <= p <= 0.99 else f"{p:.3f}"


def _identification(estimate: Estimate) -> str:
    label = f"Identification: {estimate.identification}"
    if not estimate.is_difference or estimate.identification in CAUSAL:
        return label + "."
    if asked_of(estimate) in ("shift", "change"):
        return label + "; the difference is described, not attributed to the signal."
    return label + "; the difference is described, not explained."


# --- files --------------------------------------------------------------------------------------
def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV (RFC 4180, UTF-8), whole or not at all.

    A text cell that a spreadsheet would run as a formula (it starts with ``= + - @``, a tab or a
    carriage return) gets an apostrophe in front; numbers stay numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_csv(pd.DataFrame({"a": ["=1+1"], "b": [-2.5]}), Path(folder) / "t.csv")
    ...     path.read_text(encoding="utf-8").split()
    ['a,b', "'=1+1,-2.5"]
    """
    cells = {i: pd.Series([_safe(v) for v in frame.iloc[:, i]], dtype=object) for i in range(frame.shape[1])}
    safe = pd.DataFrame(cells, dtype=object)
    safe.columns = pd.Index([_safe(str(c)) for c in frame.columns], dtype=object)
    text = safe.to_csv(index=False, lineterminator="\r\n", na_rep="")
    return replace_file(path, text.encode("utf-8", errors="backslashreplace"))


def _safe(cell: object) -> object:
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def replace_file(path: str | Path, content: bytes) -> Path:
    """Write a file so that a reader sees the old or the new one, never half of it."""
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
