"""Groups of options that several trainers share."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import Options, option


@dataclass(frozen=True)
class Tokens(Options):
    """Options of text inputs."""

    vocabulary: int = option(10_000, "maximum size of the vocabulary of text inputs", ge=3)
    length: int = option(100, "maximum words per text; longer texts are truncated", ge=1)


@dataclass(frozen=True)
class Augmentation(Options):
    """Options of random image augmentation."""

    flip: bool = option(False, "flip half of the training images horizontally")
    rotate: float = option(0.0, "rotate training images by up to this many degrees", ge=0)
    shift: float = option(0.0, "shift training images by up to this fraction of their size", ge=0)
    zoom: float = option(0.0, "zoom training images in or out by up to this fraction", ge=0, lt=1)

    @property
    def moves(self) -> tuple[bool, float, float, float]:
        """The augmentation options: flip, rotate, shift, zoom."""
        return self.flip, self.rotate, self.shift, self.zoom
