"""Settings of Sphinx for the documentation site, which ``make docs`` builds."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

import agentlab  # noqa: E402 - found by the line above

project = "agentlab"
author = "agentlab developers"
copyright = author
release = version = agentlab.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "formulas",
    "generated",
    "reference",
]
root_doc = "index"
exclude_patterns = ["README.md", "_build"]  # index.md includes the README

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"  # of the extension formulas

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # a method is documented in the class that introduces it
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "agentlab"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
