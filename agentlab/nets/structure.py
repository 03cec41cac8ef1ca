"""What a net consists of and what flows where, found by tracing one call of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from agentlab.errors import AgentlabError

Shape = tuple[int | None, ...]

LOOPS = {"While", "StatelessWhile"}
# What of a tensor these use is no part of what flows.
BLIND = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}


@dataclass
class Node:
    """A layer of a net, or one of its inputs and outputs, or weights that belong to no layer.

    Attributes:
        name: within the net, ``model/layer``.
        kind: what it is, ``Conv2D 5x5 relu``.
        shape: of its output with the batch first, or of weights that no call of a layer uses.
        parameters: numbers that it holds, frozen ones and moving averages included; none where an
            earlier node is a call of the same layer.
        sources: positions of the nodes whose outputs it uses, in the list that it is in.
    """

    name: str
    kind: str
    shape: Shape
    parameters: int = 0
    sources: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Loose:
    """Weights that are used without the call of a layer: ``owner`` is a weight, or their layer."""

    owner: Any
    name: str
    kind: str
    weights: list[Any]


def structure(net: Any, inputs: Any = None) -> list[Node]:
    """List the parts of a Keras model, subclassed ones too, in the order in which they are called.

    Models within models are taken apart, layers within layers are not: a block is one node. A layer
    that is called again is another node. One call is traced; a net not yet built is built first.

    Args:
        net: a model, or a layer.
        inputs: an example of its inputs, arrays or ``tf.TensorSpec``; not needed where the net was
            built for a shape.

    Returns:
        The inputs, the layers and the outputs.

    Raises:
        AgentlabError: where the inputs' shape is unknown.
    """
    if inputs is not None:
        specs = tf.nest.map_structure(_spec, inputs)
        if not net.built:
            net(
                tf.nest.map_structure(lambda s: tf.zeros([n or 1 for n in s.shape], s.dtype), specs)
            )
        return _trace(net, specs)
    shapes = _known_shapes(net)
    try:
        return _trace(net, _specs(shapes, tf.float32))
    except (TypeError, ValueError):  # it takes ids
        return _trace(net, _specs(shapes, tf.int32))


def _trace(net: Any, specs: Any) -> list[Node]:
    tracer = _Tracer(net)
    nodes = tracer.trace(specs)
    uncalled = tracer.uncalled()
    # Layers of which a net uses the weights without a call are followed by their weights.
    return _Tracer(net, uncalled).trace(specs) if uncalled else nodes


class _Tracer:
    """Watches the calls of all layers of a net while TensorFlow traces it."""

    def __init__(self, net: Any, uncalled: dict[str, Any] | None = None) -> None:
        self.net = net
        self.nodes: list[Node] = []
        self.places: dict[int, int] = {}  # position of a layer or weight, by its id
        self.owners: dict[tuple[int, str], int] = {}  # position of what made a tensor
        self.loops: dict[str, set[int]] = defaultdict(set)  # positions within, by the body's name
        self.layers = dict(_leaves(net, ""))
        self.loose = dict(_loose_weights(net, self.layers.values()))
        for name, layer in (uncalled or {}).items():
            part = Loose(layer, name, kind_of(layer), layer.weights)
            self.loose.update((id(weight.value.handle), part) for weight in layer.weights)

    def trace(self, specs: Any) -> list[Node]:
        def run(inputs: Any) -> Any:
            flat = tf.nest.flatten(inputs)
            for i, tensor in enumerate(flat):
                name = "input" if len(flat) == 1 else f"input {i}"
                self._own(tensor, self._add(name, "", tensor.shape))
            with self._watched():
                outputs = self.net(inputs)
            flat = tf.nest.flatten(outputs)
            for i, tensor in enumerate(flat):
                name = "output" if len(flat) == 1 else f"output {i}"
                sources = self._sources([tensor])
                node = self.nodes[self._add(name, "", tensor.shape)]
                node.sources = sources
            return outputs

        tf.function(run, autograph=False).get_concrete_function(specs)
        for part in self.loose.values():
            self._place(part)
        return self.nodes

    def uncalled(self) -> dict[str, Any]:
        """Return the layers with weights that were not called, by name."""
        called = self.places
        return {
            n: layer
            for n, layer in self.layers.items()
            if layer.weights and id(layer) not in called
        }

    @contextmanager
    def _watched(self) -> Iterator[None]:
        for name, layer in self.layers.items():
            object.__setattr__(layer, "call", self._watching(name, layer))
        try:
            yield
        finally:
            for layer in self.layers.values():
                object.__delattr__(layer, "call")

    def _watching(self, name: str, layer: Any) -> Callable[..., Any]:
        call = layer.call

        def watching(*arguments: Any, **keywords: Any) -> Any:
            sources = self._sources(tf.nest.flatten((arguments, keywords)))
            # Dropout passes its inputs on: what comes out must be told from what went in.
            outputs = tf.nest.map_structure(
                lambda t: tf.identity(t) if tf.is_tensor(t) else t, call(*arguments, **keywords)
            )
            tensors = [t for t in tf.nest.flatten(outputs) if tf.is_tensor(t)]
            again = id(layer) in self.places
            place = self._add(
                name, kind_of(layer), tensors[0].shape, () if again else layer.weights
            )
            self.places[id(layer)] = place
            self.nodes[place].sources = sources
            for tensor in tensors:
                self._own(tensor, place)
            return outputs

        return watching

    def _add(self, name: str, kind: str, shape: Any, weights: Iterable[Any] = ()) -> int:
        size = sum(math.prod(weight.shape) for weight in weights)
        self.nodes.append(Node(name, kind, tuple(shape), size))
        return len(self.nodes) - 1

    def _own(self, tensor: Any, place: int) -> None:
        self.loops[tensor.graph.name].add(place)
        self.owners[_key(tensor)] = place

    def _sources(self, tensors: list[Any]) -> set[int]:
        """Return what made ``tensors``, followed back through all operations in between."""
        found: set[int] = set()
        seen: set[tuple[int, str]] = set()
        stack = [tensor for tensor in tensors if tf.is_tensor(tensor)]
        while stack:
            tensor = stack.pop()
            operation, before = tensor.op, []
            if _key(tensor) in self.owners:
                found.add(self.owners[_key(tensor)])
            elif operation.type == "Placeholder":  # of something outside
                for outside, inside in tensor.graph.captures:
                    if inside is tensor and id(outside) in self.loose:
                        found.add(self._place(self.loose[id(outside)]))
                    elif inside is tensor and hasattr(outside, "op"):
                        before.append(outside)
            elif operation.type in LOOPS and operation.get_attr("body").name in self.loops:
                found |= self._through(self.loops[operation.get_attr("body").name], operation)
            elif tensor.dtype != tf.bool and operation.type not in BLIND:
                before = operation.inputs
            stack += [t for t in before if _key(t) not in seen]
            seen.update(map(_key, before))
        return found

    def _through(self, inside: set[int], loop: Any) -> set[int]:
        """Lead what goes into a loop to the first nodes inside, and return the last of them."""
        used = {source for place in inside for source in self.nodes[place].sources}
        entering = self._sources(list(loop.inputs)) - used - inside
        for place in inside:
            if not self.nodes[place].sources & inside:
                self.nodes[place].sources |= {source for source in entering if source < place}
        return inside - used

    def _place(self, part: Loose) -> int:
        key = id(part.owner)
        if key not in self.places:
            self.places[key] = self._add(part.name, part.kind, part.weights[0].shape, part.weights)
        return self.places[key]


def _leaves(layer: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the layers of a model and of the models in it, by name; a lone layer as itself."""
    parts = layer._flatten_layers(include_self=False, recursive=False)
    parts = [part for part in parts if not isinstance(part, keras.layers.InputLayer)]
    if not parts and not prefix:
        yield layer.name, layer
    for part in parts:
        if isinstance(part, keras.Model):
            yield from _leaves(part, f"{prefix}{part.name}/")
        else:
            yield prefix + part.name, part


