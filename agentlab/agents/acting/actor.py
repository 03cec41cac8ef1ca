"""Actors: copies of a network that act while the network is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from agentlab.lazy import tf

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Weights = dict[str, Array]
_readers: WeakKeyDictionary[Any, tuple[tuple[str, ...], Any]] = WeakKeyDictionary()


class Actor(ABC):
    """A network's forward pass, built from a specification and weights.

    Both are plain data, so an actor can be sent to another process and updated there. It holds no
    reference to the network that it copies.

    Args:
        specification: the network's architecture, from a function in ``specifications.py``.
        weights: arrays by name, from ``network_weights``.
    """

    def __init__(self, specification: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        self.specification = dict(specification)
        self.set_weights(weights)

    @abstractmethod
    def set_weights(self, weights: Mapping[str, Array]) -> None:
        """Replace the actor's weights."""

    @abstractmethod
    def weights(self) -> Weights:
        """Return the actor's weights by name."""

    def update(self, net: Any) -> None:
        """Copy the weights of ``net`` to the actor."""
        self.set_weights(network_weights(net))

    def copy_to(self, net: Any) -> None:
        """Copy the actor's weights to ``net``."""
        weights = self.weights()
        for name, variable in _variables(net).items():
            variable.assign(weights[name])


class NumpyActor(Actor):
    """An actor that computes in NumPy, ten times faster than TensorFlow on small networks."""

    def set_weights(self, weights: Mapping[str, Array]) -> None:
        self._weights = dict(weights)
        self.load(self._weights)

    def weights(self) -> Weights:
        return {name: array.copy() for name, array in self._weights.items()}

    @abstractmethod
    def load(self, weights: Weights) -> None:
        """Set up the forward pass with new weights."""


def network_weights(net: Any) -> Weights:
    """Return all weights of a Keras model as arrays, by name."""
    if net not in _readers:  # one TensorFlow call for all weights, since each costs 40 us
        variables = _variables(net)
        values = list(variables.values())
        read = tf.function(lambda: [tf.convert_to_tensor(value) for value in values])
        _readers[net] = tuple(variables), read.get_concrete_function()
    names, read = _readers[net]
    return dict(zip(names, (tensor.numpy() for tensor in read()), strict=True))


def _variables(net: Any) -> dict[str, Any]:
    return {f"{i:03d}/{variable.path}": variable for i, variable in enumerate(net.variables)}


def names_of(net: Any, variables: Any) -> list[str]:
    """Return the names of some variables of ``net`` in ``network_weights``."""
    by_id = {id(variable): name for name, variable in _variables(net).items()}
    return [by_id[id(variable)] for variable in variables]
