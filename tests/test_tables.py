"""Tables for papers: what they say, and that text stays text in all four formats."""

import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from shutil import which
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

import alliancecred as ac
from alliancecred.errors import SpecError, StoreError
from alliancecred.estimate import LABELS
from alliancecred.figures.example import example_estimate
from alliancecred.fitting import prepare
from alliancecred.report import prior_fit
from alliancecred.summaries import summary
from alliancecred.tabulating import Column, PaperTable, Rows, write_table, write_tables
from alliancecred.tabulating.clean import plain, tex
from alliancecred.tabulating.notes import notes_of
from alliancecred.wording import data_words

BAD = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "$\\frac$",
    "=cmd|' /C calc'!A0",
    "a|b",
    "\\input{/etc/passwd}",
    "\\write18{ls}",
    "50% & _x_ #1 ~ ^",
    "line\nbreak\ttab",
    "[5cm] *star*",
    "{{7*7}} {{m^2}}",
    "**bold** `code` [x](javascript:1)",
    "עברית ומספר 5",
    "🇵🇱 👩‍👩‍👧",
    "1. first",
    '--- it\'s "quoted"',
    "hidden\x1b[31m\x07\u202eoverride",
    "\ue0000\ue001",
    "",
)


def of(*labels: str) -> PaperTable:
    rows = tuple((x, x, x) for x in labels)
    columns = (Column("", "label"), *(Column(x) for x in labels[:2]))
    return PaperTable(labels[0], columns, (Rows(labels[-2], rows), Rows("other", rows[:1])), labels)


