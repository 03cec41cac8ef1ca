"""The folder of a run that is being written: locked, and found again if it was renamed."""

from __future__ import annotations

import os
from pathlib import Path

from agentlab.errors import AgentlabError
from agentlab.runs.aside import tell
from agentlab.runs.lock import lock_run


class Watch:
    """Locks a run's folder against other writing processes, and finds it again if it was renamed.

    Args:
        path: the folder, which must exist.

    Raises:
        AgentlabError: if another process writes to the run.
        OSError: if it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._lock = lock_run(path)
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def place(self, path: Path) -> Path:
        """Return the current path of the folder, which was last at ``path``.

        Raises:
            AgentlabError: if it has been deleted.
        """
        try:
            if os.path.samestat(os.stat(path), os.fstat(self._folder)):
                return path
        except OSError:
            pass
        try:
            now = Path(os.readlink(f"/proc/self/fd/{self._folder}"))  # Linux
            if os.path.samestat(os.stat(now), os.fstat(self._folder)):
                tell(f"run={str(path)!r} was moved during training, which continues in {now}")
                return now
        except OSError:
            pass
        raise AgentlabError(
            f"run={str(path)!r} was deleted or moved during training, so nothing more can be saved"
        )

    def close(self) -> None:
        """Release the lock."""
        os.close(self._folder)
        self._lock.close()
