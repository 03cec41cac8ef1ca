"""Agents as Keras models that map raw observations to actions, for export and serving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium

from agentlab.agents.encoding import Encoding
from agentlab.agents.policies import Policy, masked_tensor
from agentlab.agents.value_distribution import ValueDistribution
from agentlab.envs.parts import MASK, as_parts
from agentlab.lazy import LazyModule, keras, tf

nets: Any = LazyModule("agentlab.nets.inference")


def q_model(
    net: Any, encoding: Encoding, distribution: ValueDistribution, first_action: int
) -> Any:
    """Return a model from observations to ``actions`` int64 ``[n]`` and ``q_values`` ``[n, a]``."""

    def outputs(observations: Any) -> dict[str, Any]:
        q_values = distribution.means(net.call(encoding.tensor(observations)))  # [n, a]
        q_values = masked_tensor(q_values, _mask(encoding, observations))
        return {"actions": tf.argmax(q_values, 1) + first_action, "q_values": q_values}

    return nets.inference_model(net, _observations(encoding), outputs)


def actor_model(net: Any, encoding: Encoding, to_actions: Callable[[Any, Any], Any]) -> Any:
    """Return a model from observations to ``actions``, for a network that is only a policy.

    Args:
        net: the network.
        encoding: the encoding of the observations.
        to_actions: function from the network's outputs, and the action mask or ``None``, to the
            environment's actions.
    """

    def outputs(observations: Any) -> dict[str, Any]:
        found = net.call(encoding.tensor(observations))
        return {"actions": to_actions(found, _mask(encoding, observations))}

    return nets.inference_model(net, _observations(encoding), outputs)


def policy_model(net: Any, encoding: Encoding, policy: Policy) -> Any:
    """Return a model from observations to the most likely ``actions`` and ``values`` ``[n]``.

    With a recurrent network, the model also takes the recurrent state as inputs ``state_0``,
    ``state_1``, ..., float32 ``[n, units]`` (zeros at the start of an episode), and returns the
    new state under the same names.
    """
    if not net.recurrent:

        def outputs(observations: Any) -> dict[str, Any]:
            parameters, values = net.call(encoding.tensor(observations))
            parameters = masked_tensor(parameters, _mask(encoding, observations))
            return {"actions": policy.best_for_env(parameters), "values": values}

        return nets.inference_model(net, _observations(encoding), outputs)

    def step(inputs: dict[str, Any]) -> dict[str, Any]:
        state = [inputs[name] for name in names]
        parameters, values, state = net.step(encoding.tensor(inputs["observations"]), state)
        parameters = masked_tensor(parameters, _mask(encoding, inputs["observations"]))
        after = dict(zip(names, state, strict=True))
        return {"actions": policy.best_for_env(parameters), "values": values, **after}

    widths = [part.shape[1] for part in net.initial_state(1)]
    names = [f"state_{i}" for i in range(len(widths))]
    inputs = {"observations": _observations(encoding)}
    inputs |= {
        name: keras.Input((width,), name=name) for name, width in zip(names, widths, strict=True)
    }
    return nets.inference_model(net, inputs, step)


def _mask(encoding: Encoding, observations: Any) -> Any:
    """Return the action mask among the observations, bool ``[n, actions]``, or ``None``."""
    return tf.cast(observations[MASK], tf.bool) if encoding.masks else None


def _observations(encoding: Encoding) -> Any:
    """Return an input for observations; for those of several parts one each, by name."""
    space = encoding.space
    if isinstance(space, gymnasium.spaces.Dict | gymnasium.spaces.Tuple):
        return {
            name: keras.Input(part.shape, dtype=str(part.dtype), name=name)
            for name, part in as_parts(space).items()
        }
    return keras.Input(space.shape, dtype=str(space.dtype), name="observations")
