"""Callbacks that send a run's settings and metrics to Weights & Biases or MLflow."""

from __future__ import annotations

import math
import queue
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from agentlab.errors import InvalidArgument, text_of
from agentlab.lazy import check_modules
from agentlab.learner import Learner
from agentlab.runs import Run
from agentlab.runs.files import write_json
from agentlab.runs.reading import read_json
from agentlab.training.callbacks import Callback

Service = Literal["wandb", "mlflow"]
FILE = "tracking.json"  # in the run's folder: the ids that a resumed run continues
PROJECT = "agentlab"
PATIENCE = 60  # seconds to wait for unsent metrics at the end of training


class Tracker(Protocol):
    """A service that records runs; its methods are called in one thread."""

    def start(self, name: str, config: Mapping[str, Any], known: str | None, new: str) -> str:
        """Start recording a run.

        Args:
            name: the run's name.
            config: its settings.
            known: the id under which it was recorded before, or ``None``.
            new: an id to use if it was not.

        Returns:
            Its id.
        """

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record metrics."""

    def finish(self) -> None:
        """Send what has not been sent."""


class WeightsAndBiases(Tracker):
    """Runs of Weights & Biases; the axis of all metrics is ``step``.

    Its built-in step can never decrease: the metrics of a run that resumes from an older checkpoint
    would be dropped.
    """

    def start(self, name: str, config: Mapping[str, Any], known: str | None, new: str) -> str:
        import wandb

        key = known or new
        # Its files go to ./wandb or WANDB_DIR: they include symbolic links, which runs must not.
        wandb.init(project=PROJECT, name=name, id=key, config=dict(config), resume="allow")
        wandb.define_metric("step", hidden=True)
        wandb.define_metric("*", step_metric="step")
        return key

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        import wandb

        wandb.log({**metrics, "step": step})

    def finish(self) -> None:
        import wandb

        wandb.finish()


class MLflow(Tracker):
    """Runs of MLflow, in the experiment ``agentlab``."""

    def start(self, name: str, config: Mapping[str, Any], known: str | None, new: str) -> str:
        import mlflow

        if known is not None:
            return str(mlflow.start_run(run_id=known).info.run_id)
        mlflow.set_experiment(PROJECT)
        started = mlflow.start_run(run_name=name)
        mlflow.log_params({key: str(value)[:500] for key, value in _flat(config)})
        return str(started.info.run_id)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        import mlflow

        mlflow.log_metrics(dict(metrics), step=step)

    def finish(self) -> None:
        import mlflow

        mlflow.end_run()


TRACKERS: dict[str, type[Tracker]] = {"wandb": WeightsAndBiases, "mlflow": MLflow}


class TrackingCallback(Callback):
    """Logs settings and metrics to an experiment tracker, in a separate thread.

    If the tracker fails or hangs, a warning is printed, and training continues without it. The
    service's own environment variables apply, such as ``WANDB_MODE=offline`` or
    ``MLFLOW_TRACKING_URI``.

    ::

        start(plan, callbacks=[TrackingCallback("wandb")])

    Args:
        service: ``wandb`` or ``mlflow``.

    Raises:
        InvalidArgument: for another service.
        AgentlabError: if its package is missing.
    """

    def __init__(self, service: str) -> None:
        if service not in get_args(Service):
            raise InvalidArgument(
                f"track={service!r} must be one of {', '.join(get_args(Service))}"
            )
        check_modules(f"track={service!r}", {service: service}, service)
        self.service, self._tracker = service, TRACKERS[service]()
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._failure: str | None = None
        self._thread: threading.Thread | None = None

    def on_start(self, learner: Learner, run: Run | None) -> None:
        if run is None:
            self._failure = "only training that saves a run can be tracked"
        self._warn()
        if run is None:
            return
        name, folder, config = run.path.name, run.path, dict(run.config)
        self._thread = threading.Thread(target=self._work, name="agentlab-tracking", daemon=True)
        self._thread.start()
        known = _ids(folder)
        new = uuid.uuid4().hex  # not from a random generator that training could share

        def begin() -> None:
            known[self.service] = self._tracker.start(name, config, known.get(self.service), new)
            write_json(folder / FILE, known)

        self._calls.put(begin)

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        if self._thread is None:
            return
        self._warn()
        finite = {name: float(v) for name, v in metrics.items() if math.isfinite(v)}
        self._calls.put(lambda: self._tracker.log(step, finite))

    def on_end(self) -> None:
        if self._thread is None:
            return
        self._calls.put(self._tracker.finish)
        self._calls.put(None)
        self._thread.join(PATIENCE)
        if self._thread.is_alive() and self._failure is None:
            self._failure = f"it did not answer within {PATIENCE} seconds"
        self._thread = None
        self._warn()

    def _work(self) -> None:
        """Make the queued calls in order, until one fails."""
        while (call := self._calls.get()) is not None:
            if self._failure is None:
                try:
                    call()
                except BaseException as error:  # whatever a library raises, sys.exit() included
                    self._failure = f"{type(error).__name__}: {text_of(error)[:200]}"

    def _warn(self) -> None:
        """Print the failure once, in the thread that trains."""
        if self._failure:
            warnings.warn(f"{self.service} does not track this run: {self._failure}", stacklevel=2)
            self._failure = ""


def trackers(service: str | None) -> list[TrackingCallback]:
    """Return the callback for a service as a list; an empty one for ``None``."""
    return [] if service is None else [TrackingCallback(service)]


def _ids(folder: Path) -> dict[str, str]:
    """Return the ids under which a run was tracked before, by service."""
    try:
        return {str(name): str(value) for name, value in dict(read_json(folder / FILE)).items()}
    except (OSError, ValueError, TypeError):  # it was not, or the file is damaged
        return {}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings under names such as ``training.steps``."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
