"""The run folder: configuration, metrics, TensorBoard events and checkpoints of one run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agentlab.errors import InvalidArgument
from agentlab.runs.aside import make_way, tell
from agentlab.runs.checkpoint import Checkpoint
from agentlab.runs.checkpoint_folder import CheckpointFolder
from agentlab.runs.config_file import CONFIG, read_config, write_config
from agentlab.runs.files import (
    folder_name,
    make_numbered_folder,
    remove_temporaries,
    replacing_folder,
    reporting,
)
from agentlab.runs.permission import refuse_links
from agentlab.runs.provenance import hyperparameters, provenance
from agentlab.runs.table import Table
from agentlab.runs.tensorboard import EventFile
from agentlab.runs.watch import Watch


class Run:
    """The folder of one training run, made by ``create`` and opened by ``open``.

    ::

        config.json             all settings, and the versions of the packages
        metrics.csv             reproducible metrics: equal runs give equal bytes
        timings.csv             metrics that depend on the clock
        evaluations.csv         results of evaluations during training, if there were any
        tensorboard/            both, and histograms, the graph, images, texts
        checkpoints/000012/     everything needed to resume
        learner/, best/         the final learner, and the one with the best evaluation
        plots/, videos/         created when needed

    Only one process at a time may write to a run; any number of processes may read it.

    Attributes:
        path: the folder.
        config, edited: content of ``config.json``; whether it was edited or damaged.
        keep: number of checkpoints that are kept.
        checkpoints: their folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with Run.create(root, "demo", {"seed": 7}) as run:
    ...         run.log(100, {"return/mean": 1.5}, {})
    ...     print((run.path / "metrics.csv").read_text(), end="")
    step,return/mean
    100,1.5
    """

    keep = 3
    follows = False  # whether another process writes the run; see ``FollowingRun``

    def __init__(self, path: Path, config: dict[str, Any], edited: bool = False) -> None:
        self.path, self.config, self.edited = path, config, edited
        self._metrics = Table(path / "metrics.csv")
        self._timings = Table(path / "timings.csv")
        self._evaluations = Table(path / "evaluations.csv")
        self._tables = (self._metrics, self._timings, self._evaluations)
        self.checkpoints = CheckpointFolder(path / "checkpoints")
        self._event_file: EventFile | None = None
        self._events_start: int | None = None
        self._watch: Watch | None = None

    @classmethod
    def create(cls, root: Path | str, name: str, config: dict[str, Any]) -> Self:
        """Create a new run folder; an existing one is never overwritten.

        Args:
            root: folder of the runs, created if it does not exist.
            name: name of the folder, with ``-2``, ``-3``, ... appended if it exists. Characters
                that are unsafe in file names become ``-``.
            config: JSON values for ``config.json``; versions and time are added.

        Raises:
            InvalidArgument: for a name without letters or digits.
            AgentlabError: if the folder cannot be written.
        """
        name = folder_name(name)
        if not name:
            raise InvalidArgument("the name of a run is empty; use letters or digits")
        with reporting(f"a run cannot be made in the folder {str(root)!r}"):
            path = make_numbered_folder(Path(root), name)
            try:
                run = cls(path, write_config(path, {**provenance(), **config}))
                run._acquire_lock()
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise
        run._events_start = 0
        return run

    @classmethod
    def open(cls, path: Path | str, writing: bool = False) -> Self:
        """Open an existing run folder.

        Args:
            path: the folder.
            writing: whether to lock it at once, so that problems show before anything is computed.

        Raises:
            AgentlabError: if the folder does not exist, is not a run, or its ``config.json`` is
                damaged; with ``writing``, if it contains links or another process writes to it.
        """
        path = Path(path)
        run = cls(path, *read_config(path))
        if writing:
            with run._writing():
                pass
        return run

    def place(self) -> Path:
        """Return the folder, located again if it was renamed; raise an error if it was deleted."""
        with self._writing():
            return self.path

    def log(self, step: int, metrics: Mapping[str, float], timings: Mapping[str, float]) -> None:
        """Append a row to ``metrics.csv`` and to ``timings.csv``, and write both to TensorBoard.

        Args:
            step: environment steps or epochs so far.
            metrics: metrics that depend only on configuration and seed.
            timings: metrics that depend on the clock.

        Raises:
            AgentlabError: if the files cannot be written, another process writes to the run, or
                its folder was deleted. Files that were deleted are written again, with a warning.
        """
        with self._writing():
            self._check_files()
            self._metrics.append(step, metrics)
            self._timings.append(step, timings)
            self._events().scalars(step, {**metrics, **timings})

    def log_evaluation(self, step: int, results: Mapping[str, float]) -> None:
        """Append a row to ``evaluations.csv``, and write it to TensorBoard under ``eval/``."""
        with self._writing():
            self._evaluations.append(step, results)
            self._events().scalars(step, {f"eval/{name}": v for name, v in results.items()})

    def evaluations(self) -> list[dict[str, float]]:
        """Return the rows of ``evaluations.csv``; ``AgentlabError`` if the file is damaged."""
        return self._evaluations.read()

    def save_learner(self, name: str, write: Callable[[Path], None]) -> Path:
        """Save a learner atomically to the folder ``name`` of the run, with ``config.json``.

        Args:
            name: ``"learner"`` or ``"best"``; an earlier learner there is replaced.
            write: called with a folder, writes the files of the learner into it.
        """
        with reporting(f"{self.path / name} cannot be written"):

            def save() -> Path:
                with replacing_folder(self.path / name) as folder:
                    write(folder)
                    write_config(folder, self.config)
                return self.path / name

            return self._saved(save)

    def update_config(self, changes: Mapping[str, Any]) -> None:
        """Replace some values in ``config`` and in ``config.json``."""
        with self._writing():
            for table in self._tables:
                table.repair()
            config = {**self.config, **changes}
            self.config, self.edited = write_config(self.path, config), False

    def histograms(self, step: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write histograms of arrays, by name, to TensorBoard."""
        with self._writing():
            self._events().histograms(step, values)

    def graph(self, concrete_function: Any) -> None:
        """Write the graph of a concrete TensorFlow function to TensorBoard."""
        with self._writing():
            self._events().graph(concrete_function)

    def image(self, tag: str, step: int, image: npt.NDArray[np.uint8]) -> None:
        """Write an image, uint8 ``[height, width, 3]``, to TensorBoard."""
        with self._writing():
            self._events().image(tag, step, image)

    def text(self, tag: str, step: int, markdown: str) -> None:
        """Write a text in Markdown to TensorBoard."""
        with self._writing():
            self._events().text(tag, step, markdown)

    def save_checkpoint(
        self, number: int, step: int, write: Callable[[Path], None], state: dict[str, Any]
    ) -> Path:
        """Write a checkpoint atomically, with all rows, remove the oldest ones, return its folder.

        Args:
            number: number of the checkpoint, larger than that of any other in the run.
            step: environment steps or epochs so far.
            write: called with a folder, writes the files of the checkpoint into it; ``state.json``
                and the names of the run's own files are reserved.
            state: JSON-serializable state of the training loop.

        Raises:
            AgentlabError: if it cannot be written; older ones are kept.
        """

        def write_all(folder: Path) -> None:
            write(folder)
            write_config(folder, self.config)
            for table in self._tables:
                table.copy_to(folder)

        with reporting(f"checkpoint {number} of {self.path} cannot be saved, older ones are kept"):
            path = self._saved(
                lambda: self.checkpoints.save(number, step, write_all, state, self.keep)
            )
            if self._event_file is not None:
                self._event_file.flush()
        return path

    def latest_checkpoint(self) -> Checkpoint | None:
        """Return the newest intact checkpoint, or ``None``; see ``CheckpointFolder.newest``."""
        return self.checkpoints.newest()

    def resume(self) -> Checkpoint | None:
        """Rewind the run to its newest valid checkpoint, from which it is resumed; return it."""
        checkpoint = self.checkpoints.to_resume_from()
        self.rewind(checkpoint)
        return checkpoint

    def rewind(self, checkpoint: Checkpoint | None) -> None:
        """Discard all records made after ``checkpoint``, or all of them for ``None``."""
        with self._writing():
            self.close()
            self._acquire_lock()
            folder = None if checkpoint is None else checkpoint.path
            for place in (self.path, self.path / "plots", self.path / "videos"):
                remove_temporaries(place)
            for table in self._tables:
                table.restore(folder)
            self.checkpoints.rewind(checkpoint)
            # Events logged at the step of the checkpoint itself are kept.
            self._events_start = 0 if checkpoint is None else checkpoint.step + 1

    def close(self) -> None:
        """Close all files and release the lock; logging reopens them."""
        with reporting(f"run={str(self.path)!r} cannot be written to"), ExitStack() as stack:
            if self._watch is not None:
                stack.callback(self._watch.close)
            if self._event_file is not None:
                stack.callback(self._event_file.close)
            for table in self._tables:
                stack.callback(table.close)
            self._event_file = self._watch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _events(self) -> EventFile:
        if self._event_file is None:
            settings = hyperparameters(self.config) if self._events_start == 0 else {}
            self._event_file = EventFile(self.path / "tensorboard", self._events_start, settings)
            self._events_start = None
        return self._event_file

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with reporting(f"run={str(self.path)!r} cannot be written to"):
            self._acquire_lock()
            yield

    def _saved(self, save: Callable[[], Path]) -> Path:
        """Return ``save()``, called again if a folder was renamed or deleted meanwhile."""
        self._acquire_lock()
        path = self.path
        try:
            return save()
        except FileNotFoundError:
            self._acquire_lock()
            folder = self.checkpoints.path
            if self.path == path and not folder.exists():
                tell(f"{folder} was deleted during training, and is written again")
            remove_temporaries(self.path)
            return save()

    def _acquire_lock(self) -> None:
        """Lock this run against other writing processes until ``close`` or exit."""
        if self._watch is None:
            refuse_links(self.path)
            make_way(self.path)
            self._watch = Watch(self.path)
        elif (path := self._watch.place(self.path)) != self.path:
            self.path, self.checkpoints.path = path, path / "checkpoints"
            for table in self._tables:
                table.path = path / table.path.name

    def _check_files(self) -> None:
        """Warn about files deleted or added since the last row, and restore them if possible."""
        if not (self.path / CONFIG).exists():
            tell(f"{self.path / CONFIG} was deleted during training, and is written again")
            write_config(self.path, self.config)
        self.checkpoints.check()
