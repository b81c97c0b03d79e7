"""Tables in files that spreadsheets open safely."""

from pathlib import Path

import pandas as pd

from ..files import replace_file

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full width


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV (RFC 4180, UTF-8), whole or not at all.

    A text cell that a spreadsheet would run as a formula (it starts with ``= + - @``, a tab or a
    line end) gets an apostrophe in front; numbers stay numbers.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_csv(pd.DataFrame({"a": ["=1+1"], "b": [-2.5]}), Path(folder) / "t.csv")
    ...     path.read_text(encoding="utf-8").split()
    ['a,b', "'=1+1,-2.5"]
    """
    cells = {i: pd.Series([safe_cell(v) for v in frame.iloc[:, i]], dtype=object) for i in range(frame.shape[1])}
    safe = pd.DataFrame(cells, dtype=object)
    safe.columns = pd.Index([safe_cell(str(c)) for c in frame.columns], dtype=object)
    text = safe.to_csv(index=False, lineterminator="\r\n", na_rep="")
    return replace_file(path, text.encode("utf-8", errors="backslashreplace"))


def safe_cell(cell: object) -> object:
    """Return a cell of a table with an apostrophe before text that a spreadsheet would run as a formula.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell(-2.5)
    ("'=1+1", -2.5)
    """
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
