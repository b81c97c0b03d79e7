"""Pieces of cards: in the colours of the page around them, every text from outside escaped (`markup`)."""

from collections.abc import Sequence

from ..markup import Html, el, join
from ..summaries import failed_gates

MOST_ROWS = 40
LINE = "1px solid rgba(128,128,128,.45)"
CELL = "padding:2px 10px 2px 0;border:0;background:none;vertical-align:top;"


def card(title: str, *parts: str, simulated: bool = False) -> str:
    """Return a card: a title, a mark where data are simulated, and parts."""
    mark = [el("div", "SIMULATED DATA", attrs={"style": "font-weight:600;letter-spacing:.03em"})] if simulated else []
    head = el("div", title, attrs={"style": "font-weight:600;margin-bottom:3px"})
    style = "border-left:3px solid rgba(128,128,128,.6);padding:4px 0 4px 12px;margin:4px 0;color:inherit;border-top:0"
    return str(el("div", head, *mark, *parts, attrs={"style": style + ";line-height:1.45;overflow-x:auto"}))


def says(text: str) -> Html:
    """Return a line of text."""
    return el("div", text, attrs={"style": "margin:2px 0;max-width:60rem"})


def verdict(status: str) -> Html:
    """Return the verdict of the gates."""
    passed = status == "passed"
    words = "✓ All gates passed." if passed else f"✗ GATES FAILED, do not report: {failed_gates(status)}."
    colour = "rgba(0,150,110,.95)" if passed else "rgba(214,88,30,.95)"
    style = f"border-left:6px solid {colour};padding-left:6px;font-weight:600;margin:3px 0"
    return el("div", words, attrs={"style": style})


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> Html:
    """Return a table whose first ``left`` columns are words and the others numbers, flush right."""

    def side(j: int) -> str:
        return f"{CELL}text-align:{'left' if j < left else 'right'};font-variant-numeric:tabular-nums;"

    strong = f"font-weight:600;border-bottom:{LINE}"
    top = el("tr", [el("th", h, attrs={"style": side(j) + strong}) for j, h in enumerate(head)])
    shown = rows[:MOST_ROWS]
    cells = ([el("td", c, attrs={"style": side(j)}) for j, c in enumerate(r)] for r in shown)
    body = [el("tr", row, attrs={"style": "background:none"}) for row in cells]
    more = [says(f"… and {len(rows) - len(shown):,} more rows")] if len(rows) > len(shown) else []
    style = "border-collapse:collapse;border:0;margin:4px 0;color:inherit;font-size:.95em"
    return join(el("table", el("thead", top), el("tbody", body), attrs={"style": style}), *more)


def answers_words(answers: Sequence[str], top: Sequence[str]) -> str:
    """Return the answers in their order, and those that count as credible."""
    return "answers " + " < ".join(f"“{a}”" for a in answers) + "; credible: " + ", ".join(f"“{a}”" for a in top)