class Reader(HTMLParser):
    """The text of a fragment, cell by cell; and its elements and attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {k for k, _ in attrs}
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def hostile() -> PaperTable:
    return of(*BAD)


# --- text stays text ------------------------------------------------------------------------------
@pytest.mark.parametrize("label", BAD, ids=range(len(BAD)))
def test_html_shows_every_text_as_typed(hostile, label):
    read = Reader(hostile.html())
    assert [c.strip() for c in read.cells].count(plain(label)) >= 3


def test_html_has_no_element_or_attribute_but_those_of_a_table(hostile):
    read = Reader(hostile.html())
    assert read.tags == {"div", "style", "table", "thead", "tbody", "tfoot", "tr", "td", "th", "span"}
    assert not {a for a in read.attributes if a.startswith("on") or a in ("src", "href")}


def test_styles_of_a_table_hold_for_it_alone_and_have_no_colour_of_their_own(hostile):
    text = hostile.html()
    mark = re.search(r'<div id="([^"]+)"', text).group(1)
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", style)
    assert len(rules) > 20
    assert all(s.strip().startswith(f"#{mark} ") for selectors, _ in rules for s in selectors.split(","))
    assert not re.search(r"color:\s*#", style)


def test_latex_escapes_every_text(hostile):
    text = hostile.latex(label="tab:x")
    body = text[text.index("\\midrule") : text.index("\\bottomrule")]
    for label in filter(None, BAD):
        assert body.count(tex(label)) >= 3
    assert "\\input{" not in text.replace("\\textbackslash{}input\\{", "")
    assert not set("\x1b\x07\u202e\ue000\ue001") & set(text)


@pytest.mark.parametrize("label", BAD, ids=range(len(BAD)))
def test_latex_of_a_text_is_balanced_and_has_no_command_but_ours(label):
    text = tex(label)
    bare = re.sub(r"\\[{}$&%#_,]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not set(re.sub(r"\$\\?[-a-z^]+\$", "", bare)) & set("#%&_")
    ours = {"textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "dots"}
    assert set(re.findall(r"\\([a-zA-Z]+)", re.sub(r"\$[^$]*\$", "", bare))) <= ours
    assert not re.match(r"\s*[\[*]", text)  # after \\ it would be an argument of the line end


def test_latex_has_the_form_of_booktabs():
    text = ac.table(example_estimate()).latex()
    rules = re.findall(r"\\(toprule|midrule|bottomrule|hline|cline)", text)
    assert rules[0] == "toprule"
    assert rules[-1] == "bottomrule"
    assert not {"hline", "cline"} & set(rules)
    assert re.findall(r"\\(begin|end)\{(\w+)", text) == [
        ("begin", "table"), ("begin", "tabularx"), ("end", "tabularx"), ("end", "table"),
    ]  # fmt: skip
    assert re.search(
        r"\\begin\{tabularx\}\{\\linewidth\}\{@\{\}>\{.*\}Xrrr@\{\}\}\n", text
    )  # labels are wrapped, numbers are not
    assert "\\shortstack[r]{Mean\\\\(percentage\\\\points)}" in text  # a heading is no wider than its numbers
    widths = {line.count(" & ") for line in text.splitlines() if line.endswith("\\\\") and "multicolumn" not in line}
    assert len(widths) == 1


def long_table(rows: int) -> PaperTable:
    columns = (Column("", "label"), Column("Mean (percentage points)"), Column("95 % interval"))
    return PaperTable(
        "A title", columns, (Rows("", tuple((f"country {i}", "1.0", "[0.5, 1.5]") for i in range(rows))),), ("A note.",)
    )


def test_a_latex_table_longer_than_a_page_goes_on_over_pages_with_its_headings_on_each():
    floats, goes_on = long_table(40).latex(label="tab:x"), long_table(41).latex(label="tab:x")
    grouped = replace(long_table(0), groups=tuple(Rows(f"group {g}", long_table(7).groups[0].rows) for g in range(5)))
    assert "\\begin{table}" in grouped.latex()  # 40 rows with their headings; gaps between groups are none
    assert "\\begin{table}" in floats
    assert "xltabular" not in floats
    assert "\\begin{table}" not in goes_on
    assert goes_on.splitlines()[0].startswith("% needs \\usepackage{booktabs,xltabular}")
    head, body = goes_on.split("\\endlastfoot\n")
    first, second = head.split("\\endfirsthead\n")
    assert first.count("95 \\% interval") == second.count("95 \\% interval") == 1
    assert "\\caption{A title}\\label{tab:x}" in first
    assert "\\caption" not in second
    assert body.count("country ") == 41
    assert body.count("A note.") == 1


def compiled(tables: list[PaperTable], folder: Path) -> str:
    """Return what pdfLaTeX says of a paper with these tables."""
    head = "\\documentclass{article}\\usepackage{booktabs,tabularx,xltabular}\\begin{document}\n"
    text = head + "\n".join(t.latex() for t in tables) + "\\end{document}\n"
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    for _ in range(2):  # columns of a table over pages settle
        ran = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
            cwd=folder, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout[-800:]
    return ran.stdout


@pytest.mark.skipif(which("pdflatex") is None, reason="there is no pdflatex here")
def test_latex_compiles_and_no_line_is_wider_than_the_page(tmp_path):
    words = "a label of a row that is so long that it cannot but be wrapped in any table as wide as a page"
    row = Rows("group", ((words, "−10.0", "[−12.5, −7.5]"),))
    headed = Rows(f"a heading {words}, and more than that, since {words}", row.rows)
    tables = [
        ac.table(example_estimate()),
        ac.table(example_estimate("gap")),
        replace(long_table(3), groups=(row, headed)),
    ]
    said = compiled([*tables, long_table(90), replace(long_table(60), title=words)], tmp_path)
    assert "Output written on paper.pdf" in said
    assert not re.search(r"Overfull \\hbox|Missing character|multiply defined", said)
    assert "Output written on paper.pdf" in compiled([of(*(x for x in BAD if x.isascii()))], tmp_path)


def test_a_latex_label_cannot_be_a_command():
    with pytest.raises(SpecError, match="label holds letters"):
        ac.table(example_estimate()).latex(label="x}\\input{y")


def unescaped(cell: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]#|$~!^])", r"\1", cell.strip()).replace("&lt;", "<").replace("&amp;", "&")


def test_markdown_shows_every_text_and_no_cell_is_lost(hostile):
    lines = hostile.markdown().splitlines()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("|")]
    assert {len(r) for r in rows} == {3}
    first = [unescaped(r[0]) for r in rows]
    for label in filter(None, BAD):
        assert plain(label) in first
    assert not re.search(r"<[a-z]", hostile.markdown())


def test_notes_of_markdown_are_no_lists():
    text = of("1. a", "- b").markdown()
    assert "\n1\\. a" in text
    assert "\n\\- b" in text


def word_of(table: PaperTable, path):
    import docx

    return docx.Document(str(table.word(path)))


def test_word_shows_every_text(hostile, tmp_path):
    document = word_of(hostile, tmp_path / "t.docx")
    first = [row.cells[0].text for row in document.tables[0].rows]
    for label in filter(None, BAD):
        assert plain(label) in first
    xml = ZipFile(tmp_path / "t.docx").read("word/document.xml").decode()
    assert "<script" not in xml


def test_word_repeats_the_header_numbers_the_caption_and_has_the_notes(tmp_path):
    made = ac.table(example_estimate())
    document = word_of(made, tmp_path / "t.docx")
    xml = document.element.xml
    assert xml.count("<w:tblHeader/>") == 1
    assert "SEQ Table" in xml
    assert document.paragraphs[0].style.name == "Caption"
    assert document.paragraphs[0].text.endswith(made.title)
    assert [p.text for p in document.paragraphs[1:]] == list(made.notes)
    assert [c.text for c in document.tables[0].rows[0].cells] == [c.heading for c in made.columns]


def test_the_same_table_gives_the_same_bytes(tmp_path, monkeypatch):
    import time

    made = ac.table(example_estimate())
    one = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in write_table(made, tmp_path / "t")}
    real = time.localtime
    monkeypatch.setattr(time, "localtime", lambda *a: real(2e9))
    two = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in write_table(made, tmp_path / "t")}
    assert one == two
    with ZipFile(tmp_path / "t.docx") as file:
        assert {i.date_time for i in file.infolist()} == {(2000, 1, 1, 0, 0, 0)}
        assert b"2000-01-01T00:00:00Z" in file.read("docProps/core.xml")


def test_a_table_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(StoreError, match=r"cannot write 't\.docx'"):
        ac.table(example_estimate()).word(tmp_path / "nowhere" / "t.docx")


def test_nothing_heavy_is_loaded_for_a_table_before_it_is_shown():
    code = (
        "import sys; from alliancecred.tabulating import Column, PaperTable; PaperTable('t', (Column('a'),), ()); "
        "print([m for m in ('great_tables', 'docx', 'tabulate') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


# --- what it says ---------------------------------------------------------------------------------
def cells_of(table: PaperTable) -> dict[str, tuple[str, ...]]:
    return {f"{g.heading}: {r[0]}": r[1:] for g in table.groups for r in g.rows}


def test_numbers_are_those_of_the_summary_with_their_unit_and_a_true_minus():
    estimate = example_estimate()
    made, numbers = ac.table(estimate), summary(estimate)
    assert [c.heading for c in made.columns] == ["", "Mean (percentage points)", "95 % interval", "P(> 0)"]
    sender = numbers[(numbers["role"] == "sender") & (numbers["country"] == "PL")].iloc[0]
    shown = cells_of(made)["First-order effect (sender): Poland"]
    assert shown[0] == f"−{abs(sender['mean']):.1f}"
    assert shown[1] == f"[−{abs(sender['lower']):.1f}, −{abs(sender['upper']):.1f}]"
    assert shown[2] == "< 0.001"


def test_intervals_are_as_asked_for():
    made = ac.table(example_estimate(), ci_prob=0.8, ci_kind="hdi")
    numbers = summary(example_estimate(), ci_prob=0.8, ci_kind="hdi")
    assert made.columns[2].heading == "80 % interval"
    assert any("80 % highest-density" in n for n in made.notes)
    assert f"−{abs(numbers['lower'][0]):.1f}" in made.groups[0].rows[0][2]
    with pytest.raises(SpecError, match="ci_prob"):
        ac.table(example_estimate(), ci_prob=95)


def test_the_first_note_is_the_verdict_and_a_failure_is_in_the_title():
    good, bad = example_estimate(), replace(example_estimate(), status="failed: R-hat 1.03")
    assert ac.table(good).notes[0] == (
        "All gates passed: R-hat below 1.01, bulk and tail effective sizes of at least 400, no divergence, "
        "E-BFMI of at least 0.3."
    )
    weights = {k: (("chain", "draw"), np.zeros(good.draws.shape[:2])) for k in ("ancestor", "log_weight")}
    weighted = replace(good, draws=good.draws.assign_coords(weights))
    said = notes_of([weighted], ci_prob=0.95, ci_kind="eti")[0]
    assert said == "All gates passed: Pareto k below 0.7, bulk and tail effective sizes of at least 400."
    made = ac.table(bad)
    assert made.notes[0] == "GATES FAILED, do not report these numbers: R-hat 1.03."
    assert made.title.startswith("GATES FAILED: SIMULATED: ")
    for text in (made.html(), made.latex(), made.markdown(), str(made)):
        assert "R-hat 1.03" in text


def test_one_that_failed_among_several_is_marked_in_its_row():
    made = ac.table([example_estimate(), replace(example_estimate("levels"), status="failed: ESS")])
    assert made.columns[-1].heading == "Gates"
    assert {r[-1] for g in made.groups for r in g.rows} == {"passed", "FAILED"}
    assert made.notes[0].startswith("GATES FAILED")


def test_the_notes_say_what_a_reader_must_know():
    estimate = replace(example_estimate(), notes=("two events cannot be told apart",), data="100 answers in 4 cells")
    text = "\n".join(ac.table(estimate).notes)
    for words in (
        "SIMULATED DATA",
        "with minus without the signal aid_halt",
        "95 % equal-tailed",
        "Data: 100 answers in 4 cells.",
        "not attributed to the signal",
        "Two events cannot be told apart.",
        f"SHA-256 {estimate.spec.digest[:12]}.",
    ):
        assert words in text


def test_diagnostics_are_shown_when_asked_for(tmp_path):
    write_tables([("one", example_estimate())], tmp_path)
    assert "ESS" not in (tmp_path / "one.tex").read_text()[: -len(ac.table(example_estimate()).notes[0])]
    heads = [c.heading for c in ac.table(example_estimate(), diagnostics=True).columns]
    assert heads[-3:] == ["Bulk ESS", "Tail ESS", "R-hat"]


def test_several_estimates_have_headings_units_and_their_own_identification():
    made = ac.table([example_estimate(), example_estimate("levels")])
    assert [g.heading for g in made.groups] == [
        "Shift: First-order effect (sender) (percentage points)",
        "Shift: Second-order effect (other allies) (percentage points)",
        "Levels (percent)",
    ]
    assert [c.heading for c in made.columns] == ["", "Mean", "95 % interval", "P(> 0)", "Identification"]
    assert {r[-1] for r in made.groups[-1].rows} == {"descriptive"}
    assert {r[3] for r in made.groups[-1].rows} == {"–"}


@pytest.mark.parametrize(
    ("by", "headings", "first"),
    [
        ("country", ["Germany", "Poland"], "First-order effect (sender)"),
        ("ally", ["Average over allies"], "First-order effect (sender): Germany"),
        ("role", ["First-order effect (sender)", "Second-order effect (other allies)"], "Germany"),
        ("estimand", ["Shift"], "First-order effect (sender): Germany"),
    ],
)
def test_rows_are_put_together_by_a_label(by, headings, first):
    estimate = example_estimate()
    blank = estimate.draws.assign_coords(ally=("row", np.full(len(estimate), "")))
    made = ac.table(replace(estimate, draws=blank), by=by)
    assert [g.heading for g in made.groups] == headings
    assert made.groups[0].rows[0][0] == first
    assert sum(len(g.rows) for g in made.groups) == len(estimate)


def test_levels_of_several_attributes_stand_under_the_name_of_each():
    estimate = example_estimate("levels")
    names = [("regime", "democracy"), ("costs", "low")]
    labels = {
        k: ("row", np.array([names[i % 2][j] for i in range(len(estimate))]))
        for j, k in enumerate(("attribute", "level"))
    }
    made = ac.table(replace(estimate, draws=estimate.draws.assign_coords(labels)))
    assert [g.heading for g in made.groups] == ["regime", "costs"]
    assert not any("regime" in row[0] for row in made.groups[0].rows)
    one = estimate.draws.assign_coords(attribute=("row", np.full(len(estimate), "regime")))
    assert [g.heading for g in ac.table(replace(estimate, draws=one)).groups] == [""]


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(SpecError, match="country"):
        ac.table(example_estimate(), by="cuontry")
    for nothing in ([], (), 3, ["x"]):
        with pytest.raises(SpecError, match="a table is made of"):
            ac.table(nothing)
    with pytest.raises(SpecError, match="`by` is for estimates"):
        ac.table(pd.DataFrame({"a": [1]}), by="country")
    with pytest.raises(SpecError, match="columns a"):
        ac.table(pd.DataFrame({"a": [1]}))
    with pytest.raises(SpecError, match="no rows"):
        ac.table(example_estimate().rows(np.array([], dtype=int)))


def test_no_draw_that_is_no_number_is_shown_as_one():
    estimate = example_estimate("gap")
    draws = estimate.draws.copy()
    draws.values[0, 0, 0] = np.nan
    shown = ac.table(replace(estimate, draws=draws, status="failed: nan")).groups[0].rows[0]
    assert shown[1:] == ("not available", "–", "–")


# --- fits and frames ------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def fit():
    made = ac.simulate("retrenchment_simulated")
    _, cells, design = prepare(ac.read_spec("models/retrenchment_simulated.toml"), made.survey)
    return prior_fit(design, cells, draws=200)


def test_a_fit_is_the_table_of_what_its_spec_asks(fit):
    spec = replace(fit.spec, estimands=fit.spec.estimands[1:3])
    made = ac.table(replace(fit, spec=spec))
    assert {g.heading.split(":")[0] for g in made.groups} == {"Shift", "Shift, all countries"}
    assert f"Data: {data_words(fit.cells)}." in made.notes
    assert data_words(fit.cells) == "60,780 answers in 84 cells"
    assert "Partially pooled: level by country, ally, country × ally; " in "\n".join(made.notes)
    with pytest.raises(SpecError, match="declares no estimands"):
        ac.table(replace(fit, spec=replace(spec, estimands=())))


def specifications() -> pd.DataFrame:
    one = summary(example_estimate())
    frame = pd.concat([one.assign(specification=s) for s in ("declared", "<wide>")], ignore_index=True)
    gone = pd.DataFrame([{"specification": "broken", "status": "failed: no posterior"}])
    return pd.concat([frame, gone], ignore_index=True).fillna(dict.fromkeys(LABELS, ""))


def test_a_frame_of_specifications_has_a_heading_per_question():
    spec = example_estimate().spec
    made = ac.table(specifications(), spec=spec)
    assert made.groups[0].heading == "Shift: First-order effect (sender): Germany"
    assert [r[0] for r in made.groups[0].rows] == ["declared", "<wide>"]
    assert made.groups[-1] == Rows("Without an answer", (("broken", "–", "–", "–", "–", "FAILED"),))
    assert made.title.startswith("GATES FAILED: SIMULATED: ")
    assert made.notes[0] == "GATES FAILED, do not report these numbers: no posterior (1 of 9 rows)."
    assert "SHA-256" in made.notes[-1]
    assert "not named" in ac.table(specifications()).notes[-1]


def test_a_frame_of_models_side_by_side(fit):
    frame = pd.DataFrame(
        {"elpd": [-10.0, -14.5], "se": [1.0, 1.0], "difference": [0.0, -4.5], "difference_se": [0.0, 2.0],
         "weight": [0.9, 0.1], "failed": [0, 3]}, index=["a", "b"],
    )  # fmt: skip
    made = ac.table(frame)
    assert made.groups[0].rows[1] == ("b", "−14.5", "1.0", "−4.5", "2.0", "0.10", "3")
    assert made.notes[0].startswith("GATES FAILED for 3")
    assert ac.table(frame.iloc[:1]).notes[0].startswith("All gates passed")


def test_small_cells_that_are_hidden_stay_hidden(fit):
    frame = ac.populations_side_by_side(fit, by=("country", "ally", "wave", "population"), least=500)
    hidden = frame["people"].isna()
    assert 0 < hidden.sum() < len(frame)
    rows = ac.table(frame).groups[0].rows
    for row, gone in zip(rows, hidden, strict=True):
        assert (row[1] == "–") == gone
        assert (row[2] == "–") == gone
    assert f"{hidden.sum()} rows of few people keep" in "\n".join(ac.table(frame).notes)
