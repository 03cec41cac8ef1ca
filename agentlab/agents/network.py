"""Networks of agents: their options, their construction, and TensorFlow's settings."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from agentlab.agents.encoding import Encoding
from agentlab.config import Options, option, override
from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule, tf
from agentlab.nets import TORSOS, make_torso
from agentlab.nets.activation_names import check_activation

policy_networks: Any = LazyModule("agentlab.nets.policy_value")
q_networks: Any = LazyModule("agentlab.nets.q_network")
WIDE = 256  # units; layers at least this wide are faster on several threads


@dataclass(frozen=True)
class NetworkOptions(Options):
    """An agent's network."""

    net: str = option("mlp", "name of the torso, such as mlp, nature_cnn or small_cnn")
    hidden: tuple[int, ...] = option(
        (64, 64), "units of each hidden layer of an mlp or recurrent network", ge=1
    )
    activation: str = option("tanh", "Keras name of the activation of the mlp's layers")
    pretrained: str | None = option(
        None, "initialize the torso from this run or saved learner (a trainer or an agent)"
    )
    freeze_pretrained: bool = option(False, "do not train the pretrained torso")

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
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "dtype of convolutions; bfloat16 is faster on processors that support it"
    )

    def check(self) -> None:
        """Check that the options are consistent."""
        super().check()
        if self.net == "mlp" and self.precision != "float32":
            raise InvalidArgument(
                f"precision={self.precision!r} needs a convolutional network; net='mlp' needs "
                "precision='float32'"
            )


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


def make_agent_torso(
    options: NetworkOptions, encoding: Encoding, name: str, seed: int, **arguments: Any
) -> Any:
    """Build the torso named by ``options.net`` for encoded observations.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        name: name of the Keras model.
        seed: seeds the initial weights.
        arguments: arguments of the torso's class, which override the options.
    """
    arguments = {"scale": encoding.scale, "name": name, "seed": seed, **arguments}
    if options.net == "mlp":
        signed = encoding.dtype == np.int8
        defaults = {"hidden": options.hidden, "activation": options.activation, "signed": signed}
        arguments = {**defaults, **arguments}
    shape: tuple[Any, ...] = encoding.shape
    if options.recurrent:
        arguments["units"], shape = options.hidden, (None, math.prod(shape))
    torso = make_torso(options.net, shape, **arguments)
    torso.trainable = not options.freeze_pretrained
    return torso


def make_q_network(
    options: QNetworkOptions, encoding: Encoding, actions: int, n_outputs: int, seed: int
) -> Any:
    """Build a ``QNetwork``; with dueling or noisy heads, these contain the last hidden layer.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        actions: number of actions.
        n_outputs: number of outputs per action.
        seed: seeds the initial weights.
    """
    arguments: dict[str, Any] = {}
    streams, hidden = options.dueling or options.noisy, 0
    if options.precision == "bfloat16":
        arguments["dtype"] = "mixed_bfloat16"
    if streams and options.net == "mlp":
        *rest, hidden = options.hidden
        arguments["hidden"] = tuple(rest)
    elif streams:
        arguments["units"], hidden = None, 512
    return q_networks.QNetwork(
        make_agent_torso(options, encoding, "torso", seed, **arguments),
        actions,
        n_outputs,
        hidden,
        options.activation,
        options.dueling,
        options.noisy,
        seed=seed + 200,
        name="net",
    )


def make_policy_network(
    options: NetworkOptions,
    encoding: Encoding,
    outputs: int,
    *,
    gaussian: bool,
    shared_torso: bool,
    seed: int,
) -> Any:
    """Build a ``PolicyValue``.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        outputs: number of policy outputs: logits or means.
        gaussian: whether the policy also has log standard deviations.
        shared_torso: whether policy and value share the torso.
        seed: seeds the initial weights.
    """
    torso = make_agent_torso(options, encoding, "torso", seed)
    own = None if shared_torso else make_agent_torso(options, encoding, "value_torso", seed + 100)
    return policy_networks.PolicyValue(torso, outputs, gaussian, own, seed=seed + 200, name="net")
