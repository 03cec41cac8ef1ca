"""Torsos that were trained before: finding one, and starting from its weights."""

from __future__ import annotations

import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError

AGENT = "agent.json"
# Arguments of torsos that alter initial weights and the form of inputs and outputs, but no layer.
FREE = ("name", "seed", "gain", "scale", "signed", "dropout", "dtype", "trainable")
FREE_OF_SEQUENCES = ("return_sequences", "mask_zero")


def read_torso(source: str) -> Any:
    """Return the torso of the net that lies in a folder. Runs no code from it.

    Args:
        source: a run of a trainer or an agent (its newest checkpoint), a folder that either's
            ``save`` wrote, or a ``.keras`` file.

    Raises:
        AgentlabError: where nothing of that kind is there, or it is damaged.
    """
    try:
        net = _read_net(Path(source))
    except AgentlabError as error:
        raise AgentlabError(f"pretrained={source!r} cannot be used: {error}") from error
    if getattr(net, "torso", None) is None:
        raise AgentlabError(f"pretrained={source!r} cannot be used: it holds no net with a torso")
    return net.torso


def _read_net(path: Path) -> Any:
    from agentlab.nets.files import load_net
    from agentlab.runs import Run
    from agentlab.training.trainer import DESCRIPTION, NET, read_description

    if path.is_file():
        return load_net(path)
    if not (path / NET).exists() and not (path / AGENT).exists():
        newest = Run.open(path).latest_checkpoint()
        if newest is None:
            raise AgentlabError("the run has saved no net yet")
        path = newest.path / "trainer"
        if not path.exists():
            path = newest.path / "agent"
    if (path / AGENT).exists():
        from agentlab.agents import load_agent

        return getattr(load_agent(path, num_envs=1), "_net", None)
    described: dict[str, Any] = {}
    if (path / DESCRIPTION).exists():
        described = read_description(path)
    if described.get("fitted", {}).get("mean") is not None:
        raise AgentlabError(
            "it was trained on standardized numbers, which observations are not; train it with "
            "standardize=False"
        )
    return load_net(path / NET, described.get("sha256"))


def take_over(torso: Any, found: Any, source: str) -> None:
    """Give ``torso`` the weights of ``found``, which ``source`` held.

    Raises:
        AgentlabError: where the two are not built alike, naming the first layer that differs.
    """
    if type(torso) is not type(found):
        raise AgentlabError(
            f"pretrained={source!r} is a {type(found).__name__}, but the agent's net is a "
            f"{type(torso).__name__}; choose the same net for both"
        )
    for theirs, own in zip_longest(map(_describe, found.weights), map(_describe, torso.weights)):
        if theirs != own:
            raise AgentlabError(
                f"pretrained={source!r} has {theirs or 'no more layers'} where the agent's net has "
                f"{own or 'no more layers'}; both must be built alike, for inputs of one shape"
            )
    known = found.get_config()
    for name, value in torso.get_config().items():
        if name not in FREE + FREE_OF_SEQUENCES and _plain(value) != _plain(known.get(name)):
            raise AgentlabError(
                f"pretrained={source!r} has {name}={known.get(name)!r}, but the agent's net "
                f"{name}={value!r}; both must be built alike"
            )
    for own, theirs in zip(torso.weights, found.weights, strict=True):
        own.assign(theirs)


def _describe(weight: Any) -> str:
    """Return the layer's name, the weight's, and its shape in words."""
    return f"{'/'.join(weight.path.split('/')[-2:])} of the shape {list(weight.shape)}"


def _plain(value: Any) -> str:
    return json.dumps(value, default=str)  # lists and tuples alike
