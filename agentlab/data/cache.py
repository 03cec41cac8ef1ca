"""Downloads of public files, verified by checksum and cached in a folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pooch
from tqdm import tqdm
from urllib3.exceptions import IncompleteRead

from agentlab.errors import AgentlabError

TIMEOUT = 30.0  # seconds without a response
CHUNK = 1 << 18  # bytes


def cache_folder() -> Path:
    """Return the folder of downloads: ``AGENTLAB_DATA``, else ``~/.cache/agentlab``."""
    return Path(os.environ.get("AGENTLAB_DATA") or Path.home() / ".cache" / "agentlab")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str, sha256: str, folder: Path | None = None, instead: str = "", quiet: bool = False
) -> Path:
    """Return a verified copy of a public file, downloaded only if it is not cached.

    Downloads are atomic, even if several processes download the same file at once. A damaged copy
    is downloaded again.

    Args:
        url: of the file.
        sha256: its checksum.
        folder: the cache folder; ``None`` is ``cache_folder()``.
        instead: what a user without a network can do, appended to the error message.
        quiet: show no progress.

    Raises:
        AgentlabError: if the download fails, the checksum differs, or the folder cannot be written
            to.
    """
    folder = cache_folder() if folder is None else folder
    name = url.rpartition("/")[2]
    path = folder / name
    bar = _Bar(
        desc=f"downloading {name}",
        unit="B",
        unit_scale=True,
        disable=True if quiet else None,  # None: shown on a terminal only
    )
    try:
        if path.is_file() and checksum(path) == sha256:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # distinguishes a folder that cannot be written to from a failed download
    except OSError as error:
        raise AgentlabError(f"{path} cannot be written: {error.strerror}") from error
    pooch.get_logger().setLevel("WARNING")  # the progress bar is enough
    try:
        with bar:
            download = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
            pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=download)
        path.chmod(0o644)  # temporary files are private to their owner, but a cache may be shared
    except ValueError as error:
        raise AgentlabError(
            f"the file at {url} has changed: its SHA-256 must be {sha256}"
        ) from error
    except OSError as error:  # includes the errors of requests
        raise AgentlabError(f"{url} cannot be downloaded: {_reason(error)}{instead}") from error
    return path


class _Bar(tqdm):  # type: ignore[misc]
    """A progress bar that is true, as pooch requires, even before its total is known."""

    def __bool__(self) -> bool:
        return True


def _reason(error: BaseException) -> str:
    """Return in a few words why a download failed."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    cause: BaseException | None = error
    while cause is not None:  # requests and urllib3 wrap the operating system's error several times
        if isinstance(cause, IncompleteRead):
            total = cause.partial + (cause.expected or 0)
            return f"the connection was cut after {cause.partial:,} of {total:,} bytes"
        if reason := getattr(cause, "strerror", None):
            return str(reason)
        cause = cause.__context__
    return str(error) or type(error).__name__
