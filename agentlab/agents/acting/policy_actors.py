"""The forward pass of a ``PolicyValue`` network in NumPy, feed-forward or recurrent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.agents.acting.actor import Array, Floats, NumpyActor, Weights
from agentlab.agents.acting.numpy_mlp import NumpyMLP
from agentlab.agents.acting.numpy_rnn import NumpyRNN

Bools = npt.NDArray[np.bool_]


class NumpyPolicyActor(NumpyActor):
    """The forward pass of a ``PolicyValue`` on ``MLP`` torsos; see ``policy_specification``.

    Attributes:
        log_std: log standard deviations of a Gaussian policy, float32 ``[outputs]``, or with gSDE
            ``[features, outputs]``; ``None`` for other policies.
        recurrent_inputs: the recurrent state and episode starts used by the last call, by name;
            empty for feed-forward networks.
    """

    log_std: Floats | None
    recurrent_inputs: Mapping[str, Any] = MappingProxyType({})

    def load(self, weights: Weights) -> None:
        self._torsos = [self.torso(torso, weights) for torso in self.specification["torsos"]]
        heads = (self.specification["policy_head"], self.specification["value_head"])
        self._policy_head, self._value_head = ([weights[name] for name in head] for head in heads)
        name = self.specification["log_std"]
        self.log_std = None if name is None else weights[name]

    def torso(self, specification: Mapping[str, Any], weights: Weights) -> Any:
        """Return the torso in NumPy."""
        return NumpyMLP(specification, weights)

    def __call__(self, inputs: Array) -> tuple[Floats, Floats]:
        """Return policy parameters ``[n, outputs]`` and values ``[n]``."""
        return self.heads([torso(inputs) for torso in self._torsos])

    def values(self, inputs: Array, envs: npt.NDArray[Any] | None = None) -> Floats:
        """Return the values of next observations in ``envs`` (default: all); changes no state."""
        return self(inputs)[1]

    def reset(self, episode_starts: Bools) -> None:
        """Do nothing, since there is no recurrent state."""

    def heads(self, features: list[Floats]) -> tuple[Floats, Floats]:
        """Return policy parameters and values from the torsos' features."""
        kernel, bias = self._policy_head
        value_kernel, value_bias = self._value_head
        parameters = features[0] @ kernel + bias
        if self.log_std is not None and self.log_std.ndim == 2:
            parameters = np.concatenate([parameters, features[0]], 1)
        return parameters, (features[-1] @ value_kernel + value_bias)[:, 0]


class RecurrentPolicyActor(NumpyPolicyActor):
    """The forward pass of a ``PolicyValue`` on ``RNN`` torsos, one step at a time.

    Attributes:
        recurrent_state: the state of each environment, a list of float32 ``[n, units]``.
        episode_starts: bool ``[n]``, true if the next call must clear the environment's state.
    """

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self.recurrent_state: list[Floats] = []
        self.episode_starts: Bools = np.zeros(0, np.bool_)
        super().__init__(specification, weights)

    def torso(self, specification: Mapping[str, Any], weights: Weights) -> Any:
        return NumpyRNN(specification, weights)

    def __call__(self, inputs: Array) -> tuple[Floats, Floats]:
        if len(inputs) != len(self.episode_starts):
            self.reset(np.ones(len(inputs), np.bool_))
        self.recurrent_inputs = {
            "recurrent_state": self.recurrent_state,
            "episode_starts": self.episode_starts,
        }
        features, self.recurrent_state = self._step(
            inputs, self.recurrent_state, self.episode_starts
        )
        self.episode_starts = np.zeros(len(inputs), np.bool_)
        return self.heads(features)

    def values(self, inputs: Array, envs: npt.NDArray[Any] | None = None) -> Floats:
        rows = slice(None) if envs is None else envs
        state = [part[rows] for part in self.recurrent_state]
        features, _ = self._step(inputs, state, self.episode_starts[rows])
        return self.heads(features)[1]

    def reset(self, episode_starts: Bools) -> None:
        """Clear the state of some environments before the next step; of all if ``n`` changed."""
        if len(episode_starts) != len(self.episode_starts):
            widths = [width for torso in self._torsos for width in torso.widths]
            shapes = [(len(episode_starts), width) for width in widths]
            self.recurrent_state = [np.zeros(shape, np.float32) for shape in shapes]
            self.episode_starts = np.ones(len(episode_starts), np.bool_)
        self.episode_starts = self.episode_starts | episode_starts

    def state(self) -> dict[str, Array]:
        """Return the recurrent state, by name."""
        parts = {f"state/{i}": part for i, part in enumerate(self.recurrent_state)}
        return {**parts, "episode_starts": self.episode_starts}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Restore a state returned by ``state``."""
        self.recurrent_state = [state[f"state/{i}"] for i in range(len(state) - 1)]
        self.episode_starts = state["episode_starts"]

    def _step(
        self, inputs: Array, state: list[Floats], episode_starts: Bools
    ) -> tuple[list[Floats], list[Floats]]:
        """Return the features of each torso, and the new recurrent state."""
        state = [np.where(episode_starts[:, None], np.float32(0), part) for part in state]
        features, new_state = [], list[Floats]()
        for torso in self._torsos:
            own, state = state[: torso.states], state[torso.states :]
            outputs, after = torso(inputs, own)
            features.append(outputs)
            new_state += after
        return features, new_state
