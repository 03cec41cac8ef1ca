"""Classes by name, imported when they are first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument


class Registry(Mapping[str, str]):
    """Maps names to classes, each written as ``"module:Class"``.

    Args:
        what: the argument that holds such a name, for messages: ``"algo"``, ``"net"``, ...
        paths: the classes by name.

    >>> registry = Registry("shape", {"fraction": "fractions:Fraction"})
    >>> registry.load("fraction").__name__
    'Fraction'
    """

    def __init__(self, what: str, paths: Mapping[str, str]) -> None:
        self.what = what
        self._paths = dict(paths)

    def __getitem__(self, name: str) -> str:
        return self._paths[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def check(self, name: Any) -> None:
        """Raise ``InvalidArgument`` unless ``name`` is registered; imports nothing."""
        if name not in self._paths:
            hint = did_you_mean(str(name), self) or f"; there are {', '.join(self)}"
            raise InvalidArgument(f"{self.what}={name!r} is unknown{hint}")

    def load(self, name: str) -> Any:
        """Import and return the class registered as ``name``.

        Raises:
            InvalidArgument: for an unknown name.
        """
        self.check(name)
        module, _, attribute = self._paths[name].partition(":")
        return getattr(import_module(module), attribute)

    def name_of(self, cls: type) -> str | None:
        """Return the name that ``cls`` is registered under, or ``None``."""
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name, known in self._paths.items() if known == path), None)


# What a saved learner's ``kind`` and ``name`` stand for: the registries of each kind, as strings,
# since a floor knows nothing of those above it.
KINDS = {
    "agent": "agentlab.agents:ALGORITHMS",
    "trainer": "agentlab.supervised:TRAINERS",
    "estimator": "agentlab.supervised:ESTIMATORS",
}


def registry_of(kind: str) -> Registry:
    """Return the registry of a kind of learner.

    Raises:
        InvalidArgument: for an unknown kind.
    """
    registry: Registry = Registry("kind", KINDS).load(kind)
    return registry
