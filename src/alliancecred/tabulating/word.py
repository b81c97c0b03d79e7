"""A table as a Word file, through python-docx: the same table gives the same bytes."""

import datetime as dt
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from .clean import plain
from .value import PaperTable

if TYPE_CHECKING:
    from docx.document import Document

_DAY = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # a file that says when it was made is never the same twice
_POINTS, _SMALL = 10, 8
_WIDE = 6  # columns: from here on the page lies on its side


def as_docx(table: PaperTable) -> bytes:
    """Return the bytes of a Word file."""
    import docx
    from docx.enum.section import WD_ORIENT

    document = docx.Document()
    facts = document.core_properties
    facts.author, facts.comments, facts.title = "alliancecred", "", plain(table.title)[:255]
    facts.created = facts.modified = _DAY
    if len(table.columns) > _WIDE:
        page = document.sections[0]
        page.orientation, page.page_width, page.page_height = WD_ORIENT.LANDSCAPE, page.page_height, page.page_width
    _caption(document, plain(table.title))
    _grid(document, table)
    for note in table.notes:
        _small(document.add_paragraph(plain(note)))
    out = BytesIO()
    document.save(out)
    return _undated(out.getvalue())


def _caption(document: "Document", title: str) -> None:
    """A caption that Word counts with the other tables of the document it is pasted into."""
    paragraph = document.add_paragraph("Table ", style="Caption")
    field = _element("w:fldSimple", **{"w:instr": r" SEQ Table \* ARABIC "})
    run = paragraph.add_run("1")
    field.append(run._r)
    paragraph._p.append(field)
    paragraph.add_run(f". {title}")
    paragraph.paragraph_format.keep_with_next = True
    _black(paragraph)


def _grid(document: "Document", table: PaperTable) -> None:
    lines = [(group.heading, None) if row is None else ("", row) for group in table.groups
             for row in ([None] if group.heading else []) + list(group.rows)]  # fmt: skip
    grid = document.add_table(rows=1 + len(lines), cols=len(table.columns))
    grid.autofit = True
    _fill(grid.rows[0], [c.heading for c in table.columns], table, bold=True)
    grid.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader"))
    for line, (heading, row) in zip(list(grid.rows)[1:], lines, strict=True):
        if row is None:
            merged = line.cells[0].merge(line.cells[-1])
            _write(merged, heading, bold=True)
        else:
            _fill(line, row, table)
    for row in grid.rows:
        row._tr.get_or_add_trPr().append(_element("w:cantSplit"))
    _rule(grid.rows[0], "top", 8)
    _rule(grid.rows[0], "bottom", 4)
    _rule(list(grid.rows)[-1], "bottom", 8)


def _fill(line: Any, texts: Any, table: PaperTable, *, bold: bool = False) -> None:
    for cell, text, column in zip(line.cells, texts, table.columns, strict=True):
        _write(cell, text, bold=bold, right=column.kind == "number")


def _write(cell: Any, text: str, *, bold: bool = False, right: bool = False) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = cell.paragraphs[0]
    run = paragraph.add_run(plain(text))
    run.bold, run.font.size = bold, Pt(_POINTS)
    paragraph.paragraph_format.space_after = Pt(1)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT if right else WD_ALIGN_PARAGRAPH.LEFT


def _small(paragraph: Any) -> None:
    from docx.shared import Pt

    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(2)
    for run in paragraph.runs:
        run.font.size = Pt(_SMALL)


def _black(paragraph: Any) -> None:
    from docx.shared import RGBColor

    for run in paragraph.runs:
        run.font.color.rgb = RGBColor(0, 0, 0)


def _rule(line: Any, side: str, eighths: int) -> None:
    """Draw a line above or below a row, as thick as so many eighths of a point."""
    for cell in line._tr.tc_lst:
        borders = cell.get_or_add_tcPr().first_child_found_in("w:tcBorders")
        if borders is None:
            borders = _element("w:tcBorders")
            cell.get_or_add_tcPr().append(borders)
        borders.append(_element(f"w:{side}", **{"w:val": "single", "w:sz": str(eighths), "w:space": "0"}))


def _element(name: str, **attributes: str) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(name)
    for key, value in attributes.items():
        made.set(qn(key), value)
    return made


def _undated(content: bytes) -> bytes:
    """Return the same archive with every entry of one day."""
    out = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = ZipInfo(name, _DAY.timetuple()[:6])
            entry.compress_type, entry.create_system = ZIP_DEFLATED, 3
            new.writestr(entry, old.read(name))
    return out.getvalue()
