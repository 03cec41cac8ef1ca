"""Files for TensorBoard's embedding projector: vectors, labels and thumbnails."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.runs.files import replacing, reporting, write_text
from agentlab.runs.reading import read_bytes

CONFIG_BYTES = 1 << 20  # largest projector_config.pbtxt that is read
MAX_SPRITE = 8192  # pixels; the largest side of a sprite image that the projector accepts


def write_projector(
    folder: Path | str,
    name: str,
    vectors: npt.NDArray[Any],
    labels: Sequence[object] | npt.NDArray[Any],
    images: npt.NDArray[Any] | None = None,
) -> Path:
    """Add an embedding to a folder, or replace the one of the same name.

    Args:
        folder: a folder of TensorBoard events, such as ``runs/NAME/tensorboard``; created if it
            does not exist.
        name: name of the embedding; characters that are unsafe in file names become ``-``.
        vectors: float ``[n, d]``.
        labels: ``n`` labels, which the projector shows and colors the points by.
        images: thumbnails of the points, ``[n, height, width]`` or ``[n, height, width,
            channels]``: uint8, or floats from 0 to 1. Unless there are 3 channels, their mean is
            drawn. Thumbnails are downsampled if a sprite image of all of them would exceed 8192
            pixels.

    Returns:
        Path of ``projector_config.pbtxt``, which lists the folder's embeddings.

    Raises:
        InvalidArgument: if the shapes do not match, or vectors are not finite.
        AgentlabError: if the folder is not writable, or its configuration is damaged.
    """
    from google.protobuf import text_format  # type: ignore[import-untyped]
    from tensorboard.plugins.projector import ProjectorConfig

    vectors = np.asarray(vectors, np.float32)
    if vectors.ndim != 2 or not vectors.size:
        raise InvalidArgument(f"vectors has the shape {list(vectors.shape)}; it must be [n, d]")
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(1)))
        raise InvalidArgument(f"vectors[{row}] is not finite; leave that row out")
    for what, values in (("labels", labels), ("images", images)):
        if values is not None and len(values) != len(vectors):
            raise InvalidArgument(f"{what} has {len(values)} rows, but vectors {len(vectors)}")
    folder, name = Path(folder), re.sub(r"[^\w.+=-]+", "-", name).strip("-.")
    if not name:
        raise InvalidArgument("the name of an embedding is empty; use letters or digits")
    path = folder / "projector_config.pbtxt"
    with reporting(f"folder={str(folder)!r} cannot be written to"):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            listed = read_bytes(path, CONFIG_BYTES).decode("utf-8") if path.exists() else ""
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
        lines = "".join(f"{_one_line(label)}\n" for label in labels)
        write_text(folder / added.metadata_path, lines)
        if images is not None:
            import imageio.v3

            thumbnails = _to_rgb(np.asarray(images))
            added.sprite.image_path = f"{name}.png"
            added.sprite.single_image_dim.extend([thumbnails.shape[2], thumbnails.shape[1]])
            with replacing(folder / added.sprite.image_path) as temporary:
                imageio.v3.imwrite(temporary, _sprite(thumbnails), extension=".png")
        write_text(path, text_format.MessageToString(config))
    return path


def _one_line(label: object) -> str:
    """Return a label as one visible line; a blank one or one with line breaks is quoted."""
    text = str(label)
    return text if text.strip() and text.isprintable() else repr(text)


def _to_rgb(images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Convert images to ``[n, height, width, 3]``, downsampled to fit a sprite of all."""
    if images.ndim == 3:
        images = images[..., None]
    columns = math.isqrt(len(images) - 1) + 1
    stride = max(1, math.ceil(columns * max(images.shape[1:3]) / MAX_SPRITE))
    images = images[:, ::stride, ::stride]
    if images.shape[3] != 3:
        images = images.mean(3, keepdims=True).astype(images.dtype).repeat(3, 3)
    if images.dtype != np.uint8:
        images = (images.clip(0, 1) * 255).round()
    return images.astype(np.uint8)


def _sprite(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Arrange thumbnails ``[n, height, width, 3]`` row by row in a square image."""
    n, height, width, channels = thumbnails.shape
    columns = math.isqrt(n - 1) + 1
    sprite = np.full((columns * columns, height, width, channels), 255, np.uint8)
    sprite[:n] = thumbnails
    rows = sprite.reshape(columns, columns, height, width, channels).swapaxes(1, 2)
    return rows.reshape(columns * height, columns * width, channels)
