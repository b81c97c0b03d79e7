"""Text that fits: cleaned of what a font cannot draw, measured, wrapped, shortened and kept in order."""

import re
import unicodedata
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from ..estimate import MINUS

SMALL = 6.5  # points: the smallest size that is printed
BASE = 7.0
HEAD = 7.5
_DPI = 300
_SAFETY = 1.04  # hinting makes text at low resolution a little wider than measured here
_BLANK = "\N{WHITE SQUARE}"
_FROM_RIGHT = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"  # Hebrew, Arabic, Syriac, Thaana, N'Ko …
_RUN = re.compile(rf"{_FROM_RIGHT}+(?:[ '\-]{_FROM_RIGHT}+)*")
_ISOLATE, _END = "\u2068", "\u2069"


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


def in_order(text: str) -> str:
    """Return a text whose parts stay in their order, each name in a script from right to left in isolation.

    Without it a label that begins with such a name is drawn from right to left as a whole: what comes first comes last.

    Examples
    --------
    >>> in_order("Poland: US")
    'Poland: US'
    """
    return text if text.isascii() else _RUN.sub(lambda run: f"{_ISOLATE}{run[0]}{_END}", text)


def shorten_apart(texts: Sequence[str], inches: float, *, size: float = BASE, bold: bool = False) -> list[str]:
    """Return texts no wider than ``inches``; different ones stay different: their ends are kept if their starts agree.

    Examples
    --------
    >>> shorten_apart(["Federation of the Isles, north", "Federation of the Isles, south"], 1.0)
    ['Federat…les, north', 'Federat…les, south']
    """
    short = [shorten(t, inches, size=size, bold=bold) for t in texts]
    whole: dict[str, set[str]] = {}
    for cut, text in zip(short, texts, strict=True):
        whole.setdefault(cut, set()).add(clean(text))
    return [
        s if len(whole[s]) == 1 else _cut_sides(clean(t), inches, size=size, bold=bold)
        for s, t in zip(short, texts, strict=True)
    ]


def _cut_sides(text: str, inches: float, *, size: float, bold: bool) -> str:
    """Return the text cut in its middle, a contrast in the middle of both its sides."""
    left, minus, right = text.partition(MINUS)
    if not minus:
        return cut_middle(text, inches, size=size, bold=bold)
    room = (inches - width_of(minus, size=size, bold=bold)) / 2
    return minus.join(shorten_middle(s, room, size=size, bold=bold) for s in (left, right))


def shorten_middle(text: str, inches: float, *, size: float = BASE, bold: bool = False) -> str:
    """Return the clean text, cut in its middle if it is wider than ``inches``.

    Examples
    --------
    >>> shorten_middle("short", 1.0), shorten_middle("a name that is longer than it may be", 1.0)[-2:]
    ('short', 'be')
    """
    text = clean(text[:2000])
    wide = width_of(text, size=size, bold=bold) > inches
    return cut_middle(text, inches, size=size, bold=bold) if wide else text


def cut_middle(text: str, inches: float, *, size: float = BASE, bold: bool = False) -> str:
    """Return the text cut in its middle, so that it begins and ends as it does.

    Examples
    --------
    >>> cut_middle("a name that is longer than it may be", 1.0)[-2:]
    'be'
    """
    head = shorten(text, 0.5 * inches, size=size, bold=bold).removesuffix("…").rstrip()
    low, high = 0, max(len(text) - len(head), 0)
    while low < high:
        keep = (low + high + 1) // 2
        if width_of(f"{head}…{text[-keep:].lstrip()}", size=size, bold=bold) <= inches:
            low = keep
        else:
            high = keep - 1
    return f"{head}…{text[len(text) - low :].lstrip()}" if low else f"{head}…"


def wrapped(text: str, room: float, most: int, *, bold: bool = False) -> tuple[str, ...]:
    """Return a text in at most so many lines; what does not fit there is cut.

    Examples
    --------
    >>> wrapped("a rather long label of a level", 1.0, 2)
    ('a rather long label', 'of a level')
    """
    lines = wrap(text, room, size=BASE, bold=bold)
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], shorten(" ".join(lines[most - 1 :]), room, bold=bold))


def wrapped_apart(texts: Sequence[str], room: float, most: int, *, bold: bool = False) -> list[tuple[str, ...]]:
    """Return texts in at most so many lines; different ones stay different: their ends are kept if their starts agree.

    Examples
    --------
    >>> wrapped_apart(["Federation of the Isles, north", "Federation of the Isles, south"], 0.8, 2)
    [('Federation of', 'the Isles, north'), ('Federation of', 'the Isles, south')]
    """
    shown = [wrapped(t, room, most, bold=bold) for t in texts]
    whole: dict[tuple[str, ...], set[str]] = {}
    for lines, text in zip(shown, texts, strict=True):
        whole.setdefault(lines, set()).add(text)
    out = []
    for lines, text in zip(shown, texts, strict=True):
        if len(whole[lines]) > 1:
            rest = " ".join(wrap(text, room, size=BASE, bold=bold)[most - 1 :])
            lines = (*lines[:-1], cut_middle(rest, room, bold=bold))
        out.append(lines)
    return out


def two_lines(texts: Sequence[str], room: float, *, bold: bool = False) -> list[tuple[str, ...]]:
    """Return texts in at most two lines, different ones differently; a contrast is broken before its minus.

    Examples
    --------
    >>> two_lines(["Poland", "United Kingdom − United States"], 1.0)
    [('Poland',), ('United Kingdom', '− United States')]
    """
    out = wrapped_apart(texts, room, 2, bold=bold)
    pairs = [i for i, t in enumerate(texts) if MINUS in t and len(out[i]) > 1]
    sides = [texts[i].partition(MINUS) for i in pairs]
    first = shorten_apart([s[0] for s in sides], room, bold=bold)
    second = shorten_apart([f"{MINUS.lstrip()}{s[2]}" for s in sides], room, bold=bold)
    for i, *lines in zip(pairs, first, second, strict=True):
        out[i] = tuple(lines)
    return out
