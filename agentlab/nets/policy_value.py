"""A policy head and a value head on a torso, and quick copies of the whole for acting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from agentlab.nets.copies import clone, copy_weights
from agentlab.nets.mlp import NumpyMLP, runs_in_numpy
from agentlab.nets.numpy_rnn import NumpyRNN

Floats = npt.NDArray[np.float32]


@keras.saving.register_keras_serializable("agentlab")
class PolicyValue(keras.Model):  # type: ignore[misc]
    """``torso`` features to the parameters of a policy and, with ``value_torso``, to a value.

    On recurrent torsos ``run`` goes on from what they remember.

    Output: ``(policy, value)``, float32 ``[batch, outputs]`` and ``[batch]``. For a Gaussian
    policy ``log_std`` holds one trainable logarithm an action, the same in every state.

    Args:
        torso: a built torso.
        outputs: policy outputs: logits of discrete actions, or means of continuous ones.
        gaussian: whether the policy is Gaussian.
        value_torso: a built torso of the value's own, or ``torso`` itself to share features.
        seed: of the initial heads (orthogonal; the policy's gain .01 makes it start near uniform).
    """

    def __init__(
        self,
        torso: keras.Model,
        outputs: int,
        gaussian: bool = False,
        value_torso: keras.Model | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.torso, self.outputs, self.gaussian, self.seed = torso, outputs, gaussian, seed
        self.value_torso = torso if value_torso is None else value_torso

        def head(units: int, gain: float, name: str) -> keras.layers.Dense:
            kernel = keras.initializers.Orthogonal(gain, seed=seed)
            return keras.layers.Dense(units, kernel_initializer=kernel, name=name)

        self.policy_head = head(outputs, 0.01, "policy")
        self.value_head = head(1, 1.0, "value")
        self.policy_head.build((None, torso.features))
        self.value_head.build((None, self.value_torso.features))
        self.log_std = None
        if gaussian:
            self.log_std = self.add_weight(
                shape=(outputs,), initializer="zeros", name="log_std", dtype="float32"
            )
        self.built = True

    def call(self, inputs: Any) -> tuple[Any, Any]:
        """Return the policy's parameters and the value of each observation."""
        features = self.torso.call(inputs)
        own = features if self.value_torso is self.torso else self.value_torso.call(inputs)
        return self.policy_head(features), tf.squeeze(self.value_head(own), -1)

    @property
    def torsos(self) -> list[Any]:
        """The torso, and the value's where it has one of its own."""
        return [self.torso] if self.value_torso is self.torso else [self.torso, self.value_torso]

    @property
    def recurrent(self) -> bool:
        """Whether the torsos remember what they saw before."""
        return hasattr(self.torso, "initial_state")

    def initial_memory(self, batch: int) -> list[Any]:
        """Return what recurrent torsos remember at the start: zeros ``[batch, units]`` each."""
        return [part for torso in self.torsos for part in torso.initial_state(batch)]

    def run(self, inputs: Any, memory: list[Any], resets: Any) -> tuple[Any, Any]:
        """Return what ``call`` does for every step of sequences, by recurrent torsos.

        Args:
            inputs: ``[sequences, time, ...]``.
            memory: from before the first step, as ``initial_memory`` gives it.
            resets: bool ``[sequences, time]``, true where it is forgotten before the step.

        Returns:
            ``[sequences * time, outputs]`` and ``[sequences * time]``, sequence by sequence.
        """
        steps, features = tf.reshape(inputs, (*inputs.shape[:2], -1)), []
        for torso in self.torsos:
            count = len(torso.initial_state(1))
            outputs, _ = torso.run(steps, memory[:count], resets)
            features.append(tf.reshape(outputs, (-1, torso.features)))
            memory = memory[count:]
        return self.policy_head(features[0]), tf.squeeze(self.value_head(features[-1]), -1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of ``__init__``."""
        shared = self.value_torso is self.torso
        return {
            **super().get_config(),
            "torso": keras.saving.serialize_keras_object(self.torso),
            "value_torso": keras.saving.serialize_keras_object(
                None if shared else self.value_torso
            ),
            "outputs": self.outputs,
            "gaussian": self.gaussian,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PolicyValue:
        """Build the net that ``get_config`` described, with initial weights."""
        for name in ("torso", "value_torso"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


class Actor(ABC):
    """A copy of a ``PolicyValue`` that acts while the original learns.

    Attributes:
        log_std: of a Gaussian policy, float32 ``[outputs]``, else ``None``.
        remembered: what a recurrent net's last call went on from: ``memory``, float32
            ``[n, units]`` each, and ``fresh``, bool ``[n]``, true where it was forgotten first; of
            other nets nothing.
    """

    log_std: Floats | None
    remembered: dict[str, Any]

    @abstractmethod
    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        """Return policy parameters ``[n, outputs]`` and values ``[n]``, and remember the inputs."""

    @abstractmethod
    def update(self) -> None:
        """Take over the original's weights."""

    def values(self, inputs: npt.NDArray[Any], envs: npt.NDArray[Any] | None = None) -> Floats:
        """Return values alone, of what comes next in ``envs`` (in all), and remember nothing."""
        return self(inputs)[1]

    def restart(self, fresh: npt.NDArray[np.bool_]) -> None:  # noqa: B027 - only if it remembers
        """Forget before the next step where ``fresh``, bool ``[n]``, is true."""


class NumpyActor(Actor):
    """Acts by NumPy, ten times faster on a small net than a call of TensorFlow.

    Args:
        net: a ``PolicyValue`` on ``MLP`` torsos.
    """

    TORSO: ClassVar[type] = NumpyMLP

    def __init__(self, net: PolicyValue) -> None:
        self._net = net
        self.remembered = {}
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
        self._memory = [part.numpy() for part in net.initial_memory(0)]
        self._fresh = np.zeros(0, np.bool_)

    def __call__(self, inputs: npt.NDArray[Any]) -> tuple[Floats, Floats]:
        if len(inputs) != len(self._fresh):
            self.restart(np.ones(len(inputs), np.bool_))
        self.remembered = {"memory": self._memory, "fresh": self._fresh}
        features, self._memory = self._step(inputs, self._memory, self._fresh)
        self._fresh = np.zeros(len(inputs), np.bool_)
        return self._heads(features)

    def values(self, inputs: npt.NDArray[Any], envs: npt.NDArray[Any] | None = None) -> Floats:
        rows = slice(None) if envs is None else envs
        features, _ = self._step(inputs, [part[rows] for part in self._memory], self._fresh[rows])
        return self._heads(features)[1]

    def restart(self, fresh: npt.NDArray[np.bool_]) -> None:
        if len(fresh) != len(self._fresh):  # other environments
            shapes = [(len(fresh), part.shape[1]) for part in self._memory]
            self._memory = [np.zeros(shape, np.float32) for shape in shapes]
            self._fresh = np.ones(len(fresh), np.bool_)
        self._fresh = self._fresh | fresh

    def _step(
        self, inputs: npt.NDArray[Any], memory: list[Floats], fresh: npt.NDArray[np.bool_]
    ) -> tuple[list[Floats], list[Floats]]:
        """Return the features of each torso, and what is remembered afterwards."""
        memory = [np.where(fresh[:, None], np.float32(0), part) for part in memory]
        features, remembered = [], list[Floats]()
        for torso in self._torsos:
            own, memory = memory[: torso.states], memory[torso.states :]
            outputs, state = torso(inputs, own)
            features.append(outputs)
            remembered += state
        return features, remembered


class TensorFlowActor(Actor):
    """Acts by a compiled call on a copy of the net, for nets too large for NumPy.

    Args:
        net: any ``PolicyValue`` without memory.
        spec: TensorFlow's type of a batch of its inputs, of any size.
    """

    def __init__(self, net: PolicyValue, spec: Any) -> None:
        self._net = net
        self.remembered = {}
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
