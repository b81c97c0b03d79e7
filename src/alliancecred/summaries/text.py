"""Numbers and sentences as they are printed."""

import numpy as np


def number(value: float, *, digits: int = 1) -> str:
    """Return a rounded number with a true minus sign and no minus zero.

    Examples
    --------
    >>> number(-0.04), number(-12.345)
    ('0.0', '−12.3')
    """
    if not np.isfinite(value):
        return "not available"
    text = f"{value:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "\N{MINUS SIGN}")


def digits_for(unit: str) -> int:
    """Return the decimals that suit a unit: 1 for percentages, 2 for points of a scale."""
    return 1 if unit in ("percent", "percentage points") else 2


def failed_gates(status: str) -> str:
    """Return which gates failed.

    Examples
    --------
    >>> failed_gates("failed: R-hat 1.03.")
    'R-hat 1.03'
    """
    return status.strip().removeprefix("failed:").strip().rstrip(".")


def sentence(text: str) -> str:
    """Return a text as a sentence.

    Examples
    --------
    >>> sentence("two words"), sentence("us2025: a name")
    ('Two words.', 'us2025: a name.')
    """
    text = text.strip()
    first, rest = text.partition(" ")[0], text[1:]
    if first.isalpha() and first.islower():  # a word, not the name of a signal or a covariate
        text = text[0].upper() + rest
    return text if not text or text[-1] in ".!?" else text + "."
