"""HTML that is escaped because there is no other way to make it."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape

_VOID = frozenset({"meta", "br", "img", "source", "hr", "col", "input"})
_LONG_CELL = 40  # characters: a cell with more is broken into lines
_NONE: Mapping[str, str] = {}
_NO_PLACE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's Cc but \n and \t, and Cs


class Html(str):
    """Text that is markup already; every other text is escaped where it is put in."""

    __slots__ = ()


def el(name: str, *children: str | Iterable[str], attrs: Mapping[str, str] = _NONE) -> Html:
    """Return an element; children that are not `Html` are escaped.

    Examples
    --------
    >>> el("p", "a < b", el("b", "!"), attrs={"class": '"'})
    '<p class="&quot;">a &lt; b<b>!</b></p>'
    """
    head = name + "".join(f' {k}="{_clean(v)}"' for k, v in attrs.items())
    return Html(f"<{head}>") if name in _VOID else Html(f"<{head}>{join(*children)}</{name}>")


def join(*children: str | Iterable[str]) -> Html:
    """Return children one after the other, escaped where they are no `Html`."""
    flat = [c for child in children for c in ([child] if isinstance(child, str) else child)]
    return Html("".join(c if isinstance(c, Html) else _clean(c) for c in flat))


def _clean(text: str) -> str:
    """Escape, and drop what HTML has no place for (control characters, half surrogates)."""
    return escape(_NO_PLACE.sub("", text), quote=True)


def paragraphs(texts: Iterable[str]) -> Html:
    """Return each text as a paragraph."""
    return join(el("p", t) for t in texts)


def bullets(texts: Iterable[str | Html]) -> Html:
    """Return a list, or nothing if there are no texts."""
    items = [el("li", t) for t in texts]
    return el("ul", items) if items else Html("")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, numbers: Sequence[int] = ()) -> Html:
    """Return a table that scrolls sideways where it has no room; the first cell of a row is its heading.

    ``numbers`` are the columns set flush right.
    """

    def style(j: int, text: str) -> Mapping[str, str]:
        return {"class": "n"} if j in numbers else {"class": "long"} if len(text) > _LONG_CELL else _NONE

    top = el("tr", [el("th", h, attrs={"scope": "col", **style(j, "")}) for j, h in enumerate(head)])
    body = [
        el(
            "tr",
            [
                el("th", c, attrs={"scope": "row"}) if j == 0 else el("td", c, attrs=style(j, c))
                for j, c in enumerate(r)
            ],
        )
        for r in rows
    ]
    inner = el("table", el("thead", top), el("tbody", body), attrs={"aria-label": caption})
    return join(
        el("p", caption, attrs={"class": "caption"}),
        el("div", inner, attrs={"class": "scroll", "tabindex": "0", "role": "region", "aria-label": caption}),
    )


def pairs(items: Iterable[tuple[str, str]]) -> Html:
    """Return a list of names and what belongs to them."""
    return el("dl", [join(el("dt", k), el("dd", v)) for k, v in items])


def section(title: str, *children: str | Iterable[str], anchor: str) -> Html:
    """Return a section with its heading."""
    return el("section", el("h2", title), *children, attrs={"id": anchor})


def details(title: str, *children: str | Iterable[str]) -> Html:
    """Return what is shown only when asked for."""
    return el("details", el("summary", title), *children)


def download(text: str, name: str, content: bytes, kind: str) -> Html:
    """Return a link to a file that the page itself contains."""
    data = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return el("a", text, attrs={"href": data, "download": name})


def link(text: str, target: str) -> Html:
    """Return a link to a file of ours, relative to the report."""
    return el("a", text, attrs={"href": target})
