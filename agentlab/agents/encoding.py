"""Encoding of observations as network inputs; wide inputs become sparse rows."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.encoders import encoders_of
from agentlab.agents.normalizers import ObservationNormalizer
from agentlab.components import State
from agentlab.envs.parts import MASK
from agentlab.errors import AgentlabError
from agentlab.lazy import LazyModule, tf
from agentlab.nets.sparse import SparseRows

cnn: Any = LazyModule("agentlab.nets.cnn")
spaces = gymnasium.spaces
Array = npt.NDArray[Any]


class Encoding:
    """Turns a batch of observations of ``space`` into a network's inputs.

    A Dict or Tuple with several arrays becomes one vector: its parts, divided by their scales and
    concatenated. An entry ``action_mask`` is not an input.

    Attributes:
        space: the observation space.
        encoders: the encoder of each array, by name; ``""`` for an observation of a single array.
        shape: shape of one input.
        dtype: dtype of the inputs: int8 and uint8 are preserved, to save memory; all other dtypes
            become float32.
        scale: the largest absolute value of integer inputs; the torso divides by it.
        sparse: whether inputs are wide and contain only -1, 0 and 1, so that sparse products are
            faster.
        frames_first: whether the replay buffer stores them as ``[stack, height, width]``.
        masks: whether observations include an action mask.
        normalizer: normalizes the inputs; ``None`` if they are one-hot or bytes.

    Args:
        space: the observation space.
        normalize: whether inputs are normalized by running statistics; ``None`` decides at the
            first step: they are if any exceeds 100, or if the environment was wrapped in
            Gymnasium's NormalizeObservation.

    Raises:
        InvalidArgument: for a space without arrays.
    """

    def __init__(self, space: gymnasium.Space[Any], normalize: bool | None = False) -> None:
        self.space = space
        self.encoders = encoders_of(space)
        self.masks = has_mask(space)
        self.normalizer: ObservationNormalizer | None = None
        encoders = list(self.encoders.values())
        self.single = len(encoders) == 1
        if self.single:
            only = encoders[0]
            self.shape, self.dtype, self.scale = only.shape, only.dtype, only.scale
            self.sparse = only.sparse
        else:
            self.shape = (sum(math.prod(encoder.shape) for encoder in encoders),)
            self.dtype, self.scale, self.sparse = np.dtype(np.float32), 1.0, False
        if normalize is None and getattr(space, "normalize", False):
            normalize = True
        if normalize is not False:
            self._add_normalizer(normalize)
        frame_stack = getattr(space, "frame_stack", 1)
        self.frames_first = (
            frame_stack > 1 and self.shape[-1] == frame_stack and self.normalizer is None
        )

    def _add_normalizer(self, on: bool | None) -> None:
        """Normalize all inputs except one-hot ones and bytes; if ``on``, also bytes alone."""
        bytes_too = on is True and self.single
        keep = [
            np.full(math.prod(e.shape), e.one_hot or (e.dtype != np.float32 and not bytes_too))
            for e in self.encoders.values()
        ]
        kept = np.concatenate(keep)
        if not kept.all():
            self.normalizer = ObservationNormalizer(self.shape, kept, on)
            self.dtype, self.scale, self.sparse = np.dtype(np.float32), 1.0, False

    def __call__(self, observations: Any) -> Array:
        """Return inputs ``[n, *shape]`` of observations, or of a dictionary of their parts."""
        inputs = self._encode(observations)
        return inputs if self.normalizer is None else self.normalizer(inputs)

    def _encode(self, observations: Any) -> Array:
        if self.single:
            ((name, encoder),) = self.encoders.items()
            return encoder(observations[name] if name else observations)
        columns = []
        for name, encoder in self.encoders.items():
            inputs = encoder(observations[name])
            scaled = inputs / np.float32(encoder.scale) if encoder.scale != 1 else inputs
            columns.append(scaled.reshape(len(inputs), math.prod(encoder.shape)))
        return np.concatenate(columns, 1, dtype=np.float32)

    def observe(self, observations: Any, next_observations: Any) -> None:
        """Add the observations of a step to the normalizer's statistics, if it is used."""
        if self.normalizer is not None and self.normalizer.on is not False:
            self.normalizer.observe(self._encode(observations), self._encode(next_observations))

    def components(self) -> dict[str, Any]:
        """Return the normalizer by name, if there is one."""
        return {} if self.normalizer is None else {"normalizer": self.normalizer}

    def state(self) -> State:
        """Return the state of the normalizer, for a copy that acts elsewhere."""
        state = {} if self.normalizer is None else self.normalizer.state()
        return {f"normalizer/{name}": value for name, value in state.items()}

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``."""
        if self.normalizer is not None:
            self.normalizer.restore({n.removeprefix("normalizer/"): v for n, v in state.items()})

    def mask(self, observations: Any, acting: bool = True) -> npt.NDArray[np.bool_] | None:
        """Return which actions are allowed, bool ``[n, actions]``; ``None`` for all.

        Args:
            observations: a batch of observations.
            acting: as ``action_mask``.

        Raises:
            AgentlabError: as ``action_mask``.
        """
        return action_mask(self.space, observations, acting) if self.masks else None

    def tensor(self, observations: Any) -> Any:
        """Return network inputs for a tensor of observations, or a dictionary of their parts."""
        if self.single:
            ((name, encoder),) = self.encoders.items()
            inputs = encoder.tensor(observations[name] if name else observations)
        else:
            columns = []
            for name, encoder in self.encoders.items():
                part = tf.cast(encoder.tensor(observations[name]), tf.float32) / encoder.scale
                columns.append(tf.reshape(part, (-1, math.prod(encoder.shape))))
            inputs = tf.concat(columns, 1)
        return inputs if self.normalizer is None else self.normalizer.tensor(inputs)

    def spec(self, batch: int | None, sparse: bool) -> Any:
        """Return the TensorSpec of a batch of inputs, dense or as sparse rows."""
        if not sparse:
            return tf.TensorSpec((batch, *self.shape), self.dtype)
        places = tf.TensorSpec((None,), tf.int32)
        return SparseRows(places, places, places, places, tf.TensorSpec((), tf.int32))

    # As the replay buffer stores them: stacked frames are transposed only inside the update.

    def stored(self, observations: Any) -> Array:
        """Return sampled observations as inputs, or as stacked frames ``[b, stack, h, w]``."""
        return np.moveaxis(observations, -1, 1) if self.frames_first else self(observations)

    def stored_spec(self, *leading: int | None) -> Any:
        """Return the TensorSpec of what ``stored`` returns, with the given leading axes."""
        *size, stack = self.shape or (1,)
        shape = (stack, *size) if self.frames_first else self.shape
        return tf.TensorSpec((*leading, *shape), self.dtype)

    def from_stored(self, observations: Any) -> Any:
        """Return network inputs for a tensor of observations returned by ``stored``."""
        return cnn.frames_last(observations) if self.frames_first else observations


def has_mask(space: gymnasium.Space[Any]) -> bool:
    """Return whether observations of ``space`` include an action mask."""
    return isinstance(space, spaces.Dict) and MASK in space.spaces


def action_mask(
    space: gymnasium.Space[Any], observations: Any, acting: bool = True
) -> npt.NDArray[np.bool_] | None:
    """Return which actions are allowed, bool ``[n, actions]``; ``None`` for all.

    Args:
        space: the observation space.
        observations: a batch of observations, or a dictionary of their parts.
        acting: whether an action will be chosen. Otherwise a mask that forbids every action, as
            that of a terminal state may, allows all.

    Raises:
        AgentlabError: if ``acting`` and no action is allowed in some environment.
    """
    if not has_mask(space):
        return None
    mask: npt.NDArray[np.bool_] = np.asarray(observations[MASK]) != 0
    some = np.asarray(mask.any(1))
    if some.all():
        return mask
    if acting:
        raise AgentlabError(f"{MASK} forbids every action in environment {int(some.argmin())}")
    return mask | ~some[:, None]
