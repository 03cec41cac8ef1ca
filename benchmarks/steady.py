"""Timing of the steady state of a measurement in its own process.

Shared by scripts that run in different virtual environments, so it uses only the standard library.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any


class Meter:
    """Counts steps in a window between two boundaries: the first one after a warm-up.

    A boundary is the end of a cycle of collecting and learning. Since learning happens once in many
    steps, a window of partial cycles would count steps without their learning.

    Args:
        seconds: minimum length of the window.
        warm_up: minimum time in seconds before the window, which starts at the third boundary at
            the earliest, when everything has been compiled.
    """

    def __init__(self, seconds: float, warm_up: float) -> None:
        self.seconds, self.warm_up = seconds, warm_up
        self.steps = 0
        self.boundaries = 0
        self.started = time.perf_counter()
        self.opened: tuple[float, int] | None = None
        self.closed: tuple[float, int] | None = None

    def tick(self, steps: int, boundary: bool = True) -> bool:
        """Count ``steps`` environment steps and return whether the measurement is over."""
        self.steps += steps
        if boundary and self.closed is None:
            now = time.perf_counter()
            self.boundaries += 1
            if self.opened is None:
                if self.boundaries >= 3 and now - self.started >= self.warm_up:
                    self.opened = now, self.steps
            elif now - self.opened[0] >= self.seconds:
                self.closed = now, self.steps
        return self.closed is not None

    @property
    def rate(self) -> float:
        """Environment steps per second within the window."""
        if self.opened is None or self.closed is None:
            raise RuntimeError("the work ended before the measurement did")
        return (self.closed[1] - self.opened[1]) / (self.closed[0] - self.opened[0])


def serve(functions: Mapping[str, Callable[..., None]], packages: tuple[str, ...]) -> None:
    """Run the measurement described by the command line, and print its result.

    The command line is one JSON object: ``function``, its ``arguments``, ``seconds`` and
    ``warm_up``. The last line printed is ``{"rate": steps/s, "versions": {package: version}}``.

    Args:
        functions: measuring functions by name; each takes a ``Meter`` and its own arguments.
        packages: packages whose versions to report, if they are installed.
    """
    order = json.loads(sys.argv[1])
    meter = Meter(order["seconds"], order["warm_up"])
    functions[order["function"]](meter, **order["arguments"])
    print(json.dumps({"rate": meter.rate, "versions": _versions(packages)}))


def _versions(packages: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
