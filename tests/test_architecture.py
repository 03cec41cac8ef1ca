"""The layers of the package, checked on its syntax trees without imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "agentlab"
FACADE = "agentlab"  # agentlab/__init__.py, what a user imports

# From the lowest floor to the highest: a module imports from the floors below its own.
FLOORS = (
    ("bounds", "components", "config", "errors", "import_path", "json_state", "lazy", "registry"),
    ("runs",),
    ("data", "envs"),
    ("nets", "replay"),
    ("description", "estimator", "learner"),
    ("plots", "training"),
    ("agents", "deploy", "scale", "supervised", "unsupervised", "vision"),
    ("experiments", "testing"),
    (FACADE,),
    ("__main__", "cli"),
)
# Packages on one floor are strangers to each other, but for these (importer, imported). The lowest
# floor holds single files that may import each other.
NEIGHBORS = {
    ("__main__", "cli"),
    ("estimator", "learner"),
    ("learner", "description"),
}
LIMITED, MAX_LINES = ("agents", "supervised", "training", "unsupervised"), 300
# Public, in spite of their names: those of named tuples, and os._exit.
PUBLIC = {"_asdict", "_fields", "_make", "_replace", "_exit"}


class Import(NamedTuple):
    """One imported module, and the line that imports it."""

    module: str
    line: int


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def trees() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


def path_of(module: str) -> str:
    path = PACKAGE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return str(file.relative_to(PACKAGE.parent))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else FACADE


def floor_of(module: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room_of(module) in rooms)


def is_type_checking(node: ast.AST) -> bool:
    test = node.test if isinstance(node, ast.If) else None
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree's nodes, but for those that only a type checker sees."""
    yield node
    if is_type_checking(node):
        for child in node.orelse:
            yield from executed(child)
        return
    for child in ast.iter_child_nodes(node):
        yield from executed(child)


def imports(tree: ast.Module, known: set[str]) -> Iterator[Import]:
    """Yield the package's modules that a module imports, also within functions and by name."""
    for node in executed(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name in known else node.module for name in inner]
        elif isinstance(node, ast.Call) and node.args and is_import_module(node.func):
            found = list(literal_modules(node.args[0]))
        else:
            continue
        for name in dict.fromkeys(found):
            if name in known:
                yield Import(name, node.lineno)


def is_import_module(function: ast.expr) -> bool:
    names = (getattr(function, "id", ""), getattr(function, "attr", ""))
    return "import_module" in names or "__import__" in names


def literal_modules(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        yield str(argument.values[0].value).rstrip(".")  # f"agentlab.cli.{command}": the package


def graph() -> dict[str, list[Import]]:
    known = set(trees())
    return {module: list(imports(tree, known)) for module, tree in trees().items()}


def may_import(importer: str, imported: str) -> bool:
    above, below = floor_of(importer), floor_of(imported)
    if above != below or above == 0:
        return above >= below
    rooms = room_of(importer), room_of(imported)
    return rooms[0] == rooms[1] or rooms in NEIGHBORS


def test_every_module_has_a_floor():
    rooms = [room for floor in FLOORS for room in floor]
    assert {room_of(module) for module in trees()} <= set(rooms)
    assert len(rooms) == len(set(rooms))


def test_imports_only_go_down():
    wrong = [
        f"{path_of(module)}:{found.line} imports {found.module}"
        for module, imported in sorted(graph().items())
        for found in imported
        if not may_import(module, found.module)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle():
    edges = {module: {found.module for found in imported} for module, imported in graph().items()}
    circles, done = [], set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circles.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for other in sorted(edges[module] - {module}):
                visit(other, (*path, module))
            done.add(module)

    for module in sorted(edges):
        visit(module, ())
    assert not circles, "\n" + "\n".join(circles)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC | {"_"}


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a file defines or assigns, as variables or as attributes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and is_own(node.value)
        ):
            names.add(node.attr)
    return names


def is_own(value: ast.expr) -> bool:
    """Return whether an attribute is one of ``self``, ``cls`` or ``super()``."""
    if isinstance(value, ast.Call):
        return getattr(value.func, "id", "") == "super"
    return getattr(value, "id", "") in ("self", "cls")


def foreign_private_members(tree: ast.Module) -> Iterator[tuple[int, str]]:
    defined = defined_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if is_private(alias.name):
                    yield node.lineno, alias.name
        elif (
            isinstance(node, ast.Attribute)
            and is_private(node.attr)
            and node.attr not in defined
            and not is_own(node.value)
        ):
            yield node.lineno, node.attr


def test_private_members_are_used_only_in_the_file_that_defines_them():
    wrong = [
        f"{path_of(module)}:{line} uses {name}"
        for module, tree in sorted(trees().items())
        for line, name in foreign_private_members(tree)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_files_of_algorithms_and_trainers_are_short():
    paths = [path for room in LIMITED for path in (PACKAGE / room).rglob("*.py")]
    lengths = {path: len(path.read_text().splitlines()) for path in paths}
    long = [f"{p.relative_to(PACKAGE)}: {n} lines" for p, n in lengths.items() if n > MAX_LINES]
    assert not long, "\n" + "\n".join(sorted(long))


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("agentlab.agents.dqn", "agentlab.training.update", True),
        ("agentlab.training.update", "agentlab.agents.dqn", False),
        ("agentlab.agents.dqn", "agentlab.supervised.classifier", False),
        ("agentlab.unsupervised.vae", "agentlab.supervised.classifier", False),
        ("agentlab.experiments.recipes", "agentlab.unsupervised", True),
        ("agentlab.agents.dqn", "agentlab.agents.loop", True),
        ("agentlab.testing.gradient_check", "agentlab.training.losses", True),
        ("agentlab.training.losses", "agentlab.testing.gradient_check", False),
        ("agentlab.training.trainer", "agentlab.plots.curves", False),
        ("agentlab.registry", "agentlab.errors", True),
        ("agentlab.runs.run", "agentlab", False),
        ("agentlab.cli.train", "agentlab", True),
    ],
)
def test_the_floors_say_what_may_be_imported(importer, imported, allowed):
    assert may_import(importer, imported) is allowed


def test_every_way_to_import_is_seen():
    code = """
from typing import TYPE_CHECKING
import agentlab.runs
from agentlab.envs import vector, make_envs
if TYPE_CHECKING:
    from agentlab.agents import Agent
else:
    from agentlab import config
def later():
    from agentlab.nets.mlp import MLP
    import_module("agentlab.plots.curves")
    importlib.import_module(f"agentlab.cli.{name}")
"""
    known = {
        *("agentlab", "agentlab.runs", "agentlab.envs", "agentlab.envs.vector", "agentlab.agents"),
        *("agentlab.config", "agentlab.nets.mlp", "agentlab.plots.curves", "agentlab.cli"),
    }
    assert {found.module for found in imports(ast.parse(code), known)} == known - {
        "agentlab",
        "agentlab.agents",
    }


def test_private_members_of_other_files_are_found():
    code = """
from agentlab.runs.run import _version, Run
class Own:
    def __init__(self):
        self._mine = 1
    def method(self, other):
        return self._inherited, other._mine, other._theirs, other.__dict__, other._replace()
"""
    found = [name for _, name in foreign_private_members(ast.parse(code))]
    assert found == ["_version", "_theirs"]
