"""Commands to suggest after a run has been trained."""

from __future__ import annotations

import shlex
from pathlib import Path

from agentlab.cli import program
from agentlab.description import find_saved, read_description
from agentlab.registry import trainer_class
from agentlab.unsupervised import is_unsupervised

# Commands for unsupervised runs: the method that the learner must have, and the arguments.
VERBS = {
    "generate": ("sample", "--n 64"),
    "reconstruct": ("reconstruct", "INPUT"),
    "encode": ("encode", "INPUT"),
    "interpolate": ("decode", "FIRST.png SECOND.png"),
    "inpaint": ("reconstruct", "IMAGE --mask center"),
    "cluster": ("clusters", "INPUT"),
    "recommend": ("recommend", "--user ID"),
    "anomaly": ("anomaly_scores", "INPUT"),
}
OF_IMAGES = ("interpolate", "inpaint")  # commands that need images


def next_commands(path: Path) -> list[tuple[str, str]]:
    """Return the names and command lines of the commands that apply to a finished run."""
    description, folder = read_description(find_saved(path)), shlex.quote(str(path))
    trainer = description["name"]
    if not is_unsupervised(trainer):
        return [("predict", f"{program('predict')} {folder} INPUT")]
    cls = trainer_class(trainer)
    of_images = "images" in (description["specification"].get("preprocessor") or {})
    return [
        (verb, f"{program(verb)} {folder} {arguments}")
        for verb, (method, arguments) in VERBS.items()
        if hasattr(cls, method) and (of_images or verb not in OF_IMAGES)
    ]
