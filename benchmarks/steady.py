"""Timing the steady state of a measurement that runs in a process of its own.

Shared by ``ours.py`` and ``peers.py``, which different interpreters run: standard library only.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any


class Meter:
    """Counts steps between two boundaries: the first after a warm-up, the last after ``seconds``.

    A boundary is a moment at which whole cycles of the work are done. Learning happens once in
    many steps, so that a window which cut a cycle would count steps without their learning.

    Args:
        seconds: the least length of the window.
        warm_up: seconds before the window opens; it opens at the third boundary at the earliest,
            when whatever is built at the first use has been built.
    """

    def __init__(self, seconds: float, warm_up: float) -> None:
        self.seconds, self.warm_up = seconds, warm_up
        self.steps = 0
        self.boundaries = 0
        self.born = time.perf_counter()
        self.opened: tuple[float, int] | None = None
        self.closed: tuple[float, int] | None = None

    def tick(self, steps: int, boundary: bool = True) -> bool:
        """Count ``steps`` environment steps and return whether the measurement is over."""
        self.steps += steps
        if boundary and self.closed is None:
            now = time.perf_counter()
            self.boundaries += 1
            if self.opened is None:
                if self.boundaries >= 3 and now - self.born >= self.warm_up:
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
    """Run the measurement that the command line asks for and print its result.

    The command line holds one JSON object: ``function``, its ``arguments``, ``seconds`` and
    ``warm_up``. The last line printed is ``{"rate": steps/s, "versions": {package: version}}``.

    Args:
        functions: measuring functions by name; each takes a ``Meter`` and its own arguments.
        packages: whose versions to report, where they are installed.
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
