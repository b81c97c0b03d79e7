"""One table in its four formats, beside each other in a folder."""

from collections.abc import Sequence
from pathlib import Path

from ..estimate import Estimate
from ..markup import el
from ..store import slug
from .make import table as make_table
from .value import PaperTable, _written

_PAGE = "body{margin:2rem;font-family:sans-serif;background:#fff;color:#1c1f23}"
_DARK = "@media(prefers-color-scheme:dark){body{background:#15181c;color:#e4e7ea}}"


def write_table(table: PaperTable, stem: str | Path) -> tuple[Path, ...]:
    """Write ``stem.html, .tex, .docx`` and ``.md``, each whole or not at all; the same table gives the same bytes.

    Parameters
    ----------
    table
        The table.
    stem
        Path without ending; its folder must exist.

    Raises
    ------
    StoreError
        If one cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import alliancecred as ac
    >>> from alliancecred.figures.example import example_estimate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [p.name for p in write_table(ac.table(example_estimate("gap")), Path(folder) / "gap")]
    ['gap.html', 'gap.tex', 'gap.docx', 'gap.md']
    """
    stem = Path(stem)

    def beside(ending: str) -> Path:
        return stem.with_name(f"{stem.name}.{ending}")

    return (
        _written(beside("html"), _page(table).encode("utf-8")),
        _written(beside("tex"), table.latex(label=f"tab:{stem.name}").encode("utf-8")),
        table.word(beside("docx")),
        _written(beside("md"), table.markdown().encode("utf-8")),
    )


def write_tables(asked: Sequence[tuple[str, Estimate]], folder: str | Path) -> list[Path]:
    """Write a table of each estimate, under file names made from their titles."""
    written: list[Path] = []
    names: list[str] = []
    for title, estimate in asked:
        names.append(slug(title, names))
        written += write_table(make_table(estimate), Path(folder) / names[-1])
    return written


def _page(table: PaperTable) -> str:
    head = el("meta", attrs={"charset": "utf-8"}) + el("title", table.title)
    top = f"<head>{head}<style>{_PAGE}{_DARK}</style></head>"
    return f'<!doctype html>\n<html lang="en">{top}<body>\n{table.html()}</body></html>\n'
