"""Registries of classes by name, which are imported when first used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from agentlab.config import did_you_mean
from agentlab.errors import InvalidArgument


class HasPath(Protocol):
    """An entry that describes a class, whose ``path`` is ``"module:Class"``."""

    @property
    def path(self) -> str:
        """The class, as ``"module:Class"``."""


Entry = TypeVar("Entry", bound="str | HasPath")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """Maps names to classes, given as ``"module:Class"`` or as an object with such a ``path``.

    Args:
        what: the argument's name for error messages: ``"algo"``, ``"net"``, ...
        entries: the classes by name.
        other_names: what to use instead of names that users know from other libraries.

    >>> registry = Registry("shape", {"fraction": "fractions:Fraction"})
    >>> registry.load("fraction").__name__
    'Fraction'
    """

    def __init__(
        self,
        what: str,
        entries: Mapping[str, Entry],
        other_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.what = what
        self._entries = dict(entries)
        self.other_names = other_names

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def check(self, name: Any) -> None:
        """Raise ``InvalidArgument`` if ``name`` is not registered; imports nothing."""
        if name not in self._entries:
            hint = self.other_names.get(_plain(str(name)), "")
            hint = f"; {hint}" if hint else did_you_mean(str(name), self)
            hint = hint or f"; choose from {', '.join(self)}"
            raise InvalidArgument(f"{self.what}={name!r} is unknown{hint}")

    def canonical(self, name: str) -> str:
        """Return the registered name that differs only in case or hyphens, or else ``name``.

        >>> Registry("algo", {"q_table": "a:B"}).canonical("Q-Table")
        'q_table'
        """
        return next((known for known in self if _plain(known) == _plain(name)), name)

    def load(self, name: str) -> Any:
        """Import and return the class registered as ``name``.

        Raises:
            InvalidArgument: for an unknown name.
        """
        self.check(name)
        module, _, attribute = path_of(self._entries[name]).partition(":")
        return getattr(import_module(module), attribute)

    def name_of(self, cls: type) -> str | None:
        """Return the name that ``cls`` is registered under, or ``None``."""
        path = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name, e in self._entries.items() if path_of(e) == path), None)


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.lower())


def path_of(entry: str | HasPath) -> str:
    """Return ``"module:Class"`` of a registry's entry."""
    return entry if isinstance(entry, str) else entry.path


# The registries of each kind of learner, which resolve the ``name`` in ``learner.json``. They are
# strings, since this module must not import packages of higher layers.
KINDS = {
    "agent": ("agentlab.agents:ALGORITHMS",),
    "trainer": ("agentlab.supervised:TRAINERS", "agentlab.unsupervised:TRAINERS"),
    "estimator": ("agentlab.supervised:ESTIMATORS", "agentlab.unsupervised:ESTIMATORS"),
}


def registry_of(kind: str) -> Registry[str]:
    """Return the registry of a kind of learner.

    Raises:
        InvalidArgument: for an unknown kind.
    """
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS) or f"; choose from {', '.join(KINDS)}"
        raise InvalidArgument(f"kind={kind!r} is unknown{hint}")
    return merged(kind, *map(_registry_at, KINDS[kind]))


def trainer_class(name: str) -> Any:
    """Return the trainer or estimator that is registered under ``name``.

    Raises:
        InvalidArgument: if the name is unknown.
    """
    return merged("trainer", registry_of("trainer"), registry_of("estimator")).load(name)


def merged(what: str, *registries: Registry[str]) -> Registry[str]:
    """Return a registry with the entries of several; ``what`` is as for ``Registry``."""
    parts = [(name, registry[name]) for registry in registries for name in registry]
    first = registries[0].other_names if registries else {}
    return Registry(what, dict(parts), first)


def class_in(package: str, attribute: str, *registries: Registry[str]) -> Any:
    """Return the class named ``attribute`` in ``registries``, for a package's ``__getattr__``.

    Raises:
        AttributeError: if there is none.
    """
    for registry in registries:
        for name in registry:
            if registry[name].endswith(f":{attribute}"):
                return registry.load(name)
    raise AttributeError(f"module {package!r} has no attribute {attribute!r}")


def _registry_at(path: str) -> Registry[str]:
    module, _, attribute = path.partition(":")
    found: Registry[str] = getattr(import_module(module), attribute)
    return found
