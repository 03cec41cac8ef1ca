"""The kinds of preprocessors by name, and loading of saved ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentlab.errors import AgentlabError
from agentlab.registry import Registry

if TYPE_CHECKING:
    from agentlab.data.preprocessors import Preprocessor

PREPROCESSORS = Registry(
    "kind",
    {
        "numbers": "agentlab.data.numbers:Numbers",
        "images": "agentlab.data.images:Images",
        "columns": "agentlab.data.columns:Columns",
        "words": "agentlab.data.text:Words",
        "characters": "agentlab.data.text:Characters",
        "subwords": "agentlab.data.subwords:Subwords",
        "token_ids": "agentlab.data.token_ids:TokenIds",
    },
)


def load_preprocessor(kind: str, described: Mapping[str, Any]) -> Preprocessor:
    """Make a preprocessor of a kind from the output of ``to_json``.

    Raises:
        AgentlabError: for an unknown kind or damaged values.

    >>> from agentlab.data import make_preprocessor
    >>> numbers = make_preprocessor([[1.0], [3.0]])
    >>> load_preprocessor(numbers.kind, numbers.to_json()).transform([[5.0]])
    array([[3.]], dtype=float32)
    """
    if kind not in PREPROCESSORS:
        raise AgentlabError(f"the saved preprocessor {kind!r} is unknown")
    try:
        preprocessor: Preprocessor = PREPROCESSORS.load(kind).from_json(described)
    except (KeyError, TypeError, ValueError) as error:
        raise AgentlabError(f"the saved preprocessor {kind!r} is damaged: {error!r}") from error
    return preprocessor
