"""Published shares of one cell together: whether they fit each other, and some number of people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import Problem
from .labels import Coded, shown
from .shares import Complaint, Row, answer_codes, gather, share_bounds
from .sizes import Sizes, sample_sizes
from .sources import ReportLine, Topline, count_range
from .terms import FACTORS

_SIZE_COLUMNS = ("n_kind", "n", "n_spread", "n_low", "n_high")


@dataclass(frozen=True)
class Share:
    """One published share: the answers it is about, and its bounds in per cent."""

    codes: tuple[int, ...]
    lower: float
    upper: float
    published: str


@dataclass(frozen=True)
class Cell:
    """The rows that share all labels; ``sound`` where each of them could be read."""

    labels: Mapping[str, str]
    places: tuple[int, ...]
    rows: tuple[Row, ...]
    shares: tuple[Share, ...]
    sizes: Sizes
    sound: bool

    def __str__(self) -> str:
        return ", ".join(label for label in self.labels.values() if label)


def cells_of(
    factors: Mapping[str, Coded], keep: np.ndarray, rows: Sequence[Row], answers: Sequence[str], top: Sequence[str]
) -> tuple[list[Cell], list[Problem]]:
    """Return the kept rows by cell, and what is wrong with single rows."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for i in np.flatnonzero(keep).tolist():
        groups.setdefault(tuple(f.labels[f.codes[i]] for f in factors.values()), []).append(i)
    complaints: list[tuple[int, Complaint]] = []
    cells = []
    for labels, places in groups.items():
        found: list[tuple[int, Complaint]] = []
        shares = []
        for i in places:
            share, wrong = _share(rows[i], answers, top)
            shares.append(share)
            found += [(i, c) for c in wrong]
        sizes, wrong = sample_sizes(rows[places[0]])
        found += [(places[0], c) for c in wrong]
        found += [(i, c) for i in places[1:] for c in _other_size(rows[places[0]], rows[i])]
        mine = tuple(rows[i] for i in places)
        named = dict(zip(factors, labels, strict=True))
        cells.append(Cell(named, tuple(places), mine, tuple(shares), sizes, not found))
        complaints += found
    return cells, gather(complaints)


def _share(row: Row, answers: Sequence[str], top: Sequence[str]) -> tuple[Share, list[Complaint]]:
    (lower, upper), wrong = share_bounds(row)
    codes = answer_codes(row.get("answer"), answers, top)
    if not codes:
        remedy = f"'top', {shown(answers, 20)}, or several joined by ' + '"
        wrong = [*wrong, Complaint("answer", "no declared answer", str(row.get("answer")), remedy)]
    published = row.get("pct") or f"{row.get('lower')} to {row.get('upper')}"
    return Share(codes, lower, upper, published), wrong


def _other_size(first: Row, row: Row) -> Iterator[Complaint]:
    for column in _SIZE_COLUMNS:
        if row.get(column) != first.get(column):
            yield Complaint(column, "differs within one cell", f"{first.get(column)} and {row.get(column)}")


# --- cells --------------------------------------------------------------------------------------
def toplines_of(cells: Sequence[Cell], k: int) -> tuple[tuple[Topline, ...], list[Problem], list[ReportLine]]:
    """Return a `Topline` per sound cell, what is wrong with the others, and what was dropped."""
    made: list[Topline] = []
    problems: list[Problem] = []
    dropped = 0
    for cell in cells:
        if not cell.sound:
            continue
        if wrong := [*_overlaps(cell), *_sums(cell, k)]:
            problems += wrong
            continue
        groups = _groups(cell, k)
        possible = [(n, w) for n, w in cell.sizes if _fits(cell.shares, n, len(groups) == len(cell.shares))]
        if not possible:
            problems.append(_impossible(cell))
            continue
        dropped += len(possible) < len(cell.sizes)
        made.append(_topline(cell, groups, possible))
    what = "cells where some sample sizes cannot give the published shares; those sizes are dropped"
    return tuple(made), problems, [ReportLine("noted", dropped, what)] if dropped else []


def _overlaps(cell: Cell) -> Iterator[Problem]:
    seen: dict[int, int] = {}
    for place, share in zip(cell.places, cell.shares, strict=True):
        twice = [code for code in share.codes if code in seen]
        if twice:
            message = f"{cell}: two rows are about the same answer"
            yield Problem("outcome", "answer", message, (seen[twice[0]], place), "publish each answer once per cell")
        seen |= dict.fromkeys(share.codes, place)


def _sums(cell: Cell, k: int) -> Iterator[Problem]:
    low, high = sum(s.lower for s in cell.shares), sum(s.upper for s in cell.shares)
    everything = sum(len(s.codes) for s in cell.shares) == k
    if low > 100 + 1e-6 or (everything and high < 100 - 1e-6):
        parts = " + ".join(s.published for s in cell.shares)
        total = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        message = f"{cell}: the published shares ({parts}) sum to {total}, not 100"
        yield Problem("outcome", "pct", message, cell.places[:5], "shares of those who gave one of the answers?")


def _groups(cell: Cell, k: int) -> tuple[tuple[int, ...], ...]:
    published = tuple(s.codes for s in cell.shares)
    rest = tuple(code for code in range(k) if not any(code in codes for codes in published))
    return (*published, rest) if rest else published


def _fits(shares: Sequence[Share], n: int, everything: bool) -> bool:
    ranges = [count_range(s.lower / 100, s.upper / 100, n) for s in shares]
    low, high = sum(r[0] for r in ranges), sum(r[1] for r in ranges)
    return all(r[0] <= r[1] for r in ranges) and low <= n and (high >= n or not everything)


def _impossible(cell: Cell) -> Problem:
    sizes = shown([n for n, _ in cell.sizes])
    message = f"{cell}: no number of people gives {shown([s.published for s in cell.shares])} % of n = {sizes}"
    return Problem("outcome", "pct", message, cell.places[:5], "check n and precision")


def _topline(cell: Cell, groups: tuple[tuple[int, ...], ...], possible: Sequence[tuple[int, float]]) -> Topline:
    weight = np.array([w for _, w in possible])
    return Topline(
        labels={role: cell.labels.get(role, "") for role in FACTORS},
        groups=groups,
        lower=tuple(s.lower / 100 for s in cell.shares),
        upper=tuple(s.upper / 100 for s in cell.shares),
        n=np.array([n for n, _ in possible], dtype=np.int64),
        n_weight=weight / weight.sum(),
        published=tuple(s.published for s in cell.shares),
        source="; ".join(dict.fromkeys(text for row in cell.rows if (text := row.get("source")))),
    )
