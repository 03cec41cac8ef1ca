"""The arrays that environments write the results of a step to."""

from __future__ import annotations

import mmap

import numpy as np

from agentlab.envs.parts import Rows
from agentlab.envs.vector import Array, Step


class StepBuffers:
    """Arrays that environments write the results of a step to.

    Args:
        n: number of environments.
        observation: an array of the shape and dtype of one observation.
        action: the same for one action; ``None`` leaves out the array of actions.
        memory: shared memory to place the arrays in; ``None`` allocates them.

    Attributes:
        arrays: the arrays by name, each ``[n, ...]``.
        nbytes: total size of the arrays in bytes.
    """

    FLAGS = ("terminated", "truncated", "episode_over")

    def __init__(
        self,
        n: int,
        observation: Array,
        action: Array | None = None,
        memory: mmap.mmap | None = None,
    ) -> None:
        layout = {
            "observations": ((n, *observation.shape), observation.dtype),
            "final_observations": ((n, *observation.shape), observation.dtype),
            "rewards": ((n,), np.dtype(np.float32)),
            "raw_rewards": ((n,), np.dtype(np.float64)),
            **{flag: ((n,), np.dtype(np.bool_)) for flag in self.FLAGS},
        }
        if action is not None:
            layout["actions"] = ((n, *action.shape), action.dtype)
        self.arrays: dict[str, Array] = {}
        offset = 0
        for name, (shape, dtype) in layout.items():
            if memory is None:
                self.arrays[name] = np.zeros(shape, dtype)
            else:
                self.arrays[name] = np.ndarray(shape, dtype, memory, offset)
            if dtype.names is not None:
                self.arrays[name] = self.arrays[name].view(Rows)
            offset += -(-int(np.prod(shape)) * dtype.itemsize // 64) * 64  # align to 64 bytes
        self.nbytes = offset

    def step(self, observations: Array, actions: Array, next_observations: Array) -> Step:
        """Return a ``Step`` with copies of the arrays, which the next step overwrites."""
        arrays = self.arrays
        terminated, truncated = arrays["terminated"].copy(), arrays["truncated"].copy()
        ended = (terminated | truncated).nonzero()[0]
        return Step(
            observations,
            actions,
            arrays["rewards"].copy(),
            arrays["raw_rewards"].copy(),
            next_observations,
            terminated,
            truncated,
            ended,
            arrays["final_observations"][ended if len(ended) else slice(0)],
            arrays["episode_over"].copy(),
        )
