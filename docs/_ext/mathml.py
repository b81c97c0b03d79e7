"""Mathematics as MathML, made when the pages are built: browsers show it, and nothing is loaded from elsewhere."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.math import get_node_equation_number


def inline(visitor: Any, node: nodes.math) -> None:
    """Put a formula into the line."""
    visitor.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed(visitor: Any, node: nodes.math_block) -> None:
    """Put a formula into a block of its own, with its number where it has one."""
    visitor.body.append(visitor.starttag(node, "div", CLASS="math-block", tabindex="0", role="group"))
    visitor.body.append(convert(node.astext(), display="block"))
    if node["number"]:
        visitor.body.append(f'<span class="eqno">({get_node_equation_number(visitor, node)})</span>')
    visitor.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (inline, None), (displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
