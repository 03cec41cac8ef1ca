"""Weights and gradients of a network, for TensorBoard's histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.training.update import Update


def network_histograms(
    net: Any, update: Update | None = None, batch: Any = None
) -> dict[str, npt.NDArray[Any]]:
    """Return the trainable weights of a network and their gradients, by name.

    Args:
        net: a built Keras model; ``None`` returns an empty dictionary.
        update: the update of exactly these weights, in their order; ``None`` for no gradients.
        batch: the batch to compute gradients on; ``None`` for no gradients.

    Returns:
        ``weights/PATH`` and ``gradients/PATH`` for each weight.
    """
    if net is None:
        return {}
    variables = net.trainable_variables
    arrays = {f"weights/{v.path}": np.asarray(v) for v in variables}
    if update is not None and batch is not None:
        for variable, gradient in zip(variables, update.gradients(batch), strict=True):
            arrays[f"gradients/{variable.path}"] = np.asarray(gradient)
    return arrays
