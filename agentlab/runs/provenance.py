"""What ran a training: versions and time, as ``config.json`` keeps them."""

from __future__ import annotations

import datetime
import platform
from importlib import metadata
from typing import Any

PACKAGES = ("tensorflow", "keras", "numpy", "gymnasium", "ale-py")


def provenance() -> dict[str, Any]:
    """Return the versions of Python and of all packages that matter, and the time."""
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "agentlab": _version("agentlab"),
        "versions": {"python": platform.python_version(), **versions},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
