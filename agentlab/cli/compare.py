"""``agentlab compare``: learning curves of several runs in one plot, a table and CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.cli.report import show
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.comparison import compare, table, write_comparison

DESCRIPTION = """Compare runs of agents. Runs that differ only in their seeds are aggregated by the
interquartile mean, with 95 % stratified bootstrap confidence intervals."""


@dataclass(frozen=True)
class CompareOptions(Options):
    """Options of a comparison."""

    out: str = option("comparison", "output folder; -2, ... is appended if it exists")


def run(words: list[str]) -> int:
    """Compare the runs named in ``words`` and return the exit code."""
    parser = Parser(program("compare"), DESCRIPTION, words="RUN...")
    parser.add_argument("runs", nargs="*", metavar="RUN", help="folders of runs")
    parser.add_fields(CompareOptions, "comparison")
    given = parser.given(words)
    if "help" in given:
        parser.print_help()
        return 0
    runs = given.get("runs") or []
    if not runs:
        raise AgentlabError("RUN is missing: pass the folders of one or more runs, such as runs/*")
    summarize(
        [Path(path) for path in runs], Path(CompareOptions(given.get("out", "comparison")).out)
    )
    return 0


def summarize(runs: Sequence[Path], out: Path) -> None:
    """Print the table of a comparison, and write its plot and CSV files to a new folder ``out``."""
    groups = compare(runs)
    folder = write_comparison(groups, out)
    rows = [
        [*(str(row[name]) for name in ("env", "agent", "runs", "steps")), _interval(row)]
        for row in table(groups)
    ]
    rows.insert(0, ["environment", "agent", "runs", "steps", "return: interquartile mean, 95 % CI"])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    print()
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(printable(line.rstrip()))
    print()
    show("comparison", folder)


def _interval(row: dict[str, float]) -> str:
    return f"{row['iqm']:.4g} ({row['low']:.4g} to {row['high']:.4g})"
