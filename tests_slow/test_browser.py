"""Reports in a browser: nothing runs, nothing is asked of anybody, nothing sticks out, everybody can read them."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

pytest.importorskip("playwright")
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from alliancecred.priors import Flat, Normal
from alliancecred.report import draw_pictures, render
from alliancecred.run import RunResult, run
from alliancecred.spec_file import models_dir, read_spec, shipped_models

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import hostile
from test_attacks import MARKUP
from test_report import contents_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parent / "browser" / "node_modules" / "axe-core" / "axe.min.js"
SHARED = Path(__file__).parents[2] / "shared" / "data"
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: no page is opened"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
HOSTILE = "hostile labels"
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"-?(\d+\.?\d*([eE][+-]?\d+)?|inf|nan)\Z")
WIDTHS = (380, 1400)
SCHEMES = ("light", "dark")
READ = {(380, "light"), (1400, "dark")}  # where accessibility is looked at: each width and each scheme once
# Everything that sticks out of the window, but what scrolls by itself; and tables cut off where there is room
MEASURE = """() => {
    const all = s => [...document.querySelectorAll(s)], name = e => e.tagName + '.' + e.className;
    const inside = e => e.closest('.scroll, .card, .math, pre') && !e.matches('.scroll, .card, .math, pre');
    const out = all('body *').filter(e => !inside(e) && e.getBoundingClientRect().right > innerWidth + 1).map(name);
    const cut = all('.scroll').filter(e => innerWidth > 600 && e.scrollWidth > e.clientWidth + 1).map(name);
    return {wide: document.documentElement.scrollWidth, out, cut};
}"""

# Formulas of the model that are printed over each other or over words, as far as their boxes show them
OVERPRINTED = """() => {
    const model = document.querySelector('#model'), all = s => [...model.querySelectorAll(s)];
    const shown = e => {
        const parts = [e, ...e.querySelectorAll('*')].map(x => x.getBoundingClientRect());  // symbols may leave the box
        const most = side => Math.max(...parts.map(r => r[side])), least = side => Math.min(...parts.map(r => r[side]));
        const box = e.closest('.math, .scroll'), b = box && box.getBoundingClientRect();
        const cut = b && getComputedStyle(box).overflowX === 'auto';
        return {name: e.textContent, top: least('top'), bottom: most('bottom'),
                left: cut ? Math.max(least('left'), b.left) : least('left'),
                right: cut ? Math.min(most('right'), b.right) : most('right')};
    };
    const lines = e => {
        const range = document.createRange(); range.selectNodeContents(e);
        return [...range.getClientRects()].map(r => ({name: e.textContent, ...r.toJSON()}));
    };
    const formulas = all('math').map(shown).filter(f => f.right > f.left);
    const words = all('p, th, td').filter(e => !e.querySelector('math')).flatMap(lines);
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const pairs = formulas.flatMap((f, i) => [...formulas.slice(i + 1), ...words].filter(o => over(f, o))
        .map(o => [f, o]));
    return {formulas: formulas.length, words: words.length, over: pairs.map(([a, b]) => a.name + ' / ' + b.name)};
}"""


@dataclass
class Opened:
    """A page, what it said on the console, and what it asked for beside itself."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1400, scheme: str = "light") -> Iterator[Opened]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, accept_downloads=True)
    found = Opened(context.new_page())
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(path.as_uri(), wait_until="load")
    found.asked = [u for u in found.asked if u != path.as_uri() and not u.startswith("data:")]
    yield found
    context.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    bad = [v for v in found if v["impact"] in ("serious", "critical")]
    return [f"{v['id']}: {json.dumps([n['target'] for n in v['nodes']][:3])}" for v in bad]


def beside(name: str) -> pytest.MarkDecorator:
    """All tests of a report run in one process, which draws it once."""
    return pytest.mark.xdist_group(f"report of {name}")


# --- labels that would do harm ------------------------------------------------------------------
@pytest.fixture(scope="module")
def report(tmp_path_factory) -> RunResult:
    out = tmp_path_factory.mktemp("browser") / "out"
    return run(hostile.spec(), out, sources=[hostile.survey()], draws=500, method="laplace")


