"""The training loop of all trainers: epochs, validation, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab.data import Batch, Batches
from agentlab.errors import AgentlabError
from agentlab.json_state import from_json, split_state, to_json
from agentlab.runs import Progress, Run, derive_seed, stop_signals
from agentlab.runs.files import write_arrays
from agentlab.runs.reading import read_arrays
from agentlab.training.callbacks import Callback, Callbacks
from agentlab.training.examples import prefetched
from agentlab.training.means import BatchMeans
from agentlab.training.same_data import check_same_data
from agentlab.training.stages import change_learning_rate

if TYPE_CHECKING:
    from agentlab.training.trainer import Trainer

ARRAYS, LEARNER, BEST = "training.npz", "learner", "best"
CHECKPOINT_SECONDS = 300.0  # at most this long between checkpoints, even within an epoch


def train_epochs(
    trainer: Trainer,
    train: Batches,
    validation: Batches | None = None,
    run: Run | None = None,
    quiet: bool = False,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train the built ``trainer``; see ``Trainer.train``.

    If ``run`` holds a checkpoint, training resumes from it, and every later metric is bit-for-bit
    equal to that of an uninterrupted run. Ctrl-C saves a checkpoint even within an epoch, and so do
    long epochs, every 5 minutes.
    """
    session = _Session(trainer, train, validation, run, Callbacks(callbacks))
    session.resume()
    total = session.epochs * session.per_epoch
    progress = Progress(total, session.updates, quiet, "batches", session.phase)
    progress.update(session.updates, session.note)
    session.callbacks.on_start(trainer, run)
    with stop_signals(run is not None and run.follows) as stop:
        try:
            while not session.done and not stop.is_set():
                for batch in session.rest_of_epoch():
                    session.update(batch)
                    progress.update(session.updates, session.note)
                    if stop.is_set():
                        break
                    if session.checkpoint_is_due:
                        session.checkpoint()
                session.check_count(stop.is_set())
                if session.batches == session.per_epoch:
                    progress.say(session.end_epoch())
                session.checkpoint()
        finally:
            progress.close()
            session.callbacks.on_end()
    session.restore_best()
    trainer.interrupted = stop.is_set() and not session.done


