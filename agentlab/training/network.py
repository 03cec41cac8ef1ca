"""Option groups for trainers that build a network by name."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.nets import TORSOS
from agentlab.nets.activation_names import check_activation


@dataclass(frozen=True)
class TorsoChoice(Options):
    """Options of a network's torso."""

    net: str = option("mlp", "torso by name; `agentlab nets` lists them")
    hidden: tuple[int, ...] = option(
        (128, 128), "units of the mlp's hidden layers; empty for none", ge=1
    )
    activation: str = option("relu", "activation of the mlp's hidden layers, a Keras name")

    def check(self) -> None:
        super().check()
        TORSOS.check(self.net)
        check_activation(self.activation)


@dataclass(frozen=True)
class Network(TorsoChoice):
    """Options of the network."""

    dropout: float | None = option(None, "dropout rate; none for the net's default", ge=0, lt=1)
    pretrained: str | None = option(
        None, "initialize the torso from this run or saved learner, such as an autoencoder"
    )
    freeze_pretrained: bool = option(False, "do not train the pretrained torso")

    def check(self) -> None:
        super().check()
        if self.freeze_pretrained and self.pretrained is None:
            raise InvalidArgument(
                "freeze_pretrained=True needs pretrained set to a run or saved learner"
            )


@dataclass(frozen=True)
class Standardization(Options):
    """Option to standardize numeric columns."""

    standardize: bool = option(True, "scale numeric columns to mean 0 and standard deviation 1")
