"""The trials of ``agentlab tune``, run as subprocesses here or on a Ray cluster."""

from __future__ import annotations

import csv
import io
import math
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab.errors import AgentlabError
from agentlab.experiments.search import Field, Study, Trial
from agentlab.runs import stop_signals
from agentlab.runs.logged_process import start_logged
from agentlab.runs.reading import open_regular, read_bytes, read_json
from agentlab.scale.ray_process import RayProcess

CODE = "from agentlab.cli import main; sys.exit(main())"
TRIALS = 20
LOG_BYTES = 64 << 20  # maximum size of a trial's output


@dataclass(frozen=True)
class Task:
    """The command that all trials run, without the searched settings.

    Attributes:
        verb: ``fit`` or ``train``.
        words: the arguments of the command.
        fields: the searchable fields, by name.
        metric: the metric to optimize.
        sign: 1 to maximize the metric, -1 to minimize it.
        foreign: flags that name code from outside agentlab; a resumed trial needs them again.
        title: the default name of the search.
    """

    verb: str
    words: list[str]
    fields: dict[str, Field]
    metric: str
    sign: int
    foreign: list[str]
    title: str


class Search:
    """Runs the trials of a study as processes.

    A trial whose Ray process is lost is restarted once, from its latest checkpoint.

    Args:
        task: the command that all trials run.
        study: the search space, and the trials so far.
        folder: the folder that contains the trials' runs.
        trials: number of trials; ``None`` for the whole grid, or 20 with other samplers.
        workers: number of parallel trials.
        seed: the seed of every trial.
        report: called with the name and value of each result.
        begin: starts the process of a trial, from its command line and the path of its output.
    """

    def __init__(
        self,
        task: Task,
        study: Study,
        folder: Path,
        trials: int | None,
        workers: int,
        seed: int,
        report: Callable[[str, object], None] = lambda name, value: None,
        begin: Callable[[Sequence[str], Path], subprocess.Popen[bytes] | RayProcess] | None = None,
    ) -> None:
        self.task, self.study, self.folder = task, study, folder
        self._begin = begin or start
        self._again: set[int] = set()  # trials that were restarted
        self.workers, self.seed, self.report = workers, seed, report
        wanted = trials or study.size or TRIALS
        self.wanted = min(wanted, study.size or wanted)
        self.waiting = study.cut()
        self.begun = len(study.trials("COMPLETE", "FAIL", "RUNNING"))
        self.last_failure = ""

    def run(self) -> bool:
        """Run all trials; return ``False`` if interrupted."""
        self.report("search", self.folder)
        of = f" of {self.study.size} in the grid" if self.study.size else ""
        self.report("trials", f"{self.wanted}{of}, {self.workers} in parallel")
        running: dict[int, tuple[Trial, Any]] = {}
        with stop_signals() as stop:
            signaled = False
            try:
                while True:
                    while len(running) < self.workers and not stop.is_set():
                        trial = self._next()
                        if trial is None:
                            break
                        running[trial.number] = trial, self._start(trial)
                    if not running:
                        break
                    if stop.is_set() and not signaled:
                        signaled = True
                        for _, process in running.values():
                            process.terminate()  # trials save a checkpoint on SIGTERM
                    time.sleep(0.05)
                    for trial, process in list(running.values()):
                        if process.poll() is None:
                            continue
                        del running[trial.number]
                        if self._may_start_again(trial, process) and not stop.is_set():
                            running[trial.number] = trial, self._start(trial)
                        else:
                            self._finish(trial, process.poll(), stop.is_set())
            finally:
                for _, process in running.values():
                    process.kill()
        return not (stop.is_set() and (self.study.trials("RUNNING") or self.begun < self.wanted))

    def _next(self) -> Trial | None:
        if self.waiting:
            return self.waiting.pop(0)
        if self.begun >= self.wanted:
            return None
        self.begun += 1
        return self.study.ask()

    def path(self, trial: Trial) -> Path:
        """Return the folder of a trial's run."""
        return self.folder / f"trial-{trial.number:03d}"

    def settings(self, trial: Trial) -> list[str]:
        """Return a trial's settings as command line arguments."""
        space = self.study.space
        return [word for field in space for word in field.words(trial.settings[field.name])]

    def _start(self, trial: Trial) -> Any:
        """Start a trial, or resume it if it was interrupted."""
        path = self.path(trial)
        if (path / "config.json").exists():
            words = ["--resume", str(path), *self.task.foreign]
        else:
            shutil.rmtree(path, ignore_errors=True)  # left by a trial that was killed at its start
            place = ["--name", path.name, "--runs-dir", str(self.folder)]
            seed = ["--seed", str(self.seed)]
            words = [*self.task.words, *self.settings(trial), *seed, *place]
            if self.task.verb == "train" and self.workers > 1:
                words += ["--workers", "0"]  # parallel trials already use all cores
        return self._begin([self.task.verb, *words], path.with_suffix(".txt"))

    def _may_start_again(self, trial: Trial, process: Any) -> bool:
        """Return whether the process of a trial was lost for the first time, and report it."""
        if not isinstance(process, RayProcess) or not process.lost or trial.number in self._again:
            return False
        self._again.add(trial.number)
        self.report(self.path(trial).name, "its Ray process was lost; restarting the trial")
        return True

    def _finish(self, trial: Trial, code: int, stopped: bool) -> None:
        """Record the value of a trial whose process has ended, and report it."""
        if stopped and code != 0:
            return  # it stays in state RUNNING and is resumed with the search
        path, value, result = self.path(trial), None, ""
        try:
            if code != 0:
                raise AgentlabError(_last_words(path.with_suffix(".txt"), code))
            value = self._value(path)
            result = f"{self.task.metric} {value:.4g}"
        except AgentlabError as error:
            self.last_failure = str(error)
            result = f"failed: {error}"
        self.study.tell(trial.number, None if value is None else self.task.sign * value)
        self.report(path.name, f"{result}   {in_words(trial)}")

    def _value(self, path: Path) -> float:
        """Return the metric of a finished trial."""
        if self.task.verb == "train":
            value = float(read_json(path / "evaluation.json")["mean"])
        else:
            opened = open_regular(path / "metrics.csv")
            with io.TextIOWrapper(opened, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            column = f"validation/{self.task.metric}"
            values = [float(row[column]) for row in rows if row.get(column)]
            if not values:
                raise AgentlabError(f"{path / 'metrics.csv'} has no column {column!r}")
            value = max(values) if self.task.sign > 0 else min(values)
        if not math.isfinite(value):
            raise AgentlabError(f"its {self.task.metric} is {value}")
        return value

    def keep_best(self) -> Path:
        """Create a symbolic link ``best`` to the run of the best trial, and return its path."""
        link = self.folder / "best"
        link.unlink(missing_ok=True)
        link.symlink_to(self.path(self.study.best(1)[0]).name)
        return link


def start(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start ``agentlab WORDS`` as a subprocess whose output is appended to ``log``.

    Ctrl-C reaches only the search, which then stops its trials.
    """
    return start_logged(CODE, words, log)


def start_on_ray(words: Sequence[str], log: Path) -> RayProcess:
    """Start ``agentlab WORDS`` on the Ray cluster to which this process is connected."""
    return RayProcess(CODE, words, log)


def _last_words(log: Path, code: int) -> str:
    """Return the last error that a failed process printed, or the signal that killed it."""
    if code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    lines = read_bytes(log, LOG_BYTES).decode("utf-8", errors="replace").split("\n")
    printed = [line.strip() for line in lines if line.strip()] or [f"exit code {code}"]
    errors = [line for line in printed if line.startswith("agentlab: error: ")]
    return (errors or printed)[-1].removeprefix("agentlab: error: ")


def in_words(trial: Trial) -> str:
    """Return a trial's settings as one line."""
    return "  ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in trial.settings.items()
    )
