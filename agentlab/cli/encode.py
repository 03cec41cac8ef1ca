"""``agentlab encode``: the codes of inputs, from a trained autoencoder or similar model."""

from __future__ import annotations

from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.experiments.results.encode import encode
from agentlab.lazy import without_banners

DESCRIPTION = """Encode INPUT: an image, a folder of images, a CSV file or an .npz file. The codes
are written to an .npz file, or to a CSV file with --out FILE.csv."""


def run(words: list[str]) -> int:
    """Encode with the command line arguments ``words`` and return the exit code."""
    given = parse("encode", DESCRIPTION, words, "INPUT")
    if given is None:
        return 0
    out = output_path(given, "codes", ".npz")
    with without_banners():
        encode(given["run"], given["inputs"][0], out)
    print_written("the codes", out)
    return 0
