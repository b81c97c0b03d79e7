"""Check README.md, the other documents on top and docs/: their Python compiles, their relative links lead somewhere."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(<?(?P<target>[^)\s>]+)>?[^)]*\)")
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:|#")


def problems(path: Path) -> list[str]:
    """Return one line per block that does not compile and per link that leads nowhere."""
    text = path.read_text(encoding="utf-8")
    found = []
    for block in FENCE.finditer(text):
        if block["language"] not in {"python", "py"}:
            continue
        line = text.count("\n", 0, block.start()) + 1
        code = re.sub(f"^{block['indent']}", "", block["body"], flags=re.MULTILINE)
        try:
            compile(code, str(path), "exec")
        except SyntaxError as error:
            found.append(f"{path.relative_to(ROOT)}:{line + (error.lineno or 0)}: {error.msg}")
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub(lambda block: "\n" * block[0].count("\n"), text))
    for link in LINK.finditer(prose):
        target = link["target"]
        if not ELSEWHERE.match(target) and not (path.parent / unquote(target.split("#")[0])).exists():
            line = prose.count("\n", 0, link.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: no file {target}")
    return found


def main() -> int:
    """Print every problem; 1 if there is one."""
    documents = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("tests*/*.md"))]
    found = [problem for path in documents for problem in problems(path)]
    for problem in found:
        print(problem)
    print(f"{len(documents)} documents, {len(found)} problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
