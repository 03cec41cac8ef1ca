"""Public files: downloaded once, verified by their checksums, and kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pooch
from tqdm import tqdm
from urllib3.exceptions import IncompleteRead

from agentlab.errors import AgentlabError

TIMEOUT = 30.0  # seconds to wait for an answer
CHUNK = 1 << 18  # bytes


def cache_folder() -> Path:
    """Return where downloads are kept: ``AGENTLAB_DATA``, else ``~/.cache/agentlab``."""
    return Path(os.environ.get("AGENTLAB_DATA") or Path.home() / ".cache" / "agentlab")


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str, sha256: str, folder: Path | None = None, instead: str = "", quiet: bool = False
) -> Path:
    """Return a verified copy of a public file, downloaded only where the cache has none.

    A file appears in the folder whole or not at all, even where several processes fetch it at
    once. A damaged copy is downloaded again.

    Args:
        url: of the file.
        sha256: its checksum.
        folder: where it is kept; ``None`` takes ``cache_folder()``.
        instead: what a user without a network can do; ends the sentence of the error.
        quiet: show no progress.

    Raises:
        AgentlabError: where there is no network or no such file, the connection is cut, the
            checksum differs, or the folder cannot be written to.
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
            pass  # so that a folder that cannot be written to is told from a failed download
    except OSError as error:
        raise AgentlabError(f"{path} cannot be kept: {error.strerror}") from error
    pooch.get_logger().setLevel("WARNING")  # the bar says enough
    try:
        with bar:
            download = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
            pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=download)
        path.chmod(0o644)  # such a file is made for its owner alone, but a cache may be shared
    except ValueError as error:
        raise AgentlabError(
            f"{url} gave another file than expected: its SHA-256 is not {sha256}"
        ) from error
    except OSError as error:  # those of requests among them
        raise AgentlabError(f"{url} cannot be downloaded: {_reason(error)}{instead}") from error
    return path


class _Bar(tqdm):  # type: ignore[misc]
    """A progress bar that pooch takes for one although its total is not known yet."""

    def __bool__(self) -> bool:
        return True


def _reason(error: BaseException) -> str:
    """Return in a few words why a download failed."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    cause: BaseException | None = error
    while cause is not None:  # requests and urllib3 wrap the error of the system several times
        if isinstance(cause, IncompleteRead):
            total = cause.partial + (cause.expected or 0)
            return f"the connection was cut after {cause.partial:,} of {total:,} bytes"
        if reason := getattr(cause, "strerror", None):
            return str(reason)
        cause = cause.__context__
    return str(error) or type(error).__name__
