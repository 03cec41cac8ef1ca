"""Options of agents' networks, and TensorFlow's setup for them."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium

from agentlab.agents.encoding import Encoding
from agentlab.agents.normalizers import NormalizerOptions
from agentlab.config import option, override
from agentlab.errors import InvalidArgument
from agentlab.lazy import tf
from agentlab.nets import TORSOS
from agentlab.nets.activation_names import check_activation
from agentlab.replay.available import check_memory

COPIES = 6  # of a network: the gradients, two moments, the actor, and a target or value network
WIDE = 256  # units; layers at least this wide are faster on several threads


@dataclass(frozen=True)
class NetworkOptions(NormalizerOptions):
    """Options of an agent's network, and of normalizing its observations and rewards."""

    net: str = option("mlp", "name of the torso, such as mlp, nature_cnn or small_cnn")
    hidden: tuple[int, ...] = option(
        (64, 64), "units of each hidden layer of an mlp or recurrent network", ge=1
    )
    activation: str = option("tanh", "Keras name of the activation of the mlp's layers")
    pretrained: str | None = option(
        None, "initialize the torso from this run or saved learner (a trainer or an agent)"
    )
    freeze_pretrained: bool = option(False, "do not train the pretrained torso")
    precision: Literal["float32", "bfloat16"] = option(
        "float32",
        "compute dtype of a convolutional torso; bfloat16 is faster on processors that support it",
    )

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        TORSOS.check(self.net)
        check_activation(self.activation)
        if not self.hidden:
            raise InvalidArgument(f"hidden={self.hidden} must be one or more positive integers")
        if self.freeze_pretrained and self.pretrained is None:
            raise InvalidArgument(
                "freeze_pretrained=True needs pretrained set to a run or saved learner"
            )
        if self.xla and self.precision != "float32":
            raise InvalidArgument(
                f"precision={self.precision!r} needs a convolutional network; net={self.net!r} "
                "needs precision='float32'"
            )

    def check_network_memory(
        self, observation_space: gymnasium.Space[Any], action_space: gymnasium.Space[Any]
    ) -> None:
        """Check that the first layer of an mlp fits into memory, with its copies.

        Observations with many states, such as a large Discrete, are one-hot inputs.

        Raises:
            AgentlabError: if it does not fit.
        """
        if self.net == "mlp":
            inputs = math.prod(Encoding(observation_space).shape)
            check_memory(
                COPIES * 4 * inputs * self.hidden[0],
                f"hidden={self.hidden} on {inputs:,} inputs",
                "choose fewer units, or a wrapper that makes the observations smaller",
            )

    @property
    def recurrent(self) -> bool:
        """Whether the network is recurrent."""
        return self.net in TORSOS and TORSOS[self.net].takes == "sequences"

    @property
    def xla(self) -> bool:
        """Whether to use XLA, which speeds up small dense networks but slows down convolutions."""
        return self.net == "mlp" or self.recurrent


@dataclass(frozen=True)
class QNetworkOptions(NetworkOptions):
    """A Q-network: its torso, and the streams on top of it."""

    hidden: tuple[int, ...] = override(NetworkOptions, "hidden", (256, 256))
    activation: str = override(NetworkOptions, "activation", "relu")
    dueling: bool = option(False, "separate streams for value and advantages (dueling DQN)")
    noisy: bool = option(False, "explore with noisy layers (NoisyNet) instead of epsilon-greedy")


def set_up_tensorflow(options: NetworkOptions) -> None:
    """Make TensorFlow deterministic, and limit it to one thread if the network is narrow.

    The matrix products of a narrow mlp gain nothing from several threads, and idle threads would
    compete with the environments. The limit is skipped if TensorFlow is already initialized,
    which affects only speed.
    """
    tf.config.experimental.enable_op_determinism()
    if options.xla and max(options.hidden) < WIDE:
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
