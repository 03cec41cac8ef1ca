"""The layers of a network and how tensors flow between them, found by tracing a call."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets.layers import input_shapes, kind_of, leaf_layers

Shape = tuple[int | None, ...]

LOOPS = {"While", "StatelessWhile"}
# Operations that use only the shape or type of their input, not its values.
VALUE_INDEPENDENT = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}


@dataclass
class Node:
    """A layer, an input or an output of a network, or weights used outside of layers.

    Attributes:
        name: path in the network, such as ``model/layer``.
        kind: class and main arguments, such as ``Conv2D 5x5 relu``.
        shape: shape of the output, with the batch dimension, or of the weights.
        parameters: number of parameters, non-trainable ones included; 0 for a second call of the
            same layer.
        sources: indices in the list of nodes of those whose outputs it uses.
    """

    name: str
    kind: str
    shape: Shape
    parameters: int = 0
    sources: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class FreeWeights:
    """Weights that are used without calling a layer: ``owner`` is a weight, or their layer."""

    owner: Any
    name: str
    kind: str
    weights: list[Any]


def layer_graph(net: Any, inputs: Any = None) -> list[Node]:
    """Return the layers of a Keras model, subclassed ones included, in the order of their calls.

    Nested models are expanded to their layers; nested layers are not, so a block is one node. A
    layer that is called twice gives two nodes. One call of the model is traced, after building it
    if necessary.

    Args:
        net: a model or a layer.
        inputs: example inputs, arrays or ``tf.TensorSpec``; not needed if the model was built for
            an input shape.

    Returns:
        Nodes for the inputs, the layers and the outputs.

    Raises:
        InvalidArgument: if the input shape is unknown.

    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    >>> [(node.name, node.parameters) for node in layer_graph(model)]
    [('input', 0), ('dense', 10), ('output', 0)]
    """
    if inputs is not None:
        specs = tf.nest.map_structure(_spec, inputs)
        if not net.built:
            net(
                tf.nest.map_structure(lambda s: tf.zeros([n or 1 for n in s.shape], s.dtype), specs)
            )
        return _trace(net, specs)
    shapes = input_shapes(net)
    try:
        return _trace(net, _specs(shapes, tf.float32))
    except InvalidArgument:
        raise
    except (TypeError, ValueError):  # it takes token ids
        return _trace(net, _specs(shapes, tf.int32))


def _trace(net: Any, specs: Any) -> list[Node]:
    tracer = _Tracer(net)
    nodes = tracer.trace(specs)
    uncalled = tracer.uncalled()
    # If a layer's weights are used without calling it, trace again and track these weights.
    return _Tracer(net, uncalled).trace(specs) if uncalled else nodes


class _Tracer:
    """Records the calls of all layers of a network while TensorFlow traces it."""

    def __init__(self, net: Any, uncalled: dict[str, Any] | None = None) -> None:
        self.net = net
        self.nodes: list[Node] = []
        self.indices: dict[int, int] = {}  # index of the node of a layer or weight, by its id
        self.producers: dict[tuple[int, str], int] = {}  # index of the node of a tensor
        self.loops: dict[str, set[int]] = defaultdict(
            set
        )  # indices of nodes in a loop, by the name of its body
        self.layers = dict(leaf_layers(net))
        self.free_weights = dict(_free_weights(net, self.layers.values()))
        for name, layer in (uncalled or {}).items():
            free = FreeWeights(layer, name, kind_of(layer), layer.weights)
            self.free_weights.update((id(weight.value.handle), free) for weight in layer.weights)

    def trace(self, specs: Any) -> list[Node]:
        """Trace a call with inputs of these specs, and return the nodes."""

        def run(inputs: Any) -> Any:
            flat = tf.nest.flatten(inputs)
            for i, tensor in enumerate(flat):
                name = "input" if len(flat) == 1 else f"input {i}"
                self._set_producer(tensor, self._add(name, "", tensor.shape))
            with self._calls_recorded():
                outputs = self.net(inputs)
            flat = tf.nest.flatten(outputs)
            for i, tensor in enumerate(flat):
                name = "output" if len(flat) == 1 else f"output {i}"
                sources = self._sources([tensor])
                node = self.nodes[self._add(name, "", tensor.shape)]
                node.sources = sources
            return outputs

        tf.function(run, autograph=False).get_concrete_function(specs)
        for free in self.free_weights.values():
            self._add_weights(free)
        return self.nodes

    def uncalled(self) -> dict[str, Any]:
        """Return the layers that have weights and were not called, by name."""
        called = self.indices
        return {
            n: layer
            for n, layer in self.layers.items()
            if layer.weights and id(layer) not in called
        }

    @contextmanager
    def _calls_recorded(self) -> Iterator[None]:
        for name, layer in self.layers.items():
            object.__setattr__(layer, "call", self._recorded(name, layer))
        try:
            yield
        finally:
            for layer in self.layers.values():
                object.__delattr__(layer, "call")

    def _recorded(self, name: str, layer: Any) -> Callable[..., Any]:
        call = layer.call

        def recorded(*arguments: Any, **keywords: Any) -> Any:
            sources = self._sources(tf.nest.flatten((arguments, keywords)))
            # Dropout may return its input; the output needs a tensor of its own.
            outputs = tf.nest.map_structure(
                lambda t: tf.identity(t) if tf.is_tensor(t) else t, call(*arguments, **keywords)
            )
            tensors = [t for t in tf.nest.flatten(outputs) if tf.is_tensor(t)]
            called_before = id(layer) in self.indices
            index = self._add(
                name, kind_of(layer), tensors[0].shape, () if called_before else layer.weights
            )
            self.indices[id(layer)] = index
            self.nodes[index].sources = sources
            for tensor in tensors:
                self._set_producer(tensor, index)
            return outputs

        return recorded

    def _add(self, name: str, kind: str, shape: Any, weights: Iterable[Any] = ()) -> int:
        size = sum(math.prod(weight.shape) for weight in weights)
        self.nodes.append(Node(name, kind, tuple(shape), size))
        return len(self.nodes) - 1

    def _set_producer(self, tensor: Any, index: int) -> None:
        self.loops[tensor.graph.name].add(index)
        self.producers[_key(tensor)] = index

    def _sources(self, tensors: list[Any]) -> set[int]:
        """Return the indices of the nodes that ``tensors`` depend on directly."""
        found: set[int] = set()
        seen: set[tuple[int, str]] = set()
        stack = [tensor for tensor in tensors if tf.is_tensor(tensor)]
        while stack:
            tensor = stack.pop()
            operation, inputs = tensor.op, []
            if _key(tensor) in self.producers:
                found.add(self.producers[_key(tensor)])
            elif operation.type == "Placeholder":  # captured from outside the graph
                for outside, inside in tensor.graph.captures:
                    if inside is tensor and id(outside) in self.free_weights:
                        found.add(self._add_weights(self.free_weights[id(outside)]))
                    elif inside is tensor and hasattr(outside, "op"):
                        inputs.append(outside)
            elif operation.type in LOOPS and operation.get_attr("body").name in self.loops:
                found |= self._enter_loop(self.loops[operation.get_attr("body").name], operation)
            elif tensor.dtype != tf.bool and operation.type not in VALUE_INDEPENDENT:
                inputs = operation.inputs
            stack += [t for t in inputs if _key(t) not in seen]
            seen.update(map(_key, inputs))
        return found

    def _enter_loop(self, inside: set[int], loop: Any) -> set[int]:
        """Connect a loop's inputs to the first nodes inside, and return the last nodes inside."""
        used = {source for index in inside for source in self.nodes[index].sources}
        entering = self._sources(list(loop.inputs)) - used - inside
        for index in inside:
            if not self.nodes[index].sources & inside:
                self.nodes[index].sources |= {source for source in entering if source < index}
        return inside - used

    def _add_weights(self, free: FreeWeights) -> int:
        key = id(free.owner)
        if key not in self.indices:
            self.indices[key] = self._add(free.name, free.kind, free.weights[0].shape, free.weights)
        return self.indices[key]


def _free_weights(net: Any, leaves: Iterable[Any]) -> Iterator[tuple[int, FreeWeights]]:
    """Yield the weights of models that belong to no layer, by the id of their variable handle."""
    in_layers = {id(weight) for leaf in leaves for weight in leaf.weights}
    for weight in net.weights:
        if id(weight) not in in_layers:
            name = weight.path.partition("/")[2] or weight.path
            yield id(weight.value.handle), FreeWeights(weight, name, "weights", [weight])


def _key(tensor: Any) -> tuple[int, str]:
    return id(tensor.graph), tensor.name


def _spec(example: Any) -> Any:
    if isinstance(example, tf.TensorSpec):
        return example
    tensor = tf.convert_to_tensor(example)
    return tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)


def _specs(shapes: Any, dtype: Any) -> Any:
    if all(size is None or isinstance(size, int) for size in shapes):
        return tf.TensorSpec(tuple(shapes), dtype)
    return tuple(_specs(shape, dtype) for shape in shapes)
