"""``/metrics``: counters of a server in Prometheus' text format."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentlab.deploy.serving.store import Store
    from agentlab.deploy.serving.version import Version

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds


class Metrics:
    """Counts requests, their durations and the sizes of batches.

    Args:
        store: the served models.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._requests: Counter[tuple[str, str, str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._within: Counter[tuple[str, float]] = Counter()
        self._count: Counter[str] = Counter()

    def add(self, version: Version, verb: str, code: int, seconds: float) -> None:
        """Count a request."""
        name = version.name
        self._requests[name, str(version.number), verb, code] += 1
        self._count[name] += 1
        self._seconds[name] += seconds  # type: ignore[assignment]
        for bound in BUCKETS:
            if seconds <= bound:
                self._within[name, bound] += 1
                break

    def refuse(self, code: int, verb: str = "") -> None:
        """Count a request that was refused before a version was chosen.

        The model's name is not recorded, since a client could send any number of names.
        """
        self._requests["", "", verb, code] += 1

    def text(self) -> str:
        """Return all metrics."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        yield "# HELP agentlab_requests_total Requests by model, version, verb and status code."
        yield "# TYPE agentlab_requests_total counter"
        for (name, number, verb, code), n in sorted(self._requests.items()):
            labels = f'model="{name}",version="{number}",verb="{verb}",code="{code}"'
            yield f"agentlab_requests_total{{{labels}}} {n}"
        yield "# HELP agentlab_request_seconds Duration of requests."
        yield "# TYPE agentlab_request_seconds histogram"
        for name in sorted(self._count):
            below = 0
            for bound in BUCKETS:
                below += self._within[name, bound]
                label = f'model="{name}",le="{bound}"'
                yield f"agentlab_request_seconds_bucket{{{label}}} {below}"
            label = f'model="{name}"'
            yield f'agentlab_request_seconds_bucket{{{label},le="+Inf"}} {self._count[name]}'
            yield f"agentlab_request_seconds_sum{{{label}}} {self._seconds[name]:.6f}"
            yield f"agentlab_request_seconds_count{{{label}}} {self._count[name]}"
        yield from self._of_versions()
        yield "# HELP agentlab_swaps_total Replacements of the newest version of a model."
        yield "# TYPE agentlab_swaps_total counter"
        yield f"agentlab_swaps_total {self._store.swaps}"
        yield "# HELP process_cpu_seconds_total CPU time of this process."
        yield "# TYPE process_cpu_seconds_total counter"
        yield f"process_cpu_seconds_total {time.process_time():.3f}"
        if (resident := _resident_bytes()) is not None:
            yield "# HELP process_resident_memory_bytes Resident memory of this process."
            yield "# TYPE process_resident_memory_bytes gauge"
            yield f"process_resident_memory_bytes {resident}"

    def _of_versions(self) -> Iterator[str]:
        live = [v for model in self._store.models.values() for v in model.live.values()]
        metrics: dict[str, tuple[str, str, Callable[[Version], int]]] = {
            "agentlab_batches_total": ("counter", "Batches.", lambda v: v.batches),
            "agentlab_batched_requests_total": (
                "counter",
                "Requests in these batches.",
                lambda v: v.batched,
            ),
            "agentlab_sessions": (
                "gauge",
                "Open sessions of recurrent agents.",
                lambda v: len(v.sessions),
            ),
        }
        for metric, (kind, text, value) in metrics.items():
            yield f"# HELP {metric} {text}"
            yield f"# TYPE {metric} {kind}"
            for version in live:
                label = f'model="{version.name}",version="{version.number}"'
                yield f"{metric}{{{label}}} {value(version)}"


def _resident_bytes() -> int | None:
    """Return the resident memory of this process; ``None`` without Linux's ``/proc``."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
