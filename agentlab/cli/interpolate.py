"""``agentlab interpolate``: latent interpolation between two inputs."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.interpolate import interpolate
from agentlab.lazy import without_banners

DESCRIPTION = """Write the images that a model decodes from codes between those of two images."""


@dataclass(frozen=True)
class Steps(Options):
    """Options of the interpolation."""

    steps: int = option(10, "number of images, including the first and the last", ge=2, le=1000)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("interpolate", DESCRIPTION, words, "FIRST SECOND", Steps)
    if given is None:
        return 0
    options, out = fill(Steps, {}, given), output_path(given, "interpolation")
    with without_banners():
        interpolate(given["run"], given["inputs"][0], given["inputs"][1], out, options.steps)
    print_written(f"{options.steps} steps", out)
    return 0
