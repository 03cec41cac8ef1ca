"""Public files, downloaded once, verified by their checksums, and kept in a folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from agentlab.errors import AgentlabError

TIMEOUT = 30.0  # seconds without an answer
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

    A file appears in the folder whole or not at all, also where several processes fetch it at
    once. A damaged one is fetched anew.

    Args:
        url: of the file.
        sha256: its checksum.
        folder: where it is kept; ``None`` takes ``cache_folder()``.
        instead: what a user can do who has no network; ends the sentence that says so.
        quiet: show no progress.

    Raises:
        AgentlabError: for no network, an answer other than the file, a connection that was cut,
            another checksum, or a folder that cannot be written to.
    """
    folder = cache_folder() if folder is None else folder
    path = folder / url.rpartition("/")[2]
    try:
        if path.is_file() and checksum(path) == sha256:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".tmp-", suffix=f"-{path.name}", dir=folder)
    except OSError as error:
        raise AgentlabError(f"{path} cannot be kept: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            found = _download(url, file, instead, quiet)
            file.flush()
            os.fsync(file.fileno())
        if found != sha256:
            raise AgentlabError(
                f"{url} gave another file than expected: its SHA-256 is {found}, not {sha256}"
            )
        part.chmod(0o644)  # such a file is made for its owner alone, but a cache may be shared
        os.replace(part, path)
    except OSError as error:
        raise AgentlabError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _download(url: str, file: BinaryIO, instead: str, quiet: bool) -> str:
    """Write what ``url`` gives to ``file``, and return its SHA-256."""
    digest, received = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            length = answer.length
            with tqdm(
                total=length,
                desc=f"downloading {url.rpartition('/')[2]}",
                unit="B",
                unit_scale=True,
                disable=True if quiet else None,  # None: shown on a terminal only
            ) as bar:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    received += len(chunk)
                    bar.update(len(chunk))
    except (OSError, http.client.HTTPException) as error:
        raise AgentlabError(f"{url} cannot be downloaded: {_reason(error)}{instead}") from error
    if length is not None and received < length:
        raise AgentlabError(
            f"{url} cannot be downloaded: the connection was cut after {received:,} of "
            f"{length:,} bytes{instead}"
        )
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return _reason(error.reason) if isinstance(error.reason, OSError) else str(error.reason)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
