"""One version of a served model: its file, its queue, its requests and its sessions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.deploy.card import read_card
from agentlab.deploy.measuring import size_of
from agentlab.deploy.samples import random_inputs
from agentlab.deploy.serving.batching import Batcher
from agentlab.deploy.serving.rows import RowRunner
from agentlab.deploy.signature import TensorInfo, Tensors
from agentlab.errors import AgentlabError
from agentlab.runs.reading import is_inside

CHECKED = 16  # rows to run before a version is used


@dataclass
class Session:
    """The recurrent state of an agent in one episode.

    Attributes:
        state: arrays ``[1, ...]`` by name of the input.
        steps: number of actions so far.
        used: time of its last use, from ``time.monotonic``.
        lock: held while an action is computed.
    """

    state: Tensors
    steps: int = 0
    used: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Version:
    """A loaded version of a model.

    Args:
        name: name of the model.
        number: number of the version.
        folder: folder of the export.

    Attributes:
        card: the content of its ``model.json``.
        inputs, outputs: its tensors, in the order of the card.
        batch: runs the inputs of a request, in a batch with other waiting requests.
        batches, batched: the number of batches so far, and of the requests in them.
        sessions: sessions by id.

    Raises:
        AgentlabError: for a folder without a complete export, or a file that does not match it.
    """

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name, self.number, self.folder = name, number, folder
        described, self.card = read_card(folder)
        if not is_inside(described.file):
            raise AgentlabError(f"{folder} is damaged: its file is {described.file!r}")
        file = folder / described.file
        size = self.card.get("figures", {}).get("after", {}).get("size")
        if not file.exists() or size_of(file) != size:
            raise AgentlabError(f"{file} is incomplete: it must have {size} bytes")
        self._runner = RowRunner(file)
        for given, found in (
            (described.inputs, self._runner.inputs),
            (described.outputs, self._runner.outputs),
        ):
            if {i.name: i.dtype for i in given} != {i.name: i.dtype for i in found}:
                raise AgentlabError(f"{file} has other inputs or outputs than its model.json")
        self.inputs: list[TensorInfo] = described.inputs
        self.outputs: list[TensorInfo] = described.outputs
        self.state = dict(described.state)
        self._check()
        self.batch = Batcher(self._runner, self._count)
        self.batches = self.batched = 0
        self.sessions: dict[str, Session] = {}
        self._requests = 0

    def _check(self) -> None:
        """Run a batch as a warm-up, so that the first request is as fast as the others."""
        outputs = self._runner(random_inputs(self.inputs, CHECKED))
        for info in self.outputs:
            value = outputs[info.name]
            if value.dtype.kind == "f" and np.isnan(value).any():
                raise AgentlabError(f"{self.folder}: the output {info.name} is NaN")

    def _count(self, requests: int, rows: int) -> None:
        self.batches, self.batched = self.batches + 1, self.batched + requests

    @property
    def is_idle(self) -> bool:
        """Whether no request and no session uses it."""
        return not self._requests and not self.sessions

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the version open while a request uses it."""
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    def new_session(self) -> Session:
        """Return a session at the start of an episode, with a state of zeros."""
        infos = [info for info in self.inputs if info.name in self.state]
        return Session({i.name: np.zeros((1, *i.shape[1:]), i.dtype) for i in infos})

    def expire_sessions(self, seconds: float) -> None:
        """Remove sessions that have been idle for some seconds."""
        oldest = time.monotonic() - seconds
        for key, session in list(self.sessions.items()):
            if session.used < oldest and not session.lock.locked():
                del self.sessions[key]

    def close(self) -> None:
        """Stop its thread."""
        self.batch.close()

    def metadata(self) -> dict[str, Any]:
        """Return the inputs and outputs in TensorFlow Serving's format."""
        signature = {
            "inputs": {info.name: _described(info) for info in self.inputs},
            "outputs": {info.name: _described(info) for info in self.outputs},
            "method_name": "tensorflow/serving/predict",
        }
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": str(self.number)},
            "metadata": {
                "signature_def": {"signature_def": {"serving_default": signature}},
                "card": self.card,
            },
        }


DT = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "float16": "DT_HALF",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
    "int8": "DT_INT8",
    "uint8": "DT_UINT8",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
}


def _described(info: TensorInfo) -> dict[str, Any]:
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in info.shape]
    shape = {"dim": sizes, "unknown_rank": False}
    return {"dtype": DT[info.dtype], "tensor_shape": shape, "name": f"{info.name}:0"}
