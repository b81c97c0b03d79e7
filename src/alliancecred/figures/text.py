"""Text that fits: cleaned of what a font cannot draw, measured, wrapped and shortened."""

import unicodedata
import warnings
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

SMALL = 6.5  # points: the smallest size that is printed
BASE = 7.0
HEAD = 7.5
_DPI = 300
_SAFETY = 1.04  # hinting makes text at low resolution a little wider than measured here
_BLANK = "\N{WHITE SQUARE}"


def _fonts() -> tuple[str, ...]:
    settings: Any = mpl.rcParams
    return tuple(f for name in settings["font.family"] for f in (name, *settings.get(f"font.{name}", ())))


@lru_cache(maxsize=20_000)
def _measure(text: str, size: float, bold: bool, fonts: tuple[str, ...]) -> tuple[float, bool]:
    renderer = RendererAgg(8, 8, _DPI)
    prop = FontProperties(size=size, weight="bold" if bold else "normal")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        width = renderer.get_text_width_height_descent(text, prop, False)[0]
    return width / _DPI * _SAFETY, any("missing from" in str(w.message) for w in caught)


@lru_cache(maxsize=20_000)
def _drawable(char: str, fonts: tuple[str, ...]) -> str:
    kind = unicodedata.category(char)
    if char.isspace():
        return " "
    if kind in ("Cc", "Cf", "Mn", "Me") and (kind[0] == "C" or _missing(char, fonts)):
        return ""  # control and direction marks have no picture
    return _BLANK if kind in ("Cs", "Cn", "Co") or _missing(char, fonts) else char


def _missing(char: str, fonts: tuple[str, ...]) -> bool:
    return not char.isascii() and _measure(char, BASE, False, fonts)[1]


def clean(text: str) -> str:
    """Return the text on one line, with a square for every character the font lacks.

    Examples
    --------
    >>> clean("two" + chr(10) + "lines and a bell" + chr(7))
    'two lines and a bell'
    """
    fonts = _fonts()
    text = text if text.isascii() else unicodedata.normalize("NFC", text)
    return " ".join("".join(_drawable(c, fonts) for c in text).split())


def width_of(text: str, *, size: float = BASE, bold: bool = False) -> float:
    """Return the width of a clean text in inches.

    Examples
    --------
    >>> width_of("wide text") > width_of("text") > 0
    True
    """
    return _measure(text, size, bold, _fonts())[0] if text else 0.0


def shorten(text: str, inches: float, *, size: float = BASE, bold: bool = False) -> str:
    """Return the clean text, cut with an ellipsis if it is wider than ``inches``.

    Examples
    --------
    >>> shorten("a long name" * 9, 0.5)[-1]
    '…'
    """
    text = clean(text[:2000])
    if width_of(text, size=size, bold=bold) <= inches:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(text[:middle].rstrip() + "…", size=size, bold=bold) <= inches:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"


def wrap(text: str, inches: float, *, size: float = SMALL, bold: bool = False) -> list[str]:
    """Return the clean text broken into lines no wider than ``inches``; long words are cut.

    Examples
    --------
    >>> len(wrap("some words " * 20, 1.5)) > 3
    True
    """
    lines: list[str] = []
    current = ""
    for word in clean(text).split(" "):
        joined = f"{current} {word}".strip()
        if width_of(joined, size=size, bold=bold) <= inches:
            current = joined
            continue
        if current:
            lines.append(current)
        current = shorten(word, inches, size=size, bold=bold)
    return [*lines, current] if current else lines
