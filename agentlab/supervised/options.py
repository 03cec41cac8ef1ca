"""Options that several trainers share, by what they are about."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import Options, option


@dataclass(frozen=True)
class Network(Options):
    """Which network is trained."""

    net: str = option("mlp", "torso by name; `agentlab nets` lists them")
    hidden: tuple[int, ...] = option((128, 128), "units of the mlp's layers; empty for none", ge=1)
    activation: str = option("relu", "activation of the mlp's layers, by its Keras name")
    dropout: float | None = option(
        None, "fraction dropped in training; none: the net's own", ge=0, lt=1
    )


@dataclass(frozen=True)
class Tokens(Options):
    """How texts become ids, where the inputs are texts."""

    vocabulary: int = option(10_000, "words that are told apart, where the inputs are texts", ge=3)
    length: int = option(100, "words that are read of each text", ge=1)


@dataclass(frozen=True)
class Standardization(Options):
    """Whether numbers are scaled."""

    standardize: bool = option(True, "scale rows of numbers to mean 0 and deviation 1")


@dataclass(frozen=True)
class Augmentation(Options):
    """How training images are moved at random."""

    flip: bool = option(False, "mirror half of the training images")
    rotate: float = option(0.0, "turn training images by up to so many degrees", ge=0)
    shift: float = option(0.0, "move training images by up to this fraction of their size", ge=0)
    zoom: float = option(
        0.0, "change the size of training images by up to this fraction", ge=0, lt=1
    )

    @property
    def moves(self) -> tuple[bool, float, float, float]:
        """How training images are moved: flip, rotate, shift, zoom."""
        return self.flip, self.rotate, self.shift, self.zoom