def _loose_weights(net: Any, leaves: Iterable[Any]) -> Iterator[tuple[int, Loose]]:
    """Yield the weights that belong to models themselves, by the id of what graphs know them by."""
    held = {id(weight) for leaf in leaves for weight in leaf.weights}
    for weight in net.weights:
        if id(weight) not in held:
            name = weight.path.partition("/")[2] or weight.path
            yield id(weight.value.handle), Loose(weight, name, "weights", [weight])


def kind_of(layer: Any) -> str:
    """Say what a layer is: its class and the arguments that matter most."""
    words = [type(layer).__name__]
    for attribute in ("kernel_size", "pool_size"):
        size = getattr(layer, attribute, None)
        if size:
            words.append("x".join(map(str, size if isinstance(size, tuple) else (size,))))
    strides = getattr(layer, "strides", (1,))
    if not hasattr(layer, "pool_size") and set(strides if strides else ()) - {1}:
        words.append(f"/{strides[0]}")
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    if activation != "linear":
        words.append(activation)
    if isinstance(layer, keras.layers.Dropout):
        words.append(f"{layer.rate:g}")
    return " ".join(words)


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


def _known_shapes(net: Any) -> Any:
    """Return the shape, or tuple of shapes, that a net or else a model in it was built for."""
    models = [net, *(layer for layer in net._flatten_layers() if isinstance(layer, keras.Model))]
    for model in models:
        if getattr(model, "inputs", None):
            shapes = tuple(tuple(tensor.shape) for tensor in model.inputs)
            return shapes[0] if len(shapes) == 1 else shapes
        built = model.get_build_config()
        if built and "input_shape" in built:
            return built["input_shape"]
    raise AgentlabError(
        f"the inputs of the net {net.name!r} are unknown: call it once, or give an example of them"
    )
