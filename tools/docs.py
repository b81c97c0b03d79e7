"""Check the documents, run the code of one of them, or check the site made from them.

python tools/docs.py              Python and TOML compile, links lead somewhere, peers' code says when it ran
python tools/docs.py --run PAGE   run every block of a page, here, in order; prints what each gave as JSON
python tools/docs.py --site DIR   nothing is loaded from elsewhere, nothing leads nowhere, every picture has words
"""

import contextlib
import io
import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

ROOT = Path(__file__).resolve().parents[1]
GENERATED = tuple(ROOT / "docs" / name for name in ("api", "models", "gallery"))  # Sphinx checks links into them
FENCE = re.compile(
    r"^(?:(?P<indent> *)<!-- (?P<mark>[^\n]+) -->\n)?"
    r"(?P<space> *)```(?P<language>\{code-cell\}|[\w+-]*)(?P<rest>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=space)```",
    re.M | re.S,
)
LINK = re.compile(r"!?\[[^\]]*\]\(<?(?P<target>[^)\s>]+)>?[^)]*\)")
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:|#")
PEER = re.compile(r"peer: \S+ \d[\w.-]*(?: \([^()]+\))?(?:, \S+ \d[\w.-]*)*, (?P<date>\d{4}-\d\d-\d\d)\Z")
OURS = {"python", "py", "ipython3", "{code-cell}"}
PEERS_ONLY = {"r", "R", "stan", "stata", "julia"}
SHELL = {"sh", "bash", "shell", "console"}


# --- blocks -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Block:
    """A fenced block: the line of its fence, its language, its code, and the comment above it, if any."""

    line: int
    language: str
    code: str
    mark: str
    tags: str
    printed: str | None  # what the page says that it prints

    @property
    def peer(self) -> bool:
        """Whether it is code of another package, which was run elsewhere."""
        return self.mark.startswith("peer:")

    @property
    def python(self) -> bool:
        """Whether it is Python of ours, to be run."""
        return self.language in OURS and not self.peer

    @property
    def commands(self) -> list[str]:
        """Its commands of ours, to be run."""
        if self.language not in SHELL or self.mark.startswith("not run: "):
            return []
        lines = self.code.replace("\\\n", " ").splitlines()
        return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("alliancecred ")]


def blocks(text: str) -> list[Block]:
    """Return the blocks of a page, in order; a block of `text` right under another is what that prints."""
    found: list[Block] = []
    end = -1
    for fence in FENCE.finditer(text):
        code = re.sub(f"^{fence['space']}", "", fence["body"], flags=re.MULTILINE)
        tags = ""
        if fence["language"] == "{code-cell}":
            options = re.match(r"---\n.*?^---\n|(?::[^\n]*\n)+", code, re.M | re.S)
            tags, code = (options[0], code[options.end() :]) if options else ("", code)
        if fence["language"] == "text" and found and not text[end : fence.start()].strip():
            last = found[-1]
            found[-1] = Block(last.line, last.language, last.code, last.mark, last.tags, code)
        else:
            line = text.count("\n", 0, fence.start("space")) + 1
            found.append(Block(line, fence["language"], code, fence["mark"] or "", tags, None))
        end = fence.end()
    return found


def wrong_with(block: Block) -> Iterator[str]:
    """Yield what is wrong with a block that can be said without running it."""
    if block.mark.startswith(("peer", "not run")):
        peer = PEER.match(block.mark)
        if block.peer and not (peer and _is_date(peer["date"])):
            yield "above peers' code stands <!-- peer: NAME VERSION, YYYY-MM-DD -->: what it was run with, and when"
        if not block.peer and (block.language not in SHELL or not re.match(r"not run: \w", block.mark)):
            yield "only commands can be <!-- not run: WHY -->"
    if block.language in PEERS_ONLY and not block.peer:
        yield f"{block.language} is peers' code: put <!-- peer: NAME VERSION, YYYY-MM-DD --> above it"
    try:
        if block.language in OURS:
            compile(_plain_python(block.code), "block", "exec")
        elif block.language == "toml":
            tomllib.loads(block.code)
    except (SyntaxError, tomllib.TOMLDecodeError) as error:
        yield str(error)


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _plain_python(code: str) -> str:
    """Code of a notebook's cell without its magics."""
    return "" if code.lstrip().startswith("%%") else re.sub(r"^(\s*)[%!].*$", r"\1pass", code, flags=re.MULTILINE)


# --- documents --------------------------------------------------------------------------------------
def documents() -> list[Path]:
    """Return the documents: those on top, all of docs/ that is written by hand, those of the tests."""
    inside = [p for p in sorted((ROOT / "docs").rglob("*.md")) if not set(GENERATED) & set(p.parents)]
    return [*sorted(ROOT.glob("*.md")), *inside, *sorted(ROOT.glob("tests*/*.md"))]


