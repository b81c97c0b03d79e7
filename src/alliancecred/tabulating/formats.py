"""A table as HTML, LaTeX, Markdown and plain text, through great_tables and tabulate."""

import hashlib
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ..errors import SpecError
from .clean import markdown, paragraph, plain, tex
from .value import PaperTable

if TYPE_CHECKING:
    from great_tables import GT

_LABEL = re.compile(r"[A-Za-z0-9:._-]*")
_ALIGN: dict[str, Literal["left", "right"]] = {"label": "left", "number": "right", "words": "left"}
_LINE = "rgba(128, 128, 128, 0.5)"  # legible on light and on dark
_HOLE = "\ue000{}\ue001"  # private use: stands for a text while great_tables lays the table out


def as_html(table: PaperTable) -> str:
    """Return an HTML fragment; its style rules begin with its own id, and its colours are those around it."""
    from great_tables import html

    mark = f"table-{_digest(table)}"
    made = _laid_out(table, mark, plain, stub=True).tab_header(title=plain(table.title))
    made = made.cols_label({_name(j): html(escape(plain(c.heading))) for j, c in enumerate(table.columns)})
    for note in table.notes:
        made = made.tab_source_note(plain(note))
    made = made.tab_options(
        stub_border_style="none", table_body_hlines_style="none", data_row_padding="3px", row_group_padding="4px"
    )
    return _scoped(made.as_raw_html(), mark)


def _laid_out(table: PaperTable, mark: str, put: Callable[[str], str], *, stub: bool) -> "GT":
    """Return the rows under their headings; ``put`` is what becomes of a text."""
    from great_tables import GT

    names = [*map(_name, range(len(table.columns))), "group"]
    rows = []
    for group in table.groups:
        heading = put(group.heading)
        rows += [(*map(put, row), heading) for row in group.rows]
    grouped = any(group.heading for group in table.groups)
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    made = GT(
        frame if grouped else frame.drop(columns="group"),
        rowname_col=names[0] if stub else None,
        groupname_col="group" if grouped else None,
        id=mark,
    )
    for name, column in zip(names, table.columns, strict=False):
        made = made.cols_align(_ALIGN[column.kind], columns=name)
    return made


def _name(j: int) -> str:
    return f"c{j}"


def _digest(table: PaperTable) -> str:
    return hashlib.sha256(repr(table).encode("utf-8", "backslashreplace")).hexdigest()[:12]


def _scoped(text: str, mark: str) -> str:
    """Return the fragment with style rules for itself alone, and without colours of its own."""
    start, end = text.index("<style>") + len("<style>"), text.index("</style>")
    rules = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text[start:end]):
        own = [s.strip() if s.strip().startswith(f"#{mark}") else f"#{mark} {s.strip()}" for s in selectors.split(",")]
        body = re.sub(r"(border[-\w]*-color):\s*#[0-9A-Fa-f]{3,6}", rf"\1: {_LINE}", body)
        body = re.sub(r"(?<![-\w])color:\s*#[0-9A-Fa-f]{3,6}", "color: inherit", body)
        body = re.sub(r"background-color:\s*#[0-9A-Fa-f]{3,6}", "background-color: transparent", body)
        rules.append(f"{', '.join(own)} {{{body.strip()}}}")
    return text[:start] + "\n" + "\n".join(rules) + "\n" + text[end:]


def as_latex(table: PaperTable, label: str = "") -> str:
    """Return a LaTeX table in the form of booktabs.

    Texts are put in after great_tables has laid the table out, so that they are escaped once, and here.
    """
    if not _LABEL.fullmatch(label):
        raise SpecError(f"a LaTeX label holds letters, digits and : - _ . only, got {label!r}")
    texts: list[str] = []

    def hole(text: str) -> str:
        texts.append(tex(text))
        return _HOLE.format(len(texts) - 1)

    made = _laid_out(table, "t", hole, stub=False)
    made = made.cols_label({_name(j): hole(c.heading) for j, c in enumerate(table.columns)})
    body = re.sub(r"\\fontsize\{[^\n]*\\selectfont\n*", "", made.as_latex()).replace("\\begin{table}[!t]\n", "", 1)
    body = body.replace("\\end{table}", "").strip()
    notes = [f"\\par\\medskip\\footnotesize\\raggedright\n{' '.join(map(tex, table.notes))}"] if table.notes else []
    caption = f"\\caption{{{tex(table.title)}}}" + (f"\\label{{{label}}}" if label else "")
    whole = "\n".join(["% needs \\usepackage{booktabs}", "\\begin{table}", caption, body, *notes, "\\end{table}", ""])
    return re.sub("\ue000(\\d+)\ue001", lambda m: texts[int(m.group(1))], whole)


def as_markdown(table: PaperTable) -> str:
    """Return a pipe table."""
    from tabulate import tabulate

    body = []
    for group in table.groups:
        body += [[f"**{markdown(group.heading)}**", *[""] * (len(table.columns) - 1)]] if group.heading else []
        body += [[markdown(text) for text in row] for row in group.rows]
    heads = [markdown(c.heading) or " " for c in table.columns]
    align = [_ALIGN[c.kind] for c in table.columns]
    grid = tabulate(body, heads, tablefmt="pipe", disable_numparse=True, colalign=align if body else None)
    return "\n\n".join([f"**{markdown(table.title)}**", grid, *map(paragraph, table.notes)]) + "\n"


def as_text(table: PaperTable) -> str:
    """Return the table for a terminal."""
    from tabulate import tabulate

    body = []
    for group in table.groups:
        body += [[plain(group.heading), *[""] * (len(table.columns) - 1)]] if group.heading else []
        body += [[("  " if group.heading and j == 0 else "") + plain(t) for j, t in enumerate(r)] for r in group.rows]
    heads = [plain(c.heading) for c in table.columns]
    align = [_ALIGN[c.kind] for c in table.columns]
    grid = tabulate(
        body,
        heads,
        tablefmt="simple",
        disable_numparse=True,
        colalign=align if body else None,
        preserve_whitespace=True,
    )
    return "\n\n".join([plain(table.title), grid, "\n".join(map(plain, table.notes))])
