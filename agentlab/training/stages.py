"""Stages of training, each with its own trainable layers, epochs and learning rate."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.description import read_description
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras


@dataclass(frozen=True)
class Stage:
    """A stage of training.

    ::

        def stages(self):  # fine-tuning: first the new head, then the whole network, slowly
            return [Stage("head", 5, trainable=("head",)), Stage("all", 3, learning_rate=1e-5)]

    Attributes:
        name: name in error messages.
        epochs: number of epochs.
        trainable: names of the layers to train, or a predicate of a weight's path, such as
            ``"net/torso/dense_0/kernel"``; ``None`` leaves the network's ``trainable`` unchanged.
        learning_rate: peak learning rate; ``None`` for the configured one.
    """

    name: str
    epochs: int
    trainable: Collection[str] | Callable[[str], bool] | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InvalidArgument(f"epochs={self.epochs} of stage {self.name!r} must be 1 or more")

    def freeze(self, net: Any) -> None:
        """Make the layers that this stage trains trainable, and freeze all others.

        Raises:
            InvalidArgument: if no layer would be trained.
        """
        if self.trainable is None:
            return
        net.trainable = True
        self._freeze_inside(net)
        if not net.trainable_variables:
            raise InvalidArgument(
                f"trainable={self.trainable!r} of stage {self.name!r} matches no layer of the "
                "network"
            )

    def _freeze_inside(self, model: Any) -> None:
        for layer in model.layers:
            if isinstance(layer, keras.Model):
                self._freeze_inside(layer)
            elif layer.weights:  # batch normalization also computes differently when frozen
                layer.trainable = any(self._trains(weight.path) for weight in layer.weights)
        inner = {id(weight) for layer in model.layers for weight in layer.weights}
        for weight in model.weights:
            if id(weight) not in inner and not self._trains(weight.path):
                weight.trainable = False

    def _trains(self, path: str) -> bool:
        if callable(self.trainable):
            return self.trainable(path)
        return not set(path.split("/")).isdisjoint(self.trainable or ())


def change_learning_rate(trainer: Any, stage: Stage, saved: Path) -> None:
    """Set a constant learning rate to the configured one, if that was changed on resume.

    Args:
        trainer: the trainer, whose optimizer has just been restored.
        stage: the stage that it is in.
        saved: the folder of the saved trainer with the earlier configuration.
    """
    before = read_description(saved)["config"].get("learning_rate")
    now = getattr(trainer.config, "learning_rate", before)
    constant = hasattr(getattr(trainer.optimizer, "learning_rate", None), "assign")
    if now != before and constant and stage.learning_rate is None:
        trainer.optimizer.learning_rate = now
