"""Torsos that were trained before: finding one, and starting from its weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.nets.files import load_net

# Arguments of torsos that alter initial weights and the form of inputs and outputs, but no layer.
FREE = ("name", "seed", "gain", "scale", "signed", "dropout", "dtype", "trainable")
FREE_OF_SEQUENCES = ("return_sequences", "mask_zero")


def start_from(source: str, torsos: Sequence[Any]) -> None:
    """Give each of ``torsos`` the weights of the torso that was trained before.

    Args:
        source: a run of a trainer or an agent (its newest checkpoint), a folder that either's
            ``save`` wrote, or a ``.keras`` file. Runs no code from it.
        torsos: built torsos.

    Raises:
        AgentlabError: where nothing of that kind is there, it is damaged, or is built otherwise
            than ``torsos``, naming the first layer that differs.
    """
    try:
        found = getattr(_read_net(Path(source)), "torso", None)
        if found is None:
            raise AgentlabError("it holds no network with a torso")
    except AgentlabError as error:
        raise AgentlabError(f"pretrained={source!r} cannot be used: {error}") from error
    for torso in torsos:
        _take_over(torso, found, source)


def _read_net(path: Path) -> Any:
    if path.is_file():
        return load_net(path)
    directory = find_saved(path)
    options: dict[str, Any] = {}
    if read_description(directory)["kind"] == "agent":
        options["num_envs"] = 1
    learner = load(directory, **options)
    if getattr(getattr(learner, "preprocessor", None), "mean", None) is not None:
        raise AgentlabError(
            "it was trained on standardized numbers, which observations are not; train it with "
            "standardize=False"
        )
    return getattr(learner, "net", None)


def _take_over(torso: Any, found: Any, source: str) -> None:
    if type(torso) is not type(found):
        raise AgentlabError(
            f"pretrained={source!r} is a {type(found).__name__}, but the network to train is a "
            f"{type(torso).__name__}; choose the same net for both"
        )
    for theirs, own in zip_longest(map(_describe, found.weights), map(_describe, torso.weights)):
        if theirs != own:
            raise AgentlabError(
                f"pretrained={source!r} has {theirs or 'no more layers'} where the network to "
                f"train has {own or 'no more layers'}; both must be built alike, for inputs of one "
                "shape"
            )
    known = found.get_config()
    for name, value in torso.get_config().items():
        if name not in FREE + FREE_OF_SEQUENCES and _plain(value) != _plain(known.get(name)):
            raise AgentlabError(
                f"pretrained={source!r} has {name}={known.get(name)!r}, but the network to train "
                f"{name}={value!r}; both must be built alike"
            )
    for own, theirs in zip(torso.weights, found.weights, strict=True):
        own.assign(theirs)


def _describe(weight: Any) -> str:
    """Return the layer's name, the weight's, and its shape in words."""
    return f"{'/'.join(weight.path.split('/')[-2:])} of the shape {list(weight.shape)}"


def _plain(value: Any) -> str:
    return json.dumps(value, default=str)  # lists and tuples alike
