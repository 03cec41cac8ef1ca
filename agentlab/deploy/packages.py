"""The optional packages of export."""

from __future__ import annotations

from agentlab.lazy import check_modules

NEEDED = {  # modules by format, and the packages that contain them
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx", "onnxruntime": "onnxruntime"},
    "savedmodel": {},
}


def check_packages(format: str) -> None:
    """Raise ``AgentlabError`` if a package that a format needs is missing.

    Args:
        format: a key of ``NEEDED``.
    """
    check_modules(f"format={format!r}", NEEDED[format], "deploy")
