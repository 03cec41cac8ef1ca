"""Preprocessors: what turns a user's files and texts into a net's inputs, saved with the net."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, Self

from agentlab.data.batches import Array
from agentlab.errors import AgentlabError

PREPROCESSORS = {
    "columns": "agentlab.data.columns:Columns",
    "images": "agentlab.data.images:Images",
    "characters": "agentlab.data.text:Characters",
    "words": "agentlab.data.text:Words",
    "subwords": "agentlab.data.text:Subwords",
}


class Preprocessor(Protocol):
    """Fitted on the training split of the data, and saved as JSON inside the trainer.

    Attributes:
        kind: its key in ``PREPROCESSORS``.
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


def load_preprocessor(kind: str, described: Mapping[str, Any]) -> Preprocessor:
    """Build the preprocessor ``kind`` that ``to_json`` described.

    Raises:
        AgentlabError: for a kind that is unknown, or a damaged description.
    """
    if kind not in PREPROCESSORS:
        raise AgentlabError(f"the saved preprocessor {kind!r} is unknown")
    module, cls = PREPROCESSORS[kind].split(":")
    try:
        preprocessor: Preprocessor = getattr(import_module(module), cls).from_json(described)
    except (KeyError, TypeError, ValueError) as error:
        raise AgentlabError(f"the saved preprocessor {kind!r} is damaged: {error!r}") from error
    return preprocessor
