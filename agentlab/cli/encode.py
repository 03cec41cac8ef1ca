"""``agentlab encode``: the codes of inputs, by a trained autoencoder or its like."""

from __future__ import annotations

from agentlab.cli.result_flags import output_path, parse, say_written
from agentlab.experiments.results.encode import encode
from agentlab.lazy import without_banners

DESCRIPTION = """Write the codes of INPUT: an image, a folder of images, a CSV file or an .npz file.
--out FILE.npz or FILE.csv names the file."""


def run(words: list[str]) -> int:
    """Encode with the command line arguments ``words`` and return the exit code."""
    given = parse("encode", DESCRIPTION, words, "INPUT")
    if given is None:
        return 0
    out = output_path(given, "codes", ".npz")
    with without_banners():
        encode(given["run"], given["inputs"][0], out)
    say_written("the codes", out)
    return 0
