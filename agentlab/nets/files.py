"""Nets in files of Keras' own format."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
import zlib
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, BinaryIO

import agentlab.nets
from agentlab.errors import AgentlabError
from agentlab.lazy import h5py, keras
from agentlab.nets.budget import weights_within
from agentlab.runs.reading import check_archive, count_values, open_regular, unpacked_limit

CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # members of Keras' format
CONFIG_BYTES, CONFIG_VALUES = 16 << 20, 500_000
OWN = ("keras", "agentlab", "builtins")  # packages whose classes a net may consist of


def load_net(path: Path | str, sha256: str | None = None) -> Any:
    """Load a Keras model from a ``.keras`` file. Runs no code from it.

    Args:
        path: the file.
        sha256: what the file's checksum must be, where it is known.

    Raises:
        AgentlabError: where the file is missing, damaged or altered, or holds layers that are
            neither Keras' nor registered; where it needs much more memory than it has bytes.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
            if path.suffix != ".keras":  # Keras would take other names for other formats
                raise AgentlabError(f"{path} holds no net that can be read: it is no .keras file")
            check_archive(file)
            _check_contents(file)
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise AgentlabError(f"{path} holds no net that can be read: {error}") from error
    for module in iter_modules(agentlab.nets.__path__, "agentlab.nets."):
        import_module(module.name)  # registers its layers with Keras
    try:
        with weights_within(path):
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever a damaged file makes Keras raise
        reason = str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]
        reason = reason or type(error).__name__
        reason = reason.partition(" Full object config")[0]
        raise AgentlabError(f"{path} holds no net that can be read: {reason}") from error


def _check_contents(file: BinaryIO) -> None:
    """Check what Keras does not before it makes anything of a file.

    Raises:
        KeyError, TypeError, ValueError: for classes of other packages, more values than a net has,
            or arrays that need much more memory than the file has bytes.
    """
    limit = unpacked_limit(os.fstat(file.fileno()).st_size)
    with zipfile.ZipFile(file) as archive:
        described = archive.read(CONFIG)
        stored = archive.read(WEIGHTS)
    if len(described) > CONFIG_BYTES or count_values(described) > CONFIG_VALUES:
        raise ValueError(f"its {CONFIG} has more than {CONFIG_VALUES:,} values")
    try:
        _check_modules(json.loads(described))
    except RecursionError:
        raise ValueError(f"its {CONFIG} is nested too deeply") from None
    with h5py.File(io.BytesIO(stored), "r") as weights:
        sizes: list[int] = []
        weights.visititems(lambda _, item: sizes.append(_size(item)))
    if sum(sizes) > limit:
        raise ValueError(f"its weights would take {sum(sizes):,} bytes")


def _check_modules(described: Any) -> None:
    """Raise ``ValueError`` where a net's description names a class of another package."""
    if isinstance(described, list):
        for item in described:
            _check_modules(item)
    elif isinstance(described, dict):
        module = described.get("module") if "class_name" in described else None
        known = keras.saving.get_registered_object(str(described.get("registered_name")))
        if module is not None and known is None and str(module).partition(".")[0] not in OWN:
            found = f"{described['class_name']!r} of the module {module!r}"
            raise ValueError(f"it names the class {found}, which is not Keras' and not registered")
        for item in described.values():
            _check_modules(item)


def _size(item: Any) -> int:
    return math.prod(item.shape) * item.dtype.itemsize if isinstance(item, h5py.Dataset) else 0
