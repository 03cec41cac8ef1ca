"""Quick copies of a ``PolicyValue`` for acting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.agents.acting.copies import clone, copy_weights
from agentlab.agents.acting.numpy_mlp import NumpyMLP, runs_in_numpy
from agentlab.agents.acting.numpy_rnn import NumpyRNN
from agentlab.nets.policy_value import PolicyValue

Floats = npt.NDArray[np.float32]


class Actor(ABC):
    """A copy of a ``PolicyValue`` that acts while the original learns.

    Attributes:
        log_std: of a Gaussian policy, float32 ``[outputs]``, else ``None``.
        recurrent_inputs: what a recurrent net's last call started from: ``recurrent_state``,
            float32 ``[n, units]`` each, and ``episode_starts``, bool ``[n]``, true where it was
            forgotten first; of other nets nothing.
    """

    log_std: Floats | None
    recurrent_inputs: dict[str, Any]

    @abstractmethod
    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return policy parameters ``[n, outputs]`` and values ``[n]``, and remember the inputs."""

    @abstractmethod
    def update(self) -> None:
        """Take over the original's weights."""

    def values(self, inputs: npt.NDArray[Any], envs: npt.NDArray[Any] | None = None) -> Floats:
        """Return values alone, of what comes next in ``envs`` (in all), and remember nothing."""
        return self(inputs)[1]

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:  # noqa: B027 - only if it remembers
        """Forget before the next step where ``episode_starts``, bool ``[n]``, is true."""


class NumpyActor(Actor):
    """Acts by NumPy, ten times faster on a small net than a call of TensorFlow.

    Args:
        net: a ``PolicyValue`` on ``MLP`` torsos.
    """

    TORSO: ClassVar[type] = NumpyMLP

    def __init__(self, net: PolicyValue) -> None:
        self._net = net
        self.recurrent_inputs = {}
        self.update()

    def update(self) -> None:
        net = self._net
        self._torsos = [self.TORSO(torso) for torso in net.torsos]
        self._policy_head = [w.numpy() for w in net.policy_head.weights]
        self._value_head = [w.numpy() for w in net.value_head.weights]
        self.log_std = None if net.log_std is None else net.log_std.numpy()

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        return self._heads([torso(inputs) for torso in self._torsos])

    def _heads(self, features: list[Floats]) -> tuple[Floats, Floats]:
        kernel, bias = self._policy_head
        value_kernel, value_bias = self._value_head
        return features[0] @ kernel + bias, (features[-1] @ value_kernel + value_bias)[:, 0]


class RecurrentActor(NumpyActor):
    """Acts by NumPy, and remembers what each environment showed since its episode began.

    Args:
        net: a ``PolicyValue`` on ``RNN`` torsos.
    """

    TORSO = NumpyRNN

    def __init__(self, net: PolicyValue) -> None:
        super().__init__(net)
        self._recurrent_state = [part.numpy() for part in net.initial_state(0)]
        self._episode_starts = np.zeros(0, np.bool_)

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        if len(inputs) != len(self._episode_starts):
            self.reset(np.ones(len(inputs), np.bool_))
        self.recurrent_inputs = {
            "recurrent_state": self._recurrent_state,
            "episode_starts": self._episode_starts,
        }
        features, self._recurrent_state = self._step(
            inputs, self._recurrent_state, self._episode_starts
        )
        self._episode_starts = np.zeros(len(inputs), np.bool_)
        return self._heads(features)

    def values(self, inputs: npt.NDArray[Any], envs: npt.NDArray[Any] | None = None) -> Floats:
        rows = slice(None) if envs is None else envs
        features, _ = self._step(
            inputs, [part[rows] for part in self._recurrent_state], self._episode_starts[rows]
        )
        return self._heads(features)[1]

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        if len(episode_starts) != len(self._episode_starts):  # other environments
            shapes = [(len(episode_starts), part.shape[1]) for part in self._recurrent_state]
            self._recurrent_state = [np.zeros(shape, np.float32) for shape in shapes]
            self._episode_starts = np.ones(len(episode_starts), np.bool_)
        self._episode_starts = self._episode_starts | episode_starts

    def _step(
        self,
        inputs: npt.NDArray[Any],
        recurrent_state: list[Floats],
        episode_starts: npt.NDArray[np.bool_],
    ) -> tuple[list[Floats], list[Floats]]:
        """Return the features of each torso, and the recurrent state afterwards."""
        recurrent_state = [
            np.where(episode_starts[:, None], np.float32(0), part) for part in recurrent_state
        ]
        features, new_state = [], list[Floats]()
        for torso in self._torsos:
            own, recurrent_state = recurrent_state[: torso.states], recurrent_state[torso.states :]
            outputs, state = torso(inputs, own)
            features.append(outputs)
            new_state += state
        return features, new_state


class TensorFlowActor(Actor):
    """Acts by a compiled call on a copy of the net, for nets too large for NumPy.

    Args:
        net: any ``PolicyValue`` that is not recurrent.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """

    def __init__(self, net: PolicyValue, spec: Any) -> None:
        self._net = net
        self.recurrent_inputs = {}
        self._copy = clone(net)
        self._call = tf.function(self._copy.call, input_signature=[spec])
        self.update()

    def update(self) -> None:
        copy_weights(self._net, self._copy)
        self.log_std = None if self._net.log_std is None else self._net.log_std.numpy()

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        policy, values = self._call(inputs)
        return policy.numpy(), values.numpy()


def make_actor(net: PolicyValue, spec: Any) -> Actor:
    """Choose the quickest actor for ``net``.

    Args:
        net: any ``PolicyValue``.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """
    if net.recurrent:
        return RecurrentActor(net)
    if runs_in_numpy(net.torso):
        return NumpyActor(net)
    return TensorFlowActor(net, spec)
