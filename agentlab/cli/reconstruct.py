"""``agentlab reconstruct``: inputs beside their reconstructions."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.reconstruct import reconstruct
from agentlab.lazy import without_banners

DESCRIPTION = """Write the reconstructions of INPUT. For an image or a folder of images, a PNG file
shows them below the originals; for a CSV file, they are written as CSV."""


@dataclass(frozen=True)
class Shown(Options):
    """Options of the PNG file."""

    n: int = option(16, "maximum number of images to show", ge=1, le=1000)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("reconstruct", DESCRIPTION, words, "INPUT", Shown)
    if given is None:
        return 0
    options, out = fill(Shown, {}, given), output_path(given, "reconstructions")
    with without_banners():
        reconstruct(given["run"], given["inputs"][0], out, options.n)
    print_written("the reconstructions", out)
    return 0
