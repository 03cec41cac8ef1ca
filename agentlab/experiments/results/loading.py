"""Loading a trained learner that has a given method, and raw inputs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.runs.reading import read_arrays


def load_with(path: Path | str, method: str, doing: str) -> Any:
    """Load the learner of a run, a checkpoint or a saved folder, for a command that needs a method.

    Args:
        path: the folder.
        method: the method that the learner must have.
        doing: what the command does, such as ``"generate examples"``, for the error message.

    Raises:
        AgentlabError: for a missing or damaged folder, or a learner without the method.
    """
    learner = load(path)
    if not hasattr(learner, method):
        what = f"the {learner.kind} {learner.name!r}"
        raise AgentlabError(f"{str(path)!r} holds {what}, which cannot {doing}")
    return learner


def takes_images(path: Path | str) -> bool:
    """Return whether the learner in a folder was trained on images, without loading it."""
    specification = read_description(find_saved(path))["specification"]
    return "images" in (specification.get("preprocessor") or {})


def read_inputs(learner: Any, source: str, encoding: str | None = None) -> Any:
    """Return the raw inputs in a file or a folder of images, for the methods of a learner.

    Args:
        learner: a learner with a preprocessor.
        source: an image, a folder of images, a CSV file, or an ``.npz`` file, of which the first
            array is used.
        encoding: of a CSV file; ``None`` infers it.

    Raises:
        AgentlabError: for unreadable files, or those of another kind.
    """
    if Path(source).suffix == ".npz":
        try:
            return next(iter(read_arrays(source).values()))
        except (OSError, ValueError, StopIteration) as error:
            raise AgentlabError(f"{source} holds no readable array: {error}") from error
    if getattr(learner, "preprocessor", None) is None:
        raise AgentlabError(f"{learner.name!r} was trained on arrays; pass an .npz file of inputs")
    return learner.preprocessor.read(source, encoding)
