"""The tool that checks documents and the built site, on pages with known defects; and that every name has its page."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import alliancecred as ac

ROOT = Path(__file__).parents[1]


def load(path: Path):
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


docs = load(ROOT / "tools" / "docs.py")
api = load(ROOT / "docs" / "_ext" / "api.py")


def told(tmp_path, text: str) -> str:
    page = tmp_path / "page.md"
    page.write_text(text)
    return "\n".join(docs.problems(page))


def test_the_documents_are_in_order():
    assert [problem for path in docs.documents() for problem in docs.problems(path)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```python\n1 +\n```", "invalid syntax"),
        ("- a\n\n  ```python\n  1 +\n  ```", "invalid syntax"),
        ("```{code-cell} ipython3\n:tags: [hide-cell]\n\n1 +\n```", "invalid syntax"),
        ("```toml\na =\n```", "Invalid value"),
        ("```r\nbrm()\n```", "is peers' code"),
        ("<!-- peer: brms -->\n```r\nbrm()\n```", "what it was run with, and when"),
        ("<!-- peer: brms 2.21.0, 2026-02-30 -->\n```r\nbrm()\n```", "what it was run with, and when"),
        ("<!-- not run: too long -->\n```python\n1\n```", "only commands can be"),
        ("<!-- not run -->\n```sh\nalliancecred run x\n```", "only commands can be"),
        ("[there](nowhere.md)", "no file nowhere.md"),
    ],
)
def test_a_defect_of_a_page_is_found(tmp_path, text, words):
    assert words in told(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "<!-- peer: brms 2.21.0 (R 4.3.1), 2026-11-23 -->\n```r\nbrm()\n```",
        "<!-- peer: bambi 0.21.0, PyMC 5.28.5, 2026-11-23 -->\n```python\nimport bambi\n```",
        "<!-- not run: it takes an hour -->\n```sh\nalliancecred run x\n```",
        "```{code-cell} ipython3\n---\ntags: [hide-cell]\n---\n%time 1\n```",
        "[here](page.md#there) [there](https://example.org)",
    ],
)
def test_a_page_in_order_is_let_through(tmp_path, text):
    assert told(tmp_path, text) == ""


def test_blocks_are_read_with_what_they_print():
    text = "a\n```python\nprint(1)\n```\n\n```text\n1\n```\n```sh\n$ alliancecred run \\\n  x\nmake demo\n```\n"
    first, second = docs.blocks(text)
    assert (first.line, first.code, first.printed, first.python) == (2, "print(1)\n", "1\n", True)
    assert (second.python, second.commands) == (False, ["alliancecred run    x"])


def test_a_comment_above_one_block_says_nothing_of_the_next():
    peer = "<!-- peer: brms 2.21.0, 2026-11-23 -->\n```r\nbrm()\n```\n"
    marks = [b.mark for b in docs.blocks(peer + "ours\n```python\n1\n```\n" + peer)]
    assert marks == ["peer: brms 2.21.0, 2026-11-23", "", "peer: brms 2.21.0, 2026-11-23"]


def test_a_page_is_run_in_one_namespace_until_it_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\na = 1\n```\n```{code-cell} ipython3\n%%writefile b.txt\nx\n```\n"
        "```{code-cell} ipython3\n:tags: [raises-exception]\n1 / 0\n```\n"
        "<!-- peer: x 1.0, 2026-01-01 -->\n```python\nimport nothing\n```\n```sh\nalliancecred models\n```\n"
        "```python\nprint(a + 1)\nassert a == 2\n```\n```python\nprint(3)\n```\n"
    )
    command = [sys.executable, str(ROOT / "tools" / "docs.py"), "--run", str(page)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    done = json.loads(ran.stdout.splitlines()[-1])
    assert [d["line"] for d in done] == [1, 4, 8, 16, 19]
    assert [bool(d["error"]) for d in done] == [False, False, False, False, True]
    assert "AssertionError" in done[-1]["error"]
    assert done[-1]["output"].startswith("2\n")
    assert "microcode_2025" in done[3]["output"]
    assert (tmp_path / "b.txt").read_text() == "x\n"


def site(tmp_path, body: str, css: str = "") -> str:
    (tmp_path / "b.html").write_text("<h1 id='top'>b</h1>")
    (tmp_path / "p.png").write_bytes(b"")
    (tmp_path / "s.css").write_text(css)
    (tmp_path / "a.html").write_text(body)
    return "\n".join(docs.site_problems(tmp_path))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<script src='https://cdn.example.org/x.js'></script>", "loaded from elsewhere"),
        ("<script src='//cdn.example.org/x.js'></script>", "loaded from elsewhere"),
        ("<link rel='stylesheet' href='https://fonts.example.org/x'>", "loaded from elsewhere"),
        ("<img alt='a picture' src='none.png'>", "none.png is loaded, but is not there"),
        ("<img alt='a picture' srcset='p.png 1x, none.png 2x'>", "none.png is loaded, but is not there"),
        ("<p style=\"background: url('http://x.org/y')\">", "loaded from elsewhere"),
        ("<img src='p.png'>", "no words for the picture p.png"),
        ("<img src='p.png' alt='_images/p.png'>", "no words for the picture p.png"),
        ("<a href='c.html'>c</a>", "a link to c.html, which is not there"),
        ("<a href='b.html#bottom'>b</a>", "where nothing has that id"),
        ("<a href='#bottom'>b</a>", "where nothing has that id"),
    ],
)
def test_a_defect_of_the_site_is_found(tmp_path, body, words):
    assert words in site(tmp_path, body)


def test_fonts_from_elsewhere_are_found_in_style_sheets(tmp_path):
    assert "loaded from elsewhere" in site(tmp_path, "", "@import 'https://fonts.example.org/x';")
    assert "none.woff2 is loaded, but is not there" in site(tmp_path, "", "a { src: url(none.woff2) }")


def test_a_site_in_order_is_let_through(tmp_path):
    body = "<img src='p.png' alt='a picture'><a href='b.html#top'>b</a> <a href='https://example.org'>there</a>"
    assert site(tmp_path, body, "/* url(x.png) */ a { src: url(p.png?x#y) url(data:font/woff2;base64,) }") == ""


def test_every_public_name_has_its_page_in_the_reference():
    found = [name for names in api.grouped().values() for name in names]
    assert sorted(found) == sorted(ac.__all__)
    pages = "\n".join(text for _, text in api.pages())
    assert not [name for name in ac.__all__ if f"\n   {name}\n" not in pages]
    files = list(api.files().values())
    assert len({f.lower() for f in files}) == len(files)


def test_a_module_without_a_group_is_named(monkeypatch):
    monkeypatch.setitem(ac._EXPORTS, "novelties", ("new",))
    with pytest.raises(ValueError, match="novelties: give each a group"):
        api.grouped()
