"""The loop that trains every trainer: epochs, held-out metrics, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agentlab.data import Batch, Batches
from agentlab.errors import AgentlabError
from agentlab.runs import Progress, Run, derive_seed, stop_signals
from agentlab.runs.reading import read_arrays
from agentlab.training.trainer import Trainer

T = TypeVar("T")


def train_epochs(
    trainer: Trainer, train: Batches, validation: Batches | None, run: Run | None, quiet: bool
) -> None:
    """Train ``trainer.net``; see ``Trainer._train``.

    Where ``run`` holds a checkpoint, training goes on from there, and every later metric equals,
    bit for bit, that of a run that was never stopped. Ctrl-C saves within an epoch, too.
    """
    session = _Session(trainer, train, validation, run)
    session.resume()
    epochs, per_epoch = trainer.config.epochs, session.per_epoch
    progress = Progress(epochs * per_epoch, session.updates, quiet, "batches")
    with stop_signals() as stop:
        try:
            while session.epoch < epochs and not session.stale and not stop.is_set():
                for batch in session.rest_of_epoch():
                    session.update(batch)
                    progress.update(session.updates, session.note)
                    if stop.is_set():
                        break
                session.check_count(stop.is_set())
                if session.batches == per_epoch:
                    progress.say(session.end_epoch())
                session.checkpoint()
        finally:
            progress.close()
    session.keep_best()
    trainer.interrupted = stop.is_set() and session.epoch < epochs


class _Session:
    """The counters of a training, and what is done with them."""

    def __init__(
        self, trainer: Trainer, train: Batches, validation: Batches | None, run: Run | None
    ) -> None:
        self.trainer, self.train, self.validation, self.run = trainer, train, validation, run
        trainer._compile(train)
        trainer.history = []
        self.per_epoch = train.count(trainer.config.batch_size)
        self.epoch = self.batches = self.number = self.best_epoch = 0
        self.best = [math.inf, math.inf]
        self.best_weights: list[Any] = []
        self.seconds = 0.0
        self.sums: Any = 0.0
        self._last: Batch | None = None

    @property
    def updates(self) -> int:
        """Updates made since the very start."""
        return self.epoch * self.per_epoch + self.batches

    @property
    def stale(self) -> bool:
        """Whether held-out metrics have not become better for too long."""
        patience = self.trainer.config.patience
        return patience is not None and self.epoch - self.best_epoch >= patience

    def rest_of_epoch(self) -> Iterator[Batch]:
        """Go through what is left of the current epoch, in an order that its number decides."""
        seed = derive_seed(self.trainer.seed, self.epoch)
        batches = self.train.epoch(self.trainer.config.batch_size, seed)
        self._since = time.perf_counter()
        return _ahead(islice(batches, self.batches, None))

    def update(self, batch: Batch) -> None:
        """Learn from one batch."""
        sums = self.trainer._step(tuple(batch)).numpy()
        if not np.isfinite(sums).all():
            raise self._diverged()
        self.sums = self.sums + sums.astype(np.float64)
        self.batches += 1
        self._last = batch

    def check_count(self, stopped: bool) -> None:
        """See that an epoch had as many batches as its data had said."""
        if self.batches > self.per_epoch or (self.batches < self.per_epoch and not stopped):
            raise AgentlabError(
                f"the data give {self.batches} batches in an epoch, but count() says that there "
                f"are {self.per_epoch}"
            )

    def _diverged(self) -> AgentlabError:
        kept = self.run and self.run.latest_checkpoint()
        last = f"the last good checkpoint is {kept.path}" if kept else "no checkpoint was saved yet"
        return AgentlabError(
            f"training diverged in epoch {self.epoch + 1}, batch {self.batches + 1}: the loss is "
            f"no finite number; {last}; try a smaller learning_rate"
        )

    def note(self) -> str:
        """Say for the progress line how it goes."""
        return f"epoch {min(self.epoch + 1, self.trainer.config.epochs)}" + (
            f", loss {self.trainer._means(self.sums[:-1])['loss']:.4g}" if self.batches else ""
        )

    def end_epoch(self) -> str:
        """Measure, log and judge an epoch, and say in a line how it went."""
        trainer, run = self.trainer, self.run
        spent = time.perf_counter() - self._since
        parts = {"train": trainer._means(self.sums[:-1])}
        gradient_norm = float(self.sums[-1]) / self.per_epoch
        self.epoch, self.batches, self.sums = self.epoch + 1, 0, 0.0
        if self.validation is not None:
            parts["validation"] = trainer._evaluate(self.validation)
        metrics = {
            f"{part}/{name}": value
            for part, means in parts.items()
            for name, value in means.items()
        }
        metrics |= trainer.epoch_end(self.epoch, run)
        name, direction = trainer.monitor
        reached, loss = (
            next(metrics[k] for k in (f"validation/{n}", f"train/{n}", n) if k in metrics)
            for n in (name, "loss")
        )
        # Of epochs that are equally good the one with the least loss is the best, and the last one
        # where nothing is held out to tell.
        better = [reached if direction == "min" else -reached, loss]
        told = any(key.startswith("validation/") for key in metrics)
        untold = not told or math.isnan(self.best[0])
        if better < self.best or untold or not self.best_weights:
            self.best, self.best_epoch = better, self.epoch
            self.best_weights = [np.asarray(weight) for weight in trainer.net.weights]
        trainer.history.append(metrics)
        self.seconds += time.perf_counter() - self._since
        if run is not None:
            rate = self.train.size / spent
            timings = {"seconds": self.seconds, "examples_per_second": rate}
            extra = {"grad_norm": gradient_norm, "learning_rate": self._learning_rate()}
            run.log(self.epoch, {**metrics, **extra}, timings)
            assert self._last is not None
            run.histograms(self.epoch, trainer.histograms(self._last))
        return f"epoch {self.epoch:<4}" + "   ".join(
            f"{part}: " + ", ".join(f"{name} {value:.4g}" for name, value in means.items())
            for part, means in parts.items()
        )

    def _learning_rate(self) -> float:
        return float(np.asarray(self.trainer._optimizer.learning_rate))

    def checkpoint(self) -> None:
        """Keep the best net so far, and everything that a resumed run needs."""
        if self.run is None:
            return
        self.number += 1
        state = {
            "epoch": self.epoch,
            "batches": self.batches,
            "per_epoch": self.per_epoch,
            "names": self.trainer._names,
            "sums": np.asarray(self.sums).tolist(),
            "best": self.best,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "history": self.trainer.history,
        }
        self.run.save_checkpoint(self.number, self.epoch, self._write, state)

    def _write(self, folder: Path) -> None:
        trainer = self.trainer
        np.savez(folder / "training.npz", allow_pickle=False, **self._arrays())
        now = [np.asarray(weight) for weight in trainer.net.weights]
        self.keep_best()
        trainer.save(folder / "trainer")
        _assign(trainer.net.weights, now)

    def _variables(self) -> dict[str, Any]:
        """All that learning changes, by name."""
        return {f"{i:04d}": variable for i, variable in enumerate(self.trainer._variables())}

    def _arrays(self) -> dict[str, Any]:
        arrays = {name: np.asarray(variable) for name, variable in self._variables().items()}
        return arrays | {f"best{i:04d}": weight for i, weight in enumerate(self.best_weights)}

    def keep_best(self) -> None:
        """Give the net the weights that did best."""
        _assign(self.trainer.net.weights[: len(self.best_weights)], self.best_weights)

    def resume(self) -> None:
        """Resume from the run's newest checkpoint, if there is one."""
        if self.run is None:
            return
        kept = self.run.latest_checkpoint()
        self.run.rewind(kept)
        if kept is None:
            self.run.graph(self.trainer._gradients_of.get_concrete_function())
            return
        state = kept.state
        if state.get("per_epoch") != self.per_epoch:
            raise AgentlabError(
                f"the data have changed since run={str(self.run.path)!r} was begun: an epoch had "
                f"{state.get('per_epoch')} batches and has {self.per_epoch} now; start a new run"
            )
        try:
            self.number, self.epoch, self.batches = kept.number, state["epoch"], state["batches"]
            self.best, self.best_epoch = state["best"], state["best_epoch"]
            self.seconds, self.trainer.history = float(state["seconds"]), list(state["history"])
            self.trainer._names, self.sums = list(state["names"]), np.asarray(state["sums"])
            arrays = read_arrays(kept.path / "training.npz")
            best = sorted(name for name in arrays if name.startswith("best"))
            self.best_weights = [arrays[name] for name in best]
            variables = self._variables()
            if len(variables) != len(arrays) - len(best):
                raise ValueError("it has other variables")
            for name, variable in variables.items():
                variable.assign(arrays[name])
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise AgentlabError(
                f"checkpoint {kept.path} is not one of this net: {error}; start a new run"
            ) from error


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _ahead(items: Iterable[T]) -> Iterator[T]:
    """Make the next item in another thread while the last one is worked on."""
    iterator = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        coming = pool.submit(next, iterator, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, iterator, None)
            yield item
