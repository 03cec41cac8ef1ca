"""Where the time of a call goes: the operations of a network, by the profilers of the runtimes."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.deploy.packages import check_packages
from agentlab.deploy.runtimes import open_file
from agentlab.deploy.samples import random_inputs
from agentlab.deploy.signature import Traced
from agentlab.errors import AgentlabError
from agentlab.lazy import LazyModule, tf

xplane: Any = LazyModule("tensorflow.tsl.profiler.protobuf.xplane_pb2")
WARM_UP = 3  # calls before those that are measured
OTHER = "(between operations)"


@dataclass
class Cost:
    """The cost of the operations of one kind in one call.

    Attributes:
        kind: their name.
        count: number of them.
        ms: their time, in milliseconds.
        memory: bytes of their outputs.
    """

    kind: str
    count: float = 0.0
    ms: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True)
class Profile:
    """A profile of calls.

    Attributes:
        costs: the costs of all kinds of operations in a call, the largest first; last, the time
            in which none of them ran.
        call_ms: the time of a call with the profiler.
        plain_ms: the time of a call without it.
        runtime: the runtime whose profiler was used.
    """

    costs: list[Cost]
    call_ms: float
    plain_ms: float
    runtime: str

    @property
    def operations_ms(self) -> float:
        """The sum of the times of all operations in a call."""
        return sum(cost.ms for cost in self.costs if cost.kind != OTHER)

    def percent(self, cost: Cost) -> float:
        """Return the percentage of a call's time; all of them sum to 100."""
        return 100 * cost.ms / sum(each.ms for each in self.costs)


def profile_file(path: Path | str, batch: int = 1, calls: int = 50) -> Profile:
    """Profile a ``.onnx`` file on one thread of ONNX Runtime.

    Args:
        path: the file.
        batch: number of random examples in a call.
        calls: number of calls.

    Raises:
        AgentlabError: for another or a damaged file, or a missing package.
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise AgentlabError(
            f"{path} must be the folder of a run, or a .keras or .onnx file; other runtimes have "
            "no profiler that reports operations"
        )
    check_packages("onnx")
    opened = open_file(path)
    inputs = random_inputs(opened.inputs, batch)
    plain = _time(lambda: opened(inputs), calls)
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        for _ in range(WARM_UP):
            session.run(None, inputs)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        took = _time(lambda: session.run(None, inputs), calls)
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [each for each in events if each.get("cat") == "Node" and "op_name" in each["args"]]
    found = (
        (
            each["args"]["op_name"],
            each["dur"] / 1_000,
            int(each["args"].get("output_size") or 0),
        )
        for each in nodes
        if each["name"].endswith("_kernel_time")
    )
    return _profile(found, calls + WARM_UP, took, plain, "ONNX Runtime")


def profile_model(traced: Traced, batch: int = 1, calls: int = 50) -> Profile:
    """Profile a network in TensorFlow, its operations one after the other.

    Args:
        traced: the network.
        batch: number of random examples in a call.
        calls: number of calls.
    """
    inputs = {k: tf.constant(v) for k, v in random_inputs(traced.inputs, batch).items()}
    serve = traced.module.serve
    # One after the other, since the times of operations that overlap do not add up to the call's.
    call = tf.function(
        lambda **tensors: serve(**tensors),
        autograph=False,
        experimental_attributes={"executor_type": "SINGLE_THREADED_EXECUTOR"},
    ).get_concrete_function(**inputs)
    plain = _time(lambda: call(**inputs), calls)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            took = _time(lambda: call(**inputs), calls)
        finally:
            tf.profiler.experimental.stop()
        found = list(_tensorflow_events(Path(folder)))
    sizes = {op.name: sum(map(_bytes, op.outputs)) for op in _operations(call.graph)}
    costs = ((kind, ms, batch * sizes.get(name, 0)) for name, kind, ms in found)
    return _profile(costs, calls + WARM_UP, took, plain, "TensorFlow")


def _time(call: Callable[[], Any], calls: int) -> float:
    """Return the mean time of a call in milliseconds."""
    for _ in range(WARM_UP):
        call()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return 1_000 * (time.perf_counter() - start) / calls


def _profile(events: Any, calls: int, call_ms: float, plain_ms: float, runtime: str) -> Profile:
    """Sum events (kind, milliseconds, bytes) of several calls by kind."""
    costs: dict[str, Cost] = {}
    for kind, ms, memory in events:
        cost = costs.setdefault(kind, Cost(kind))
        cost.count += 1 / calls
        cost.ms += ms / calls
        cost.memory += memory / calls
    ordered = sorted(costs.values(), key=lambda cost: -cost.ms)
    rest = max(0.0, call_ms - sum(cost.ms for cost in ordered))
    return Profile([*ordered, Cost(OTHER, 0, rest)], call_ms, plain_ms, runtime)


def _tensorflow_events(folder: Path) -> Iterator[tuple[str, str, float]]:
    """Yield name, kind and milliseconds of each operation in a trace of TensorFlow."""
    for path in folder.rglob("*.xplane.pb"):
        space = xplane.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            names = {key: each.name for key, each in plane.event_metadata.items()}
            for line in plane.lines:
                for event in line.events:
                    name, _, kind = names[event.metadata_id].rpartition(":")
                    if name and kind.isidentifier():
                        yield name, kind, event.duration_ps / 1e9


def _operations(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph and of the functions that it calls."""
    yield from graph.get_operations()
    for function in graph.as_graph_def().library.function:
        found = graph._get_function(function.signature.name)
        if found is not None:
            yield from found.graph.get_operations()


def _bytes(tensor: Any) -> int:
    """Return the size of a tensor for one example."""
    if tensor.shape.rank is None or not tensor.dtype.size:
        return 0
    return int(math.prod(size or 1 for size in tensor.shape.as_list()) * tensor.dtype.size)
