"""Exported files, run in their target runtime on one thread."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.deploy.packages import check_packages
from agentlab.deploy.signature import TensorInfo, Tensors
from agentlab.errors import AgentlabError
from agentlab.lazy import tf

NUMPY = {  # names of ONNX's types of tensors
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(string)": "string",
    **{f"tensor({name})": name for name in ("bool", "uint8", "int8", "int32", "int64")},
}


class Exported(ABC):
    """An exported file in its runtime; call it with arrays by name.

    Attributes:
        format: ``litert``, ``onnx`` or ``savedmodel``.
        inputs, outputs: its tensors.
    """

    format: str
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]

    @abstractmethod
    def __call__(self, inputs: Mapping[str, Any]) -> Tensors:
        """Return the outputs for inputs by name, ``[n, ...]`` each."""


class LiteRT(Exported):
    """A ``.tflite`` file in LiteRT's interpreter, with its built-in operations only."""

    format = "litert"

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner()
        self.inputs = [self._info(n, d) for n, d in self._run.get_input_details().items()]
        self.outputs = [self._info(n, d) for n, d in self._run.get_output_details().items()]

    def _info(self, name: str, details: Mapping[str, Any]) -> TensorInfo:
        shape = tuple(None if size < 0 else int(size) for size in details["shape_signature"])
        return TensorInfo(name, np.dtype(details["dtype"]).name, shape)

    def __call__(self, inputs: Mapping[str, Any]) -> Tensors:
        return {name: np.array(value) for name, value in self._run(**inputs).items()}


class ONNX(Exported):
    """A ``.onnx`` file in ONNX Runtime, on the CPU."""

    format = "onnx"

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [self._info(each) for each in self._session.get_inputs()]
        self.outputs = [self._info(each) for each in self._session.get_outputs()]

    def _info(self, argument: Any) -> TensorInfo:
        shape = tuple(size if isinstance(size, int) else None for size in argument.shape)
        return TensorInfo(argument.name, NUMPY.get(argument.type, argument.type), shape)

    def __call__(self, inputs: Mapping[str, Any]) -> Tensors:
        outputs = self._session.run(None, dict(inputs))
        return {info.name: value for info, value in zip(self.outputs, outputs, strict=True)}


class SavedModel(Exported):
    """A SavedModel folder in TensorFlow."""

    format = "savedmodel"

    def __init__(self, path: Path) -> None:
        self._loaded = tf.saved_model.load(str(path))  # keeps the variables alive
        self._run = self._loaded.signatures["serving_default"]
        specs = self._run.structured_input_signature[1]
        self.inputs = [self._info(name, spec) for name, spec in specs.items()]
        self.outputs = [self._info(n, spec) for n, spec in self._run.structured_outputs.items()]

    def _info(self, name: str, spec: Any) -> TensorInfo:
        return TensorInfo(name, spec.dtype.name, tuple(spec.shape))

    def __call__(self, inputs: Mapping[str, Any]) -> Tensors:
        outputs = self._run(**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}


def open_file(path: Path | str) -> Exported:
    """Open an exported file in its target runtime.

    Args:
        path: a ``.tflite`` or ``.onnx`` file, or the folder of a SavedModel.

    Raises:
        AgentlabError: for a missing package, or a file that the runtime does not read.
    """
    path = Path(path)
    if not path.exists():
        raise AgentlabError(f"{path} does not exist")
    kinds: dict[str, tuple[str, type[Any]]] = {
        ".tflite": ("litert", LiteRT),
        ".onnx": ("onnx", ONNX),
    }
    format, runtime = kinds.get(path.suffix.lower(), ("savedmodel", SavedModel))
    if format == "savedmodel" and not (path / "saved_model.pb").is_file():
        raise AgentlabError(
            f"{path} must be a .tflite or .onnx file, or the folder of a SavedModel"
        )
    check_packages(format)
    try:
        opened: Exported = runtime(path)
    except Exception as error:  # runtimes raise any exception
        what = " ".join(str(error).split())[:300]
        raise AgentlabError(f"{path} is not readable by {format}: {what}") from error
    return opened
