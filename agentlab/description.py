"""The description of a saved learner, ``learner.json``: writing, finding and verifying it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.json_state import from_json
from agentlab.runs import Run
from agentlab.runs.aside import tell
from agentlab.runs.files import sha256_of, sha256_of_json, write_json
from agentlab.runs.reading import is_inside, read_json

FORMAT = 2  # each version can read all earlier ones; 1 had no tags in its state
DESCRIPTION = "learner.json"
VALUES = {
    "kind": str,
    "name": str,
    "config": dict,
    "specification": dict,
    "state": dict,
    "files": dict,
    "folders": list,
}


def write_description(folder: Path, content: dict[str, Any]) -> None:
    """Write ``learner.json``, with the format version and a checksum of its contents."""
    content = {"format": FORMAT, **content}
    write_json(folder / DESCRIPTION, {"sha256": sha256_of_json(content), **content})


def find_saved(path: Path | str) -> Path:
    """Return the folder of the learner in a run, a checkpoint or a saved folder.

    For a run, it is in the newest checkpoint whose learner is intact.

    Raises:
        AgentlabError: if there is none, or if all are damaged.
    """
    path = Path(path)
    if (path / DESCRIPTION).exists():
        return path
    in_checkpoint = path / "learner"
    if (in_checkpoint / DESCRIPTION).exists() and not (path / "config.json").exists():
        return in_checkpoint
    damage: AgentlabError | None = None
    for checkpoint in [*Run.open(path).checkpoints.folders(), path]:
        found = checkpoint / "learner"
        if checkpoint == path and not (found / DESCRIPTION).is_file():
            continue  # the run has not ended; runs of estimators have no checkpoints
        try:
            intact_description(found)
        except AgentlabError as error:
            damage = damage or error
            continue
        if damage is not None:
            tell(f"{damage}; {found} is used instead")
        return found
    raise damage or AgentlabError(f"run={str(path)!r} has saved nothing yet")


def read_description(directory: Path | str) -> dict[str, Any]:
    """Return the contents of ``learner.json`` in ``directory``.

    Raises:
        AgentlabError: if it is missing, damaged or in a later format.
    """
    path = Path(directory) / DESCRIPTION
    try:
        content = dict(read_json(path))
        version, expected = content["format"], content.pop("sha256")
        if version > FORMAT:
            raise AgentlabError(
                f"{path} has format {version}, but this version of agentlab reads formats up to "
                f"{FORMAT}; upgrade agentlab"
            )
        if expected != sha256_of_json(content):
            raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
        for name, kind in VALUES.items():
            if not isinstance(content[name], kind):
                raise TypeError(f"{name} must be a {kind.__name__}")
        if version > 1:
            content["state"], content["rng"] = map(from_json, (content["state"], content["rng"]))
    except FileNotFoundError:
        raise AgentlabError(
            f"{directory} holds no saved learner: there is no {DESCRIPTION}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise AgentlabError(f"{path} is damaged: {error}") from error
    return content


def verified_description(directory: Path, kind: str, name: str) -> dict[str, Any]:
    """Return the contents of ``learner.json``, after verifying the checksums of all files.

    Args:
        directory: the folder of the saved learner.
        kind: the expected kind of learner.
        name: the expected name of the learner's class.

    Raises:
        AgentlabError: for missing, damaged or modified files, or another learner.
    """
    described = intact_description(directory)
    if (described["kind"], described["name"]) != (kind, name):
        raise AgentlabError(
            f"{directory} holds the {described['kind']} {described['name']!r}, not {name!r}"
        )
    return described


def intact_description(directory: Path) -> dict[str, Any]:
    """Return the contents of ``learner.json``, after verifying the checksums of all files.

    Files of large components such as a replay buffer are left out, since only training needs them.

    Raises:
        AgentlabError: for missing, damaged or modified files.
    """
    described = read_description(directory)
    for name, digest in described["files"].items():
        if not is_inside(name):
            raise AgentlabError(f"{directory} is damaged: {name} is not a file in it")
        try:
            intact = sha256_of(directory / name) == digest
        except OSError as error:
            raise AgentlabError(f"{directory / name} cannot be read: {error.strerror}") from error
        if not intact:
            raise AgentlabError(f"{directory / name} is damaged: it is not the file that was saved")
    return described
