"""Text in Parquet files, counted by its dictionary codes: no label is made, hashed or compared per row.

A Parquet file keeps text as codes into the dictionary of each block of rows. Counting combinations of
codes is about twice as fast as grouping by text, whatever the engine (docs/decisions/008).
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 1 << 17
_PLACES = 1 << 20  # combinations of the dictionaries of a batch; beyond, most of the table stays empty

Counts = tuple[np.ndarray, np.ndarray]


class _TooManyError(Exception):
    """The labels are more than a table of their combinations has room for."""


class _Book:
    """The labels of each column in the order in which they came up, shared by the threads that read."""

    def __init__(self, columns: int):
        self.labels: list[dict[Any, int]] = [{None: 0} for _ in range(columns)]
        self.bits = 62 // columns
        self._lock = Lock()

    def codes(self, column: int, labels: Sequence[Any]) -> np.ndarray:
        """Return the codes of labels, and a last one for empty cells."""
        known = self.labels[column]
        with self._lock:
            codes = [known.setdefault(label, len(known)) for label in labels]
        if len(known) > 1 << self.bits:
            raise _TooManyError
        return np.array([*codes, 0], dtype=np.int64)


def count_codes(paths: Sequence[Path], keys: Mapping[str, str]) -> "pa.Table | None":
    """Return each combination of some columns of Parquet files, and its number of rows as ``times``.

    Nothing is returned where there are too many labels for this way of counting.

    Parameters
    ----------
    paths
        Files; one that is listed several times counts as often.
    keys
        Columns of text or whole numbers, and what each is called in the result.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    book = _Book(len(keys))
    heads = {path: pq.read_metadata(path) for path in dict.fromkeys(paths)}
    blocks = [(path, i) for path in paths for i in range(heads[path].num_row_groups)]
    total: Counter[int] = Counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as threads:
        try:
            for counts in threads.map(lambda b: _count_block(b[0], heads[b[0]], b[1], list(keys), book), blocks):
                total.update(dict(zip(*(part.tolist() for part in counts), strict=True)))
        except _TooManyError:
            threads.shutdown(cancel_futures=True)
            return None
    joint = np.fromiter(total, dtype=np.int64, count=len(total))
    columns: dict[str, Any] = {}
    for i, key in enumerate(keys.values()):
        codes = (joint >> (book.bits * i)) & ((1 << book.bits) - 1)
        columns[key] = pa.array(list(book.labels[i])).take(pa.array(codes))
    return pa.table(columns | {"times": np.fromiter(total.values(), dtype=np.int64, count=len(total))})


def _count_block(path: Path, head: Any, block: int, columns: Sequence[str], book: _Book) -> Counts:
    """Return the combinations of one block of rows, as codes of the book side by side, and their rows."""
    import pyarrow.parquet as pq

    reader = pq.ParquetFile(path, metadata=head, read_dictionary=list(columns))
    batches = reader.iter_batches(_BATCH, row_groups=[block], columns=list(columns), use_threads=False)
    parts = [_count_batch([batch.column(c) for c in columns], book) for batch in batches]
    if not parts:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    joint, place = np.unique(np.concatenate([p[0] for p in parts]), return_inverse=True)
    return joint, np.bincount(place, np.concatenate([p[1] for p in parts])).astype(np.int64)


def _count_batch(columns: Sequence["pa.Array"], book: _Book) -> Counts:
    import pyarrow as pa

    coded = [c if pa.types.is_dictionary(c.type) else c.dictionary_encode() for c in columns]
    sizes = [len(c.dictionary) + 1 for c in coded]
    if prod(sizes) > _PLACES:
        raise _TooManyError
    place = np.zeros(len(columns[0]), dtype=np.int32)
    for column, size in zip(coded, sizes, strict=True):
        codes = column.indices if column.indices.null_count == 0 else column.indices.fill_null(size - 1)
        place *= size
        np.add(place, codes.to_numpy(zero_copy_only=False), out=place, casting="unsafe")
    count = np.bincount(place)
    seen = np.flatnonzero(count)
    joint = np.zeros(len(seen), dtype=np.int64)
    for i, codes in enumerate(np.unravel_index(seen, sizes)):
        joint |= book.codes(i, coded[i].dictionary.to_pylist())[codes] << (book.bits * i)
    return joint, count[seen]
