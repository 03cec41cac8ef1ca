"""A check of nets that users pass: whether a classifier's outputs are logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import AgentlabError

ROWS = 32  # examples on which the net is tried
STRETCH = 30.0  # factor on inputs that takes logits out of the range from 0 to 1


def refuse_probabilities(outputs: Callable[[Any], Any], inputs: Array) -> None:
    """Raise ``AgentlabError`` if a net returns probabilities instead of logits.

    The outputs are checked, not the layers: a softmax may be in a nested model or in ``call``.

    Args:
        outputs: returns the net's outputs, ``[n, classes]``.
        inputs: some of the training inputs ``[n, ...]``.
    """
    tried = outputs(inputs)
    if getattr(tried, "ndim", 0) != 2:
        return  # its shape is refused later
    rows = [np.asarray(tried, np.float64)]
    if inputs.dtype.kind == "f":
        rows.append(np.asarray(outputs(inputs * np.float32(STRETCH)), np.float64))
        rows.append(np.asarray(outputs(inputs * np.float32(-STRETCH)), np.float64))
    found = np.concatenate(rows)
    if not np.isfinite(found).all() or found.min() < 0 or found.max() > 1 or not found.any():
        return
    if np.abs(found.sum(axis=1) - 1).max() < 1e-3:
        raise AgentlabError(
            "the net ends in softmax, but must return logits; remove the last activation"
        )
    if np.ptp(found) > 0 and len(rows) > 1:
        raise AgentlabError(
            "the net returns only values from 0 to 1, such as those of a sigmoid, but must return "
            "logits; remove the last activation"
        )
