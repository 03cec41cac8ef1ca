"""Nets in files of Keras' own format."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import keras

import agentlab.nets
from agentlab.errors import AgentlabError


def load_net(path: Path | str, sha256: str | None = None) -> Any:
    """Load a Keras model from a ``.keras`` file. Runs no code from it.

    Args:
        path: the file.
        sha256: what the file's checksum must be, where it is known.

    Raises:
        AgentlabError: where the file is missing, damaged or altered, or holds layers that are
            neither Keras' nor registered.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
    for module in iter_modules(agentlab.nets.__path__, "agentlab.nets."):
        import_module(module.name)  # registers its layers with Keras
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file makes Keras raise
        reason = str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]
        reason = reason.partition(" Full object config")[0]
        raise AgentlabError(f"{path} holds no net that can be read: {reason}") from error
