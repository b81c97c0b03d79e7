"""Data that are counted where they lie: several files, large files, frames of an engine."""

import glob
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd

from .errors import Problem, nearest
from .tables import Table, csv_columns, duplicated, open_table, refused, unreadable

if TYPE_CHECKING:
    import duckdb
    import narwhals.stable.v2 as nw
    import pyarrow as pa

LARGE = 64 * 2**20  # bytes of a file above which it is counted where it lies
_NO_LABELS = "values of a type that is no label"
_ENDINGS = (".parquet", ".csv", ".csv.gz")


@dataclass(frozen=True)
class Scan:
    """Rows that stay where they are.

    Parameters
    ----------
    name
        What the report calls the source.
    columns
        Every column of the source, wanted or not.
    keys
        The wanted columns that exist, with their names in ``frame``.
    frame
        Those columns, as the engine that holds them sees them.
    orders
        Columns whose labels the files put in an order.
    own
        Whether the engine is one of ours, so that its errors are those of broken files.
    coded
        The files, if their wanted columns can be counted by dictionary codes (see `codes`).
    """

    name: str
    columns: tuple[str, ...]
    keys: Mapping[str, str]
    frame: "nw.LazyFrame[Any]"
    orders: Mapping[str, pd.CategoricalDtype] = field(default_factory=dict)
    own: bool = False
    coded: tuple[Path, ...] = ()


@contextmanager
def open_source(source: Any, wanted: Collection[str], raw: Collection[str]) -> Iterator[Scan | Table]:
    """Give rows that stay where they are, or else a table in memory (see `open_table`).

    Lists of paths, patterns, files above `LARGE` and frames that are not in memory stay where they are.
    """
    match source:
        case list() | tuple() if source and all(isinstance(s, str | PathLike) for s in source):
            paths = [Path(p) for s in source for p in _expanded(s)]
        case str() | PathLike() if _is_pattern(source) or _is_large(Path(source)):
            paths = [Path(p) for p in _expanded(source)]
        case str() | PathLike() | pd.DataFrame():
            yield open_table(source, wanted, raw)
            return
        case _:
            yield _from_frame(source, wanted) or open_table(source, wanted, raw)
            return
    with TemporaryDirectory(prefix="alliancecred-") as folder:
        yield _from_files(paths, wanted, folder)


def _keys(columns: Sequence[str], wanted: Collection[str]) -> dict[str, str]:
    return {column: f"key{i}" for i, column in enumerate(columns) if column in wanted}


def _from_frame(source: Any, wanted: Collection[str]) -> Scan | Table | None:
    import narwhals.stable.v2 as nw

    frame = nw.from_native(source, pass_through=True)
    if not isinstance(frame, nw.LazyFrame):
        return None
    native = frame.to_native()
    name = f"{type(native).__module__.split('.')[0].strip('_')} {type(native).__name__}"
    columns = tuple(frame.collect_schema().names())
    if wrong := duplicated(name, columns):
        return wrong
    keys = _keys(columns, wanted)
    chosen = frame.select([nw.col(column).alias(key) for column, key in keys.items()] or nw.col(columns[0]))
    return Scan(name, columns, keys, chosen)


# --- files --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _File:
    """What the head of a file says; ``kinds`` are types as far as labels are concerned."""

    path: Path
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    schema: Any = None  # of a Parquet file


def _is_pattern(source: str | PathLike[str]) -> bool:
    return glob.has_magic(str(source)) and not Path(source).exists()


def _is_large(path: Path) -> bool:
    return path.name.lower().endswith(_ENDINGS) and path.is_file() and path.stat().st_size > LARGE


def _expanded(source: str | PathLike[str]) -> list[str]:
    """Return the files of a pattern in the order of their names; what is no pattern stays as it is."""
    found = sorted(p for p in glob.glob(str(source), recursive=True) if Path(p).is_file())
    return found if _is_pattern(source) and found else [str(source)]


def _from_files(paths: Sequence[Path], wanted: Collection[str], folder: str) -> Scan | Table:
    listed = list(dict.fromkeys(path.name for path in paths))
    more = ", …" if len(listed) > 3 else ""
    name = paths[0].name if len(paths) == 1 else f"{len(paths)} files ({', '.join(listed[:3])}{more})"
    heads = {path: _head(path) for path in dict.fromkeys(paths)}
    bad = [p for head in heads.values() if isinstance(head, Table) for p in head.problems]
    files = {path: head for path, head in heads.items() if isinstance(head, _File)}
    columns = tuple(dict.fromkeys(c for file in files.values() for c in file.columns))
    keys = _keys(columns, wanted)
    orders, disorder = _orders(files.values(), keys)
    if bad := [*bad, *_differences(files.values(), keys), *disorder]:
        return Table(name, problems=tuple(bad))
    import narwhals.stable.v2 as nw

    alike: dict[tuple[Any, ...], list[_File]] = {}
    for path in paths:
        file = files[path]
        alike.setdefault((file.columns, tuple(file.schema.types) if file.schema else ()), []).append(file)
    connection = _engine(folder)
    parts = [connection.sql(_query(group, keys)) for group in alike.values()]
    frame = nw.from_native(reduce(lambda one, two: one.union(two), parts))
    coded = tuple(paths) if _is_coded([files[path].schema for path in files], keys) else ()
    return Scan(name, columns, keys, frame, orders, own=True, coded=coded)


