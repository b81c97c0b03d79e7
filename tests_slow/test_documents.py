"""Every block of our code on every page runs, the site is built without a warning, and nothing leaves it."""

import doctest
import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import alliancecred as ac

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOOL = ROOT / "tools" / "docs.py"


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


docs = load(TOOL)
models = load(ROOT / "docs" / "_ext" / "models.py")
GENERATED = {f"models/{name}": text for name, text in models.pages()}
WRITTEN = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in docs.documents()}
ALL = WRITTEN | GENERATED
PAGES = {name: text for name, text in ALL.items() if any(b.python or b.commands for b in docs.blocks(text))}
# What is counted without the reader of blocks: lines that open one of our Python blocks.
OPENS = re.compile(r"^ *```(?:python|py|ipython3|\{code-cell\}.*)$", re.M)
PEERS = re.compile(r"^ *<!-- peer: .* -->\n *```(?:python|py)$", re.M)


def run(name: str, folder: Path) -> list[dict]:
    """What the blocks of a page gave, in a process and a folder of its own."""
    page = folder / "page.md"
    page.write_text(PAGES[name], encoding="utf-8")
    command = [sys.executable, str(TOOL), "--run", str(page)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


# the longest first: whoever runs the last of them does not keep the others waiting
@pytest.mark.parametrize("name", sorted(PAGES, key=lambda name: (-PAGES[name].count("ac.fit("), name)))
def test_every_block_of_a_page_runs_and_prints_what_the_page_says(name, tmp_path):
    done, wanted = run(name, tmp_path), [b for b in docs.blocks(PAGES[name]) if b.python or b.commands]
    assert not [d for d in done if d["error"]]
    assert [d["line"] for d in done] == [b.line for b in wanted]
    assert sum(b.python for b in wanted) == len(OPENS.findall(PAGES[name])) - len(PEERS.findall(PAGES[name]))
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for block, ran in zip(wanted, done, strict=True):
        if block.printed is not None:
            assert doctest.OutputChecker().check_output(block.printed, ran["output"], flags), ran["output"]


def test_the_six_lines_of_the_readme_are_six_and_give_a_figure_in_a_notebook(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    code = next(b.code for b in docs.blocks(WRITTEN["README.md"]) if b.python)
    assert len([line for line in code.splitlines() if line.strip()]) == 6
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code + "figure")])
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=place).execute()
    kinds = {k for out in notebook.cells[0].outputs for k in out.get("data", {})}
    assert "image/png" in kinds, kinds


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` does, but for the code of its pages: that is run above."""
    pytest.importorskip("sphinx", reason="the docs group is not installed: no site")
    folder = tmp_path_factory.mktemp("site")
    source = folder / "project"
    keep = shutil.ignore_patterns(".*", "build", "out", "__pycache__", "api", "models")
    shutil.copytree(ROOT / "docs", source / "docs", ignore=keep)
    for name in ("src", "models", "tests_slow", "tools", "benchmarks"):
        (source / name).symlink_to(ROOT / name)
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet"]
    command += ["--jobs", "2", "-d", str(folder / "doctrees"), str(source / "docs"), str(folder / "html")]
    environment = {**os.environ, "ALLIANCECRED_DOCS": "unexecuted"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-5000:]
    assert ran.stderr == ""
    return folder / "html"


@pytest.mark.xdist_group("site")
def test_the_site_is_whole_and_loads_nothing_from_elsewhere(site):
    assert docs.site_problems(site) == []


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.mark.xdist_group("site")
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: the site is not opened")
def test_a_browser_asks_nobody_else_and_finds_what_is_searched_for(site):
    from playwright.sync_api import sync_playwright

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            asked, failed = [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: failed.append(str(error)))
            page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
            for name in ("index", "tutorials/index", "api/names/fit-function", "models/microcode_2025", "genindex"):
                page.goto(f"{home}/{name}.html")
                page.wait_for_load_state("networkidle")
            page.goto(f"{home}/search.html?q=poststratification")
            page.wait_for_selector("#search-results ul.search li a", timeout=20_000)
            assert page.locator("#search-results ul.search li").count() > 3
            assert not failed
            # Without a server it finds the same pages; their excerpts, which it would fetch, stay away.
            page.goto((site / "search.html").as_uri() + "?q=poststratification")
            page.wait_for_selector("#search-results ul.search li a", timeout=20_000)
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    assert not [url for url in asked if not url.startswith((home, "file:", "data:", "blob:"))]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: no page is opened")
@pytest.mark.filterwarnings("ignore::alliancecred.IdentificationWarning")
def test_notes_of_a_table_on_a_page_do_not_push_its_numbers_out_of_sight(tmp_path):
    from playwright.sync_api import sync_playwright

    fit = ac.fit("retrenchment_simulated", ac.simulate("retrenchment_simulated").survey, random_seed=1)
    style = (ROOT / "docs" / "_static" / "site.css").read_text(encoding="utf-8")
    table = ac.table(ac.shift(fit, by="country"))._repr_html_()
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><meta charset=utf-8><style>{style}</style><article class=bd-article>"
        f"<div class=cell_output style='width: 640px'>{table}</div></article>",
        encoding="utf-8",
    )
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto(page.as_uri())
        box = opened.locator(".gt_table").bounding_box()
        browser.close()
    assert 400 < box["width"] <= 640
