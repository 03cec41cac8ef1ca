"""Loading networks from ``.keras`` files of untrusted sources."""

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

CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # members of a .keras file
CONFIG_BYTES, CONFIG_VALUES = 16 << 20, 500_000
LAMBDA = 3  # parts of a lambda serialized by Keras: code, defaults, closure
ALLOWED_PACKAGES = ("keras", "agentlab", "builtins")  # of classes in a file


def load_net(path: Path | str, sha256: str | None = None) -> Any:
    """Load a Keras model from a ``.keras`` file. Runs no code from it.

    Args:
        path: the file.
        sha256: expected checksum of the file, if known.

    Returns:
        The model, not compiled.

    Raises:
        AgentlabError: if the file is missing, damaged or altered, contains layers that are neither
            of Keras nor registered, or needs much more memory than the size of the file.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
            if path.suffix != ".keras":  # Keras chooses the format by the suffix
                raise AgentlabError(f"{path} contains no readable net: it is not a .keras file")
            check_archive(file)
            _check_contents(file)
    except OSError as error:
        raise AgentlabError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise AgentlabError(f"{path} contains no readable net: {error}") from error
    for module in iter_modules(agentlab.nets.__path__, "agentlab.nets."):
        import_module(module.name)  # registers its layers with Keras
    try:
        with weights_within(path):
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can make Keras raise anything
        reason = str(error).rpartition("Exception encountered: ")[2].strip().partition("\n")[0]
        reason = reason or type(error).__name__
        reason = reason.partition(" Full object config")[0]
        raise AgentlabError(f"{path} contains no readable net: {reason}") from error


def check_loadable(name: str, net: Any) -> None:
    """Raise ``AgentlabError`` for a net that ``load_net`` could not load again once it is saved.

    Args:
        name: of the net, for the message.
        net: a Keras model.
    """
    try:
        problem = _find_problem(keras.saving.serialize_keras_object(net))
    except (NotImplementedError, TypeError, ValueError, OSError) as error:
        problem = f"Keras cannot serialize it: {str(error).strip().splitlines()[0]}"
    if problem:
        raise AgentlabError(f"the net {name!r} could not be loaded again: {problem}")


def _find_problem(config: Any) -> str:
    """Return why a serialized net could not be loaded again; empty if it could."""
    if isinstance(config, list | tuple):
        return next(filter(None, map(_find_problem, config)), "")
    if not isinstance(config, dict):
        return ""
    name, inner = config.get("class_name"), config.get("config")
    if name == "Lambda" and isinstance(inner, dict):
        layer = str(inner.get("name"))
        return f"it has the Lambda layer {layer!r}, whose code is not saved; write a layer instead"
    code = config.get("value")
    if name == "__lambda__" or (isinstance(code, list | tuple) and len(code) == LAMBDA):
        return "it has a lambda function, whose code is not saved; register a function instead"
    used = inner if name == "function" else name
    registered = config.get("registered_name")
    known = inner if name == "function" else registered
    package = str(config.get("module")).partition(".")[0]
    foreign = name == "function" or (registered and package not in ALLOWED_PACKAGES)
    if foreign and keras.saving.get_registered_object(str(known)) is None:
        what = "function" if name == "function" else "class"
        return (
            f"it uses the {what} {str(used)!r}, which is not registered; decorate it with "
            "@keras.saving.register_keras_serializable()"
        )
    return _find_problem(list(config.values()))


def _check_contents(file: BinaryIO) -> None:
    """Check what Keras does not check before it reads a file.

    Raises:
        KeyError, TypeError, ValueError: for classes of other packages, a huge configuration, or
            arrays that need much more memory than the size of the file.
    """
    limit = unpacked_limit(os.fstat(file.fileno()).st_size)
    with zipfile.ZipFile(file) as archive:
        config = archive.read(CONFIG)
        stored = archive.read(WEIGHTS)
    if len(config) > CONFIG_BYTES or count_values(config) > CONFIG_VALUES:
        raise ValueError(f"its {CONFIG} has more than {CONFIG_VALUES:,} values")
    try:
        _check_modules(json.loads(config))
    except RecursionError:
        raise ValueError(f"its {CONFIG} is nested too deeply") from None
    sizes: list[int] = []
    try:
        with h5py.File(io.BytesIO(stored), "r") as weights:
            weights.visititems(lambda _, item: sizes.append(_size(item)))
    except OSError as error:  # HDF5 raises it for any damage
        raise ValueError(f"its {WEIGHTS} is damaged: {error}") from None
    if sum(sizes) > limit:
        raise ValueError(f"its weights would take {sum(sizes):,} bytes")


def _check_modules(config: Any) -> None:
    """Raise ``ValueError`` if a configuration names a class of another package."""
    if isinstance(config, list):
        for item in config:
            _check_modules(item)
    elif isinstance(config, dict):
        module = config.get("module") if "class_name" in config else None
        package = str(module).partition(".")[0]
        registered = keras.saving.get_registered_object(str(config.get("registered_name")))
        if module is not None and registered is None and package not in ALLOWED_PACKAGES:
            found = f"{config['class_name']!r} of the module {module!r}"
            raise ValueError(f"it names the class {found}, which is neither Keras' nor registered")
        for item in config.values():
            _check_modules(item)


def _size(item: Any) -> int:
    return math.prod(item.shape) * item.dtype.itemsize if isinstance(item, h5py.Dataset) else 0