@beside(HOSTILE)
def test_the_report_runs_nothing_and_shows_labels_as_typed(report, browser):
    with opened(browser, report.report) as found:
        tags = set(found.page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
        attributes = found.page.evaluate("[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames())")
        text = found.page.evaluate("document.documentElement.textContent")
    assert not found.said
    assert not found.asked
    assert tags.isdisjoint(MARKUP)
    assert not [a for a in attributes if a.startswith("on")]
    for label in (*hostile.COUNTRIES, hostile.ALLIES[0], *hostile.WAVES, *hostile.ANSWERS):
        assert "".join(c for c in label if c.isprintable()) in text, label


def test_a_page_that_did_harm_would_be_noticed(browser, tmp_path):
    """The same look at a page that runs, asks, complains and shuts people out: it must see all four."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><p style='color:#ddd;background:#fff;width:3000px'>pale words"
        "<script>document.body.append('ran');console.error('said')</script><img src='http://127.0.0.1:9/x.png'>"
    )
    with opened(browser, page) as found:
        assert "ran" in found.page.inner_text("body")
        assert "said" in found.said
        assert found.asked == ["http://127.0.0.1:9/x.png"]
        assert found.page.evaluate(MEASURE)["wide"] > 1401
        if AXE.exists():
            assert {v.partition(":")[0] for v in violations(found.page)} >= {"image-alt", "color-contrast"}


@beside(HOSTILE)
def test_its_tables_open_as_text(report):
    files = [p for p in report.paths if p.suffix == ".csv"]
    assert len(files) >= 6
    seen: set[str] = set()
    for path in files:
        table = pd.read_csv(path, keep_default_na=False, dtype=str)
        for cell in [*table.columns, *table.to_numpy().ravel()]:
            assert NUMBER.match(cell) or not cell.startswith(FORMULA), (path.name, cell[:40])
        if "country" in table:
            seen |= {c.removeprefix("'") for c in table["country"]}
        numbers = pd.read_csv(path)
        for name in {"mean", "lower", "upper"} & set(numbers):
            assert numbers[name].dtype.kind == "f", (path.name, name)
    assert set(hostile.COUNTRIES) <= {c.replace("\r\n", "\n") for c in seen}


# --- every shipped analysis ---------------------------------------------------------------------
@dataclass(frozen=True)
class Shown:
    """A report, and the files beside it by name."""

    report: Path
    files: dict[str, Path]


def rehearsed(name: str, folder: Path) -> Shown:
    """A page with everything a run puts on it, of draws from the prior: the quickest way to one of each analysis."""
    if not (data := data_of(name)):
        pytest.skip(f"{name}: its data are absent")
    terms = read_spec(models_dir() / f"{name}.toml").terms
    drawn = (replace(t, prior=Normal(0.0, 1.0)) if isinstance(getattr(t, "prior", None), Flat) else t for t in terms)
    contents = contents_of(name, data[0], terms=tuple(drawn))
    figures = folder / "figures"
    figures.mkdir()
    page = folder / "report.html"
    page.write_text(render(contents, draw_pictures(contents, figures)), encoding="utf-8")
    return Shown(page, {p.name: p for p in figures.iterdir()})


def data_of(name: str) -> list[Path]:
    """Folders that hold what an analysis reads."""
    spec = read_spec(models_dir() / f"{name}.toml")
    paths = [s.path for s in spec.sources if hasattr(s, "path")]
    return [d for d in (models_dir(), *SHARED.glob("*")) if all((d / p).is_file() for p in paths)]


@pytest.fixture(scope="module", params=[pytest.param(n, marks=beside(n)) for n in (HOSTILE, *shipped_models())])
def shown(request, report, tmp_path_factory) -> Shown:
    """Reports of real runs where ALLIANCECRED_REPORTS names a folder of them; else rehearsed."""
    if request.param == HOSTILE:
        return Shown(report.report, {p.name: p for p in report.paths if p.parent.name == "figures"})
    if not (runs := os.environ.get("ALLIANCECRED_REPORTS")):
        return rehearsed(request.param, tmp_path_factory.mktemp("report"))
    folder = Path(runs) / request.param
    if not (folder / "report.html").is_file():
        pytest.skip(f"{request.param}: no report in {runs}")
    return Shown(folder / "report.html", {p.name: p for p in (folder / "figures").iterdir()})


def no_formula_is_printed_over_another_or_over_words(page: Page) -> None:
    measured = page.evaluate(OVERPRINTED)
    assert measured["formulas"] > 3
    assert measured["words"] > 10
    assert not measured["over"]


def every_figure_is_as_wide_as_the_page_allows(page: Page) -> None:
    shares = page.evaluate(
        "[...document.querySelectorAll('figure')].map(f => f.querySelector('img').width / f.clientWidth)"
    )
    assert len(shares) >= 3
    assert min(shares) > 0.94


def names_of_rows_are_broken_between_words_or_parts_only(page: Page) -> None:
    """On a phone a part of a parameter's name, or a word of the guidelines, stands on one line."""
    parts = page.evaluate("""() => [...document.querySelectorAll('#model th wbr')]
        .flatMap(e => [e.previousSibling, e.nextSibling]).filter(n => n?.nodeType === 3).map(n => {
            const range = document.createRange(); range.selectNodeContents(n);
            return {text: n.data, lines: range.getClientRects().length}; })""")
    words = page.evaluate("""() => [...document.querySelectorAll('#methods tbody th')].flatMap(e => {
        const node = e.firstChild, at = [...node.data.matchAll(/[A-Za-z]+/g)];
        return at.map(m => {
            const range = document.createRange();
            range.setStart(node, m.index); range.setEnd(node, m.index + m[0].length);
            return {text: m[0], lines: range.getClientRects().length}; }); })""")
    short = [p for p in parts if len(p["text"]) <= 12 and " " not in p["text"]] + words
    assert len(short) > len(words) + 4 > 10
    assert not [p for p in short if p["lines"] > 1]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_opens_in_silence_fits_its_window_and_can_be_read_by_all(shown, browser, width, scheme):
    with opened(browser, shown.report, width=width, scheme=scheme) as found:
        measured = found.page.evaluate(MEASURE)
        assert not found.said
        assert not found.asked
        assert measured == {"wide": measured["wide"], "out": [], "cut": []}
        assert measured["wide"] <= width + 1
        if scheme == "light":
            no_formula_is_printed_over_another_or_over_words(found.page)
        if scheme == "light" and width == min(WIDTHS):
            every_figure_is_as_wide_as_the_page_allows(found.page)
            names_of_rows_are_broken_between_words_or_parts_only(found.page)
        if (width, scheme) not in READ:
            return
        if not AXE.exists():
            pytest.skip("axe-core is absent: accessibility is not looked at")
        assert not violations(found.page)


def test_a_printed_report_shows_what_is_folded_and_no_buttons(shown, browser, tmp_path):
    with opened(browser, shown.report, scheme="dark") as found:
        found.page.emulate_media(media="print")
        seen = "e => e.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true})"
        hidden = found.page.evaluate(f"[...document.querySelectorAll('nav, .zoom')].filter({seen}).length")
        folded = found.page.evaluate(f"[...document.querySelectorAll('details > :not(summary)')].map({seen})")
        paper = found.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert not hidden
        assert folded
        assert all(folded)
        assert paper == "rgb(255, 255, 255)"
        pdf = found.page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert pdf.startswith(b"%PDF")


def test_every_download_of_a_report_is_the_file_beside_it(shown, browser, tmp_path):
    with opened(browser, shown.report) as found:
        links = found.page.locator("a[download]")
        names = [links.nth(i).get_attribute("download") for i in range(links.count())]
        assert {*names} == {n for n in shown.files if n.endswith((".pdf", ".csv"))} | {"methods.txt"}
        for name in ("methods.txt", next(n for n in names if n.endswith(".csv"))):
            with found.page.expect_download() as waiting:
                links.nth(names.index(name)).click()
            waiting.value.save_as(tmp_path / name)
            if name in shown.files:
                assert (tmp_path / name).read_bytes() == shown.files[name].read_bytes()
            else:
                assert (tmp_path / name).read_text(encoding="utf-8").strip() == found.page.inner_text("blockquote")


def size(image: Locator) -> tuple[float, float]:
    box = image.bounding_box()
    return box["width"], box["height"]


def test_a_figure_grows_when_asked_and_goes_back(shown, browser):
    with opened(browser, shown.report, width=1400) as found:
        image, box = found.page.locator("figure img").first, found.page.locator(".zoom input").first
        before = size(image)
        box.check()
        assert size(image)[0] > 1.5 * before[0]
        assert found.page.evaluate("document.documentElement.scrollWidth") <= 1401
        box.uncheck()
        assert size(image) == before


def brightest(box: Locator) -> int:
    """The brightest point of the last pixels of a box, where a shadow says that there is more behind its edge."""
    with Image.open(BytesIO(box.screenshot())) as picture:
        return picture.convert("L").crop((picture.width - 4, 0, picture.width - 1, picture.height)).getextrema()[1]


@beside("retrenchment_simulated")
def test_a_table_that_goes_on_has_a_shadow_there_and_keeps_its_names(browser, tmp_path):
    contents = contents_of("retrenchment_simulated")
    page = tmp_path / "report.html"
    page.write_text(render(contents, []), encoding="utf-8")
    with opened(browser, page, width=380) as found:
        wide = "[...document.querySelectorAll('.scroll')].findIndex(e => e.scrollWidth > e.clientWidth + 30)"
        box = found.page.locator(".scroll").nth(found.page.evaluate(wide))
        name = box.locator("tbody th").first
        left = name.bounding_box()["x"]
        assert brightest(box) < 250
        box.evaluate("e => { e.scrollLeft = e.scrollWidth; }")
        assert brightest(box) == 255
        assert name.bounding_box()["x"] == pytest.approx(left, abs=1)
        assert found.page.locator(".scroll").first.evaluate("e => e.scrollWidth <= e.clientWidth")
        assert brightest(found.page.locator(".scroll").first) == 255


@beside(HOSTILE)
def test_by_keyboard_every_link_switch_and_scrolled_table_is_reached(report, browser):
    with opened(browser, report.report, width=380) as found:
        places = "a[href], input, summary, [tabindex='0']"
        count = f'[...document.querySelectorAll("{places}")].filter(e => e.checkVisibility()).length'
        wanted = found.page.evaluate(count)
        assert wanted > 20
        seen = set()
        for _ in range(wanted + 5):
            found.page.keyboard.press("Tab")
            seen.add(
                found.page.evaluate("""() => {
                const e = document.activeElement; e.dataset.seen ??= String(Math.random()); return e.dataset.seen; }""")
            )
        assert len(seen) >= wanted
