"""Any outside table, from a file or a frame, as pandas columns with value labels applied.

Nothing is guessed: text stays text (``NA`` is a label), labelled codes become their labels, and
what a labelled file declares missing is kept apart so that it can be reported.
"""

import csv
import gzip
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import Problem
from .labels import as_text, first_rows

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SQUEEZED = 1032  # times, by zlib
ENDINGS = (".csv", ".csv.gz", ".parquet", ".sav", ".zsav", ".dta")


@dataclass(frozen=True)
class Table:
    """The wanted columns of an outside table.

    Parameters
    ----------
    name
        What the report calls the source.
    columns
        Every column of the source, wanted or not.
    rows
        Number of rows.
    data
        The wanted columns that exist.
    user_missing
        Per column, the labels that the file itself declares missing.
    problems, warnings
        What is wrong, and what deserves a look.
    times
        How many rows of the source each row stands for, where they were counted where they lie.
    """

    name: str
    columns: tuple[str, ...] = ()
    rows: int = 0
    data: Mapping[str, pd.Series] = field(default_factory=dict)
    user_missing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    times: np.ndarray | None = None

    @property
    def stands_for(self) -> np.ndarray:
        """How many rows of the source each row stands for, shape (rows,)."""
        return np.ones(self.rows, dtype=np.int64) if self.times is None else self.times


def open_table(source: Any, wanted: Collection[str], raw: Collection[str] = ()) -> Table:
    """Return the ``wanted`` columns of a path or frame; problems are collected, not raised.

    Parameters
    ----------
    source
        A path (``.csv``, ``.csv.gz``, ``.parquet``, ``.sav``, ``.zsav``, ``.dta``) or a frame
        (pandas, polars, pyarrow, or another that narwhals knows).
    wanted
        Names of the columns to read.
    raw
        Those of them whose value labels are not applied.

    Examples
    --------
    >>> open_table(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), ("b",)).rows
    2
    """
    match source:
        case pd.DataFrame():
            return _from_pandas(source, wanted)
        case str() | PathLike():
            return _from_path(Path(source), wanted, raw)
        case _:
            return _from_narwhals(source, wanted)


def refused(name: str, message: str, remedy: str = "", column: str = "") -> Table:
    """Return a table that could not be read, and why."""
    return Table(name, problems=(Problem("schema", column, f"{name}: {message}", (), remedy),))


def unreadable(name: str, error: Exception) -> Table:
    """Return a table whose reader stumbled: readers raise many kinds of errors on a broken file."""
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, UnicodeDecodeError) or "utf-8 encoded" in str(error):
        return refused(name, "is not UTF-8 text", "save it as UTF-8")
    return refused(name, f"cannot be read: {str(error)[:300]}")


def _repeated(columns: Collection[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({c for c in columns if c in seen or seen.add(c)})  # type: ignore[func-returns-value]


def duplicated(name: str, columns: Collection[str]) -> Table | None:
    """Return why a table with repeated column names cannot be read."""
    if repeated := _repeated([c for c in columns if c]):
        return refused(name, f"duplicate column names {repeated}", "give every column its own name")
    return None


# --- frames -------------------------------------------------------------------------------------
def _from_pandas(frame: pd.DataFrame, wanted: Collection[str]) -> Table:
    name = "pandas DataFrame"
    if isinstance(frame.columns, pd.MultiIndex) or isinstance(frame.index, pd.MultiIndex):
        what = "columns" if isinstance(frame.columns, pd.MultiIndex) else "rows"
        return refused(name, f"the {what} have several index levels", "use reset_index() and one row of column names")
    columns = tuple(map(str, frame.columns))
    if wrong := duplicated(name, columns):
        return wrong
    index = frame.index.name
    notes: tuple[str, ...] = ()
    if index is not None and str(index) in wanted and str(index) not in columns:
        return refused(name, f"{index!r} is the index, not a column", "use reset_index()", str(index))
    if index is not None and str(index) not in columns:
        notes = (f"the index {index!r} is ignored; use reset_index() if it holds data",)
    place = {c: i for i, c in enumerate(columns)}
    data = {c: frame.iloc[:, place[c]].reset_index(drop=True) for c in wanted if c in place}
    return Table(name, columns, len(frame), data, warnings=notes)


def _from_narwhals(source: Any, wanted: Collection[str]) -> Table:
    import narwhals.stable.v2 as nw

    name = f"{type(source).__module__.split('.')[0]} {type(source).__name__}"
    frame = nw.from_native(source, pass_through=True)
    if not isinstance(frame, nw.DataFrame | nw.LazyFrame):
        return refused(
            name, f"{type(source).__name__} is not a table", "give a path, or a pandas, polars or pyarrow frame"
        )
    columns = tuple(frame.collect_schema().names())
    if wrong := duplicated(name, columns):
        return wrong
    if not columns:
        return refused(name, "no columns, 0 rows")
    chosen = frame.select([c for c in columns if c in wanted] or [columns[0]])
    eager = chosen.collect() if isinstance(chosen, nw.LazyFrame) else chosen
    return _from_arrow(eager.to_arrow(), name, columns, wanted)


def _from_arrow(table: "pa.Table", name: str, columns: tuple[str, ...], wanted: Collection[str]) -> Table:
    data = {c: arrow_series(table.column(c)) for c in table.column_names if c in wanted}
    return Table(name, columns, table.num_rows, data)


def arrow_series(column: "pa.ChunkedArray") -> pd.Series:
    """Return an Arrow column for pandas: dictionaries as categories, the rest with its Arrow type."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.unify_dictionaries().to_pandas()
    if pa.types.is_nested(kind):
        return column.to_pandas()
    if pa.types.is_string_view(kind):
        column = column.cast(pa.large_string())
    return column.to_pandas(types_mapper=pd.ArrowDtype)


# --- files --------------------------------------------------------------------------------------
def _from_path(path: Path, wanted: Collection[str], raw: Collection[str]) -> Table:
    name = path.name
    if not name.lower().endswith(ENDINGS):
        return refused(name, "the ending is not one of " + ", ".join(ENDINGS))
    try:
        if not path.is_file():
            return refused(name, "no such file")
        match path.suffix.lower():
            case ".parquet":
                return _read_parquet(path, wanted)
            case ".csv" | ".gz":
                return _read_csv(path, wanted)
            case _:
                return _read_labelled(path, wanted, raw)
    except Exception as error:
        return unreadable(name, error)


def _read_parquet(path: Path, wanted: Collection[str]) -> Table:
    import pyarrow.parquet as pq

    columns = tuple(pq.read_schema(path).names)
    if wrong := duplicated(path.name, columns):
        return wrong
    chosen = [c for c in columns if c in wanted] or list(columns[:1])
    table = pq.read_table(path, columns=chosen)
    table.validate(full=True)  # text that is no text, dictionaries without an entry: found here, by name
    return _from_arrow(table, path.name, columns, wanted)


def csv_columns(path: Path) -> tuple[str, ...]:
    """Return the first line of a CSV file."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        return tuple(next(csv.reader(file), ()))


def _read_csv(path: Path, wanted: Collection[str]) -> Table:
    import pyarrow as pa
    from pyarrow import csv as pacsv

    columns = csv_columns(path)
    if wrong := duplicated(path.name, columns):
        return wrong
    if not columns:
        return refused(path.name, "0 rows")
    chosen = [c for c in columns if c in wanted] or [columns[0]]
    table = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=chosen, column_types=dict.fromkeys(chosen, pa.string()), strings_can_be_null=False
        ),
    )
    return _from_arrow(table, path.name, columns, wanted)


