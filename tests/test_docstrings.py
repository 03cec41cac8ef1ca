"""Every public method is documented, where it is defined or in the class that it overrides."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "agentlab"


def name_of(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return name_of(base.value)
    return getattr(base, "attr", getattr(base, "id", ""))


def methods(cls: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in cls.body if isinstance(node, ast.FunctionDef)}


def classes(trees: dict[Path, ast.Module]) -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def inherits_docstring(
    cls: ast.ClassDef, method: str, known: dict[str, list[ast.ClassDef]]
) -> bool:
    """Return whether a base class documents ``method``, or is another package's and may."""
    for base in map(name_of, cls.bases):
        if base not in known:
            if base not in ("", "object", "ABC", "Exception", "Protocol", "NamedTuple"):
                return True
            continue
        for parent in known[base]:
            if parent is cls:  # named like its base, which another package defines
                return True
            own = methods(parent).get(method)
            if own is not None and ast.get_docstring(own):
                return True
            if inherits_docstring(parent, method, known):
                return True
    return False


def undocumented(trees: dict[Path, ast.Module]) -> list[str]:
    known = classes(trees)
    return [
        f"{path.name}:{method.lineno} {cls.name}.{name}"
        for path, tree in sorted(trees.items())
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef) and not cls.name.startswith("_")
        for name, method in methods(cls).items()
        if not name.startswith("_")
        and not ast.get_docstring(method)
        and not any(name_of(d) in ("overload", "setter") for d in method.decorator_list)
        and not inherits_docstring(cls, name, known)
    ]


def test_public_methods_have_docstrings_or_override_ones_that_do():
    trees = {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
    wrong = undocumented(trees)
    assert not wrong, "\n" + "\n".join(wrong)


def test_a_missing_docstring_is_found_and_an_inherited_one_counts():
    code = '''
class Base(ABC):
    def documented(self):
        """Do something."""
    def bare(self): ...
class Child(Base):
    def documented(self): ...
    def bare(self): ...
    def _private(self): ...
class Layer(keras.layers.Layer):
    def call(self, inputs): ...
'''
    found = undocumented({Path("file.py"): ast.parse(code)})
    assert found == ["file.py:5 Base.bare", "file.py:8 Child.bare"]
