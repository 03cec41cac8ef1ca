"""Networks of agents: their options, their construction, and TensorFlow's settings."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np

from agentlab.agents.encoding import Encoding
from agentlab.config import Options, flag_of, option, override
from agentlab.envs.parts import has_channels_first
from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule, tf
from agentlab.nets import TORSOS, make_torso
from agentlab.replay.available import check_memory

combined: Any = LazyModule("agentlab.nets.combined")
policy_networks: Any = LazyModule("agentlab.nets.policy_value")
q_networks: Any = LazyModule("agentlab.nets.q_network")
COPIES = 6  # of a network: the gradients, two moments, the actor, and a target or value network
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
        if not self.hidden:
            raise InvalidArgument(f"hidden={self.hidden} must be one or more positive integers")
        if self.freeze_pretrained and self.pretrained is None:
            raise InvalidArgument(
                "freeze_pretrained=True needs pretrained set to a run or saved learner"
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
    check_channels(options, encoding)
    if has_images(options, encoding):
        torso = _make_combined(options, encoding, name, seed, **arguments)
        torso.trainable = not options.freeze_pretrained
        return torso
    arguments = {"scale": encoding.scale, "name": name, "seed": seed, **arguments}
    if options.net == "mlp":
        signed = encoding.dtype == np.int8
        defaults = {"hidden": options.hidden, "activation": options.activation, "signed": signed}
        arguments = {**defaults, **arguments}
    shape: tuple[Any, ...] = encoding.shape
    if options.recurrent:
        arguments["units"], shape = options.hidden, (None, math.prod(shape))
    elif not encoding.single and options.net != "mlp":
        raise InvalidArgument(
            f"net={options.net!r} needs images, but no part of the observations is an image: "
            f"{encoding.space}; use net='mlp'"
        )
    torso = make_torso(options.net, shape, **arguments)
    torso.trainable = not options.freeze_pretrained
    return torso


def has_images(options: NetworkOptions, encoding: Encoding) -> bool:
    """Return whether the observations have several parts, and CNNs for the images among them."""
    several = not encoding.single and not options.recurrent
    return several and any(encoder.image for encoder in encoding.encoders.values())


def uses_xla(options: NetworkOptions, encoding: Encoding) -> bool:
    """Return whether to compile with XLA, which slows down convolutions on a CPU."""
    return options.xla and not has_images(options, encoding)


def check_channels(options: NetworkOptions, encoding: Encoding) -> None:
    """Raise ``InvalidArgument`` if a CNN would take images whose channels come first."""
    takes_images = options.net in TORSOS and TORSOS[options.net].takes == "images"
    for name, encoder in encoding.encoders.items():
        convolved = takes_images if encoding.single else encoder.image and not options.recurrent
        if convolved and has_channels_first(encoder.shape):
            part = f"the part {name!r} of observations has" if name else "observations have"
            raise InvalidArgument(
                f"net={options.net!r} needs images [height, width, channels], but {part} the shape "
                f"{list(encoder.shape)}, whose channels come first; move them last with "
                f"Preprocessing(channels_first=True) or {flag_of('channels_first')}"
            )


def _make_combined(
    options: NetworkOptions, encoding: Encoding, name: str, seed: int, **arguments: Any
) -> Any:
    """Build a torso with a CNN for each image; with ``units=None``, without an MLP on top."""
    dtype = {"dtype": arguments["dtype"]} if "dtype" in arguments else {}
    hidden = arguments.get("hidden", () if "units" in arguments else options.hidden)
    images: list[tuple[int, tuple[int, ...]]] = []
    encoders, start = [], 0
    for part, encoder in encoding.encoders.items():
        if encoder.image:
            net, shape = _image_net(options.net, encoder.shape), encoder.shape
            scaled = {"name": f"cnn_{len(images)}", "seed": seed + 10 * len(images), **dtype}
            try:
                encoders.append(make_torso(net[0], shape, scale=1.0, **net[1], **scaled))
            except InvalidArgument as error:
                raise InvalidArgument(f"the part {part!r} of observations: {error}") from error
            images.append((start, shape))
        start += math.prod(encoder.shape)
    torso = combined.Combined(
        images, encoders, hidden, options.activation, seed=seed + 50, name=name, **dtype
    )
    torso.build((None, *encoding.shape))
    return torso


def _image_net(net: str, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """Return the CNN for an image among other parts, and its arguments: ``net`` if it is one."""
    if net in TORSOS and TORSOS[net].takes == "images":
        return net, {}
    side = min(shape[:2])
    if side >= 36:
        return "nature_cnn", {}
    if side >= 20:
        return "small_cnn", {}
    # For symbolic grids such as MiniGrid's, 7x7: the convolutions of Chevalier-Boisvert et al.'s
    # rl-starter-files, without pooling.
    kernels = (2, 2, 2) if side >= 4 else (1, 1, 1)
    return "small_cnn", {
        "filters": (16, 32, 64),
        "kernels": kernels,
        "strides": (1, 1, 1),
        "units": 64,
    }


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
