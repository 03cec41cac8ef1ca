"""``agentlab profile``: the time and memory of each kind of operation in a call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.deploy.profiling import OTHER, Profile, profile_file, profile_model
from agentlab.deploy.signature import trace
from agentlab.errors import AgentlabError, printable
from agentlab.lazy import LazyModule, without_banners
from agentlab.learner import load

net_files: Any = LazyModule("agentlab.nets.files")

DESCRIPTION = """Show the time and memory of each kind of operation in a call of the network of a
run or a .keras file (with TensorFlow's profiler) or an .onnx file (with ONNX Runtime's)."""


@dataclass(frozen=True)
class ProfileOptions(Options):
    """Options of the profile."""

    batch: int = option(1, "number of examples in a call", ge=1, le=4_096)
    calls: int = option(50, "number of calls to average over", ge=1, le=10_000)
    time_steps: int | None = option(
        None, "time steps of a recurrent network with inputs of variable length", ge=1, le=10_000
    )


def run(words: list[str]) -> int:
    """Profile with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("profile"), DESCRIPTION, words="RUN|FILE")
    parser.add_fields(ProfileOptions, "flags")
    arguments = parser.given_with("RUN|FILE", "folder of a run, or a file", words)
    if arguments is None:
        return 0
    name, given = arguments
    path, options = Path(name), ProfileOptions(**given)
    if not path.exists():
        raise AgentlabError(f"{path} does not exist")
    with without_banners():
        if path.is_dir() or path.suffix == ".keras":
            model = load(path).inference_model() if path.is_dir() else net_files.load_net(path)
            traced = trace(model, options.time_steps, float32=False)
            found = profile_model(traced, options.batch, options.calls)
        else:
            found = profile_file(path, options.batch, options.calls)
    print(printable(table(found, options.batch)))
    return 0


def table(found: Profile, batch: int) -> str:
    """Return a profile as a table, the most expensive operations first."""
    rows = [("operation", "count", "ms", "%", "output")]
    rows += [
        (
            cost.kind,
            "" if cost.kind == OTHER else f"{cost.count:,.0f}",
            f"{cost.ms:.4f}",
            f"{found.percent(cost):.1f}",
            "" if cost.kind == OTHER else f"{cost.memory / 1_000:,.1f} kB",
        )
        for cost in found.costs
    ]
    count = sum(cost.count for cost in found.costs)
    memory = sum(cost.memory for cost in found.costs) / 1_000
    total = sum(cost.ms for cost in found.costs)
    rows.append(("total", f"{count:,.0f}", f"{total:.4f}", "100.0", f"{memory:,.1f} kB"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]
    note = (
        f"{found.runtime}, batch {batch}: {found.call_ms:.4f} ms per call with profiling, "
        f"{found.plain_ms:.4f} ms without; output: bytes that the operations write"
    )
    return "\n".join([*lines, "", note])
