"""A CSV file with one row for each episode of a run."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.files import open_append, reporting
from agentlab.runs.reading import open_regular

NAME = "episodes.csv"
HEADER = b"step,return,length\n"
READ_BYTES = 64 << 20  # about two million episodes


class EpisodeLog:
    """Appends the step at which each episode ended, its return and its length to a CSV file.

    Equal runs give equal bytes. Rows are buffered until ``flush``, which is called before a
    checkpoint is saved; a checkpoint keeps only the size of the file.

    Args:
        run_path: the run's folder.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = EpisodeLog(Path(folder))
    ...     log.add(8, [1.5, -2.0], [3, 4])
    ...     size = log.flush()
    ...     read_episodes(Path(folder))
    array([[ 8. ,  1.5,  3. ],
           [ 8. , -2. ,  4. ]])
    """

    def __init__(self, run_path: Path) -> None:
        self.path = run_path / NAME
        self._lines: list[str] = []

    def add(self, step: int, returns: Sequence[float], lengths: Sequence[int]) -> None:
        """Add episodes that ended at ``step``."""
        self._lines += [f"{step},{float(r)!r},{n}\n" for r, n in zip(returns, lengths, strict=True)]

    def flush(self) -> int:
        """Write the buffered rows, and return the size of the file in bytes.

        Raises:
            AgentlabError: if the file cannot be written.
        """
        lines, self._lines = "".join(self._lines).encode(), []
        with reporting(f"{self.path} cannot be written"), open_append(self.path) as file:
            size = os.fstat(file.fileno()).st_size
            lines = lines if size or not lines else HEADER + lines
            file.write(lines)
        return size + len(lines)

    def rewind(self, size: int) -> None:
        """Discard the rows after the first ``size`` bytes, before a run is resumed.

        Raises:
            AgentlabError: if the file cannot be written.
        """
        self._lines = []
        with reporting(f"{self.path} cannot be written"):
            if size <= 0:
                self.path.unlink(missing_ok=True)
            elif self.path.exists():
                with open_append(self.path) as file:
                    file.truncate(min(size, os.fstat(file.fileno()).st_size))


def read_episodes(run_path: Path) -> npt.NDArray[np.float64]:
    """Return the steps, returns and lengths of the episodes of a run, float64 ``[episodes, 3]``.

    Only the first 64 MiB are read. The array is empty if there is no file.

    Raises:
        AgentlabError: if the file is damaged.
    """
    content = b""
    with contextlib.suppress(FileNotFoundError), open_regular(run_path / NAME) as file:
        content = file.read(READ_BYTES)
    complete = content[: content.rfind(b"\n") + 1]
    if complete.count(b"\n") < 2:
        return np.empty((0, 3))
    try:
        rows = np.loadtxt(io.BytesIO(complete), delimiter=",", skiprows=1, ndmin=2)
    except ValueError as error:
        raise AgentlabError(f"{run_path / NAME} cannot be read: {error}") from error
    if rows.shape[1] != 3:
        raise AgentlabError(f"{run_path / NAME} cannot be read: it must have 3 columns")
    return rows