def problems(path: Path) -> list[str]:
    """Return one line per block with something wrong and per link that leads nowhere."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    found = [f"{name}:{block.line}: {words}" for block in blocks(text) for words in wrong_with(block)]
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub(lambda block: "\n" * block[0].count("\n"), text))
    for link in LINK.finditer(prose):
        target = link["target"]
        place = (path.parent / unquote(target.split("#")[0])).resolve()
        if not ELSEWHERE.match(target) and not place.exists() and not set(GENERATED) & set(place.parents):
            line = prose.count("\n", 0, link.start()) + 1
            found.append(f"{name}:{line}: no file {target}")
    return found


# --- running a page ---------------------------------------------------------------------------------
def run_page(path: Path) -> list[dict[str, object]]:
    """Run every block of a page in one namespace; return line, error and output of each, up to the first error."""
    import matplotlib

    matplotlib.use("agg")
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    done: list[dict[str, object]] = []
    for block in blocks(path.read_text(encoding="utf-8")):
        if not block.python and not block.commands:
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            error = _run_python(shell, block) if block.python else _run_commands(block)
        done.append({"line": block.line, "error": error, "output": out.getvalue()})
        if error:
            break
    return done


def _run_python(shell: object, block: Block) -> str:
    result = shell.run_cell(block.code, store_history=False)  # type: ignore[attr-defined]
    error = result.error_before_exec or result.error_in_exec
    if "raises-exception" in block.tags:
        return "" if error else "it is said to raise, and did not"
    return f"{type(error).__name__}: {error}" if error else ""


def _run_commands(block: Block) -> str:
    from alliancecred.cli import main

    for line in block.commands:
        if code := main(shlex.split(line, comments=True)[1:]):
            return f"{line}: exit code {code}"
    return ""


# --- the site ---------------------------------------------------------------------------------------
class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.problems: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.ids.update(values[k] for k in ("id", "name") if k in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in {"next", "prev", "index", "search", "canonical", "author"}:
            self.loads.append(values.get("href", ""))
        elif tag not in {"a", "link"}:
            self.loads += [values[k] for k in ("src", "data", "poster") if k in values and tag != "meta"]
            self.loads += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        self.loads += _urls(values.get("style", ""))
        alt = values.get("alt", "").strip()
        if tag == "img" and (not alt or re.search(r"\.(png|svg|jpe?g)\Z", alt)):
            self.problems.append(f"no words for the picture {values.get('src')}")

    handle_startendtag = handle_starttag


def _urls(css: str) -> list[str]:
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    return [a or b for a, b in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", css)]


def site_problems(folder: Path) -> list[str]:
    """Return what a built site loads from elsewhere, what leads nowhere in it, and pictures without words."""
    folder = folder.resolve()
    files = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in files}
    found = []
    for path, page in pages.items():
        found += [f"{path.relative_to(folder)}: {words}" for words in page.problems]
        for target in page.loads:
            found += [f"{path.relative_to(folder)}: {words}" for words in _load(path, target)]
        for target in page.links:
            if re.match(r"(https?|mailto):", target):
                continue
            there, fragment = urldefrag(target)
            place = (path.parent / unquote(there)).resolve() if there else path
            if not place.exists() or not place.is_relative_to(folder):
                found.append(f"{path.relative_to(folder)}: a link to {target}, which is not there")
            elif fragment and place in pages and unquote(fragment) not in pages[place].ids:
                found.append(f"{path.relative_to(folder)}: a link to {target}, where nothing has that id")
    for path in sorted(folder.rglob("*.css")):
        for target in _urls(path.read_text(encoding="utf-8")):
            found += [f"{path.relative_to(folder)}: {words}" for words in _load(path, target)]
    return list(dict.fromkeys(found))


def _load(path: Path, target: str) -> Iterator[str]:
    if target.startswith(("data:", "#")):
        return
    if re.match(r"[a-z]+:|//", target):
        yield f"{target} is loaded from elsewhere"
    elif not (path.parent / unquote(re.split(r"[?#]", target)[0])).exists():
        yield f"{target} is loaded, but is not there"


def main(arguments: list[str]) -> int:
    """Do what is asked; 1 if there is a problem."""
    match arguments:
        case ["--run", page]:
            print(json.dumps(run_page(Path(page))))
            return 0
        case ["--site", folder]:
            found = site_problems(Path(folder))
            what = f"{len(list(Path(folder).rglob('*.html')))} pages"
        case _:
            found = [problem for path in documents() for problem in problems(path)]
            what = f"{len(documents())} documents"
    print(*found, f"{what}, {len(found)} problems", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
