"""The signature of an exported network: named tensors in, named tensors out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentlab.data.column_tensors import signature_names
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import LazyModule, keras, tf

net_layers: Any = LazyModule("agentlab.nets.layers")
recurrence: Any = LazyModule("agentlab.nets.recurrence")
Shape = tuple[int | None, ...]
Tensors = dict[str, Any]  # arrays by name, ``[n, ...]`` each


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: its name, its dtype as in NumPy and its shape; ``None`` is any size."""

    name: str
    dtype: str
    shape: Shape

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether an array of this ``shape`` is a value of the tensor."""
        return len(shape) == len(self.shape) and all(
            size in (None, found) for size, found in zip(self.shape, shape, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Traced:
    """A network as one TensorFlow function of named tensors.

    Attributes:
        inputs, outputs: its tensors, in the order of the function's arguments.
        module: a bare ``tf.Module``, whose attribute ``serve`` is the concrete function.
        preprocessed: whether the inputs are a network's, since the raw ones are texts.
        parameters: number of weights, non-trainable ones included.
    """

    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    module: Any
    preprocessed: bool
    parameters: int

    def __call__(self, inputs: Mapping[str, Any]) -> Tensors:
        """Return the outputs for inputs by name."""
        outputs = self.module.serve(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    @property
    def state(self) -> dict[str, str]:
        """The recurrent state: the output that is the next value of an input, by input."""
        outputs = {info.name for info in self.outputs}
        return {
            info.name: f"next_{info.name}" for info in self.inputs if f"next_{info.name}" in outputs
        }


@contextmanager
def in_float32(model: Any) -> Iterator[None]:
    """Compute the layers of a mixed-precision model in the dtype of their weights."""
    every = [model, *net_layers.nested_layers(model)]
    mixed = [layer for layer in every if layer.compute_dtype != layer.variable_dtype]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = layer.variable_dtype
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def trace(
    model: Any, time_steps: int | None = None, texts: bool = True, float32: bool = True
) -> Traced:
    """Trace an inference model for export.

    Args:
        model: a Keras model, see ``Learner.inference_model``.
        time_steps: the size of axes that could have any; ``None`` leaves them open, which recurrent
            networks do not support.
        texts: whether the format supports inputs that are texts. If not, the function starts after
            the preprocessing of texts.
        float32: whether mixed-precision layers compute in float32, because ONNX Runtime and LiteRT
            do not support bfloat16 convolutions.

    Raises:
        AgentlabError: for a recurrent network without a fixed number of time steps.
        InvalidArgument: if ``time_steps`` is given for a model without an open axis.
    """
    preprocessed = not texts and any(each.dtype == "string" for each in model.inputs)
    if preprocessed:
        model = _after_preprocessing(model)
    infos = _inputs(model, time_steps)
    specs = {i.name: tf.TensorSpec(i.shape, i.dtype, name=i.name) for i in infos}
    names = list(specs)

    def serve(**tensors: Any) -> dict[str, Any]:
        given = keras.tree.pack_sequence_as(model.input, [tensors[name] for name in names])
        outputs = model(given, training=False)
        # An output must not have the name of an input, in ONNX at least.
        return {f"next_{n}" if n in names else n: tf.identity(v) for n, v in outputs.items()}

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]
    lookups = [each for each in model.layers if isinstance(each, keras.layers.StringLookup)]
    module.tables = [layer.lookup_table for layer in lookups]
    try:
        with recurrence.unrolled(), in_float32(model) if float32 else nullcontext():
            module.serve = tf.function(serve, autograph=False).get_concrete_function(**specs)
    except AgentlabError as error:
        if recurrence.NOT_FIXED not in str(error):  # Keras adds text of its own
            raise
        what = f"{recurrence.NOT_FIXED}; pass time_steps, such as --time-steps 100"
        raise AgentlabError(what) from None
    outputs = [
        TensorInfo(name, value.dtype.name, tuple(value.shape))
        for name, value in module.serve.structured_outputs.items()
    ]
    parameters = sum(int(np.prod(weight.shape)) for weight in model.weights)
    return Traced(infos, outputs, module, preprocessed, parameters)


def _inputs(model: Any, time_steps: int | None) -> list[TensorInfo]:
    """Return the inputs of a model, with valid names and fixed time steps."""
    safe = signature_names([each.name for each in model.inputs])
    infos = []
    for each in model.inputs:
        shape = tuple(time_steps if size is None else size for size in each.shape[1:])
        infos.append(TensorInfo(safe[each.name], each.dtype, (None, *shape)))
    is_open = any(None in each.shape[1:] for each in model.inputs)
    if time_steps is not None and not is_open:
        raise InvalidArgument(
            f"time_steps={time_steps} has no effect: all axes of the inputs have fixed sizes, "
            f"{shapes_text(infos)}"
        )
    return infos


def shapes_text(infos: Sequence[TensorInfo]) -> str:
    """Return names and shapes, such as ``x [n, 28, 28]``."""
    return ", ".join(
        f"{i.name} [{', '.join(['n', *('any' if s is None else str(s) for s in i.shape[1:])])}]"
        for i in infos
    )


def _after_preprocessing(model: Any) -> Any:
    """Return the part of a model after its preprocessing and the lookup of ids."""
    from agentlab.data.preprocessing_layer import Preprocessing

    kinds = (Preprocessing, keras.layers.StringLookup)
    layers = [layer for layer in model.layers if isinstance(layer, kinds)]
    output = layers[-1].output if layers else None
    if output is None or output.dtype == "string":
        raise AgentlabError("the network takes strings, which only the format savedmodel supports")
    part = keras.Model(output, model.output)
    ids = str(output.dtype).startswith("int")
    inputs = keras.Input(output.shape[1:], dtype="int32" if ids else output.dtype, name="inputs")
    return keras.Model(inputs, part(keras.ops.cast(inputs, output.dtype)))