def _is_coded(schemas: Sequence[Any], wanted: Collection[str]) -> bool:
    """Return whether all files keep text as codes, with at most whole numbers beside it."""
    import pyarrow as pa

    types = [schema.field(column).type if schema else None for schema in schemas for column in wanted]
    whole = [t is not None and pa.types.is_integer(t) for t in types]
    return any(not w for w in whole) and all(w or (t and _kind(t) == "text") for w, t in zip(whole, types, strict=True))


def _head(path: Path) -> _File | Table:
    name = path.name
    if glob.has_magic(str(path)) and not path.exists():
        return refused(str(path), "no file matches")
    if not name.lower().endswith(_ENDINGS):
        remedy = "read each file by itself, and give all surveys to fit(spec, *surveys)"
        return refused(name, f"only {', '.join(_ENDINGS)} files are counted together", remedy)
    if not path.is_file():
        return refused(name, "no such file")
    try:
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            schema = pq.read_schema(path)
            file = _File(path, tuple(schema.names), tuple(map(_kind, schema.types)), schema)
        else:
            columns = csv_columns(path)
            file = _File(path, columns, ("text",) * len(columns))
    except Exception as error:
        return unreadable(name, error)
    if not file.columns:
        return refused(name, "0 rows")
    return duplicated(name, file.columns) or file


def _kind(kind: "pa.DataType") -> str:
    import pyarrow as pa
    import pyarrow.types as is_

    if isinstance(kind, pa.BaseExtensionType):
        return _NO_LABELS
    if is_.is_dictionary(kind):
        return _kind(kind.value_type)
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return "text"
    if is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind):
        return "numbers"
    return "" if is_.is_null(kind) else str(kind)


def _differences(files: Collection[_File], wanted: Collection[str]) -> Iterator[Problem]:
    """Yield wanted columns that a file lacks, or that files write differently."""
    for column in wanted:
        kinds: dict[str, str] = {}
        for file in files:
            if column not in file.columns:
                message = f"no such column in {file.path.name}"
                yield Problem("schema", column, message, (), nearest(column, file.columns))
            elif kind := file.kinds[file.columns.index(column)]:
                kinds.setdefault(kind, file.path.name)
        if len(kinds) > 1 or _NO_LABELS in kinds:
            message = "holds " + ", ".join(f"{kind} in {name}" for kind, name in kinds.items())
            yield Problem("schema", column, message, (), "write it as text, or as numbers, in every file")


def _orders(
    files: Collection[_File], wanted: Mapping[str, str]
) -> tuple[dict[str, pd.CategoricalDtype], list[Problem]]:
    """Return the order that Parquet files declare for labels, and columns that have several."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, dict[tuple[str, ...], str]] = {}
    for file in files:
        for column in wanted if file.schema else ():
            kind = file.schema.field(column).type if column in file.columns else None
            if kind is not None and pa.types.is_dictionary(kind) and kind.ordered:
                reader = pq.ParquetFile(file.path)
                values = reader.read_row_group(0, columns=[column]).column(0) if reader.num_row_groups else None
                order = tuple(values.chunk(0).dictionary.to_pylist()) if values and values.num_chunks else ()
                found.setdefault(column, {}).setdefault(order, file.path.name)
    problems = [
        Problem("outcome", column, "is ordered differently in " + " and ".join(orders.values()), (), "write one order")
        for column, orders in found.items()
        if len(orders) > 1
    ]
    orders = {c: pd.CategoricalDtype(list(next(iter(orders))), ordered=True) for c, orders in found.items()}
    return orders, problems


# --- the engine for files -----------------------------------------------------------------------
def _engine(folder: str) -> "duckdb.DuckDBPyConnection":
    """Return an engine of its own, which spills into ``folder`` and fetches nothing from elsewhere."""
    import duckdb

    settings: dict[str, Any] = {
        "temp_directory": folder,
        "memory_limit": "1GB",
        "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    connection = duckdb.connect(":memory:", config=settings)
    connection.sql("SET enable_progress_bar = false")  # cannot be set earlier; it prints to the standard output
    return connection


def _query(files: Sequence[_File], keys: Mapping[str, str]) -> str:
    """Return the query of the wanted columns of files with the same columns and types.

    Columns are taken by position: to DuckDB, ``Ally`` and ``ally`` are one name.
    """
    # an escaped name means itself and no pattern, an absolute one no address
    paths = ", ".join(_literal(glob.escape(str(file.path.absolute()))) for file in files)
    places = [f"c{i}" for i in range(len(files[0].columns))]
    chosen = ", ".join(f"c{files[0].columns.index(column)} AS {key}" for column, key in keys.items()) or "c0"
    if files[0].schema is not None:
        reader = f"read_parquet([{paths}], hive_partitioning = false)"
    else:
        types = ", ".join(f"'{place}': 'VARCHAR'" for place in places)
        reader = (
            f"read_csv([{paths}], columns = {{{types}}}, auto_detect = false, header = true, delim = ',', "
            "quote = '\"', escape = '\"', hive_partitioning = false)"
        )
    return f"SELECT {chosen} FROM {reader} AS source({', '.join(places)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
