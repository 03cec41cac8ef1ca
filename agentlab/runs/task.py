"""The task of this process in a cluster, from the environment variable ``TF_CONFIG``."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from agentlab.errors import AgentlabError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", ...}}'


@dataclass(frozen=True)
class Task:
    """The task of a process in a cluster.

    Attributes:
        kind: ``"chief"``, ``"worker"``, ``"ps"`` or ``"evaluator"``.
        index: number of the task among those of its kind.
        cluster: the addresses of the tasks of each kind; empty for a single process.
    """

    kind: str = "worker"
    index: int = 0
    cluster: dict[str, list[str]] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether this process is the chief, which alone writes the run."""
        return self.kind == "chief" or (
            self.kind == "worker" and self.index == 0 and "chief" not in self.cluster
        )

    @property
    def workers(self) -> int:
        """The number of processes that train."""
        return sum(len(self.cluster.get(kind, ())) for kind in ("chief", "worker"))


def this_task() -> Task:
    """Return the task of this process; that of a single process without ``TF_CONFIG``.

    Raises:
        AgentlabError: if ``TF_CONFIG`` is malformed.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text or text == "{}":
        return Task()
    try:
        content = json.loads(text)
        cluster = {str(kind): list(hosts) for kind, hosts in content["cluster"].items()}
        task = Task(str(content["task"]["type"]), int(content["task"]["index"]), cluster)
        cluster[task.kind][task.index]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise AgentlabError(
            f"{VARIABLE}={text!r} must be JSON such as {EXAMPLE}, but {error!r} was raised"
        ) from None
    return task
