"""Text from outside as text in every format."""

import re
import unicodedata

# steer the direction of what follows, or are no characters; joiners, of which emoji are made, stay
_DROPPED = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff\ue000\ue001]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|$~!^])")
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # after the end of a row, a bracket or a star would belong to it
    "]": "{]}",
    "*": "{*}",
    "\N{MINUS SIGN}": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "→": r"$\rightarrow$",
    "√": r"$\surd$",
    "°": r"$^\circ$",
    "δ": r"$\delta$",
    "η": r"$\eta$",
    "τ": r"$\tau$",
    "σ": r"$\sigma$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "…": r"\dots{}",
}


def plain(text: str) -> str:
    """Return a text on one line, without what cannot be seen but steers what can.

    Examples
    --------
    >>> plain("two" + chr(10) + "lines" + chr(0x202E) + chr(7))
    'two lines'
    """
    text = _DROPPED.sub("", text)
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def tex(text: str) -> str:
    r"""Return a text as LaTeX that prints it.

    Examples
    --------
    >>> print(tex("50 % of A&B, " + chr(92) + "input{x}"))
    50 \% of A\&B, \textbackslash{}input\{x\}
    """
    parts = plain(text).split("--")  # two typed hyphens are no dash
    return "-{}-".join("".join(_TEX.get(c, c) for c in part) for part in parts)


def markdown(text: str) -> str:
    r"""Return a text as Markdown that shows it, also in a cell of a pipe table.

    Examples
    --------
    >>> print(markdown("a|b *c* <b>"))
    a\|b \*c\* &lt;b>
    """
    return _MARKDOWN.sub(r"\\\1", plain(text).replace("&", "&amp;").replace("<", "&lt;"))


def paragraph(text: str) -> str:
    r"""Return a text as a paragraph of Markdown, which no mark at its beginning makes a list or a quotation.

    Examples
    --------
    >>> print(paragraph("1. first"))
    1\. first
    """
    return re.sub(r"^(\d*)([-+>.)])", r"\1\\\2", markdown(text))
