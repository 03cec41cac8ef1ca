"""The run folder: configuration, metrics, TensorBoard events and checkpoints of one training."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs import checkpoint as checkpoints
from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.files import (
    refuse_links,
    remove_temporaries,
    replacing_folder,
    reporting,
    write_text,
)
from agentlab.runs.folder import lock_run, make_run_folder
from agentlab.runs.provenance import provenance
from agentlab.runs.reading import read_json
from agentlab.runs.table import Table
from agentlab.runs.tensorboard import EventFile


class Run:
    """A folder that records one training, made by ``create`` or found by ``open``.

    ::

        config.json             everything that was set, and the versions that ran it
        metrics.csv             metrics that two equal runs share byte for byte
        evaluations.csv         results of evaluations while training, if there were any
        timings.csv             metrics of the clock
        tensorboard/            both, and histograms, graph, images, texts
        checkpoints/000012/     what resuming needs
        learner/, best/         the learner at the end, and the one that evaluations found best
        plots/, videos/         made when needed

    One process at a time may write to a run; any number may read it.

    Attributes:
        path: the folder.
        config: what ``config.json`` holds.
        keep: how many checkpoints are kept.
    """

    keep = 3

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path = path
        self.config = config
        self._metrics = Table(path / "metrics.csv")
        self._timings = Table(path / "timings.csv")
        self._evaluations = Table(path / "evaluations.csv")
        self._tables = (self._metrics, self._timings, self._evaluations)
        self._checkpoints = path / "checkpoints"
        self._event_file: EventFile | None = None
        self._events_start: int | None = None
        self._lock: BinaryIO | None = None

    @classmethod
    def create(cls, root: Path | str, name: str, config: dict[str, Any]) -> Self:
        """Make a new run folder; never one that exists already.

        Args:
            root: where runs lie; made if missing.
            name: the folder's name; ``name-2``, ``name-3``, ... where it is taken. Characters
                that a file name should not hold become ``-``.
            config: what to keep in ``config.json``, beside versions and time; what JSON holds.

        Raises:
            AgentlabError: for a name without letters, an unwritable folder or a full disk.
        """
        name = re.sub(r"[^\w.+=-]+", "-", name).strip("-.")
        if not name:
            raise AgentlabError("the name of a run is empty; give it letters or digits")
        text = json.dumps({**provenance(), **config}, indent=2) + "\n"
        with reporting(f"a run cannot be made in the folder {str(root)!r}"):
            path = make_run_folder(Path(root), name)
            try:
                write_text(path / "config.json", text)
                run = cls(path, json.loads(text))
                run._own()
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
        run._events_start = 0
        return run

    @classmethod
    def open(cls, path: Path | str, writing: bool = False) -> Self:
        """Find a run folder that ``create`` made.

        Args:
            path: the folder.
            writing: keep other processes from writing to it from now on, not only from the first
                ``log``; what is wrong with the folder shows before anything is computed.

        Raises:
            AgentlabError: for a missing folder, one that is no run, or a damaged ``config.json``;
                for one to be written to that holds links, or that another process writes to.
        """
        path = Path(path)
        try:
            config = read_json(path / "config.json")
        except (FileNotFoundError, NotADirectoryError):
            why = "it has no config.json" if path.is_dir() else "there is no such folder"
            raise AgentlabError(f"run={str(path)!r} is not a run folder: {why}") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AgentlabError(f"{path / 'config.json'} cannot be read: {reason}") from error
        if not isinstance(config, dict):
            raise AgentlabError(f"{path / 'config.json'} cannot be read: it holds no JSON object")
        run = cls(path, config)
        if writing:
            with run._writing():
                pass
        return run

    def log(self, step: int, metrics: Mapping[str, float], timings: Mapping[str, float]) -> None:
        """Add a row to ``metrics.csv`` and to ``timings.csv``, and all of it to TensorBoard.

        Args:
            step: how many environment steps (or updates) have been made.
            metrics: those that follow from configuration and seed alone.
            timings: metrics that depend on the clock.

        Raises:
            AgentlabError: for a full disk, or where another process writes to the run.
        """
        with self._writing():
            self._metrics.append(step, metrics)
            self._timings.append(step, timings)
            self._events().scalars(step, {**metrics, **timings})

    def log_evaluation(self, step: int, results: Mapping[str, float]) -> None:
        """Add a row to ``evaluations.csv``, and to TensorBoard under ``eval/``."""
        with self._writing():
            self._evaluations.append(step, results)
            self._events().scalars(step, {f"eval/{name}": v for name, v in results.items()})

    def evaluations(self) -> list[dict[str, float]]:
        """Return the rows of ``evaluations.csv``, oldest first.

        Raises:
            AgentlabError: for a damaged file.
        """
        return self._evaluations.read()

    def save_learner(self, name: str, write: Callable[[Path], None]) -> Path:
        """Save a learner to the folder ``name`` of the run, whole, with a copy of ``config.json``.

        Args:
            name: ``"learner"`` or ``"best"``; what was saved there before is replaced.
            write: writes the learner into the folder that it is given.

        Raises:
            AgentlabError: where the disk is full or refuses; what was there before stays.
        """
        path = self.path / name
        with reporting(f"{path} cannot be written"):
            self._own()
            with replacing_folder(path) as folder:
                write(folder)
                shutil.copyfile(self.path / "config.json", folder / "config.json")
        return path

    def histograms(self, step: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Show in TensorBoard how the elements of arrays are distributed, by name."""
        with self._writing():
            self._events().histograms(step, values)

    def graph(self, concrete_function: Any) -> None:
        """Show the graph of a traced TensorFlow function in TensorBoard."""
        with self._writing():
            self._events().graph(concrete_function)

    def image(self, tag: str, step: int, image: npt.NDArray[np.uint8]) -> None:
        """Show an image in TensorBoard, uint8 ``[height, width, 3]``."""
        with self._writing():
            self._events().image(tag, step, image)

    def text(self, tag: str, step: int, markdown: str) -> None:
        """Show a text in TensorBoard."""
        with self._writing():
            self._events().text(tag, step, markdown)

    def save_checkpoint(
        self, number: int, step: int, write: Callable[[Path], None], state: dict[str, Any]
    ) -> Path:
        """Keep all that resuming needs, whole or not at all, and drop the oldest checkpoints.

        The rows logged so far are kept in the checkpoint too.

        Args:
            number: of the checkpoint; larger than that of any other in the run.
            step: how many steps have been made.
            write: writes files into the folder that it is given; the names ``state.json``,
                ``metrics.csv``, ``timings.csv`` and ``evaluations.csv`` are taken.
            state: the training loop's own state; what JSON holds.

        Returns:
            The checkpoint's folder.

        Raises:
            AgentlabError: where the disk is full or refuses; the older checkpoints stay.
        """

        def write_all(folder: Path) -> None:
            write(folder)
            for table in self._tables:
                table.copy_to(folder)

        with reporting(f"checkpoint {number} of {self.path} cannot be saved, older ones are kept"):
            self._own()
            path = checkpoints.write_checkpoint(self._checkpoints, number, step, write_all, state)
            for old in checkpoints.numbered(self._checkpoints)[self.keep :]:
                shutil.rmtree(old)
            if self._event_file is not None:
                self._event_file.flush()
        return path

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or ``None`` where none was ever saved.

        A damaged one is passed over, which one sentence on the standard error stream says.

        Raises:
            AgentlabError: where all are damaged.
        """
        return checkpoints.newest_whole(self._checkpoints)

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Forget all that was recorded after ``checkpoint``, so that it can be recorded again.

        ``None`` rewinds to the start, for a run that ended before its first checkpoint.

        Raises:
            AgentlabError: for an unwritable folder, or where another process writes to the run.
        """
        with self._writing():
            self.close()
            self._own()
            folder = None if checkpoint is None else checkpoint.path
            remove_temporaries(self.path)
            for table in self._tables:
                table.restore(folder)
            checkpoints.remove_after(
                self._checkpoints, -1 if checkpoint is None else checkpoint.number
            )
            # What was logged at the checkpoint's own step stays.
            self._events_start = 0 if checkpoint is None else checkpoint.step + 1

    def close(self) -> None:
        """Close all files and let other processes write; logging opens them again."""
        with reporting(f"run={str(self.path)!r} cannot be written to"), ExitStack() as stack:
            if self._lock is not None:
                stack.callback(self._lock.close)
            if self._event_file is not None:
                stack.callback(self._event_file.close)
            for table in self._tables:
                stack.callback(table.close)
            self._event_file = self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _events(self) -> EventFile:
        if self._event_file is None:
            self._event_file = EventFile(self.path / "tensorboard", self._events_start)
            self._events_start = None
        return self._event_file

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with reporting(f"run={str(self.path)!r} cannot be written to"):
            self._own()
            yield

    def _own(self) -> None:
        """Keep other processes from writing to this run until ``close``, or this process's end."""
        if self._lock is not None:
            return
        refuse_links(self.path)
        self._lock = lock_run(self.path)
