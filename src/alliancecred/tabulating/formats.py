"""A table as HTML (great_tables), LaTeX, Markdown and plain text (tabulate)."""

import hashlib
import re
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ..errors import SpecError
from .clean import markdown, paragraph, plain, tex
from .value import Column, PaperTable

if TYPE_CHECKING:
    from great_tables import GT

_LABEL = re.compile(r"[A-Za-z0-9:._-]*")
_ALIGN: dict[str, Literal["left", "right"]] = {"label": "left", "number": "right", "words": "left"}
_LINE = "rgba(128, 128, 128, 0.5)"  # legible on light and on dark
_TEX_COLUMN = {"label": r">{\raggedright\arraybackslash\hangindent=1em}X", "number": "r", "words": "l"}
_FLOATS = 40  # lines of LaTeX that fit on a page with notes below them
_HEADING = 13  # characters: as wide as most intervals


def as_html(table: PaperTable) -> str:
    """Return an HTML fragment; its style rules begin with its own id, and its colours are those around it."""
    from great_tables import html

    mark = f"table-{_digest(table)}"
    made = _laid_out(table, mark).tab_header(title=plain(table.title))
    made = made.cols_label({_name(j): html(escape(plain(c.heading))) for j, c in enumerate(table.columns)})
    for note in table.notes:
        made = made.tab_source_note(plain(note))
    made = made.tab_options(
        stub_border_style="none", table_body_hlines_style="none", data_row_padding="3px", row_group_padding="4px"
    )
    return _scoped(made.as_raw_html(), mark)


def _laid_out(table: PaperTable, mark: str) -> "GT":
    """Return the rows under their headings."""
    from great_tables import GT

    names = [*map(_name, range(len(table.columns))), "group"]
    rows = []
    for group in table.groups:
        rows += [(*map(plain, row), plain(group.heading)) for row in group.rows]
    grouped = any(group.heading for group in table.groups)
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    made = GT(
        frame if grouped else frame.drop(columns="group"),
        rowname_col=names[0],
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
    """Return a LaTeX table in the form of booktabs, as wide as the line: labels are wrapped, numbers are not.

    Above so many rows it is one that goes on over pages, with its headings on each, instead of one that floats.
    """
    if not _LABEL.fullmatch(label):
        raise SpecError(f"a LaTeX label holds letters, digits and : - _ . only, got {label!r}")
    caption = f"\\caption{{{tex(table.title)}}}" + (f"\\label{{{label}}}" if label else "")
    heads = " & ".join(map(_stacked, table.columns)) + r" \\"
    kinds = "@{}" + "".join(_TEX_COLUMN[c.kind] for c in table.columns) + "@{}"
    notes = f"\\footnotesize\\raggedright\n{' '.join(map(tex, table.notes))}\\par" if table.notes else ""
    body = _latex_rows(table)
    if sum(len(group.rows) + bool(group.heading) for group in table.groups) <= _FLOATS:
        lines = [
            "% needs \\usepackage{booktabs,tabularx}", r"\begin{table}", caption,
            rf"\begin{{tabularx}}{{\linewidth}}{{{kinds}}}", r"\toprule", heads, r"\midrule", *body, r"\bottomrule",
            r"\end{tabularx}", *([r"\par\medskip" + notes] if notes else []), r"\end{table}", "",
        ]  # fmt: skip
    else:
        goes_on = rf"\midrule \multicolumn{{{len(table.columns)}}}{{@{{}}r@{{}}}}{{\footnotesize continued}} \\"
        lines = [
            "% needs \\usepackage{booktabs,xltabular}; goes on over pages, so it cannot stand in two columns",
            r"{\setlength{\LTcapwidth}{\linewidth}",
            rf"\begin{{xltabular}}{{\linewidth}}{{{kinds}}}", caption + r" \\", r"\toprule", heads, r"\midrule",
            r"\endfirsthead", r"\toprule", heads, r"\midrule", r"\endhead", goes_on, r"\endfoot", r"\bottomrule",
            r"\endlastfoot", *body, r"\end{xltabular}", *([notes] if notes else []), "}", "",
        ]  # fmt: skip
    return "\n".join(lines)


def _latex_rows(table: PaperTable) -> list[str]:
    across = rf"\multicolumn{{{len(table.columns)}}}{{@{{}}p{{\linewidth}}@{{}}}}"
    out: list[str] = []
    for group in table.groups:
        if group.heading:
            out += [r"\addlinespace"] if out else []
            out.append(rf"{across}{{\raggedright\itshape {tex(group.heading)}}} \\*")
        out += [" & ".join(map(tex, row)) + r" \\" for row in group.rows]
    return out


def _stacked(column: Column) -> str:
    """Return the heading of a column over several short lines."""
    lines = wrap(plain(column.heading), _HEADING, break_long_words=False, break_on_hyphens=False) or [""]
    side = {"left": "l", "right": "r"}[_ALIGN[column.kind]]
    return rf"\shortstack[{side}]{{" + r"\\".join(map(tex, lines)) + "}" if len(lines) > 1 else tex(lines[0])


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
