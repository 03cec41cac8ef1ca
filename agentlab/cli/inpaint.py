"""``agentlab inpaint``: fill in missing parts of images."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.inpaint import inpaint
from agentlab.lazy import without_banners

DESCRIPTION = """Fill in a missing part of an image, or of each image in a folder. The PNG file
shows the images, the images without the missing part, and the filled-in images."""


@dataclass(frozen=True)
class Missing(Options):
    """Options of the missing part."""

    mask: str = option(
        "center", "left, right, top, bottom, center, or a mask image that is white where missing"
    )
    steps: int = option(100, "number of iterations", ge=1, le=100_000)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("inpaint", DESCRIPTION, words, "IMAGE", Missing)
    if given is None:
        return 0
    options, out = fill(Missing, {}, given), output_path(given, "inpainted")
    with without_banners():
        inpaint(given["run"], given["inputs"][0], out, options.mask, options.steps)
    print_written("the images", out)
    return 0
