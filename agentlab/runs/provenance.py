"""The versions and the time that are recorded with each run."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from agentlab.config import format_value
from agentlab.runs.aside import tell

RECORDED = ("agentlab", "versions", "created", "finished", "resumed")
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


def compare_versions(config: Mapping[str, Any]) -> None:
    """Warn on stderr if a run was started with other versions than those installed now.

    Args:
        config: the content of the run's ``config.json``.
    """
    now = provenance()
    known = config.get("versions")
    before = {"agentlab": config.get("agentlab"), **(known if isinstance(known, dict) else {})}
    installed = {"agentlab": now["agentlab"], **now["versions"]}
    other = [
        f"{name} {before[name]}, which is now {version or 'not installed'}"
        for name, version in installed.items()
        if before.get(name) not in (None, version)
    ]
    if other:
        tell(
            f"the run was started with {', '.join(other)}: its results may differ from those of an "
            "uninterrupted run"
        )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def hyperparameters(config: Mapping[str, Any]) -> dict[str, bool | float | str]:
    """Return the settings in a ``config.json`` by name, without versions and time.

    >>> hyperparameters({"agentlab": "0.1.0", "algo": "pg", "config": {"hidden": [64, 64]}})
    {'algo': 'pg', 'hidden': '64,64'}
    """
    settings: dict[str, Any] = {}
    for name, value in config.items():
        if name not in RECORDED:
            settings |= value if isinstance(value, dict) else {name: value}
    return {
        name: value if isinstance(value, bool | int | float | str) else format_value(value)
        for name, value in settings.items()
    }
