"""The optional packages of export and serving."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from agentlab.errors import AgentlabError

NEEDED = {  # modules by format, and the packages that contain them
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "savedmodel": {},
}


def check_packages(format: str) -> None:
    """Raise ``AgentlabError`` if a package of a format is missing.

    Args:
        format: a key of ``NEEDED``.
    """
    check_modules(f"format={format!r}", NEEDED[format], "deploy")


def check_modules(what: str, packages: Mapping[str, str], extra: str) -> None:
    """Raise ``AgentlabError`` if a module is missing, with the line that installs it.

    Args:
        what: what needs the modules.
        packages: the packages that contain them, by module.
        extra: the extra of agentlab that installs them.
    """
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        raise AgentlabError(
            f"{what} needs {', '.join(missing)}: run `pip install 'agentlab[{extra}]'`"
        )
