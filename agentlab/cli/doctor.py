"""``agentlab doctor``: devices, versions, what the hardware supports, and a smoke test."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata

import numpy as np

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.errors import printable
from agentlab.lazy import keras, tf
from agentlab.runs.provenance import provenance

DESCRIPTION = "Show devices and versions, and test that training works."
OPTIONAL = ("ai-edge-litert", "onnx", "onnxruntime", "tf2onnx", "starlette", "mujoco", "box2d-py")
SIZE = 256  # of the matrices and batches that are timed


def run(words: list[str]) -> int:
    """Examine this machine and return the exit code: 0 if the smoke test passed."""
    parser = Parser(program("doctor"), DESCRIPTION)
    if parser.given(words).get("help", False):
        parser.print_help()
        return 0
    found = {name: version for name, version in provenance()["versions"].items() if version}
    for package in OPTIONAL:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed (optional)"
    print(f"python      {platform.python_version()}, {platform.platform()}")
    for name, version in found.items():
        print(printable(f"{name:<15} {version}"))
    start = time.perf_counter()
    tf.__version__  # noqa: B018 - loads TensorFlow
    print(f"TensorFlow started in {time.perf_counter() - start:.1f} s")
    for device in tf.config.list_physical_devices():
        print(printable(f"device      {device.device_type} {device.name}"))
    print(f"cores       {os.cpu_count()}")
    print(f"XLA         {_attempt(True, 'float32')}")
    print(f"bfloat16    {_attempt(False, 'bfloat16')}")
    print(f"float32     {_attempt(False, 'float32')}")
    passed, text = smoke_test()
    print(f"smoke test  {text}")
    return 0 if passed else 2


def _attempt(xla: bool, dtype: str) -> str:
    """Return the time of a matrix product, or why it failed."""
    a = tf.cast(tf.random.stateless_normal((SIZE, SIZE), (0, 1)), dtype)
    product = tf.function(lambda x: x @ x, jit_compile=xla)
    try:
        product(a)
        start = time.perf_counter()
        for _ in range(10):
            product(a).numpy()
    except Exception as error:  # whatever the hardware lacks
        return f"does not work: {str(error).splitlines()[0][:100]}"
    return f"works: {100 * (time.perf_counter() - start):.2f} ms for a {SIZE} x {SIZE} product"


def smoke_test() -> tuple[bool, str]:
    """Train a small network and return whether its loss fell, and a text with the time."""
    start = time.perf_counter()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SIZE, 8)).astype(np.float32)
    y = x.sum(1, keepdims=True)
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    losses = net.fit(x, y, epochs=5, verbose=0).history["loss"]
    seconds, passed = time.perf_counter() - start, losses[-1] < losses[0]
    word = "passed" if passed else "FAILED"
    return passed, f"{word}: loss {losses[0]:.3g} to {losses[-1]:.3g} in {seconds:.1f} s"
