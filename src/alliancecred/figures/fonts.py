"""Families of letters: which of those asked for are installed, and a warning where none is."""

import warnings
from functools import lru_cache

from matplotlib import font_manager

from ..errors import DataWarning


def letters(fonts: tuple[str, ...]) -> list[str]:
    """Return the first of some families that is installed; where none is, none, and warn once (`DataWarning`)."""
    found = installed(fonts)
    if fonts and not found:
        _warn_of(fonts)
    return found


def installed(fonts: tuple[str, ...]) -> list[str]:
    """Return the first of some families that there is; none if there is none.

    Examples
    --------
    >>> installed(("No Such Face", "DejaVu Serif", "DejaVu Sans"))
    ['DejaVu Serif']
    """
    have = set(font_manager.get_font_names())
    return [f for f in fonts if f in have][:1]


@lru_cache
def _warn_of(fonts: tuple[str, ...]) -> None:
    """Warn, once for these families, that another one is drawn and embedded."""
    used = font_manager.get_font(font_manager.findfont(font_manager.FontProperties())).family_name
    message = f"none of {', '.join(fonts)} is installed: letters are those of {used}"
    warnings.warn(
        f"{message} → install one of them (and delete matplotlib's list of fonts), or Paper(fonts=…)",
        DataWarning,
        stacklevel=4,
    )
