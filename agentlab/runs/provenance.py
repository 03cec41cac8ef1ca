"""The versions and the time that are recorded with each run."""

from __future__ import annotations

import datetime
import platform
from importlib import metadata
from typing import Any

PACKAGES = ("tensorflow", "keras", "numpy", "gymnasium", "ale-py")


def provenance() -> dict[str, Any]:
    """Return the versions of agentlab, Python and the main packages, and the current time.

    >>> sorted(provenance())
    ['agentlab', 'created', 'versions']
    """
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
