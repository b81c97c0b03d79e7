"""The report as one page of HTML."""

from collections.abc import Sequence
from importlib.resources import files

from ..markup import Html, el, join
from . import findings, methods, provenance
from .contents import Contents
from .pictures import Picture

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PARTS = (
    ("findings", "Main findings"),
    ("figures", "Figures"),
    ("estimates", "Estimates"),
    ("data", "Data"),
    ("model", "Model"),
    ("checks", "Checks"),
    ("methods", "Methods"),
    ("provenance", "Provenance"),
    ("words", "Words"),
)


def render(contents: Contents, pictures: Sequence[Picture]) -> str:
    """Return the report: one file that loads nothing and runs nothing, everything from outside escaped."""
    spec = contents.spec
    title = spec.title or spec.name
    shown = f"SIMULATED: {title}" if spec.simulated and "simulated" not in title.lower() else title
    head = el(
        "head",
        el("meta", attrs={"charset": "utf-8"}),
        el("meta", attrs={"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        el("meta", attrs={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        el("meta", attrs={"name": "color-scheme", "content": "light dark"}),
        el("title", shown),
        el("style", Html(style())),
    )
    body = el("body", el("header", _head(contents, title)), el("main", _main(contents, pictures)))
    return "<!doctype html>\n" + el("html", head, body, attrs={"lang": "en"}) + "\n"


def style() -> str:
    """Return the style sheet."""
    return files(__package__).joinpath("style.css").read_text(encoding="utf-8")


def _head(contents: Contents, title: str) -> Html:
    spec = contents.spec
    places = [el("a", words, attrs={"href": f"#{anchor}"}) for anchor, words in _PARTS]
    return join(
        el("p", "alliancecred report", attrs={"class": "kicker"}),
        el("h1", title),
        el("p", spec.question, attrs={"class": "question"}) if spec.question else Html(""),
        findings.verdict(contents),
        el("nav", places, attrs={"aria-label": "Sections"}),
    )


def _main(contents: Contents, pictures: Sequence[Picture]) -> Html:
    return join(
        findings.findings(contents),
        findings.figures(contents, pictures),
        findings.estimates(contents),
        methods.data(contents),
        methods.model(contents),
        methods.checks(contents),
        methods.methods(contents),
        provenance.provenance(contents),
        methods.references(contents),
        methods.glossary(),
    )
