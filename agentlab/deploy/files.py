"""Writing a traced network to a file: SavedModel, LiteRT or ONNX."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from agentlab.deploy.child import run_child
from agentlab.deploy.packages import check_packages
from agentlab.deploy.signature import Tensors, Traced
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf
from agentlab.runs.files import replacing, replacing_folder

Format = Literal["litert", "onnx", "savedmodel"]
Quantize = Literal["none", "fp16", "dynamic", "int8", "16x8"]
CALIBRATED = ("int8", "16x8")  # quantize activations too, in ranges that examples determine
FORMATS: dict[str, str] = {"litert": ".tflite", "onnx": ".onnx", "savedmodel": ""}
EXAMPLES = "examples.npz"  # calibration inputs, beside the SavedModel to convert
OPSET = 18  # of ONNX; ONNX Runtime 1.14 and later read it


def check_format(format: str, quantize: str) -> None:
    """Raise ``AgentlabError`` for an unknown format, or a quantization that it does not support."""
    if format not in FORMATS:
        raise InvalidArgument(f"format={format!r} must be one of {', '.join(FORMATS)}")
    if quantize not in get_args(Quantize):
        raise InvalidArgument(
            f"quantize={quantize!r} must be one of {', '.join(get_args(Quantize))}"
        )
    if quantize != "none" and format != "litert":
        raise InvalidArgument(
            f"quantize={quantize!r} needs format='litert'; {format} keeps float32 weights"
        )
    check_packages(format)


def write_file(
    traced: Traced,
    path: Path,
    format: str = "litert",
    quantize: str = "none",
    isolated: bool = True,
    examples: Tensors | None = None,
) -> None:
    """Write a traced network to a file, or to a folder for a SavedModel.

    Args:
        traced: the network.
        path: the file or folder; replaced if it exists.
        format: ``litert``, ``onnx`` or ``savedmodel``.
        quantize: ``none``; or for LiteRT, ``fp16`` (16-bit weights), ``dynamic`` (8-bit weights,
            activations quantized at run time), ``int8`` (8-bit weights and activations) or
            ``16x8`` (8-bit weights, 16-bit activations).
        isolated: convert in a process of its own, since a converter may crash.
        examples: calibration inputs ``[n, ...]`` by name, from which ``int8`` and ``16x8``
            determine the ranges of activations.

    Raises:
        AgentlabError: for a network that cannot be converted, or a missing package.
    """
    check_format(format, quantize)
    if (quantize in CALIBRATED) != (examples is not None):
        raise InvalidArgument(f"examples must be given for {' and '.join(CALIBRATED)} only")
    if format == "savedmodel":
        with replacing_folder(path) as folder:
            tf.saved_model.save(traced.module, str(folder), signatures=traced.module.serve)
        return
    with tempfile.TemporaryDirectory() as folder, replacing(path) as part:
        tf.saved_model.save(traced.module, folder, signatures=traced.module.serve)
        if examples is not None:
            np.savez(Path(folder, EXAMPLES), **examples)
        if isolated:
            run_child(
                [sys.executable, "-m", __name__, folder, str(part), format, quantize],
                f"the network cannot be converted to {format}",
            )
        else:
            convert(folder, str(part), format, quantize)


def convert(folder: str, out: str, format: str, quantize: str) -> None:
    """Convert a SavedModel to LiteRT or ONNX.

    Args:
        folder: the SavedModel, with ``EXAMPLES`` if the quantization needs them.
        out: the file to write.
        format: ``litert`` or ``onnx``.
        quantize: as ``write_file``.

    Raises:
        AgentlabError: if the converter cannot.
    """
    try:
        (_to_litert if format == "litert" else _to_onnx)(folder, out, quantize)
    except Exception as error:  # converters raise any exception
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = next((line for line in lines if "error:" in line), lines[0] if lines else "")
        raise AgentlabError(
            f"the network cannot be converted to {format}: {type(error).__name__}: {what[:300]}"
        ) from error


def _to_litert(folder: str, out: str, quantize: str) -> None:
    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    # With other operations, a file could be written that phones cannot run.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if quantize in CALIBRATED:
        with np.load(Path(folder, EXAMPLES)) as stored:
            examples = {name: stored[name] for name in stored.files}
        n = len(next(iter(examples.values())))
        converter.representative_dataset = lambda: (
            {name: value[i : i + 1] for name, value in examples.items()} for i in range(n)
        )
    if quantize == "16x8":
        converter.target_spec.supported_ops.insert(
            0, tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        )
    Path(out).write_bytes(converter.convert())


def _to_onnx(folder: str, out: str, quantize: str) -> None:
    import onnx
    import tf2onnx

    loaded = tf.saved_model.load(folder)
    served = loaded.signatures["serving_default"]
    specs = served.structured_input_signature[1]
    names = list(specs)
    outputs = list(served.structured_outputs)

    def ordered(*tensors: Any) -> list[Any]:
        result = served(**dict(zip(names, tensors, strict=True)))
        return [tf.identity(result[name]) for name in outputs]

    function = tf.function(ordered, autograph=False)
    signature = [tf.TensorSpec(specs[n].shape, specs[n].dtype, name=n) for n in names]
    model, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    _rename(model.graph, names, outputs)
    onnx.checker.check_model(model)
    Path(out).write_bytes(model.SerializeToString())


def _rename(graph: Any, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the inputs and outputs of an ONNX graph their names, in their order."""
    new = {}
    for infos, names in ((graph.input, inputs), (graph.output, outputs)):
        if len(infos) != len(names):
            raise AgentlabError(f"the converter kept {len(infos)} of {len(names)} tensors")
        for info, name in zip(infos, names, strict=True):
            new[info.name] = name
            info.name = name
    for node in graph.node:
        for values in (node.input, node.output):
            for i, value in enumerate(values):
                values[i] = new.get(value, value)


def _main(arguments: Sequence[str]) -> int:
    """Convert in a separate process, with the arguments of ``convert``."""
    try:
        convert(*arguments)
    except AgentlabError as error:
        print(error, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
