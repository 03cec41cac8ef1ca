"""``agentlab cluster``: assign inputs to clusters."""

from __future__ import annotations

from agentlab.cli.report import show
from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.experiments.results.cluster import cluster
from agentlab.lazy import without_banners

DESCRIPTION = """Write the cluster of each input, and its distance to the center, to a CSV file.
INPUT is a CSV file, an image, a folder of images or an .npz file."""


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("cluster", DESCRIPTION, words, "INPUT")
    if given is None:
        return 0
    out = output_path(given, "clusters", ".csv")
    with without_banners():
        counts = cluster(given["run"], given["inputs"][0], out)
    for number, count in counts.items():
        show(f"cluster {number}", f"{count:,} inputs")
    print_written("the clusters", out)
    return 0
