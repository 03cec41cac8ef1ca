"""The operations of a network or an exported file: how many of each kind, and their FLOPs."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentlab.deploy.packages import check_packages
from agentlab.errors import AgentlabError
from agentlab.lazy import LazyModule, keras, tf

recurrence: Any = LazyModule("agentlab.nets.recurrence")
BOOKKEEPING = {"Placeholder", "Const", "ReadVariableOp", "Identity", "NoOp"}


@dataclass
class Operations:
    """The operations of a network.

    FLOPs are those of matrix products and convolutions for one example, two for each
    multiplication with its addition.

    Attributes:
        parameters: number of weights and other constants.
        counts: number of operations by kind.
        flops: FLOPs by kind.
    """

    parameters: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    flops: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, flops: int = 0) -> None:
        """Add one operation."""
        self.counts[kind] += 1
        self.flops[kind] += flops


def model_operations(model: Any) -> Operations:
    """Return the operations of a Keras model, called with one example.

    Axes of any size count as one step.
    """
    specs = [tf.TensorSpec([size or 1 for size in i.shape], i.dtype) for i in model.inputs]
    found = Operations(sum(math.prod(weight.shape) for weight in model.weights))

    def call(*tensors: Any) -> Any:
        given = keras.tree.pack_sequence_as(model.input, list(tensors))
        return model(given, training=False)

    with recurrence.unrolled():
        graph = tf.function(call, autograph=False).get_concrete_function(*specs).graph
    for op in graph.get_operations():
        if op.type not in BOOKKEEPING:
            found.add(op.type, _flops(op))
    return found


def _flops(op: Any) -> int:
    """Return the FLOPs of an operation of TensorFlow; 0 if it is no product or of unknown shape."""
    shapes = [each.shape.as_list() if each.shape.rank is not None else [] for each in op.inputs]
    made = op.outputs[0].shape.as_list() if op.outputs and op.outputs[0].shape.rank else [None]
    if None in made:
        return 0
    if op.type in ("Conv2D", "DepthwiseConv2dNative"):
        kernel = shapes[1][:3] if op.type == "Conv2D" else shapes[1][:2]
        return int(2 * math.prod(made) * math.prod(kernel))
    if op.type == "Conv2DBackpropInput":  # a transposed convolution
        return int(2 * math.prod(shapes[2]) * math.prod(shapes[1][:3]))
    if op.type in ("MatMul", "BatchMatMulV2"):
        turned = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
        return int(2 * math.prod(made) * shapes[0][-2 if turned else -1])
    if op.type == "Einsum":
        labels = op.get_attr("equation").decode().split("->")[0].split(",")
        sizes = {
            n: s
            for term, shape in zip(labels, shapes, strict=True)
            for n, s in zip(term, shape, strict=True)
        }
        return int(2 * math.prod(sizes.values())) if None not in sizes.values() else 0
    return 0


def file_operations(path: Path | str) -> Operations:
    """Return the operations of a ``.tflite`` or ``.onnx`` file.

    Raises:
        AgentlabError: for another or a damaged file, or a missing package.
    """
    path = Path(path)
    formats = {".tflite": ("litert", _of_litert), ".onnx": ("onnx", _of_onnx)}
    if path.suffix.lower() not in formats:
        raise AgentlabError(f"{path} must be a .keras, .tflite or .onnx file")
    format, read = formats[path.suffix.lower()]
    check_packages(format)
    try:
        return read(path)
    except Exception as error:  # a damaged file can raise anything
        raise AgentlabError(f"{path} is not readable by {format}: {error!r:.200}") from error


def _of_litert(path: Path) -> Operations:
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(bytearray(path.read_bytes()), 0))
    found = Operations()
    for graph in model.subgraphs:
        shapes = [[max(1, int(n)) for n in _list(tensor.shape)] for tensor in graph.tensors]
        used = {int(i) for op in graph.operators for i in _list(op.inputs) if i >= 0}
        found.parameters += sum(
            math.prod(shapes[i])
            for i in used
            if model.buffers[graph.tensors[i].buffer].data is not None
        )
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex]
            kind = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            given = [shapes[i] for i in _list(op.inputs) if i >= 0]
            made = shapes[op.outputs[0]]
            flops = 0
            if kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
                # [out, height, width, in], or [1, height, width, out]
                kernel = given[1][1:] if kind == "CONV_2D" else given[1][1:3]
                flops = 2 * math.prod(made) * math.prod(kernel)
            elif kind in ("FULLY_CONNECTED", "BATCH_MATMUL"):
                flops = 2 * math.prod(made) * given[0][-1]
            elif kind == "TRANSPOSE_CONV":
                flops = 2 * math.prod(given[2]) * math.prod(given[1][:3])
            found.add(kind, flops)
    return found


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _of_onnx(path: Path) -> Operations:
    import onnx

    model = onnx.load(str(path))
    for each in [*model.graph.input, *model.graph.output]:
        for size in each.type.tensor_type.shape.dim[:1]:
            size.dim_value = 1  # one example
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {each.name: list(each.dims) for each in graph.initializer}
    found = Operations(sum(math.prod(shape) for shape in shapes.values()))
    for each in [*graph.input, *graph.output, *graph.value_info]:
        shapes[each.name] = [max(1, d.dim_value) for d in each.type.tensor_type.shape.dim]
    for node in graph.node:
        given = [shapes.get(name, []) for name in node.input]
        made = math.prod(shapes.get(node.output[0], [0]))
        flops = 0
        if node.op_type == "Conv":
            flops = 2 * made * math.prod(given[1][1:])
        elif node.op_type in ("MatMul", "Gemm") and len(given[1]) > 1:
            turned = any(a.name == "transB" and a.i for a in node.attribute)
            flops = 2 * made * given[1][-1 if turned else -2]  # the shape of weights is known
        elif node.op_type == "ConvTranspose":
            flops = 2 * math.prod(given[0]) * math.prod(given[1][1:])
        found.add(node.op_type, flops)
    return found
