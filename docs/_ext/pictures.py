"""The page of every figure, drawn when the page is built, from the same list as `tools/gallery.py`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from gallery import SETUP, entries

_HEAD = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# Gallery

Every figure, with the code that draws it. Each comes in the widths and letters of journals
(`width=ac.preset("nature").column`), has a function for the numbers it shows (`shift_data` for `ac.plot_shift`), and is
saved as PDF, SVG, PNG and CSV with caption and alternative text by `ac.save_figure`. Where a fit missed a gate, the
figure says so.
"""


def page() -> str:
    """Return the page in MyST."""
    return "\n".join([_HEAD, _cell(SETUP), *_sections()])


def _sections() -> Iterator[str]:
    for entry in entries():
        yield f"## {entry.title}\n\n{entry.sentence}\n\n{_cell(entry.shown, alt=entry.sentence)}"


def _cell(code: str, alt: str = "") -> str:
    options = f"---\nmystnb:\n  image:\n    alt: {json.dumps(alt)}\n---\n" if alt else ""
    return f"```{{code-cell}} ipython3\n{options}{code.rstrip()}\n```\n"