class _Session:
    """The state of a training loop: an epoch, a checkpoint, and the counters that they share."""

    def __init__(
        self,
        trainer: Trainer,
        train: Batches,
        validation: Batches | None,
        run: Run | None,
        callbacks: Callbacks,
    ) -> None:
        self.trainer, self.train, self.validation, self.run = trainer, train, validation, run
        self.callbacks = callbacks
        self.stages = list(trainer.stages())
        self.ends = list(accumulate(stage.epochs for stage in self.stages))
        self.epochs, self.stage = self.ends[-1], -1
        trainer.history = []
        self.per_epoch = train.count(trainer.config.batch_size)
        self.example = next(iter(train.epoch(1)))
        self.epoch = self.batches = self.number = self.best_epoch = 0
        self.best = [math.inf, math.inf]
        self.best_state: dict[str, Any] = {}
        self.improved = False  # since the best was last saved
        self.seconds, self.means = 0.0, BatchMeans()
        self.saved_at = time.monotonic()  # of the latest checkpoint
        self._last: Batch | None = None
        self.phase = lambda: "" if self._last else "compiling"  # for the progress line

    @property
    def updates(self) -> int:
        """Number of updates so far, including those before a resume."""
        return self.epoch * self.per_epoch + self.batches

    @property
    def done(self) -> bool:
        """Whether all epochs are over, patience ran out, or a callback stopped training."""
        patience = self.trainer.config.patience
        stale = patience is not None and self.epoch - self.best_epoch >= patience
        return self.epoch >= self.epochs or stale or self.callbacks.stopped

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether to save a checkpoint within an epoch, which does not affect training."""
        late = time.monotonic() - self.saved_at >= CHECKPOINT_SECONDS
        return late and self.batches < self.per_epoch

    def begin_stage(self, number: int) -> None:
        """Begin the stage ``number``, unless it has begun already."""
        if number != self.stage:
            self.stage, stage = number, self.stages[number]
            updates = stage.epochs * self.per_epoch
            self.trainer.begin_stage(stage, updates, self.example, self.train.ragged)

    def rest_of_epoch(self) -> Iterator[Batch]:
        """Yield the remaining batches of the current epoch; its number determines their order."""
        self.begin_stage(next(i for i, end in enumerate(self.ends) if self.epoch < end))
        seed = derive_seed(self.trainer.seed, self.epoch)
        batches = self.train.epoch(self.trainer.config.batch_size, seed)
        self._since = time.perf_counter()
        return prefetched(islice(batches, self.batches, None))

    def update(self, batch: Batch) -> None:
        """Learn from one batch."""
        metrics = {k: float(v) for k, v in self.trainer.train_step(batch).items()}
        if not all(map(math.isfinite, metrics.values())):
            raise self._diverged()
        self.means.add(metrics, batch)
        self.batches += 1
        self._last = batch

    def check_count(self, stopped: bool) -> None:
        """Raise ``AgentlabError`` if an epoch's number of batches differs from ``count()``."""
        if self.batches > self.per_epoch or (self.batches < self.per_epoch and not stopped):
            raise AgentlabError(
                f"the data yielded {self.batches} batches in an epoch, but count() returned "
                f"{self.per_epoch}"
            )

    def _diverged(self) -> AgentlabError:
        saved = self.run and self.run.latest_checkpoint()
        last = f"the last good checkpoint is {saved.path}" if saved else "no checkpoint was saved"
        return AgentlabError(
            f"training diverged in epoch {self.epoch + 1}, batch {self.batches + 1}: the loss is "
            f"NaN or infinite; {last}; try a smaller learning_rate"
        )

    def note(self) -> str:
        """Return the text of the progress bar."""
        text = f"epoch {min(self.epoch + 1, self.epochs)}"
        means = self.trainer.reduce_metrics(self.means.means()) if self.batches else {}
        for name in [name for name in means if name == "loss"] or list(means)[:1]:
            text += f", {name} {means[name]:.4g}"
        return text

    def end_epoch(self) -> str:
        """Evaluate and log an epoch, update the best state, and return a line of metrics."""
        trainer, run = self.trainer, self.run
        spent = time.perf_counter() - self._since
        parts = {"train": trainer.reduce_metrics(self.means.means())}
        extra = {**self.means.grad_norm(), **self._learning_rate()}
        self.epoch, self.batches, self.means = self.epoch + 1, 0, BatchMeans()
        if self.validation is not None:
            parts["validation"] = trainer.evaluate_batches(self.validation)
        metrics = {
            f"{part}/{name}": value
            for part, means in parts.items()
            for name, value in means.items()
        }
        metrics |= trainer.epoch_end(self.epoch, run)
        self._judge(metrics)
        trainer.history.append(metrics)
        self.seconds += time.perf_counter() - self._since
        if run is not None:
            timings = {"seconds": self.seconds, "examples_per_second": self.train.size / spent}
            run.log(self.epoch, {**metrics, **extra}, timings)
            assert self._last is not None
            run.histograms(self.epoch, trainer.histograms(self._last))
        self.callbacks.on_metrics(self.epoch, {**metrics, **extra})
        return f"epoch {self.epoch:<4}" + "   ".join(
            f"{part}: " + ", ".join(f"{name} {value:.4g}" for name, value in means.items())
            for part, means in parts.items()
        )

    def _judge(self, metrics: Mapping[str, float]) -> None:
        """Remember the weights if the epoch is the best so far.

        Ties are decided by the loss. Without validation data, the last epoch is the best.
        """
        name, direction = self.trainer.monitor
        reached, loss = (
            next((metrics[k] for k in (f"validation/{n}", f"train/{n}", n) if k in metrics), 0.0)
            for n in (name, "loss")
        )
        better = [reached if direction == "min" else -reached, loss]
        validated = any(key.startswith("validation/") for key in metrics)
        if better < self.best or not validated or math.isnan(self.best[0]) or not self.best_state:
            self.best, self.best_epoch, self.improved = better, self.epoch, validated
            training_only = self.trainer.training_only()
            self.best_state = {
                key: value
                for key, value in self.trainer.state().items()
                if key.partition("/")[0] not in training_only
            }

    def _learning_rate(self) -> dict[str, float]:
        optimizer = self.trainer.optimizer
        if optimizer is None:
            return {}
        return {"learning_rate": float(np.asarray(optimizer.learning_rate))}

    def checkpoint(self) -> None:
        """Save the best trainer so far, and everything needed to resume."""
        self.saved_at = time.monotonic()
        if self.run is None:
            return
        self.number += 1
        now = self.trainer.state()
        arrays, rest = split_state(now)
        best_arrays, best_rest = split_state(self.best_state)
        arrays |= {f"{BEST}/{name}": value for name, value in best_arrays.items()}
        state = {
            "epoch": self.epoch,
            "batches": self.batches,
            "per_epoch": self.per_epoch,
            "stage": self.stage,
            "means": self.means.to_json(),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "history": self.trainer.history,
            "state": rest,
            "best_state": best_rest,
            "rng": to_json(self.trainer.rng.bit_generator.state),
        }

        def write(folder: Path) -> None:
            write_arrays(folder / ARRAYS, arrays)
            (folder / LEARNER).mkdir()
            self.trainer.write(folder / LEARNER)

        self.restore_best()
        path = self.run.save_checkpoint(self.number, self.epoch, write, state)
        if self.improved:
            self.run.save_learner(BEST, self.trainer.write)
            self.improved = False
        self.trainer.restore(now)
        self.callbacks.on_checkpoint(path)

    def restore_best(self) -> None:
        """Restore the best weights so far, if an epoch has ended."""
        if self.best_state:
            self.trainer.restore(self.best_state)

    def resume(self) -> None:
        """Resume from the run's latest checkpoint, if there is one."""
        saved = None if self.run is None else self.run.resume()
        self.begin_stage(int(saved.state.get("stage", 0)) if saved else 0)
        if saved is None:
            self.trainer.on_train_start()
        if self.run is None:
            return
        if saved is None:
            if (graph := self.trainer.graph()) is not None:
                self.run.graph(graph)
            return
        state = saved.state
        learner = saved.path / LEARNER
        check_same_data(self.trainer, learner, state.get("per_epoch"), self.per_epoch)
        try:
            self.number, self.epoch, self.batches = saved.number, state["epoch"], state["batches"]
            self.best, self.best_epoch = state["best"], state["best_epoch"]
            self.seconds, self.trainer.history = float(state["seconds"]), list(state["history"])
            self.means = BatchMeans(state["means"])
            self.trainer.rng.bit_generator.state = from_json(state["rng"])
            arrays = read_arrays(saved.path / ARRAYS)
            best = {name for name in arrays if name.startswith(f"{BEST}/")}
            self.best_state = {name.removeprefix(f"{BEST}/"): arrays[name] for name in best}
            self.best_state |= from_json(state["best_state"])
            now = {name: value for name, value in arrays.items() if name not in best}
            self.trainer.restore({**now, **from_json(state["state"])})
            change_learning_rate(self.trainer, self.stages[self.stage], learner)
        except (LookupError, TypeError, ValueError, AttributeError, OSError) as error:
            raise AgentlabError(
                f"checkpoint {saved.path} does not match this network: {error}; start a new run"
            ) from error
