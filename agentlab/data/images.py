"""``Images``: image arrays and image files as a network's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Array
from agentlab.data.image_files import MAX_PIXELS, SUFFIXES, Bytes, decode_images, find_images
from agentlab.data.preprocessors import Preprocessor
from agentlab.data.raw_inputs import as_numbers, is_bytes
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import tf

Dtype = Literal["uint8", "float32"]


@dataclass(frozen=True)
class Images(Preprocessor):
    """Images of one shape, ``[n, height, width, channels]``.

    If fitted on uint8 images, inputs are uint8 and the network divides them by ``scale``, 255; if
    fitted on floats, images are not scaled.

    Args:
        height, width: in pixels.
        channels: 1 for grayscale, 3 for RGB.
        dtype: of the training images: ``"uint8"`` or ``"float32"``.
        levels: the values of black and white in files of more than 8 bits, see ``decode_images``.
        crop: side of the central square to which files are cropped; ``None`` for no cropping.

    Raises:
        InvalidArgument: for a size below 1 or another dtype.

    >>> images = Images.fit(np.zeros((2, 8, 8), np.uint8))
    >>> images.input_shape, images.scale
    ((8, 8, 1), 255.0)
    >>> images.transform(np.full((1, 8, 8), 3.0)).dtype  # whole numbers are the same in any dtype
    dtype('uint8')
    """

    height: int
    width: int
    channels: int
    dtype: Dtype = "uint8"
    levels: tuple[float, float] | None = None
    crop: int | None = None
    kind = "images"

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "crop"):
            value = getattr(self, name)
            if name == "crop" and value is None:
                continue
            if not isinstance(value, int) or value < 1:
                raise InvalidArgument(f"{name}={value!r} of images must be 1 or more")
        if self.height * self.width > MAX_PIXELS:
            raise InvalidArgument(
                f"height={self.height} times width={self.width} of images must be at most "
                f"{MAX_PIXELS:,} pixels"
            )
        if self.dtype not in get_args(Dtype):
            raise InvalidArgument(f"dtype={self.dtype!r} of images must be uint8 or float32")

    @property
    def scale(self) -> float:
        """What the network divides its inputs by."""
        return 255.0 if self.dtype == "uint8" else 1.0

    @classmethod
    def fit(cls, x: Any, /) -> Self:
        """Learn the shape and dtype of the training images.

        Args:
            x: uint8, integers from 0 to 255, or floats, ``[n, height, width]`` or
                ``[n, height, width, channels]``.

        Raises:
            InvalidArgument: for another shape or dtype.
        """
        x = as_numbers(x)
        if x.ndim not in (3, 4) or not x.size:
            raise InvalidArgument(
                f"x has the shape {list(x.shape)}; images must be [n, height, width] or "
                "[n, height, width, channels]"
            )
        if x.dtype != np.uint8 and x.dtype.kind != "f" and not is_bytes(x):
            raise InvalidArgument(
                f"x has the dtype {x.dtype}; images must be uint8, floats, or integers from 0 to "
                "255"
            )
        channels = 1 if x.ndim == 3 else x.shape[3]
        return cls(x.shape[1], x.shape[2], channels, "float32" if x.dtype.kind == "f" else "uint8")

    def transform(self, x: Any) -> Array:
        """Return images of the fitted dtype, ``[n, height, width, channels]``.

        Args:
            x: images of the fitted shape; grayscale images may lack the last axis. If fitted on
                uint8 images, whole numbers from 0 to 255 in any dtype are accepted.

        Raises:
            InvalidArgument: for another shape, or for other numbers if fitted on uint8 images.
        """
        x = as_numbers(x)
        shape = x.shape
        if x.ndim == 3 and self.channels == 1:
            x = x[..., None]
        if x.shape[1:] != self.input_shape:
            one = "" if self.channels > 1 else f" or [n, {self.height}, {self.width}]"
            raise InvalidArgument(
                f"x has the shape {list(shape)}, but the model takes images "
                f"[n, {', '.join(map(str, self.input_shape))}]{one}"
            )
        if self.dtype == "float32":
            floats: Array = x.astype(np.float32)
            return floats
        images: Array = x if x.dtype == np.uint8 else _as_bytes(x)
        return images

    def decode(self, paths: Sequence[Path]) -> Bytes:
        """Return the images in files, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: for a file that is not a readable image.
        """
        return decode_images(paths, self.height, self.width, self.channels, self.levels, self.crop)

    def read(self, source: str | Path, encoding: str | None = None) -> Bytes:
        """Return an image, or those in a folder by name, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: for a folder without images, an unreadable file, or if fitted on float
                images, whose scale is unknown.
        """
        path = Path(source)
        if self.dtype != "uint8":
            raise AgentlabError(
                f"{path} has uint8 pixels, but the model was fitted on floats of unknown scale; "
                "fit it on uint8 images to predict on files"
            )
        if not path.is_dir():
            return self.decode([path])
        paths = find_images(path)
        if not paths:
            raise AgentlabError(f"the folder {path} contains no image ({', '.join(SUFFIXES)})")
        return self.decode(paths)

    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""
        return asdict(self)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""
        levels = described.get("levels")
        return cls(**{**described, "levels": None if levels is None else (levels[0], levels[1])})

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of one image, ``[height, width, channels]``."""
        return self.height, self.width, self.channels

    def transform_tensors(self, inputs: Any) -> Any:
        """Return a tensor ``[n, height, width, channels]`` of the fitted dtype as it is."""
        return tf.identity(inputs)


def _as_bytes(x: Array) -> npt.NDArray[np.uint8]:
    """Return whole numbers from 0 to 255 as uint8; raise an error for others."""
    images = x.astype(np.float64).clip(0, 255).astype(np.uint8)
    if not (images == x).all():
        value = x[images != x].flat[0]
        raise InvalidArgument(
            f"x has the dtype {x.dtype} and contains {value}, but the model was fitted on uint8 "
            "images; pass whole numbers from 0 to 255"
        )
    if x.dtype.kind == "f" and images.max(initial=0) == 1:
        raise InvalidArgument(
            f"x has the dtype {x.dtype} and contains only 0 and 1, but the model was fitted on "
            "uint8 images; pass uint8, where white is 255"
        )
    return images
