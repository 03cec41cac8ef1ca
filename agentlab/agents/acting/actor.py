"""Actors: copies of a network that act while the network itself learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Weights = dict[str, Array]


class Actor(ABC):
    """A network's forward pass, made from a specification and weights alone.

    Both are plain data, so that an actor can be sent to another process and fed new weights there.
    It holds no reference to the network that it copies.

    Args:
        specification: the network's form, as a function in ``specifications.py`` describes it.
        weights: arrays by name, as ``network_weights`` returns them.
    """

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self.specification = dict(specification)
        self.set_weights(weights)

    @abstractmethod
    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Act by these weights from now on."""

    @abstractmethod
    def weights(self) -> Weights:
        """Return the weights that it acts by, by name."""

    def update(self, net: Any) -> None:
        """Take over the weights of ``net``."""
        self.set_weights(network_weights(net))

    def copy_to(self, net: Any) -> None:
        """Give ``net`` the weights that the actor acts by."""
        weights = self.weights()
        for name, variable in _variables(net).items():
            variable.assign(weights[name])


class NumpyActor(Actor):
    """An actor that computes in NumPy: on small networks ten times faster than TensorFlow."""

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        self._weights = dict(weights)
        self.load(self._weights)

    def weights(self) -> Weights:
        return {name: array.copy() for name, array in self._weights.items()}

    @abstractmethod
    def load(self, weights: Weights) -> None:
        """Prepare what a call needs of the weights."""


def network_weights(net: Any) -> Weights:
    """Return all weights of a Keras model as arrays, by name."""
    return {name: np.asarray(variable.numpy()) for name, variable in _variables(net).items()}


def _variables(net: Any) -> dict[str, Any]:
    return {f"{i:03d}/{variable.path}": variable for i, variable in enumerate(net.variables)}


def names_of(net: Any, variables: Any) -> list[str]:
    """Return the names that ``network_weights`` gives to some variables of ``net``."""
    by_id = {id(variable): name for name, variable in _variables(net).items()}
    return [by_id[id(variable)] for variable in variables]
