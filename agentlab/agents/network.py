"""What agents with a network share: its options, its torso, and TensorFlow's set-up."""

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

policy_networks: Any = LazyModule("agentlab.nets.policy_value")
q_networks: Any = LazyModule("agentlab.nets.q_network")
WIDE = 256  # units from which a layer's products are faster on several threads


@dataclass(frozen=True)
class NetworkOptions(Options):
    """An agent's network."""

    net: str = option("mlp", "torso by name, such as mlp, nature_cnn or small_cnn")
    hidden: tuple[int, ...] = option(
        (64, 64), "units of the layers of an mlp or recurrent net", ge=1
    )
    activation: str = option("tanh", "activation of the mlp's layers, by its Keras name")
    pretrained: str | None = option(
        None, "start with the torso of this run (of a trainer or an agent) or saved learner"
    )
    freeze_pretrained: bool = option(False, "keep that torso's weights as they are")

    def check(self) -> None:
        """Check options against each other."""
        super().check()
        if not self.hidden:
            raise InvalidArgument(f"hidden={self.hidden} must be one or more positive numbers")
        if self.freeze_pretrained and self.pretrained is None:
            raise InvalidArgument("freeze_pretrained=True needs pretrained set to a run")

    @property
    def recurrent(self) -> bool:
        """Whether the net keeps a state from step to step."""
        return self.net in TORSOS and TORSOS[self.net].takes == "sequences"

    @property
    def xla(self) -> bool:
        """Whether XLA pays: small dense nets get several times faster, convolutions slower."""
        return self.net == "mlp" or self.recurrent


@dataclass(frozen=True)
class QNetworkOptions(NetworkOptions):
    """A Q-network: its torso, and the streams on top of it."""

    hidden: tuple[int, ...] = override(NetworkOptions, "hidden", (256, 256))
    activation: str = override(NetworkOptions, "activation", "relu")
    dueling: bool = option(False, "separate streams for value and advantages (dueling DQN)")
    noisy: bool = option(False, "explore by noise on the weights instead of epsilon (noisy nets)")
    precision: Literal["float32", "bfloat16"] = option(
        "float32", "number format of convolutions; bfloat16 is fast where the processor has it"
    )

    def check(self) -> None:
        """Check options against each other."""
        super().check()
        if self.net == "mlp" and self.precision != "float32":
            raise InvalidArgument(
                f"precision={self.precision!r} is for convolutions, and net='mlp' has none; "
                "leave it out"
            )


def set_up_tensorflow(options: NetworkOptions) -> None:
    """Make TensorFlow repeat bit for bit, and keep its idle threads off the environments' cores.

    Products as small as a narrow mlp's gain nothing from threads. Their number cannot be changed
    where TensorFlow has been used before, which does no harm.
    """
    tf.config.experimental.enable_op_determinism()
    if options.xla and max(options.hidden) < WIDE:
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)


def make_agent_torso(
    options: NetworkOptions, encoding: Encoding, name: str, seed: int, **arguments: Any
) -> Any:
    """Build the torso that ``options.net`` names for encoded observations.

    Args:
        options: the network's options.
        encoding: of the observations.
        name: of the Keras model.
        seed: of its initial weights.
        arguments: of the torso's class, instead of what the options say.
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
    """Build a ``QNetwork``; with streams of their own the last hidden layer is part of them.

    Args:
        options: the network's options.
        encoding: of the observations.
        actions: how many there are.
        n_outputs: outputs for each action.
        seed: of the initial weights.
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
        encoding: of the observations.
        outputs: of the policy: logits or means.
        gaussian: whether it has log standard deviations, too.
        shared_torso: whether policy and value share the torso.
        seed: of the initial weights.
    """
    torso = make_agent_torso(options, encoding, "torso", seed)
    own = None if shared_torso else make_agent_torso(options, encoding, "value_torso", seed + 100)
    return policy_networks.PolicyValue(torso, outputs, gaussian, own, seed=seed + 200, name="net")
