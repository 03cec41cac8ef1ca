"""Files that TensorBoard's embedding projector opens: vectors, their labels and images."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.files import replacing, reporting, write_text
from agentlab.runs.reading import read_bytes

LIST_BYTES = 1 << 20  # of a folder's list of embeddings
SHEET = 8192  # pixels; the largest side of a sheet of images that the projector reads


def write_projector(
    folder: Path | str,
    name: str,
    vectors: npt.NDArray[Any],
    labels: Sequence[object] | npt.NDArray[Any],
    images: npt.NDArray[Any] | None = None,
) -> Path:
    """Write an embedding beside those that a folder has already, or over that of the same name.

    Args:
        folder: a folder of TensorBoard events, such as ``runs/NAME/tensorboard``; made if missing.
        name: of the embedding; characters that a file name should not hold become ``-``.
        vectors: float ``[n, d]``.
        labels: ``n`` of them: what the projector shows at each point and colors it by.
        images: ``[n, height, width]`` or ``[n, height, width, channels]``, what is drawn at each
            point: bytes, or floats from 0 to 1. All but 3 channels are drawn as their mean. They
            are made coarser where a sheet of all would have more than 8192 pixels a side.

    Returns:
        ``projector_config.pbtxt``, which lists the folder's embeddings.

    Raises:
        AgentlabError: for arrays that do not fit together, vectors that are not finite, a folder
            that cannot be written to, or a damaged list.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorboard.plugins.projector import ProjectorConfig

    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or not vectors.size:
        raise AgentlabError(f"vectors has the shape {list(vectors.shape)}; [n, d] is needed")
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(1)))
        raise AgentlabError(f"vectors[{row}] is not finite; leave that row out")
    for what, values in (("labels", labels), ("images", images)):
        if values is not None and len(values) != len(vectors):
            raise AgentlabError(f"{what} has {len(values)} rows, but vectors {len(vectors)}")
    folder, name = Path(folder), re.sub(r"[^\w.+=-]+", "-", name).strip("-.")
    if not name:
        raise AgentlabError("the name of an embedding is empty; give it letters or digits")
    path = folder / "projector_config.pbtxt"
    with reporting(f"folder={str(folder)!r} cannot be written to"):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            listed = read_bytes(path, LIST_BYTES).decode("utf-8") if path.exists() else ""
            config = text_format.Parse(listed, ProjectorConfig())
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise AgentlabError(f"{path} is damaged: {error}; remove it") from error
        kept = [embedding for embedding in config.embeddings if embedding.tensor_name != name]
        del config.embeddings[:]
        config.embeddings.extend(kept)
        added = config.embeddings.add(
            tensor_name=name,
            tensor_shape=vectors.shape,
            tensor_path=f"{name}.vectors.tsv",
            metadata_path=f"{name}.labels.tsv",
        )
        with replacing(folder / added.tensor_path) as temporary:
            np.savetxt(temporary, vectors, fmt="%.9g", delimiter="\t")
        lines = "".join(f"{_visible(label)}\n" for label in labels)
        write_text(folder / added.metadata_path, lines)
        if images is not None:
            import imageio.v3

            pictures = _bytes(np.asarray(images))
            added.sprite.image_path = f"{name}.png"
            added.sprite.single_image_dim.extend([pictures.shape[2], pictures.shape[1]])
            with replacing(folder / added.sprite.image_path) as temporary:
                imageio.v3.imwrite(temporary, _sheet(pictures), extension=".png")
        write_text(path, text_format.MessageToString(config))
    return path


def _visible(label: object) -> str:
    """Return a label as one line that can be seen: a space or a line's end in quotes."""
    text = str(label)
    return text if text.strip() and text.isprintable() else repr(text)


def _bytes(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return images as ``[n, height, width, 3]``, coarse enough for a sheet of all."""
    if images.ndim == 3:
        images = images[..., None]
    across = math.isqrt(len(images) - 1) + 1
    coarse = max(1, math.ceil(across * max(images.shape[1:3]) / SHEET))
    images = images[:, ::coarse, ::coarse]
    if images.shape[3] != 3:
        images = images.mean(3, keepdims=True).astype(images.dtype).repeat(3, 3)
    if images.dtype != np.uint8:
        images = (images.clip(0, 1) * 255).round()
    return images.astype(np.uint8)


def _sheet(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Lay ``[n, height, width, 3]`` side by side, row after row, on a square sheet."""
    n, height, width, channels = pictures.shape
    across = math.isqrt(n - 1) + 1
    sheet = np.full((across * across, height, width, channels), 255, np.uint8)
    sheet[:n] = pictures
    rows = sheet.reshape(across, across, height, width, channels).swapaxes(1, 2)
    return rows.reshape(across * height, across * width, channels)
