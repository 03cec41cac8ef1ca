"""``agentlab summarize``: layers, operations, parameters and FLOPs of a network or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.deploy.operations import Operations, file_operations, model_operations
from agentlab.errors import AgentlabError, printable
from agentlab.lazy import LazyModule, without_banners
from agentlab.learner import load

net_files: Any = LazyModule("agentlab.nets.files")
layers: Any = LazyModule("agentlab.nets.layer_graph")

DESCRIPTION = """Show the layers, operations, parameters and FLOPs of the network of a run, or of a
.keras, .tflite or .onnx file."""


def run(words: list[str]) -> int:
    """Summarize with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("summarize"), DESCRIPTION, words="RUN|FILE")
    arguments = parser.given_with("RUN|FILE", "folder of a run, or a file", words)
    if arguments is None:
        return 0
    path = Path(arguments[0])
    with without_banners():
        parts: list[str | Operations] = []
        if path.is_dir():
            learner = load(path)
            model = learner.inference_model()
            parts += [_layers(getattr(learner, "net", None) or model), model_operations(model)]
        elif path.suffix == ".keras":
            model = net_files.load_net(path)
            parts += [_layers(model), model_operations(model)]
        elif path.is_file():
            parts.append(file_operations(path))
        else:
            raise AgentlabError(f"{path} does not exist")
    texts = [table(part) if isinstance(part, Operations) else part for part in parts]
    print(printable("\n\n".join(texts)))
    return 0


def _layers(net: Any) -> str:
    from agentlab.plots.net_diagram import summary

    return summary(layers.layer_graph(net))


def table(found: Operations) -> str:
    """Return the operations as a table, the most expensive ones first."""
    rows = [("operation", "count", "FLOPs")]
    order = sorted(found.counts, key=lambda kind: (-found.flops[kind], -found.counts[kind], kind))
    rows += [(kind, f"{found.counts[kind]:,}", f"{found.flops[kind]:,}") for kind in order]
    rows.append(("total", f"{found.counts.total():,}", f"{found.flops.total():,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{kind.ljust(widths[0])}  {count.rjust(widths[1])}  {flops.rjust(widths[2])}"
        for kind, count, flops in rows
    ]
    note = "FLOPs: matrix products and convolutions, for one example"
    return "\n".join([*lines, "", f"parameters: {found.parameters:,}", note])
