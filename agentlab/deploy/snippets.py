"""Short programs in Python, Kotlin and Swift that run an exported file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agentlab.deploy.signature import TensorInfo, shapes_text

BYTES = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "int8": 1, "uint8": 1, "bool": 1}
SWIFT = {
    "float32": "Float32",
    "float64": "Float64",
    "int32": "Int32",
    "int64": "Int64",
    "int8": "Int8",
    "uint8": "UInt8",
    "bool": "Bool",
}

SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Described:
    """The description of an exported file that the programs need.

    Attributes:
        file: its name.
        format: ``litert``, ``onnx`` or ``savedmodel``.
        inputs, outputs: its tensors.
        state: the output that is the next value of an input, by input; empty without memory.
    """

    file: str
    format: str
    inputs: list[TensorInfo]
    outputs: list[TensorInfo]
    state: Mapping[str, str]


def snippets(file: Described) -> dict[str, str]:
    """Return programs by file name; those for phones exist only for LiteRT."""
    programs = {"example.py": _python(file)}
    if file.format == "litert":
        programs |= {"Example.kt": _kotlin(file), "Example.swift": _swift(file)}
    return programs


def _shape(info: TensorInfo) -> list[int]:
    """Return a shape for one example."""
    return [1 if size is None else size for size in info.shape]


def _count(info: TensorInfo) -> int:
    return math.prod(_shape(info))


def _about(file: Described, comment: str) -> str:
    lines = [f"Runs {file.file}: {shapes_text(file.inputs)} -> {shapes_text(file.outputs)}."]
    if file.state:
        lines.append(
            "The state is zeros when an episode starts; pass the new one to the next call."
        )
    return "\n".join(f"{comment} {line}" for line in lines)


def _python(file: Described) -> str:
    opened = {
        "litert": (
            "ai-edge-litert",
            "from ai_edge_litert.interpreter import Interpreter\n",
            f'interpreter = Interpreter(folder + "{file.file}", num_threads=1)\n'
            "run = interpreter.get_signature_runner()\n",
            "run(**inputs)",
        ),
        "onnx": (
            "onnxruntime",
            "import onnxruntime\n",
            f'session = onnxruntime.InferenceSession(folder + "{file.file}")\n'
            f"names = {[info.name for info in file.outputs]!r}\n",
            "dict(zip(names, session.run(names, inputs)))",
        ),
        "savedmodel": (
            "tensorflow",
            "import tensorflow as tf\n",
            f'loaded = tf.saved_model.load(folder + "{file.file}")\n'
            'run = loaded.signatures["serving_default"]\n',
            "run(**{name: tf.constant(value) for name, value in inputs.items()})",
        ),
    }
    package, imported, prepared, call = opened[file.format]
    inputs = "".join(
        f'    "{i.name}": np.zeros({_shape(i)}, "{i.dtype}"),\n'
        if i.dtype != "string"
        else f'    "{i.name}": np.full({_shape(i)}, ""),\n'
        for i in file.inputs
    )
    after = "".join(
        f'inputs["{name}"] = outputs["{new}"]  # the recurrent state, for the next call\n'
        for name, new in file.state.items()
    )
    return (
        f"{_about(file, '#')}\n# It needs: pip install {package} numpy\n"
        f"import os\n\nimport numpy as np\n{imported}\n"
        "folder = os.path.dirname(os.path.abspath(__file__)) + os.sep\n"
        f"{prepared}inputs = {{\n{inputs}}}\noutputs = {call}\n{after}"
        "for name, value in outputs.items():\n    print(name, np.asarray(value))\n"
    )


def _kotlin(file: Described) -> str:
    lines = [
        _about(file, "//"),
        '// build.gradle: implementation("com.google.ai.edge.litert:litert:1.4.0")',
        "import java.io.File",
        "import java.nio.ByteBuffer",
        "import java.nio.ByteOrder",
        "import org.tensorflow.lite.Interpreter",
        "",
        "fun buffer(bytes: Int): ByteBuffer =",
        "    ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())",
        "",
        f"fun example(file: File) {{  // {file.file}",
        "    val interpreter = Interpreter(file)",
        "    val inputs = mapOf<String, Any>(",
        *(_kotlin_buffer(info) for info in file.inputs),
        "    )",
        "    val outputs = mapOf<String, Any>(",
        *(_kotlin_buffer(info) for info in file.outputs),
        "    )",
        f'    interpreter.runSignature(inputs, outputs, "{SIGNATURE}")',
        *(_kotlin_output(info) for info in file.outputs),
        "    interpreter.close()",
        "}",
        "",
    ]
    return "\n".join(lines)


def _kotlin_buffer(info: TensorInfo) -> str:
    size = f"{BYTES[info.dtype]} * {_count(info)}"
    return f'        "{info.name}" to buffer({size}),  // {info.dtype} {_shape(info)}'


def _kotlin_output(info: TensorInfo) -> str:
    get = {"float32": "getFloat", "float64": "getDouble", "int32": "getInt", "int64": "getLong"}
    first = f'(outputs.getValue("{info.name}") as ByteBuffer).{get.get(info.dtype, "get")}(0)'
    return f'    println("{info.name}: " + {first})  // the first of {_shape(info)}'


def _swift(file: Described) -> str:
    lines = [
        _about(file, "//"),
        "// Podfile: pod 'TensorFlowLiteSwift'",
        "import Foundation",
        "import TensorFlowLite",
        "",
        f"func example(path: String) throws {{  // of {file.file}",
        "    let interpreter = try Interpreter(modelPath: path)",
        f'    let runner = try interpreter.signatureRunner(with: "{SIGNATURE}")',
    ]
    for i, info in enumerate(file.inputs):
        zeros = f"[{SWIFT[info.dtype]}](repeating: {_swift_zero(info)}, count: {_count(info)})"
        lines += [
            f"    let input{i} = {zeros}  // {_shape(info)}",
            f"    let data{i} = input{i}.withUnsafeBytes {{ Data($0) }}",
            f'    try runner.resizeInput(named: "{info.name}", toShape: {_shape(info)})',
        ]
    lines.append("    try runner.allocateTensors()")
    for i, info in enumerate(file.inputs):
        lines.append(f'    try runner.copy(data{i}, toInputNamed: "{info.name}")')
    lines.append("    try runner.invoke()")
    for i, info in enumerate(file.outputs):
        lines += [
            f'    let output{i} = try runner.output(named: "{info.name}").data.withUnsafeBytes {{',
            f"        Array($0.bindMemory(to: {SWIFT[info.dtype]}.self))  // {_shape(info)}",
            "    }",
            f'    print("{info.name}", output{i})',
        ]
    return "\n".join([*lines, "}", ""])


def _swift_zero(info: TensorInfo) -> str:
    return "false" if info.dtype == "bool" else "0"
