"""``agentlab anomaly``: anomaly scores of inputs."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.cli.report import show
from agentlab.cli.result_flags import output_path, parse, print_written
from agentlab.config import Options, option
from agentlab.experiments.plan import fill
from agentlab.experiments.results.anomaly import anomalies, write_anomalies
from agentlab.lazy import without_banners

DESCRIPTION = """Compute the anomaly score of each input. Inputs with a score above the threshold
are anomalies; the threshold is the --quantile of the scores of held-out training data."""


@dataclass(frozen=True)
class Threshold(Options):
    """Options of the threshold."""

    quantile: float = option(
        0.99, "fraction of the held-out data whose scores are below the threshold", gt=0, lt=1
    )


def run(words: list[str]) -> int:
    """Run the command with the command line arguments ``words`` and return the exit code."""
    given = parse("anomaly", DESCRIPTION, words, "INPUT", Threshold)
    if given is None:
        return 0
    options, out = fill(Threshold, {}, given), output_path(given, "anomalies", ".csv")
    with without_banners():
        found = anomalies(given["run"], given["inputs"][0], options.quantile)
        write_anomalies(found, out)
    show("threshold", f"{found.threshold:.6g}")
    show("anomalies", f"{int(found.above.sum()):,} of {len(found.scores):,} inputs")
    print_written("the scores", out)
    return 0
