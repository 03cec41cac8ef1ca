"""Checks of nets that users pass: whether their outputs are logits, or numbers of both signs."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.data import Batches
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.training.examples import applied

ROWS = 32  # examples on which the net is tried
ROUNDING = 1e-5
STRETCH = 30.0  # factor on inputs that takes logits out of the range from 0 to 1


def refuse_probabilities(trainer: Any, data: Batches) -> None:
    """Raise ``AgentlabError`` if a net returns probabilities instead of logits.

    The outputs are checked, not the layers: a softmax may be in a nested model or in ``call``.

    Args:
        trainer: whose network returns outputs ``[n, classes]``.
        data: the training data.
    """
    found, stretched = _tried(trainer, data)
    if not len(found) or found.min() < -ROUNDING or found.max() > 1 + ROUNDING or not found.any():
        return
    if np.abs(found.sum(axis=1) - 1).max() < 1e-3:
        raise AgentlabError(
            "the net ends in softmax, but must return logits; remove the last activation"
        )
    if np.ptp(found) > 0 and stretched:
        raise AgentlabError(
            "the net returns only values from 0 to 1, such as those of a sigmoid, but must return "
            "logits; remove the last activation"
        )


def refuse_bounded(trainer: Any, data: Batches) -> None:
    """Raise ``AgentlabError`` if a net cannot return numbers of both signs, as regression needs.

    Args:
        trainer: whose network returns outputs ``[n, targets]``.
        data: the training data.
    """
    found, stretched = _tried(trainer, data)
    if not stretched or not found.any():  # a net whose outputs are all 0 may still learn
        return
    if found.min() >= -ROUNDING and (found.max() <= 1 + ROUNDING or (found == 0).any()):
        raise AgentlabError(
            f"the net returns only values from {found.min():.3g} to {found.max():.3g}, such as "
            "those of a softmax, sigmoid or ReLU, but the targets are standardized, so some are "
            "negative; remove the last activation"
        )


def _tried(trainer: Any, data: Batches) -> tuple[Array, bool]:
    """Return outputs for some inputs, and whether much larger inputs of both signs are among them.

    The outputs are empty if their shape is wrong or they are not finite, which is refused later.
    """
    inputs = np.asarray(next(iter(data.epoch(ROWS))).inputs)

    def outputs(values: Array) -> Any:
        return applied(lambda x: trainer.forward(x, False), tf.constant(values))

    tried = outputs(inputs)
    if getattr(tried, "ndim", 0) != 2:
        return np.empty((0, 1)), False
    rows = [np.asarray(tried, np.float64)]
    numbers = inputs.dtype.kind == "f" or inputs.ndim > 2  # not ids
    for factor in (STRETCH, -STRETCH) if numbers else ():
        rows.append(np.asarray(outputs(inputs.astype(np.float32) * np.float32(factor)), np.float64))
    found = np.concatenate(rows)
    return (found, numbers) if np.isfinite(found).all() else (np.empty((0, 1)), False)
