"""Rows counted by the engine that holds them: only combinations of labels, and sums over people, arrive."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .codes import count_codes
from .errors import Problem
from .intake import Rows, trait_role
from .labels import as_text
from .panel import FIXED, Panel, moved, twice
from .scans import Scan
from .tables import Table, arrow_series, refused, unreadable
from .terms import FACTORS

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    import pyarrow as pa

LIMIT = 1_000_000  # combinations that still are cells
_GLANCE = 2 * LIMIT  # first rows that are looked at before all are counted


def count_groups(scan: Scan, wanted: Collection[str]) -> Table:
    """Return each combination of the ``wanted`` columns once, sorted, with the rows it stands for.

    What would be far more combinations than cells is refused before it is brought here.
    """
    import narwhals.stable.v2 as nw

    keys = {column: key for column, key in scan.keys.items() if column in wanted}
    kinds = scan.frame.collect_schema()
    if nested := [column for column, key in keys.items() if kinds[key].is_nested()]:
        remedy = "make every label text"
        problems = [Problem("level", c, f"holds no labels: {kinds[keys[c]]}", (), remedy) for c in nested]
        return Table(scan.name, problems=tuple(problems))
    try:
        if not keys:
            total = _collect(scan.frame.select(nw.len().alias("times")))["times"].to_numpy()
            return Table(scan.name, scan.columns, 1 if total.sum() else 0, times=total[total > 0])
        early = _glance(scan.frame)
        if early is not None and (groups := _size(_grouped(early, keys.values()))) > LIMIT:
            distinct = _collect(early.select([nw.col(key).n_unique() for key in keys.values()]))
            return _too_many(scan.name, groups, " in the first rows alone", keys, distinct.to_pylist()[0])
        grouped = _grouped(scan.frame, keys.values())
        coded = count_codes(scan.coded, keys) if scan.coded else None
        found = _collect(grouped.head(LIMIT + 1)) if coded is None else coded
        if found.num_rows > LIMIT:
            distinct = {key: len(found[key].unique()) for key in keys.values()}
            return _too_many(scan.name, _size(grouped), "", keys, distinct)
    except Exception as error:
        if not scan.own:
            raise
        return unreadable(scan.name, error)
    data = {column: arrow_series(found[key]) for column, key in keys.items()}
    order = np.lexsort([_rank(series) for series in reversed(data.values())])
    data = {
        column: _ordered(s.iloc[order].reset_index(drop=True), scan.orders.get(column)) for column, s in data.items()
    }
    return Table(scan.name, scan.columns, found.num_rows, data, times=found["times"].to_numpy()[order])


def _grouped(frame: "nw.LazyFrame[Any]", keys: Iterable[str]) -> "nw.LazyFrame[Any]":
    import narwhals.stable.v2 as nw

    return frame.group_by(list(keys)).agg(nw.len().alias("times"))


def _collect(frame: "nw.LazyFrame[Any]") -> "pa.Table":
    eager = frame.collect(engine="streaming") if frame.implementation.is_polars() else frame.collect()
    return eager.to_arrow()


def _size(frame: "nw.LazyFrame[Any]") -> int:
    import narwhals.stable.v2 as nw

    return int(_collect(frame.select(nw.len().alias("times")))["times"][0].as_py())


def _glance(frame: "nw.LazyFrame[Any]") -> "nw.LazyFrame[Any] | None":
    """Return the first rows where it is cheap to have them."""
    import narwhals.stable.v2 as nw

    match frame.implementation:
        case nw.Implementation.DUCKDB | nw.Implementation.POLARS:
            return frame.head(_GLANCE)
        case nw.Implementation.DASK:
            return nw.from_native(frame.to_native().partitions[0])
        case _:
            return None


def _too_many(name: str, groups: int, where: str, keys: Mapping[str, str], distinct: Mapping[str, int]) -> Table:
    column = max(keys, key=lambda c: distinct[keys[c]])
    message = f"{groups:,} combinations of {', '.join(map(repr, keys))}{where}, more than {LIMIT:,}: these are no cells"
    remedy = f"{column!r} has most values: leave the role out, group its values, or is it the id of the respondent?"
    return refused(name, message, remedy, column)


def _rank(series: pd.Series) -> np.ndarray:
    """Return the place of each value in the order of the labels, the same whatever engine gave them."""
    codes, values = pd.factorize(series)
    texts = np.array([as_text(v) or "" for v in values.tolist()] + [""], dtype=object)
    return np.unique(texts, return_inverse=True)[1][codes]


def _ordered(series: pd.Series, order: pd.CategoricalDtype | None) -> pd.Series:
    """Return labels with the order their files declare, if it has a place for all of them."""
    if order is None or not set(series.dropna()) <= set(order.categories):
        return series
    return series.astype(object).astype(order)


# --- respondents --------------------------------------------------------------------------------
def count_people(scan: Scan, table: Table, columns: Mapping[str, str], rows: Rows) -> Panel:
    """Return what the used rows of a source say of respondents, from sums its engine makes."""
    import narwhals.stable.v2 as nw

    column = columns["respondent"]
    kind = scan.frame.collect_schema()[scan.keys[column]]
    if kind.is_temporal() or kind.is_nested():
        problem = Problem("schema", column, f"holds {kind}, not labels", (), "give every respondent an id")
        return Panel(problems=(problem,))
    told_apart = [*(f for f in FACTORS if f in rows.factors), *(trait_role(name) for name in rows.traits)]
    asked = [role for role in told_apart if role in columns and columns[role] in scan.keys]
    fixed = [role for role in FIXED if role in asked and len(rows.factors[role].labels) > 1]
    key = nw.col(scan.keys[column])
    used = scan.frame.filter(*_alive(scan, table, columns, rows), _known(scan, column))
    if kind in (nw.String, nw.Categorical, nw.Enum):
        used = used.filter(key.cast(nw.String).str.strip_chars() != "")
    n, again = nw.col("n"), nw.col("again")
    labels = [nw.col(scan.keys[columns[role]]).alias(role) for role in asked]
    cells = used.select(key.alias("person"), *labels).group_by("person", *asked).agg(nw.len().alias("n"))
    cells = cells.with_columns(nw.when(n > 1).then(n).otherwise(0).alias("again"))
    # whether a person has several labels: the least and the greatest are quicker than how many
    ends = [end for role in fixed for end in (nw.col(role).min(), nw.col(role).max().alias(f"{role}, last"))]
    people = cells.group_by("person").agg(n.sum(), again.sum(), *ends)
    try:
        total = _totals(people, fixed)
        problems = [
            moved(column, role, total[role], _first_names(people.filter(_moved(role)))) for role in fixed if total[role]
        ]
        if total["again"]:
            names = _first_names(people.filter(again > 0))
            problems.append(twice(column, {**rows.factors, **rows.traits}, total["again"], total["repeating"], names))
    except Exception as error:
        if not scan.own:
            raise
        return Panel(problems=unreadable(scan.name, error).problems)
    unknown = int(table.stands_for[rows.keep].sum()) - total["n"]
    return Panel(total["several"], total["rows"], unknown, tuple(problems))


def _alive(scan: Scan, table: Table, columns: Mapping[str, str], rows: Rows) -> Iterator["nw.Expr"]:
    """Yield what the values of a used row are: none that was excluded when combinations were read."""
    alive = {role: coded.alive() for role, coded in rows.factors.items()}
    alive |= {trait_role(name): coded.alive() for name, coded in rows.traits.items()}
    alive |= {"answer": rows.answer.alive(), "count": rows.count > 0}
    for role, column in columns.items():
        if role in alive and column in table.data:
            yield _known(scan, column, table.data[column][~alive[role]].dropna().unique().tolist())


def _known(scan: Scan, column: str, dead: Collection[Any] = ()) -> "nw.Expr":
    import narwhals.stable.v2 as nw

    key = nw.col(scan.keys[column])
    known = ~key.is_null()
    if scan.frame.collect_schema()[scan.keys[column]].is_float():
        known = known & ~key.is_nan()
    values = [value for value in dead if value == value]
    return known & ~key.is_in(values) if values else known


def _totals(people: "nw.LazyFrame[Any]", fixed: Collection[str]) -> dict[str, int]:
    """Return sums over people: rows, of those that repeat an answer, people with several rows, with several labels."""
    import narwhals.stable.v2 as nw

    def total(where: "nw.Expr", value: "nw.Expr | int", name: str) -> "nw.Expr":
        return nw.when(where).then(value).otherwise(0).sum().alias(name)

    n, again = nw.col("n"), nw.col("again")
    sums = [n.sum(), again.sum(), total(again > 0, 1, "repeating"), total(n > 1, 1, "several"), total(n > 1, n, "rows")]
    found = _collect(people.select(*sums, *(total(_moved(role), 1, role) for role in fixed)))
    return {name: int(value or 0) for name, value in found.to_pylist()[0].items()}


def _moved(role: str) -> "nw.Expr":
    import narwhals.stable.v2 as nw

    return nw.col(role) != nw.col(f"{role}, last")


def _first_names(people: "nw.LazyFrame[Any]") -> list[str]:
    return [as_text(v) or "" for v in _collect(people.select("person").sort("person").head(5))["person"].to_pylist()]
