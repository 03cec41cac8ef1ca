"""Measurements of exported files: size, time, and differences from the original."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.deploy.signature import Tensors

# Outputs that are compared as a whole, if they are integers.
CHOICES = ("actions", "classes", "tokens")
SECONDS = 0.3  # of the measurement of one batch size
Run = Callable[[Mapping[str, Any]], Tensors]


@dataclass(frozen=True)
class Difference:
    """How the outputs of a file differ from those of the original.

    Attributes:
        largest: the largest absolute difference of any number.
        equal_choices: the fraction of examples whose actions or classes are equal; ``None`` if the
            outputs contain no choices among a finite number.
    """

    largest: float
    equal_choices: float | None


def compare(original: Run, exported: Run, examples: Tensors, batch: int = 32) -> Difference:
    """Run both on the same examples and compare their outputs.

    Args:
        original: function from inputs to outputs by name.
        exported: likewise, with at least the outputs of ``original``.
        examples: inputs ``[n, ...]`` by name.
        batch: examples at once.
    """
    n = len(next(iter(examples.values())))
    largest, equal, chosen = 0.0, 0.0, False
    for start in range(0, n, batch):
        part = {name: value[start : start + batch] for name, value in examples.items()}
        ours, theirs = original(part), exported(part)
        same = np.ones(len(next(iter(part.values()))), bool)
        for name, value in ours.items():
            other = np.asarray(theirs[name])
            if name in CHOICES and value.dtype.kind in "iub":
                chosen = True
                same &= (value == other).reshape(len(value), -1).all(1)
            else:
                gap = np.abs(value.astype(np.float64) - other.astype(np.float64))
                largest = max(largest, float(gap.max(initial=0)))
                largest = np.nan if np.isnan(gap).any() else largest
        equal += float(same.sum())
    return Difference(largest, equal / n if chosen else None)


def milliseconds(run: Run, examples: Tensors, batch: int) -> float:
    """Return the CPU time of one call with a batch of examples, in milliseconds.

    The time of the CPU rather than of the clock, so that other programs count little. The fastest
    of several rounds is returned.
    """
    rows = np.arange(batch) % len(next(iter(examples.values())))
    part = {name: value[rows] for name, value in examples.items()}
    for _ in range(3):  # allocates memory, and compiles
        run(part)
    best, end = np.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.process_time()
        for _ in range(5):
            run(part)
        best = min(best, (time.process_time() - start) / 5)
    return float(1_000 * best)


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a folder, in bytes."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
