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
        described = keras.saving.serialize_keras_object(net)
        if (layer := _find_lambda(described)) is not None:
            raise ValueError(
                f"it has the Lambda layer {layer!r}, whose code is not saved; write a layer instead"
            )
        _check_modules(described)
    except ValueError as error:
        raise AgentlabError(
            f"the net {name!r} could not be loaded again: {error}; decorate its class with "
            "@keras.saving.register_keras_serializable()"
        ) from None
    except (NotImplementedError, TypeError) as error:
        raise AgentlabError(
            f"the net {name!r} could not be loaded again, because Keras cannot describe it: "
            f"{str(error).strip().splitlines()[0]}"
        ) from None


def _find_lambda(config: Any) -> str | None:
    """Return the name of the first Lambda layer in a configuration."""
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda" and isinstance(config.get("config"), dict):
            return str(config["config"].get("name"))
        config = list(config.values())
    if isinstance(config, list | tuple):
        return next((name for item in config if (name := _find_lambda(item)) is not None), None)
    return None


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
