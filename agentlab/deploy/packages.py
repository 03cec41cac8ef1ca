"""The optional packages of export."""

from __future__ import annotations

from importlib.util import find_spec

from agentlab.errors import AgentlabError

NEEDED = {  # modules by format, and the packages that contain them
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "savedmodel": {},
}


def check_packages(format: str) -> None:
    """Raise ``AgentlabError`` if a package is missing.

    Args:
        format: a key of ``NEEDED``.
    """
    missing = [package for module, package in NEEDED[format].items() if find_spec(module) is None]
    if missing:
        raise AgentlabError(
            f"format={format!r} needs {', '.join(missing)}: run `pip install 'agentlab[deploy]'`"
        )
