"""The directive ``api``, which documents the public names of modules with autodoc.

The public names of a package are those in its ``__all__`` and the classes in its registries; those
of any other module are the classes and functions that it defines. A name that ``agentlab`` itself
exports is documented once, under ``agentlab``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import agentlab
from agentlab.registry import Registry, path_of

SHARED = re.compile(r"( *):(param|ivar) ([^ :]+(?:, [^ :]+)+): (.*)")  # a field with several names
EXPORTED = {name: getattr(agentlab, name) for name in agentlab.__all__}


def public(module: ModuleType) -> dict[str, Any]:
    """Return the public objects of a module by name."""
    if names := getattr(module, "__all__", None):
        return {name: getattr(module, name) for name in sorted(names)}
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or isinstance(value, Registry))
        and (isinstance(value, Registry) or value.__module__ == module.__name__)
    }


def registered(values: dict[str, Any]) -> dict[str, Any]:
    """Return the classes in those of ``values`` that are registries, by their full names."""
    found = {}
    for registry in values.values():
        if isinstance(registry, Registry):
            for name in registry:
                path = path_of(registry[name]).replace(":", ".")
                found[path] = registry.load(name)
    return found


def documented(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield full names and objects to document under ``module``."""
    values = public(module)
    for name, value in values.items():
        elsewhere = module is not agentlab and any(value is other for other in EXPORTED.values())
        if not elsewhere:
            yield f"{module.__name__}.{name}", value
    yield from registered(values).items()


def directive_for(name: str, value: Any) -> list[str]:
    """Return the lines of reStructuredText that document an object."""
    if isinstance(value, Registry):
        names = ", ".join(f"``{key}``" for key in value)
        return [f".. py:data:: {name}", "", f"   The registered names: {names}.", ""]
    if not inspect.isclass(value):
        kind = "autofunction" if callable(value) else "autodata"
        return [f".. {kind}:: {name}", ""]
    lines = [f".. autoclass:: {name}", "   :show-inheritance:"]
    # What an algorithm overrides is documented by Agent.
    is_algorithm = issubclass(value, agentlab.Agent) and value is not agentlab.Agent
    return [*lines, *["   :members:"] * (not is_algorithm), ""]


class Api(SphinxDirective):
    """The public names of the modules in the content, one module a line."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the documentation."""
        lines = ["```{eval-rst}"]
        for name in self.content:
            for entry in documented(import_module(name)):
                lines += directive_for(*entry)
        container = nodes.container()
        self.state.nested_parse(StringList([*lines, "```"], ""), self.content_offset, container)
        return container.children


def split_names(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: Any) -> None:
    """Describe arguments that share a description, such as ``x, y: two numbers``, one by one.

    Sphinx would take the first name for the type of the second one.
    """
    old, lines[:] = list(lines), []
    while old:
        field = [old.pop(0)]
        found = SHARED.fullmatch(field[0])
        if found is None:
            lines += field
            continue
        while old and old[0].startswith(f"{found[1]} "):  # the rest of the description
            field.append(old.pop(0))
        for each in found[3].split(", "):
            lines += [f"{found[1]}:{found[2]} {each}: {found[4]}", *field[1:]]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("api", Api)
    app.connect("autodoc-process-docstring", split_names, priority=600)  # after napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
