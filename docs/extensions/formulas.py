"""Formulas as MathML, which browsers display without JavaScript, fonts or a network."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
ROWS = {"math", "mrow", "mstyle", "mtd", "msqrt"}  # elements with any number of children


def mathml(node: nodes.math | nodes.math_block) -> str:
    """Return the MathML of a formula; warn, which fails the build, if its LaTeX is unknown."""
    block = isinstance(node, nodes.math_block)
    try:
        return spaced(str(tex2mathml(node.astext(), as_block=block)))
    except MathError as error:
        LOGGER.warning("the formula %r is not supported: %s", node.astext(), error, location=node)
        return ""


def spaced(markup: str) -> str:
    """Return MathML with a thin space between a function such as log and its argument."""
    root = ElementTree.fromstring(markup)
    for row in root.iter():
        if row.tag.rpartition("}")[2] not in ROWS:
            continue
        for place, child in reversed(list(enumerate(row))):
            named = child.tag.rpartition("}")[2] == "mi" and len(child.text or "") > 1
            following = row[place + 1].text if place + 1 < len(row) else None
            if named and child.get("mathvariant") is None and following != "(":
                row.insert(place + 1, ElementTree.Element("mspace", width="0.17em"))
    return ElementTree.tostring(root, encoding="unicode")


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula as a paragraph of its own."""
    translator.body.append(
        f'<div class="math-wrapper"><div class="math">{mathml(node)}</div></div>'
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
