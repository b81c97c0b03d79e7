"""A table that is ready to print: headings, rows of text, notes; and its four formats."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import StoreError
from ..files import replace_file


@dataclass(frozen=True)
class Column:
    """A column: what stands above it, and whether it holds labels, numbers (set flush right) or words."""

    heading: str
    kind: Literal["label", "number", "words"] = "number"


@dataclass(frozen=True)
class Rows:
    """Rows under one heading (empty: none); each has a text for every column."""

    heading: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper, as text.

    In a notebook it shows itself. Text from outside (labels, names, titles) comes out as it was typed in every format;
    line ends become blanks, and characters that cannot be seen but steer what can (controls, overrides of the
    direction of writing) are dropped.

    Parameters
    ----------
    title
        What stands above it.
    columns
        The first holds the labels of rows.
    groups
        Rows under their headings, in order.
    notes
        What stands below it, one paragraph each; the first says whether the gates were passed.

    Examples
    --------
    >>> import alliancecred as ac
    >>> from alliancecred.figures.example import example_estimate
    >>> made = ac.table(example_estimate("gap"))
    >>> print(made.markdown().splitlines()[2])
    |   | Mean (percentage points) | 95 % interval | P(> 0) |
    """

    title: str
    columns: tuple[Column, ...]
    groups: tuple[Rows, ...]
    notes: tuple[str, ...] = ()

    def html(self) -> str:
        """Return an HTML fragment (great_tables) in the colours of the page around it; its styles hold for it alone."""
        from .formats import as_html

        return as_html(self)

    def latex(self, *, label: str = "") -> str:
        r"""Return a LaTeX table, as wide as the line, that needs ``\usepackage{booktabs,tabularx}``.

        Of more than 40 rows, headings counted, one that goes on over pages: ``\usepackage{booktabs,xltabular}``.

        Accents, dashes and signs of arithmetic compile everywhere; other scripts and emoji need XeLaTeX or LuaLaTeX
        and a font that has them.

        Parameters
        ----------
        label
            For ``\ref``: letters, digits, ``: - _ .``

        Raises
        ------
        SpecError
            If the label holds anything else.
        """
        from .formats import as_latex

        return as_latex(self, label)

    def markdown(self) -> str:
        """Return a pipe table (GitHub, Pandoc, Quarto, Jupyter), notes below it."""
        from .formats import as_markdown

        return as_markdown(self)

    def word(self, path: str | Path) -> Path:
        """Write a Word file: a caption that Word numbers, a table whose header is repeated on each page, notes.

        Parameters
        ----------
        path
            The file (``.docx``), replaced once the new one is whole. The same table gives the same bytes.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        from .word import as_docx

        return _written(path, as_docx(self))

    def _repr_html_(self) -> str:
        return self.html()

    def __str__(self) -> str:
        from .formats import as_text

        return as_text(self)


def _written(path: str | Path, content: bytes) -> Path:
    try:
        return replace_file(path, content)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise StoreError(f"cannot write {Path(path).name!r}: {why} → give another file") from error
