"""``config.json``, the settings of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.runs.aside import tell
from agentlab.runs.files import sha256_of_json, write_text
from agentlab.runs.reading import read_json

CONFIG = "config.json"


def read_config(folder: Path) -> tuple[dict[str, Any], bool]:
    """Return the content of ``config.json`` in a folder, and whether it has been edited.

    It has been edited if it does not match its checksum.

    Raises:
        AgentlabError: if the folder does not exist, is not a run, or the file is damaged.
    """
    try:
        config = read_json(folder / CONFIG)
    except (FileNotFoundError, NotADirectoryError):
        why = f"it has no {CONFIG}" if folder.is_dir() else "there is no such folder"
        raise AgentlabError(
            f"run={str(folder)!r} is not a run folder: {why}{_copies(folder)}"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{folder / CONFIG} cannot be read: {reason}{_copies(folder)}"
        raise AgentlabError(message) from error
    if not isinstance(config, dict):
        raise AgentlabError(
            f"{folder / CONFIG} cannot be read: it is not a JSON object{_copies(folder)}"
        )
    return config, config.pop("sha256", None) != sha256_of_json(config)


def warn_edited(folder: Path) -> None:
    """Warn that ``config.json`` in a folder has been edited."""
    tell(f"{folder / CONFIG} was changed by hand or damaged: it does not match its checksum")


def _copies(folder: Path) -> str:
    """Return a hint about the newest copy of ``config.json`` in a checkpoint."""
    copies = sorted(folder.glob(f"checkpoints/*/{CONFIG}"))
    return f"; a copy of it is {copies[-1]}" if copies else ""


def write_config(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``config.json`` atomically, and return the content as it will be read.

    The file also contains a checksum of the content, so that edits are detected.

    Raises:
        OSError: if the file cannot be written.
    """
    content: dict[str, Any] = json.loads(json.dumps(config))
    sealed = {**content, "sha256": sha256_of_json(content)}
    write_text(folder / CONFIG, json.dumps(sealed, indent=2) + "\n")
    return content
