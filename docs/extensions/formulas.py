"""Formulas as MathML, which browsers display without JavaScript, fonts or a network."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
# An invisible operator, which browsers do not space, before anything but a parenthesis.
APPLICATION = re.compile(r"<mo>(?:\u2061|&ApplyFunction;)</mo>(?!\s*<mo[^>]*>\()")


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
    return APPLICATION.sub('<mspace width="0.17em"></mspace>', markup)


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
