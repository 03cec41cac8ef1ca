"""Cross-validation: every example is held out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.training.trainer import Trainer


def cross_validate(
    make: Callable[[], Trainer], x: Array, y: Array, folds: int, seed: int = 0, **options: Any
) -> Iterator[dict[str, float]]:
    """Train once for each part left out, and yield what was reached on that part.

    No part of it sees the examples left out: scaling is fitted, and the best epoch chosen, on the
    others alone.

    Args:
        make: makes a fresh trainer.
        x: inputs ``[n, ...]``.
        y: targets ``[n, ...]``.
        folds: parts of equal size.
        seed: of the split.
        options: passed to ``fit``.

    Raises:
        AgentlabError: where there are fewer examples than splits.
    """
    if not 2 <= folds <= len(x):
        raise AgentlabError(f"folds={folds} must be from 2 to the {len(x)} examples")
    parts = np.array_split(np.random.default_rng(seed).permutation(len(x)), folds)
    for number, held_out in enumerate(parts):
        rest = np.concatenate(parts[:number] + parts[number + 1 :])
        trainer = make().fit(x[rest], y[rest], quiet=True, **options)
        yield trainer.evaluate(x[held_out], y[held_out])
