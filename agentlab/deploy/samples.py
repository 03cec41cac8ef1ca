"""Random inputs of exported networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agentlab.deploy.signature import TensorInfo, Tensors

VOCABULARY = 10  # exclusive upper bound of random ids
OPEN = 10  # size of axes of variable length


def random_inputs(
    infos: Sequence[TensorInfo],
    n: int,
    ids: int = VOCABULARY,
    scales: Mapping[str, tuple[Any, Any]] | None = None,
) -> Tensors:
    """Return random inputs: normally distributed floats, bytes, small ids and empty strings.

    Args:
        infos: the inputs.
        n: number of examples.
        ids: number of distinct ids.
        scales: mean and standard deviation of float inputs by name; 0 and 1 by default.
    """
    rng, inputs = np.random.default_rng(0), {}
    for info in infos:
        shape = (n, *(OPEN if size is None else size for size in info.shape[1:]))
        if info.dtype == "string":
            inputs[info.name] = np.full(shape, "", object)
        elif info.dtype == "bool":
            inputs[info.name] = rng.random(shape) < 0.5
        elif info.dtype == "uint8":
            inputs[info.name] = rng.integers(0, 256, shape).astype(np.uint8)
        elif info.dtype.startswith("int"):
            inputs[info.name] = rng.integers(0, ids, shape).astype(info.dtype)
        else:
            mean, deviation = (scales or {}).get(info.name, (0.0, 1.0))
            inputs[info.name] = (mean + deviation * rng.normal(size=shape)).astype(info.dtype)
    return inputs