def _read_labelled(path: Path, wanted: Collection[str], raw: Collection[str]) -> Table:
    import pyreadstat

    read = pyreadstat.read_dta if path.suffix.lower() == ".dta" else pyreadstat.read_sav
    facts = read(path, metadataonly=True)[1]
    columns = tuple(c or "" for c in facts.column_names)
    size, squeezed = path.stat().st_size, 1 if path.suffix.lower() == ".dta" else MOST_SQUEEZED
    if (facts.number_rows or 0) * len(columns) > size * squeezed:  # the reader would ask for memory for all of them
        rows = f"{facts.number_rows:,} rows of {len(columns)} columns"
        return refused(
            path.name, f"says it has {rows}, which {size:,} bytes cannot hold", "it is damaged: copy it again"
        )
    chosen = [c for c in columns if c in wanted] or list(columns[:1])
    frame, meta = read(path, usecols=chosen, user_missing=True)
    data, missing, problems = {}, {}, []
    for column in (c for c in chosen if c in wanted):
        declared = [*meta.missing_ranges.get(column, ()), *meta.missing_user_values.get(column, ())]
        labels = {} if column in raw else meta.variable_value_labels.get(column, {})
        data[column] = frame[column]
        if labels or declared:
            data[column], missing[column], found = _apply_labels(frame[column], labels, declared)
            problems += found
    return Table(path.name, columns, len(frame), data, missing, tuple(problems))


def _apply_labels(
    series: pd.Series, labels: Mapping[Any, str], declared: Collection[Any]
) -> tuple[pd.Series, frozenset[str], list[Problem]]:
    """Return the labels as a categorical, those that mean missing, and codes that share a label."""
    codes, values = pd.factorize(series)
    texts = [labels.get(v) or as_text(v) or "" for v in values]
    gone = [_is_missing(v, declared) for v in values]
    users: dict[str, list[int]] = {}
    for i, text in enumerate(texts):
        users.setdefault(text, []).append(i)
    problems = [
        Problem(
            "level",
            str(series.name),
            f"codes {[as_text(values[i]) for i in at]} share the label {text!r}",
            first_rows(np.isin(codes, at)),
            "give them labels of their own, or `numeric_codes`",
        )
        for text, at in users.items()
        if len(at) > 1 and not all(gone[i] for i in at)
    ]
    order = {text: i for i, text in enumerate(users)}
    place = np.array([*(order[t] for t in texts), -1])
    merged = pd.Categorical.from_codes(place[codes], categories=pd.Index(list(users), dtype=object))
    return pd.Series(merged, name=series.name), frozenset(t for t, g in zip(texts, gone, strict=True) if g), problems


def _is_missing(value: Any, declared: Collection[Any]) -> bool:
    for item in declared:
        match item:
            case {"lo": low, "hi": high}:
                if isinstance(value, str) == isinstance(low, str) and low <= value <= high:
                    return True
            case _ if value == item:
                return True
    return False
