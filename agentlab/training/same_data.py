"""Checking that a resumed run of a trainer has the data that it was started with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agentlab.description import read_description
from agentlab.errors import AgentlabError

SHOWN = 60  # characters of a value that are shown


def check_same_data(trainer: Any, folder: Path, batches: Any, per_epoch: int) -> None:
    """Check that the data of a resumed run match its checkpoint.

    It compares the number of batches per epoch, and what was inferred from the data before
    training, such as columns, classes and vocabularies.

    Args:
        trainer: the trainer, built for the current data.
        folder: the folder of the trainer in the checkpoint.
        batches: the number of batches in an epoch according to the checkpoint.
        per_epoch: the number of batches in an epoch now.

    Raises:
        AgentlabError: if they differ; the message describes the first difference.
    """
    before, now = read_description(folder)["specification"], trainer.specification()
    told = [
        difference(name, before[name], json.loads(json.dumps(now[name])))
        for name in trainer.data_keys
        if name in before and json.dumps(before[name]) != json.dumps(now[name])
    ]
    if batches != per_epoch:
        told.append(f"an epoch had {batches} batches and now has {per_epoch}")
    if told:
        raise AgentlabError(
            f"the data have changed since the run was started: {told[0]}; resume it with the data "
            "as they were, or start a new run"
        )


def difference(name: str, before: Any, now: Any) -> str:
    """Describe the first difference between two JSON values.

    >>> difference("classes", ["cat", "dog"], ["cat", "emu"])
    "classes 1 was 'dog' and is 'emu'"
    """
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(key, before.get(key), now.get(key)) for key in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = list(zip(range(len(now)), before, now, strict=True))
    else:
        pairs = []
    for key, old, new in pairs:
        if json.dumps(old) != json.dumps(new):
            return difference(f"{name} {key}", old, new)
    return f"{name} was {_shown(before)} and is {_shown(now)}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
