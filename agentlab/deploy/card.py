"""``model.json``: the description of an exported file."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from agentlab.deploy.signature import TensorInfo
from agentlab.deploy.snippets import Described
from agentlab.errors import AgentlabError
from agentlab.runs.files import write_json
from agentlab.runs.reading import read_json

CARD = "model.json"
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "onnx", "tf2onnx", "onnxruntime", "numpy")


def write_card(folder: Path, file: Described, **more: Any) -> None:
    """Write the card of an exported file.

    Args:
        folder: where to write it.
        file: names, dtypes and shapes of the tensors.
        more: other JSON values by name, such as classes and figures.
    """
    content = {
        "file": file.file,
        "format": file.format,
        "inputs": [info.to_json() for info in file.inputs],
        "outputs": [info.to_json() for info in file.outputs],
        "state": dict(file.state),
        **more,
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }
    write_json(folder / CARD, content)


def read_card(folder: Path | str) -> tuple[Described, dict[str, Any]]:
    """Return an exported file's description and the whole content of its card.

    Raises:
        AgentlabError: for a missing or damaged card.
    """
    path = Path(folder, CARD)
    try:
        content = dict(read_json(path))
        inputs, outputs = (
            [TensorInfo(i["name"], i["dtype"], tuple(i["shape"])) for i in content[which]]
            for which in ("inputs", "outputs")
        )
        state = dict(content["state"])
        file = Described(content["file"], content["format"], inputs, outputs, state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentlabError(f"{path} is missing or damaged: {error!r}") from error
    return file, content


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
