"""Networks of agents, built for encoded observations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from agentlab.agents.combined_torso import check_channels, has_images, make_combined
from agentlab.agents.encoding import Encoding
from agentlab.agents.network_options import NetworkOptions, QNetworkOptions
from agentlab.agents.policies import Policy
from agentlab.errors import InvalidArgument
from agentlab.lazy import LazyModule
from agentlab.nets import make_torso

critic_networks: Any = LazyModule("agentlab.nets.critics")
sde_networks: Any = LazyModule("agentlab.nets.sde_headed")
headed_networks: Any = LazyModule("agentlab.nets.headed")
policy_networks: Any = LazyModule("agentlab.nets.policy_value")
q_networks: Any = LazyModule("agentlab.nets.q_network")


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
    if options.precision == "bfloat16":
        arguments["dtype"] = "mixed_bfloat16"
    if has_images(options, encoding):
        torso = make_combined(options, encoding, name, seed, **arguments)
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


def make_q_network(
    options: QNetworkOptions,
    encoding: Encoding,
    actions: int,
    n_outputs: int,
    seed: int,
    cosines: int = 0,
) -> Any:
    """Build a ``QNetwork``; heads that are not one dense layer contain the last hidden layer.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        actions: number of actions.
        n_outputs: number of outputs per action.
        seed: seeds the initial weights.
        cosines: number of cosines that embed a quantile fraction (IQN); 0 for none.
    """
    arguments: dict[str, Any] = {}
    streams, hidden = options.dueling or options.noisy or cosines > 0, 0
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
        cosines=cosines,
        name="net",
    )


def make_plain_q_network(
    options: NetworkOptions, encoding: Encoding, actions: int, seed: int, layer_norm: bool
) -> Any:
    """Build a ``QNetwork`` with one output per action and no dueling streams.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        actions: number of actions.
        seed: seeds the initial weights.
        layer_norm: whether an mlp has layer normalization.
    """
    arguments = {"layer_norm": layer_norm} if options.net == "mlp" else {}
    torso = make_agent_torso(options, encoding, "torso", seed, **arguments)
    return q_networks.QNetwork(torso, actions, 1, seed=seed + 200, name="net")


def make_policy_network(
    options: NetworkOptions, encoding: Encoding, policy: Policy, shared_torso: bool, seed: int
) -> Any:
    """Build a ``PolicyValue``.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        policy: the distribution of actions that the network parameterizes.
        shared_torso: whether policy and value share the torso.
        seed: seeds the initial weights.
    """
    torso = make_agent_torso(options, encoding, "torso", seed)
    own = None if shared_torso else make_agent_torso(options, encoding, "value_torso", seed + 100)
    return policy_networks.PolicyValue(
        torso,
        policy.outputs,
        policy.gaussian,
        own,
        policy.state_dependent,
        seed=seed + 200,
        name="net",
    )


def make_actor_network(
    options: NetworkOptions,
    encoding: Encoding,
    units: int,
    seed: int,
    log_std_init: float | None = None,
) -> Any:
    """Build a policy without a value function: a ``Headed``, or an ``SDEHeaded`` for gSDE.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        units: number of outputs.
        seed: seeds the initial weights.
        log_std_init: initial log standard deviation of gSDE; ``None`` without gSDE.
    """
    torso = make_agent_torso(options, encoding, "torso", seed)
    arguments: dict[str, Any] = {"seed": seed + 200, "name": "net"}
    if log_std_init is None:
        net = headed_networks.Headed(torso, units, **arguments)
    else:
        net = sde_networks.SDEHeaded(torso, units // 2, log_std_init, **arguments)
    # Initial actions near the middle (Lillicrap et al. 2016, section 7), where tanh is steep.
    net.head.kernel.assign(0.01 * net.head.kernel)
    return net


def make_critics(
    options: NetworkOptions,
    encoding: Encoding,
    action_size: int,
    critics: int,
    seed: int,
    hidden: tuple[int, ...] = (),
    **further: Any,
) -> Any:
    """Build ``Critics``, with a torso of their own for images and none for vectors.

    Args:
        options: the network's options.
        encoding: the encoding of the observations.
        action_size: number of components of an action.
        critics: number of Q-functions.
        seed: seeds the initial weights.
        hidden: units of the hidden layers; empty to use those of the options.
        further: further arguments of ``Critics``.
    """
    arguments = {"hidden": ()} if options.net == "mlp" else {}
    torso = make_agent_torso(options, encoding, "critic_torso", seed + 300, **arguments)
    return critic_networks.Critics(
        torso,
        action_size,
        critics,
        hidden or options.hidden,
        options.activation,
        seed=seed + 400,
        name="critics",
        **further,
    )
