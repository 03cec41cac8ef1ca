"""How much memory and disk space is available, checked before it is allocated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from agentlab.errors import AgentlabError

CGROUPS = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Return how many bytes of memory this process can still use; ``None`` if that is unknown.

    The limits of control groups (containers) count as well as the machine's memory.
    """
    found = [*_of_machine(), *_of_control_groups()]
    return min(found) if found else None


def check_memory(needed: int, what: str, advice: str) -> None:
    """Check that memory suffices, before it is allocated.

    Args:
        needed: bytes.
        what: what needs them, such as ``"buffer_size=100000"``.
        advice: what to change, such as ``"choose a smaller buffer_size"``.

    Raises:
        AgentlabError: if less memory is available.
    """
    available = available_memory()
    if available is not None and needed > available:
        raise AgentlabError(
            f"{what} needs {gibibytes(needed)} of memory, but {gibibytes(available)} are "
            f"available: {advice}"
        )


def check_disk(needed: int, what: str, folder: Path | str) -> None:
    """Check that the disk of a folder has space, before a file is created in it.

    Raises:
        AgentlabError: if it has less than ``needed`` bytes.
    """
    path = Path(folder).absolute()
    existing = next((p for p in (path, *path.parents) if p.exists()), None)
    if existing is not None and needed > (free := shutil.disk_usage(existing).free):
        raise AgentlabError(
            f"{what} needs {gibibytes(needed)} of disk space, but {str(folder)!r} has "
            f"{gibibytes(free)}: choose a smaller buffer_size or another buffer_folder"
        )


def gibibytes(count: int) -> str:
    """Format a number of bytes in GiB or MiB.

    >>> gibibytes(3 << 29)
    '1.5 GiB'
    """
    return f"{count / 2**30:,.1f} GiB" if count >= 1 << 28 else f"{count / 2**20:,.0f} MiB"


def _of_machine() -> Iterator[int]:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                yield int(value.split()[0]) * 1024
                return
    except (OSError, ValueError, IndexError):
        pass
    try:
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return


def _of_control_groups() -> Iterator[int]:
    """Yield the memory left within the limits of this process's control groups (v1 and v2)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "":
            root, names = CGROUPS, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root = CGROUPS / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            yield from _left_in(folder, *names)


def _left_in(folder: Path, limit: str, usage: str) -> Iterator[int]:
    try:
        most, used = ((folder / name).read_text().strip() for name in (limit, usage))
        reclaimable = _file_cache(folder)
        if most != "max":
            yield max(int(most) - int(used) + reclaimable, 0)
    except (OSError, ValueError):
        return


def _file_cache(folder: Path) -> int:
    """Return the bytes of a control group's usage that are cached files, freed when needed."""
    try:
        for line in (folder / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    except (OSError, ValueError):
        pass
    return 0
