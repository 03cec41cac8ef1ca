"""The time and memory of a network's operations, from the profilers of the runtimes."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.deploy.operations import BOOKKEEPING
from agentlab.deploy.packages import check_packages
from agentlab.deploy.runtimes import open_file
from agentlab.deploy.samples import random_inputs
from agentlab.deploy.signature import Traced
from agentlab.errors import AgentlabError, text_of
from agentlab.lazy import LazyModule, tf

constants: Any = LazyModule("tensorflow.python.framework.convert_to_constants")
LABEL = re.compile(r".* = (\w+)\(.*\).*", re.DOTALL)  # such as: dense/MatMul = MatMul(x, w)
WARM_UP = 3  # calls before the measurement
OTHER = "(between operations)"


@dataclass
class Cost:
    """The cost of all operations of one type in a call.

    Attributes:
        kind: the type, such as ``MatMul``.
        count: number of operations.
        ms: total time in milliseconds.
        memory: total size of their outputs in bytes.
    """

    kind: str
    count: float = 0.0
    ms: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True)
class Profile:
    """The mean profile of several calls.

    Attributes:
        costs: the cost of each type of operation, most expensive first; last, the time between
            operations.
        call_ms: mean time of a call with profiling.
        plain_ms: mean time of a call without profiling.
        runtime: the runtime whose profiler was used.
    """

    costs: list[Cost]
    call_ms: float
    plain_ms: float
    runtime: str

    @property
    def operations_ms(self) -> float:
        """The total time of all operations in a call."""
        return sum(cost.ms for cost in self.costs if cost.kind != OTHER)

    def percent(self, cost: Cost) -> float:
        """Return the percentage of a call's time; those of all costs sum to 100."""
        return 100 * cost.ms / sum(each.ms for each in self.costs)


def profile_file(path: Path | str, batch: int = 1, calls: int = 50) -> Profile:
    """Profile an ``.onnx`` file in ONNX Runtime, on one thread.

    Args:
        path: the file.
        batch: number of random examples in a call.
        calls: number of calls to average over.

    Raises:
        AgentlabError: for a file of another format, a damaged file or a missing package.
    """
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise AgentlabError(
            f"{path} must be the folder of a run, or a .keras or .onnx file; other runtimes have "
            "no profiler of operations"
        )
    check_packages("onnx")
    opened = open_file(path)
    inputs = random_inputs(opened.inputs, batch)
    plain = _time(lambda: opened(inputs), calls)
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
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
    """Profile a network in TensorFlow, on one thread.

    Args:
        traced: the network.
        batch: number of random examples in a call.
        calls: number of calls to average over.

    Raises:
        AgentlabError: for a network that TensorFlow cannot profile, such as one with string inputs.
    """
    v1 = tf.compat.v1
    given = random_inputs(traced.inputs, batch)
    try:
        frozen = constants.convert_variables_to_constants_v2(traced.module.serve)
    except Exception as error:  # whatever TensorFlow raises for its lookup tables
        raise AgentlabError(f"the network cannot be profiled: {text_of(error)[:200]}") from error
    names = {each.name.split(":")[0]: each.name for each in frozen.inputs}
    feed = {names[name]: value for name, value in given.items()}
    # One thread, since the times of overlapping operations do not sum to the time of the call.
    config = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.use_per_session_threads = True
    options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
    stats: list[Any] = []
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen.graph.as_graph_def(), name="")
        fetched = [each.name for each in frozen.outputs]
        with v1.Session(graph=graph, config=config) as session:

            def call() -> None:
                metadata = v1.RunMetadata()
                session.run(fetched, feed, options, metadata)
                stats.append(metadata.step_stats)

            plain = _time(lambda: session.run(fetched, feed), calls)
            took = _time(call, calls)
    found = (event for each in stats[WARM_UP:] for event in _tensorflow_events(each))
    return _profile(found, calls, took, plain, "TensorFlow")


def _time(call: Callable[[], Any], calls: int) -> float:
    """Return the mean time of a call in milliseconds."""
    for _ in range(WARM_UP):
        call()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return 1_000 * (time.perf_counter() - start) / calls


def _profile(events: Any, calls: int, call_ms: float, plain_ms: float, runtime: str) -> Profile:
    """Average the events (kind, milliseconds, bytes) of several calls by kind."""
    costs: dict[str, Cost] = {}
    for kind, ms, memory in events:
        cost = costs.setdefault(kind, Cost(kind))
        cost.count += 1
        cost.ms += ms
        cost.memory += memory
    for cost in costs.values():
        cost.count, cost.ms, cost.memory = (
            total / calls for total in (cost.count, cost.ms, cost.memory)
        )
    ordered = sorted(costs.values(), key=lambda cost: -cost.ms)
    rest = max(0.0, call_ms - sum(cost.ms for cost in ordered))
    return Profile([*ordered, Cost(OTHER, 0, rest)], call_ms, plain_ms, runtime)


def _tensorflow_events(stats: Any) -> Iterator[tuple[str, float, int]]:
    """Yield the kind, milliseconds and output bytes of each operation in a call."""
    for device in stats.dev_stats:
        for node in device.node_stats:
            label = LABEL.fullmatch(node.timeline_label)
            if label is None or label[1] in BOOKKEEPING:
                continue
            ns = node.op_end_rel_nanos - node.op_start_rel_nanos
            sizes = (each.tensor_description.allocation_description for each in node.output)
            yield label[1], ns / 1e6, sum(size.requested_bytes for size in sizes)
