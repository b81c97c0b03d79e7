"""The report of hostile labels, in a browser: nothing runs, nothing is asked of anybody, text is shown as typed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from alliancecred.run import RunResult, run

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import hostile
from test_attacks import MARKUP
from test_report import read

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the report is not opened"),
    pytest.mark.filterwarnings("ignore::alliancecred.errors.IdentificationWarning"),
]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
NUMBER = re.compile(r"-?(\d+\.?\d*([eE][+-]?\d+)?|inf|nan)\Z")


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> RunResult:
    out = tmp_path_factory.mktemp("browser") / "out"
    return run(hostile.spec(), out, sources=[hostile.survey()], draws=500, method="laplace")


def browse(page: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-component-update"]
    command += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr", "--v=0", f"--log-net-log={folder / 'net.json'}", *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def asked(folder: Path) -> set[str]:
    """Hosts that were asked for anything, but those of the browser's own maker, which it asks for its own updates."""
    log = (folder / "net.json").read_text(errors="replace")
    hosts = set(re.findall(r'"url":"(?:https?|wss?|ftp)://([^/:"]+)', log))
    return {h for h in hosts if not re.search(r"(^|\.)(google|googleapis|gstatic|gvt1)\.com\Z", h)}


def test_the_report_runs_nothing_and_shows_labels_as_typed(report, tmp_path):
    done = browse(report.report, tmp_path, "--dump-dom")
    assert done.stdout.startswith("<!DOCTYPE html>"), done.stderr[-3000:]
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not asked(tmp_path)
    found = read(done.stdout)
    assert {tag for tag, _ in found.elements}.isdisjoint(MARKUP)
    assert not [a for _, attrs in found.elements for a in attrs if a.startswith("on")]
    text = "".join(found.text)
    for label in (*hostile.COUNTRIES, hostile.ALLIES[0], *hostile.WAVES, *hostile.ANSWERS):
        assert "".join(c for c in label if c.isprintable()) in text, label


def test_a_page_that_did_harm_would_be_noticed(tmp_path):
    """The same look at a page that runs, asks and complains: it must see all three."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><p>x<script>document.body.append('ran');console.error('said')</script>"
        "<img src='http://127.0.0.1:9/x.png'>"
    )
    done = browse(page, tmp_path, "--dump-dom")
    assert "</p>ran</body>" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert asked(tmp_path) == {"127.0.0.1"}


@pytest.mark.parametrize("width", [1000, 390])
def test_the_page_is_as_wide_as_its_window(report, tmp_path, width):
    """A copy of the page that measures itself: nothing sticks out of the window, no table out of its place."""
    page = tmp_path / "measured.html"
    html = report.report.read_text(encoding="utf-8")
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    code = """<script>
        const all = s => [...document.querySelectorAll(s)], name = e => e.tagName + '.' + e.className;
        const out = all('body *').filter(e => !e.closest('.scroll') || e.classList.contains('scroll'))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(name);
        const cut = all('.scroll').filter(e => innerWidth > 600 && e.scrollWidth > e.clientWidth + 1).map(name);
        document.title = ['measured', document.documentElement.scrollWidth, innerWidth, out.concat(cut)].join(' ');
    </script>"""
    page.write_text(html.replace("</body>", code + "</body>"), encoding="utf-8")
    done = browse(page, tmp_path, "--dump-dom", f"--window-size={width},900")
    found = re.search(r"<title>measured (\d+) (\d+) ([^<]*)</title>", done.stdout)
    assert found, done.stderr[-2000:]
    assert int(found[1]) <= int(found[2]) + 1, found[3]
    assert found[3] == ""


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
