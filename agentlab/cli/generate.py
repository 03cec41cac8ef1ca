"""``agentlab generate``: samples from a trained VAE, GAN or RBM."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.generate import generate
from agentlab.lazy import without_banners

DESCRIPTION = """Write samples from a generative model: images to one PNG file, tabular data to a
CSV file."""


@dataclass(frozen=True)
class Samples(Options):
    """Options of the samples."""

    n: int = option(64, "number of samples", ge=1, le=100_000)
    seed: int = option(0, "random seed of the samples", ge=0)


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("generate", DESCRIPTION, words, "", Samples)
    if given is None:
        return 0
    options, out = fill(Samples, {}, given), output_path(given, "samples")
    with without_banners():
        generate(given["run"], out, options.n, options.seed)
    print_written(f"{options.n:,} samples", out)
    return 0
