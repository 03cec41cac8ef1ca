"""Encoders: what turns a user's files and texts into a net's inputs, and travels with the net."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, Self

from agentlab.data.batches import Array
from agentlab.errors import AgentlabError

ENCODERS = {
    "columns": "agentlab.data.columns:Columns",
    "pictures": "agentlab.data.images:Pictures",
    "characters": "agentlab.data.text:Characters",
    "words": "agentlab.data.text:Words",
    "subwords": "agentlab.data.text:Subwords",
}


class Encoder(Protocol):
    """Fitted on the training part of the data, and saved as JSON inside the trainer.

    Attributes:
        kind: its key in ``ENCODERS``.
    """

    kind: ClassVar[str]

    def read(self, source: str) -> Array:
        """Return the net's inputs ``[n, ...]`` of a file, a folder or a text that a user names.

        Raises:
            AgentlabError: naming the file, row or column that does not fit.
        """

    def to_json(self) -> dict[str, Any]:
        """Return all that was fitted as what JSON holds."""

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""


def load_encoder(kind: str, described: Mapping[str, Any]) -> Encoder:
    """Build the encoder ``kind`` that ``to_json`` described.

    Raises:
        AgentlabError: for a kind that is unknown, or a damaged description.
    """
    if kind not in ENCODERS:
        raise AgentlabError(f"the saved encoder {kind!r} is unknown")
    module, cls = ENCODERS[kind].split(":")
    try:
        encoder: Encoder = getattr(import_module(module), cls).from_json(described)
    except (KeyError, TypeError, ValueError) as error:
        raise AgentlabError(f"the saved encoder {kind!r} is damaged: {error!r}") from error
    return encoder
