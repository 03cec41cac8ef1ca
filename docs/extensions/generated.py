"""Directives that write tables from the code: options, presets, recipes and networks.

::

    ```{options} dqn
    ```

lists the options of ``dqn`` with their defaults, ``presets`` its presets with their sources, and
``recipes`` the recipes of a trainer. ``torsos`` lists all networks that ``--net`` can name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from agentlab.agents import ALGORITHMS, agent_class
from agentlab.agents.presets import Preset, load_presets
from agentlab.config import format_value
from agentlab.envs import list_envs
from agentlab.experiments.recipes import RECIPES
from agentlab.nets import TORSOS
from agentlab.registry import trainer_class

SHOWN = 6  # ids of environments that are listed; for more, the first one and their number
SIGNS = {"gt": "> ", "ge": "≥ ", "lt": "< ", "le": "≤ "}


def inline(text: str) -> list[nodes.Node]:
    """Return a text whose parts between backticks are code."""
    kinds = (nodes.Text, lambda part: nodes.literal(text=part))
    parts = enumerate(text.split("`"))
    return [kinds[i % 2](part) for i, part in parts if part]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> Any:
    """Return a table; backticks in its cells mark code."""
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=width) for width in widths]
    head, body = nodes.thead(), nodes.tbody()
    for part, lines in ((head, [header]), (body, rows)):
        for line in lines:
            entries = [nodes.entry("", nodes.paragraph("", "", *inline(cell))) for cell in line]
            part += nodes.row("", *entries)
    group += [head, body]
    return nodes.table("", group)


def code(value: Any) -> str:
    """Return a value of an option as code, as a flag would spell it."""
    text = format_value(value)
    return f"`{text}`" if text else "empty"


def class_named(name: str) -> Any:
    """Return a dataclass ``module:Class``, or the configuration of a registered learner."""
    if ":" in name:
        module, _, attribute = name.partition(":")
        return getattr(import_module(module), attribute)
    return (agent_class(name) if name in ALGORITHMS else trainer_class(name)).Config


class Options(SphinxDirective):
    """The options of a configuration, in alphabetical order."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        fields = sorted(dataclasses.fields(class_named(self.arguments[0])), key=lambda f: f.name)
        rows = []
        for field in fields:
            bounds = field.metadata.get("bounds", {})
            limits = ", ".join(f"{SIGNS[sign]}{limit:g}" for sign, limit in bounds.items())
            text = field.metadata.get("help", "") + (f" ({limits})" if limits else "")
            rows.append((f"`{field.name}`", code(field.default), text))
        return [table(("option", "default", "description"), rows, (24, 16, 60))]


class Presets(SphinxDirective):
    """The presets of an algorithm: environments, settings, and the source of each setting."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a heading and a table for each preset."""
        found: list[nodes.Node] = []
        for preset in load_presets(self.arguments[0]):
            found.append(nodes.paragraph("", "", *inline(f"`{preset.name}`: {_meant_for(preset)}")))
            by_source: dict[str, list[str]] = {}
            for values in (preset.config, preset.preprocessing, preset.training):
                for name, value in values.items():
                    source = preset.source.get(name, preset.source.get("", ""))
                    by_source.setdefault(source, []).append(f"`{name}={format_value(value)}`")
            rows = [(", ".join(settings), source) for source, settings in by_source.items()]
            found.append(table(("settings", "source"), rows, (60, 40)))
        if not found:
            found.append(nodes.paragraph(text="This algorithm has no presets."))
        return found


def _meant_for(preset: Preset) -> str:
    """Return the environments of a preset as a text."""
    # MuJoCo's and Box2D's ids are registered without their packages; those of old versions not.
    ids = [env for env in list_envs() if re.fullmatch(preset.env, env)]
    if not ids:
        text = f"ids that match `{preset.env}`"
    elif len(ids) > SHOWN:
        text = f"{len(ids)} environments, such as `{ids[0]}`"
    else:
        text = ", ".join(f"`{env}`" for env in ids)
    return text if preset.automatic else f"{text}, with `--preset {preset.name}` only"


class Recipes(SphinxDirective):
    """The recipes of a trainer."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = []
        for recipe in RECIPES:
            if recipe.trainer == self.arguments[0]:
                settings = ", ".join(f"`{n}={format_value(v)}`" for n, v in recipe.config.items())
                notes = "; ".join(filter(None, (recipe.about, recipe.expected, recipe.source)))
                rows.append((f"`{recipe.name}`", notes, settings or "the defaults"))
        if not rows:
            return [nodes.paragraph(text="No recipe uses this trainer.")]
        return [table(("recipe", "description, result, source", "settings"), rows, (20, 40, 40))]


class Torsos(SphinxDirective):
    """All networks that ``--net`` can name."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [(f"`{name}`", TORSOS[name].text, TORSOS[name].takes) for name in TORSOS]
        return [table(("net", "description", "inputs"), rows, (15, 70, 15))]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives with Sphinx."""
    for name, directive in (
        ("options", Options),
        ("presets", Presets),
        ("recipes", Recipes),
        ("torsos", Torsos),
    ):
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
