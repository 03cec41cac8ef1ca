"""``TrainingData``: the data of a trainer's run, in splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agentlab.data import Preprocessor


@dataclass
class TrainingData:
    """The data of a run, in splits.

    Attributes:
        trainer: name of the trainer for the data.
        train: arguments of ``fit``.
        test: arguments of ``evaluate``, used only after training.
        validation: validation data; ``None`` lets the trainer split them off.
        options: keyword arguments of ``fit``.
        preprocessor: converts the contents of files to network inputs.
        notes: lines to print about what was loaded.
    """

    trainer: str
    train: tuple[Any, ...]
    test: tuple[Any, ...]
    validation: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    preprocessor: Preprocessor | None = None
    notes: list[str] = field(default_factory=list)
