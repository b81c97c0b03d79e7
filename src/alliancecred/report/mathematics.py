"""The model in mathematics on the page: equations, the distribution of each term, and the symbols that occur."""

import re
from collections.abc import Iterable, Iterator

from ..markup import Html, details, el, join
from .contents import Contents
from .equations import Part, align, likelihood, mathml, parts

_TEXT = re.compile(r"\\text\{[^}]*\}")
_BELOW = re.compile(r"_\{([^{}]*)\}|_([A-Za-z])|\[([a-z])\b")  # an index, or what stands in a condition
_LETTER = re.compile(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])")
_INDICES = {
    "c": "country",
    "a": "judged ally",
    "d": "state to be defended",
    "w": "wave",
    "g": "population",
    "r": "role of the judged ally (sender, other, self)",
    "p": "person",
    "k": "place in the order of the answers",
    "i": "answer",
}


def mathematics(contents: Contents) -> Html:
    """Return likelihood and linear predictor in mathematics, what each term says below its distribution."""
    design, published = contents.fit.design, family_of_shares(contents)
    made = parts(design)
    first, *others = [p.symbol for p in made if p.symbol]
    total = [rf"\eta_i = {first}", *("{} + " + symbol for symbol in others)]
    given = likelihood(design, published=published)
    formulas = [*given, *total, *(x for p in made for x in p.priors)]
    return join(
        el("h3", "In mathematics"),
        [el("div", mathml(x, block=True), attrs=_place("Equation")) for x in given],
        el("div", [mathml(x) for x in total], attrs=_place("Equation", "math line sum")),
        el("p", "Terms and their distributions", attrs={"class": "caption"}),
        el("div", [_term(p) for p in made], attrs={"class": "terms"}),
        el("p", legend(formulas, _counted(contents)), attrs={"class": "legend"}),
        details("The same as LaTeX", el("pre", align(design, published=published))),
    )


def family_of_shares(contents: Contents) -> str:
    """Return the name of the distribution of published shares, or nothing where there are none."""
    cells = contents.fit.cells
    if contents.spec.rating is not None or not len(cells.toplines):
        return ""
    return "BetaBinomial" if (cells.overdispersion > 0).any() else "Binomial"


def _counted(contents: Contents) -> str:
    """Return the answers that published shares count, if all count the same."""
    shares = [t.groups[: len(t.lower)] for t in contents.fit.cells.toplines]
    counted = {codes for groups in shares for codes in groups}
    if len(counted) != 1:
        return ""
    return " or ".join(f"“{contents.spec.answers[k]}”" for k in counted.pop())


def _term(part: Part) -> Html:
    """Return the distributions of a term beside each other as far as there is room, and what it says below."""
    formulas = el("div", [mathml(x) for x in part.priors], attrs=_place("Distribution", "math line"))
    return el("div", formulas, el("p", part.words), attrs={"class": "term"})


def _place(label: str, name: str = "math") -> dict[str, str]:
    return {"class": name, "tabindex": "0", "role": "group", "aria-label": label}


def legend(formulas: Iterable[str], counted: str = "") -> str:
    r"""Return what the symbols mean that occur in formulas; ``counted``: the answers that published shares count.

    Examples
    --------
    >>> legend([r"u_{p} \sim \operatorname{Normal}(0,\ \sigma_{u_{p}}^2)"])[:64]
    'Normal(m, s²): mean and variance; σ with an effect as its index:'
    """
    text = "\n".join(_TEXT.sub(" ", f) for f in formulas)
    found = set(_LETTER.findall(" ".join(x for m in _BELOW.finditer(text) for x in m.groups() if x)))
    names = _INDICES | ({"i": "answer or published share"} if r"\pi" in text else {})
    indices = ", ".join(f"{k} {what}" for k, what in names.items() if k in found)
    said = [
        "; ".join(_symbols(text, found, counted)),
        f"Indices: {indices}" if indices else "",
        "Terms that the data cannot tell apart were merged or left out, as listed under Data",
    ]
    return " ".join(f"{x}." for x in said if x)


def _symbols(text: str, indices: set[str], counted: str) -> Iterator[str]:
    if r"\operatorname{Normal}(" in text:
        yield "Normal(m, s²): mean and variance"
    if r"\operatorname{Normal}^{+}" in text:
        yield "Normal⁺: positive half of a normal"
    if r"\operatorname{LogNormal}" in text:
        yield "LogNormal(log m, s²): median m; s is the sd of the logarithm"
    if r"\sigma_{" in text:
        each = ", and one for each role where r is in it" if "r" in indices else ""
        yield f"σ with an effect as its index: one sd for all groups of that effect{each}"
    if r"\kappa" in text:
        yield "κ: cut points between the answers"
    if r"\Delta t" in text:
        yield "Δt: years between waves"
    if r"\pi" in text:
        here = f", here {counted}" if counted else ""
        yield f"A: the answers that a published share counts{here}; π: their chance; n: people asked; l, u: its bounds"
    if r"\rho" in text:
        yield "ρ: its declared overdispersion"
