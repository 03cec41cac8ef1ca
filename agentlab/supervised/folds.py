"""Cross-validation."""

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
    """Train once per fold on the other folds, and yield the metrics on the fold.

    Everything is fitted without the fold's examples: preprocessing and the choice of the best
    epoch, too.

    Args:
        make: returns an unfitted trainer.
        x: inputs ``[n, ...]``.
        y: targets ``[n, ...]``.
        folds: number of folds.
        seed: of the split.
        options: passed to ``fit``.

    Raises:
        AgentlabError: if there are fewer examples than folds.
    """
    if not 2 <= folds <= len(x):
        raise AgentlabError(f"folds={folds} must be from 2 to {len(x)}, the number of examples")
    parts = np.array_split(np.random.default_rng(seed).permutation(len(x)), folds)
    for number, held_out in enumerate(parts):
        rest = np.concatenate(parts[:number] + parts[number + 1 :])
        trainer = make().fit(x[rest], y[rest], quiet=True, **options)
        yield trainer.evaluate(x[held_out], y[held_out])
