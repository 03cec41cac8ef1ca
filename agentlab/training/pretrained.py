"""Initialization of torsos from pretrained weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.nets.files import load_net

# Arguments of torsos that may differ: they affect initial weights, inputs or outputs, not layers.
FREE = ("name", "seed", "gain", "scale", "signed", "dropout", "dtype", "trainable")
FREE_OF_SEQUENCES = ("return_sequences", "mask_zero")


def start_from(source: str, torsos: Sequence[Any], preprocessor: Any = None) -> None:
    """Copy the weights of a pretrained torso to each of ``torsos``.

    Args:
        source: a run of a trainer or an agent (its latest checkpoint), a folder that the ``save``
            of either wrote, or a ``.keras`` file. No code in it is run.
        torsos: built torsos.
        preprocessor: of the inputs of ``torsos``; ``None`` if they are not standardized.

    Raises:
        AgentlabError: if ``source`` is missing, damaged or has no torso, or if its architecture
            differs from ``torsos``; the message names the first layer that differs.
    """
    try:
        found = getattr(_read_net(Path(source), preprocessor), "torso", None)
        if found is None:
            raise AgentlabError("it has no network with a torso")
    except AgentlabError as error:
        raise AgentlabError(f"pretrained={source!r} cannot be used: {error}") from error
    for torso in torsos:
        _take_over(torso, found, source)


def _read_net(path: Path, preprocessor: Any) -> Any:
    if path.is_file():
        return load_net(path)
    directory = find_saved(path)
    options: dict[str, Any] = {}
    if read_description(directory)["kind"] == "agent":
        options["num_envs"] = 1
    learner = load(directory, **options)
    theirs, own = (
        getattr(each, "mean", None)
        for each in (getattr(learner, "preprocessor", None), preprocessor)
    )
    if theirs is not None and (own is None or not np.array_equal(theirs, own)):
        raise AgentlabError(
            "it was trained on standardized inputs, but the new inputs are not standardized in the "
            "same way; train it with standardize=False"
        )
    return getattr(learner, "net", None) or getattr(learner, "discriminator", None)


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
                f"train has {own or 'no more layers'}; both must have the same architecture and "
                "input shape"
            )
    known = found.get_config()
    for name, value in torso.get_config().items():
        if name not in FREE + FREE_OF_SEQUENCES and _plain(value) != _plain(known.get(name)):
            raise AgentlabError(
                f"pretrained={source!r} has {name}={known.get(name)!r}, but the network to train "
                f"has {name}={value!r}; both must have the same architecture"
            )
    for own, theirs in zip(torso.weights, found.weights, strict=True):
        own.assign(theirs)


def _describe(weight: Any) -> str:
    """Return the names of the layer and the weight, and the weight's shape, as text."""
    return f"{'/'.join(weight.path.split('/')[-2:])} of shape {list(weight.shape)}"


def _plain(value: Any) -> str:
    return json.dumps(value, default=str)  # lists and tuples compare equal
