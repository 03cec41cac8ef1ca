"""Checks before writing: no file is replaced without consent, and no link is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path

from agentlab.errors import AgentlabError

# Files of a run that are modified in place.
APPENDED = ("metrics.csv", "timings.csv", "evaluations.csv", "episodes.csv", ".lock")


def check_output(
    flag: str, path: Path | str, overwrite: bool, inputs: Collection[Path | str] = ()
) -> None:
    """Check that writing to a file replaces nothing without the user's consent.

    Args:
        flag: the flag that names the file, for the message.
        path: the file to be written.
        overwrite: whether an existing file may be replaced.
        inputs: files that must not be replaced in any case.

    Raises:
        AgentlabError: if the file exists and must not be replaced.
    """
    path = Path(path)
    if not os.path.lexists(path):
        return
    for given in map(Path, inputs):
        if given.exists() and path.exists() and path.samefile(given):
            raise AgentlabError(f"{flag} {str(path)!r} is an input, which is never replaced")
    if not overwrite:
        raise AgentlabError(
            f"{flag} {str(path)!r} exists; choose another name, or replace it with --overwrite"
        )


def refuse_links(folder: Path, allowed: Collection[str] = ()) -> None:
    """Check that writing into a folder cannot change files outside it.

    Args:
        folder: the folder to be written to; it may itself be a link.
        allowed: names of entries of the folder that may be links.

    Raises:
        AgentlabError: if the folder contains a symbolic link, a special file, or another hard link
            to a file that is appended to.
        OSError: if the folder cannot be read.
    """
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(mode.st_mode):
                    folders.append(Path(entry.path))
                    continue
                name = Path(entry.path).relative_to(folder).as_posix()
                if stat.S_ISREG(mode.st_mode):
                    if name not in APPENDED or mode.st_nlink == 1:
                        continue
                    what = "has another hard link"
                elif stat.S_ISLNK(mode.st_mode):
                    if name in allowed:
                        continue
                    what = "is a link"
                else:
                    what = "is neither a file nor a folder"
                raise AgentlabError(
                    f"{str(folder)!r} is not written to, because {name} in it {what}; if you trust "
                    "the folder, copy it with `cp -rL`"
                )
