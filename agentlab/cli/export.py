"""``agentlab export``: write a trained network to a file for other runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.deploy.card import CARD
from agentlab.deploy.files import Format, Quantize, check_format
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.results.export import Export, Figures, export, lost_return
from agentlab.lazy import without_banners

DESCRIPTION = """Export the agent or trainer of RUN to a LiteRT, ONNX or SavedModel file, with its
preprocessing. The file is run in its target runtime and compared with the original."""


@dataclass(frozen=True)
class ExportOptions(Options):
    """Options of the export."""

    format: Format = option(
        "litert", "litert (.tflite; phones, small devices), onnx, or savedmodel (TensorFlow)"
    )
    quantize: Literal["auto"] | Quantize = option(
        "auto",
        "LiteRT: none (float32), fp16 or dynamic (8-bit weights), or int8 or 16x8 (also 8- or "
        "16-bit activations); auto is dynamic for agents, else none",
    )
    out: str | None = option(None, "folder to write; none for one named after the run")
    overwrite: bool = option(False, "replace an earlier export in --out")
    episodes: int = option(100, "episodes to evaluate an agent before and after; 0 for none", ge=0)
    time_steps: int | None = option(
        None, "time steps of a recurrent network with inputs of variable length", ge=1, le=10_000
    )


def run(words: list[str]) -> int:
    """Export with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("export"), DESCRIPTION, words="RUN")
    parser.add_fields(ExportOptions, "flags")
    arguments = parser.given_with("RUN", "folder of a run or a saved learner", words)
    if arguments is None:
        return 0
    folder, given = arguments
    options = ExportOptions(**given)
    quantize = options.quantize
    if quantize == "auto":
        quantize = default_quantization(folder, options.format)
    check_format(options.format, quantize)
    out = Path(options.out or f"{Path(folder).resolve().name}-{options.format}")
    if out.exists() and not options.overwrite:
        raise AgentlabError(f"{out} already exists; add --overwrite, or choose another --out")
    with without_banners():
        result = export(
            folder,
            out,
            options.format,
            quantize,
            episodes=options.episodes,
            time_steps=options.time_steps,
        )
    print(printable(table(result, f"{options.format} {quantize}")))
    for note in result.notes:
        print(printable(f"note      {note}"))
    print(printable(f"wrote     {result.file}, {CARD} and examples"))
    return 0


def default_quantization(folder: str, format: str) -> Quantize:
    """Return ``dynamic`` for agents in LiteRT, else ``none``."""
    from agentlab.description import find_saved, read_description

    is_agent = read_description(find_saved(folder))["kind"] == "agent"
    return "dynamic" if is_agent and format == "litert" else "none"


def table(result: Export, name: str) -> str:
    """Return the measurements before and after as a table."""
    rows = [_cells("", None), _cells("original", result.before), _cells(name, result.after)]
    lost = lost_return(result.before, result.after)
    remarks = ["", "", "" if lost is None else f"worse: loses {lost:.0%} of the return"]
    rows = [[*row, remark] for row, remark in zip(rows, remarks, strict=True)]
    kept = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in kept]
    lines = []
    for row in zip(*kept, strict=True):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cells(name: str, figures: Figures | None) -> list[str]:
    """Return a row of the table; its header for ``None``."""
    if figures is None:
        times = ["ms (batch 1)", "ms (batch 32)"]
        outputs = ["largest difference", "equal choices", "accuracy"]
        return ["", "size", *times, *outputs, "mean return", "worst return"]
    difference = figures.difference
    equal = None if difference is None else difference.equal_choices
    return [
        name,
        f"{figures.size / 1_000:,.1f} kB",
        f"{figures.ms_1:.3f}",
        f"{figures.ms_32:.3f}",
        "" if difference is None else f"{difference.largest:.1e}",
        "" if equal is None else f"{equal:.2%}",
        "" if figures.accuracy is None else f"{figures.accuracy:.4f}",
        "" if figures.mean_return is None else f"{figures.mean_return:.4g}",
        "" if figures.worst_return is None else f"{figures.worst_return:.4g}",
    ]
