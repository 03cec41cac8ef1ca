"""Comparisons as data: measurements, their ratios, and rows of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """A measurement: one line of a comparison.

    Attributes:
        label: name in the table, unique within its row.
        script: ``ours.py`` or ``fitting.py``, run by this interpreter, or ``peers.py``, run in
            the virtual environment of the peers.
        function: function in ``script`` that measures.
        arguments: arguments of the function, besides its meter.
        cores: number of CPUs that it may use.
    """

    label: str
    script: str
    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    cores: int = 2

    @property
    def is_peer(self) -> bool:
        """Whether it measures a peer."""
        return self.script == "peers.py"


@dataclass(frozen=True)
class Ratio:
    """The ratio of the steps/s of two measurements, by label, and its required minimum."""

    above: str
    below: str
    minimum: float | None = None


@dataclass(frozen=True)
class Row:
    """A comparison: measurements of the same workload, and their ratios."""

    name: str
    work: str
    measurements: tuple[Measurement, ...]
    ratios: tuple[Ratio, ...]
