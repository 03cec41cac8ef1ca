"""``agentlab interpolate``: what lies between two inputs."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, say_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.interpolate import interpolate
from agentlab.lazy import without_banners

DESCRIPTION = """Write what a model decodes along the line between the codes of two images."""


@dataclass(frozen=True)
class Steps(Options):
    """How many steps."""

    steps: int = option(10, "number of images, with the first and the last", ge=2, le=1000)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("interpolate", DESCRIPTION, words, "FIRST SECOND", Steps)
    if given is None:
        return 0
    options, out = fill(Steps, {}, given), output_path(given, "interpolation")
    with without_banners():
        interpolate(given["run"], given["inputs"][0], given["inputs"][1], out, options.steps)
    say_written(f"{options.steps} steps", out)
    return 0
