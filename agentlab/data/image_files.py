"""Image files: finding them, reading their headers, and decoding them into arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

# Formats that Pillow decodes itself; for others, such as EPS, it would run another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
GRAY = ("1", "L", "LA", "La", "F")  # and 16 bits: I, I;16, I;16B, ...
MAX_PIXELS = (
    25_000_000  # decoded pixels, in a few copies; a large JPEG is decoded at a reduced size
)
LARGE = 4_000_000  # pixels from which images are decoded one at a time
ORIENTATION = 0x0112  # the EXIF tag of the orientation; 5 to 8 swap height and width
_one_large = Lock()
Bytes = npt.NDArray[np.uint8]


def decode_images(paths: Sequence[Path], height: int, width: int, channels: int) -> Bytes:
    """Return the images in files, uint8 ``[n, height, width, channels]``.

    Images of another size are resized (bilinear, the aspect ratio is not preserved); transparent
    pixels become white; 16-bit images are reduced to their upper 8 bits; the EXIF orientation is
    applied.

    Args:
        paths: the image files.
        height: in pixels.
        width: in pixels.
        channels: 1 for grayscale, 3 for RGB.

    Raises:
        AgentlabError: for a file that is not a readable image.
    """
    if channels not in (1, 3):
        raise AgentlabError(
            f"the model was trained on images with {channels} channels; image files give 1 or 3"
        )
    images = np.empty((len(paths), height, width, channels), np.uint8)
    threads = min(len(paths), os.cpu_count() or 1)

    def decode(first: int) -> None:
        for i in range(first, len(paths), threads):
            images[i] = _decode(paths[i], height, width, channels)

    with ThreadPoolExecutor(threads or 1) as pool:
        list(
            pool.map(decode, range(threads))
        )  # iterates, so that errors of the threads are raised here
    return images


def _decode(path: Path, height: int, width: int, channels: int) -> Bytes:
    from PIL import Image, ImageOps

    with _opened(path) as image, _alone(image):
        # A large JPEG is decoded at 1/2 of its size or less if that is large enough.
        image.draft(None, (2 * max(width, height),) * 2)
        _check_size(image, path)
        image = _opaque(ImageOps.exif_transpose(image))
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, channels)


class Header(NamedTuple):
    """The header of an image file: height and width after orientation, and whether it is gray."""

    shape: tuple[int, int]
    gray: bool


def read_header(path: Path) -> Header:
    """Return the header of an image file, without decoding the image."""
    with _opened(path) as image:
        if (
            image.format != "JPEG"
        ):  # for other formats, Pillow would decode the image to find the EXIF data
            _check_size(image, path)
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        gray = image.mode in GRAY or image.mode.startswith("I")
        return Header((width, height) if turned else (height, width), gray)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_size is stricter
        with open_regular(path) as file, Image.open(file, formats=FORMATS) as image:
            yield image
    except AgentlabError:
        raise
    except FileNotFoundError:
        raise AgentlabError(f"there is no image {path}") from None
    except Exception as error:  # decoders raise all kinds of errors for broken files
        reason = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        raise AgentlabError(f"{path} is not a readable image{reason}") from None


def _check_size(image: Any, path: Path) -> None:
    """Raise an error for an image that needs much memory, even if it is resized afterwards."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise AgentlabError(
            f"the image {path} has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} can be "
            "decoded, so resize it first"
        )


def _alone(image: Any) -> AbstractContextManager[Any]:
    """Prevent threads from decoding several large images at the same time."""
    return _one_large if image.size[0] * image.size[1] > LARGE else nullcontext()


def _opaque(image: Any) -> Any:
    """Return an image with 8 bits per channel and transparent pixels made white."""
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def find_images(folder: Path) -> list[Path]:
    """Return the image files below a folder, by name."""
    return sorted(path for path in files_below(folder) if path.suffix.lower() in SUFFIXES)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder except hidden ones."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path
