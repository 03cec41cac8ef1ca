"""``Recipe``, and descriptions of data sets that several families of recipes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OWN_IMAGES = "images"  # ``data`` of a recipe for the user's own folder of images
MNIST = "60,000 + 10,000 images 28x28, 11 MB"


@dataclass(frozen=True)
class Recipe:
    """A trainer, its settings and its data set, under a name.

    Attributes:
        name: the value of ``--recipe``.
        about: one-line description of the network and the task.
        data: the data set's name in ``agentlab.data.sets``.
        size: description of the data set's size.
        trainer: the name of the trainer or estimator.
        config: fields of the trainer's configuration.
        expected: expected result on the test split.
        source: the source of the settings.
    """

    name: str
    about: str
    data: str
    size: str
    trainer: str
    config: dict[str, Any] = field(default_factory=dict)
    expected: str = ""
    source: str = ""
