"""What is done to every page: names become links, peers' code says when it ran, notebooks are offered."""

import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import api
from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes
from sphinx.application import Sphinx

import alliancecred as ac

PEER = re.compile(r"^<!-- peer: (?P<what>.+), (?P<date>\d{4}-\d\d-\d\d) -->$", re.M)
CALL = re.compile(r"(?P<prefix>ac\.)?(?P<name>\w+)(?P<call>\(.*\))?\Z", re.S)
FOUND = api.where_found()


def say_when_peers_ran(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show the reader what is written in the comment above a block of another package's code."""

    def words(found: re.Match[str]) -> str:
        day = date.fromisoformat(found["date"])
        return f"*Run with {found['what']} on {day.day} {day:%B %Y}:*"

    source[0] = PEER.sub(words, source[0])


class LinkNames(Transform):
    """Make ``ac.fit`` and ``fit(...)`` in the text links to the page of the function."""

    default_priority = 400

    def apply(self, **options: Any) -> None:
        """Wrap each literal that names something public in a reference to it."""
        for literal in list(self.document.findall(nodes.literal)):
            found = CALL.match(literal.astext())
            inside = isinstance(literal.parent, nodes.reference | addnodes.pending_xref)
            if inside or not found or not (found["prefix"] or found["call"]) or found["name"] not in ac.__all__:
                continue
            target = {"refdomain": "py", "reftype": "obj", "reftarget": f"alliancecred.{found['name']}"}
            link = addnodes.pending_xref("", refexplicit=True, refwarn=True, **target)
            literal.replace_self(link)
            link += literal


def find_page(app: Sphinx, env: Any, node: Any, content: nodes.TextElement) -> nodes.reference | None:
    """Resolve ``alliancecred.fitting.Fit``, as signatures have it, or ``Spec.answers`` to the page that tells of it."""
    *before, name = node.get("reftarget", "").split(".")
    full = FOUND.get(name) or (FOUND.get(before[-1]) if before and not before[0].islower() else None)
    if node.get("refdomain") != "py" or full is None or (before and before[0] not in {"alliancecred", *FOUND}):
        return None
    python, page = env.get_domain("py"), node.get("refdoc", env.docname)
    return python.resolve_xref(env, page, app.builder, "obj", full, node, content)


def offer_notebook(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Tell the template the file of the executed notebook that a page was made from."""
    if _notebook(app, page).is_file() and "kernelspec" in app.env.metadata.get(page, {}):
        context["notebook"] = f"{page.rsplit('/', 1)[-1]}.ipynb"


def copy_notebooks(app: Sphinx, error: Exception | None) -> None:
    """Lay every executed notebook beside its page."""
    if error is None and app.builder.format == "html":
        for page in app.env.found_docs:
            if "kernelspec" in app.env.metadata.get(page, {}) and _notebook(app, page).is_file():
                shutil.copyfile(_notebook(app, page), Path(app.outdir, f"{page}.ipynb"))


def _notebook(app: Sphinx, page: str) -> Path:
    return Path(app.env.mystnb_config.output_folder, f"{page}.ipynb")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it."""
    app.connect("source-read", say_when_peers_ran)
    app.add_transform(LinkNames)
    app.connect("missing-reference", find_page)
    app.connect("html-page-context", offer_notebook)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
