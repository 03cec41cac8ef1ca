"""Checkpoints: folders that are written atomically and verified by checksums."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.runs.aside import tell
from agentlab.runs.files import (
    remove,
    remove_temporaries,
    replacing_folder,
    sha256_of,
    sha256_of_json,
    write_json,
)
from agentlab.runs.reading import is_inside, read_json

FORMAT = 2  # each version can read all earlier ones; files of format 1 do not name it


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk.

    Attributes:
        path: folder of the checkpoint.
        number: number of the checkpoint in its run.
        step: environment steps (or updates) taken so far.
        state: state of the training loop.
    """

    path: Path
    number: int
    step: int
    state: dict[str, Any]


def write_checkpoint(
    folder: Path, number: int, step: int, write: Callable[[Path], None], state: dict[str, Any]
) -> Path:
    """Write a checkpoint atomically: its folder appears only when it is complete on disk.

    Args:
        folder: folder of the run's checkpoints, created if it does not exist.
        number: number of the checkpoint, which names its folder.
        step: environment steps (or updates) taken so far.
        write: called with a folder, writes the files of the checkpoint into it; the name
            ``state.json`` is reserved.
        state: JSON-serializable state of the training loop.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: if the files cannot be written; nothing of the checkpoint is left then.
        FileExistsError: if there is a checkpoint with this number.
    """
    path = folder / name_of(number)
    if path.exists():
        raise FileExistsError(None, f"checkpoint {number} exists already", str(path))
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporaries(folder)  # left by a killed process
    with replacing_folder(path) as temporary:
        write(temporary)
        files = sorted(file for file in temporary.rglob("*") if file.is_file())
        content = {
            "format": FORMAT,
            "number": number,
            "step": step,
            "state": state,
            "files": {file.relative_to(temporary).as_posix(): sha256_of(file) for file in files},
        }
        with_checksum = {"sha256": sha256_of_json(content), **content}
        write_json(temporary / "state.json", with_checksum)
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint and verify the checksums of all its files. Runs no code from them.

    Raises:
        AgentlabError: if a file is missing, truncated or altered; the message names it.
    """
    try:
        content = read_json(path / "state.json")
        if content.pop("sha256") != sha256_of_json(content):
            raise AgentlabError(f"checkpoint {path} is damaged: state.json has been altered")
        if (version := content.get("format", 1)) > FORMAT:
            raise AgentlabError(
                f"checkpoint {path} has format {version}, but this version of agentlab reads "
                f"formats up to {FORMAT}; upgrade agentlab"
            )
        for name, digest in content["files"].items():
            if not is_inside(name):
                raise AgentlabError(f"checkpoint {path} is damaged: {name} is not a file in it")
            if sha256_of(path / name) != digest:
                raise AgentlabError(f"checkpoint {path} is damaged: {name} has been altered")
        number, step, state = content["number"], content["step"], content["state"]
        counts = all(isinstance(count, int) and 0 <= count < 1 << 63 for count in (number, step))
        if not (counts and isinstance(state, dict)):
            raise AgentlabError(
                f"checkpoint {path} is damaged: state.json has values of the wrong type"
            )
        return Checkpoint(path, number, step, state)
    except FileNotFoundError as error:
        missing = Path(error.filename).relative_to(path)
        raise AgentlabError(f"checkpoint {path} is damaged: {missing} is missing") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AgentlabError(f"checkpoint {path} is damaged: {error}") from error


def name_of(number: int) -> str:
    """Return the name of the folder of checkpoint ``number``.

    >>> name_of(7)
    '000007'
    """
    return f"{number:06d}"


def numbered(folder: Path) -> list[Path]:
    """Return the checkpoint folders in ``folder``, valid or not, newest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.name.isdecimal()), key=_number)[::-1]


def newest_whole(folder: Path) -> Checkpoint | None:
    """Return the newest intact checkpoint, or ``None`` if none was ever saved.

    Damaged checkpoints are skipped, with a warning on stderr.

    Raises:
        AgentlabError: if all checkpoints are damaged.
    """
    damage: AgentlabError | None = None
    for path in numbered(folder):
        try:
            found = read_checkpoint(path)
        except AgentlabError as error:
            damage = damage or error
            continue
        if damage is not None:
            told = f"{damage}; resuming from checkpoint {found.number}"
            tell(told)
        return found
    if damage is not None:
        raise AgentlabError(
            f"{damage}, and no older one is intact; start a new run (an agent's weights may be "
            f"intact: --init-from {folder.parent})"
        )
    return None


def remove_after(folder: Path, number: int) -> None:
    """Remove the checkpoints newer than ``number``, and temporary files of killed processes."""
    for path in numbered(folder):
        if _number(path) > number:
            remove(path)
    remove_temporaries(folder)


def _number(path: Path) -> int:
    return int(path.name)
