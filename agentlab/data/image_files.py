"""Image files: finding them, reading their headers, and decoding them into arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, TypeVar

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
HIDDEN = ("__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini", "$RECYCLE.BIN")
TAIL = 1 << 16  # bytes at the end of a file that are searched for its end marker
MAX_PIXELS = (
    25_000_000  # decoded pixels, in a few copies; a large JPEG is decoded at a reduced size
)
LARGE = 4_000_000  # pixels from which images are decoded one at a time
ORIENTATION = 0x0112  # the EXIF tag of the orientation; 5 to 8 swap height and width
_one_large = Lock()
T = TypeVar("T")
Bytes = npt.NDArray[np.uint8]


def decode_images(
    paths: Sequence[Path],
    height: int,
    width: int,
    channels: int,
    levels: tuple[float, float] | None = None,
    crop: int | None = None,
) -> Bytes:
    """Return the images in files, uint8 ``[n, height, width, channels]``.

    Images of another size are resized (bilinear, the aspect ratio is not preserved); transparent
    pixels become white; the EXIF orientation is applied.

    Args:
        paths: the image files.
        height: in pixels.
        width: in pixels.
        channels: 1 for grayscale, 3 for RGB.
        levels: the values of black and white in images of more than 8 bits; ``None`` for 0 and
            65,535, or 0 and 1 for floats.
        crop: side of the central square to which images are cropped before they are resized, at
            most their own width and height; ``None`` for no cropping.

    Raises:
        AgentlabError: for files that are not readable images.
    """
    if channels not in (1, 3):
        raise AgentlabError(
            f"the model was trained on images with {channels} channels; image files give 1 or 3"
        )
    images = np.empty((len(paths), height, width, channels), np.uint8)

    def decode(i: int) -> None:
        images[i] = _decode(paths[i], height, width, channels, levels, crop)

    if bad := for_each(range(len(paths)), decode):
        raise AgentlabError(say_unreadable([error for _, error in bad]))
    return images


def for_each(items: Iterable[T], work: Callable[[T], None]) -> list[tuple[T, AgentlabError]]:
    """Call ``work`` for all items in threads; return those that raised an ``AgentlabError``."""

    def attempt(item: T) -> AgentlabError | None:
        try:
            work(item)
        except AgentlabError as error:
            return error
        return None

    items = list(items)
    with ThreadPoolExecutor(max(1, min(len(items), os.cpu_count() or 1))) as pool:
        errors = pool.map(attempt, items)
        return [(item, e) for item, e in zip(items, errors, strict=True) if e is not None]


def say_unreadable(errors: Sequence[AgentlabError]) -> str:
    """Return one sentence about files that are not readable images."""
    if len(errors) == 1:
        return str(errors[0])
    listed = "; ".join(str(error) for error in errors[:5]) + ("; ..." if len(errors) > 5 else "")
    return f"{len(errors):,} images are not readable: {listed}"


def read_levels(paths: Sequence[Path]) -> tuple[float, float] | None:
    """Return the range of values of the images of more than 8 bits, ``None`` if there are none.

    Raises:
        AgentlabError: for a file that is not a readable image.
    """
    found: list[tuple[float, float]] = []

    def measure(path: Path) -> None:
        with _opened(path) as image, _alone(image):
            if is_deep(image.mode):
                _check_size(image, path)
                values = np.asarray(image)
                values = values[np.isfinite(values)]
                if values.size:
                    found.append((float(values.min()), float(values.max())))

    if bad := for_each(paths, measure):
        raise AgentlabError(say_unreadable([error for _, error in bad]))
    if not found:
        return None
    low, high = min(least for least, _ in found), max(greatest for _, greatest in found)
    return (low, high) if high > low else None


def is_deep(mode: str) -> bool:
    """Return whether images of a mode of Pillow have more than 8 bits, or are floats."""
    return mode == "F" or mode.startswith("I")


def _decode(
    path: Path,
    height: int,
    width: int,
    channels: int,
    levels: tuple[float, float] | None,
    crop: int | None,
) -> Bytes:
    from PIL import Image, ImageOps

    with _opened(path) as image, _alone(image):
        # A large JPEG is decoded at 1/2 of its size or less if that is large enough.
        if crop is None:  # the crop is in pixels of the full-size image
            image.draft(None, (2 * max(width, height),) * 2)
        _check_size(image, path)
        image = _opaque(ImageOps.exif_transpose(image), levels)
        image = image.convert("L" if channels == 1 else "RGB")
        if crop is not None:
            sides = [min(crop, side) for side in image.size]
            left, top = ((side - kept) // 2 for side, kept in zip(image.size, sides, strict=True))
            image = image.crop((left, top, left + sides[0], top + sides[1]))
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, channels)


class Header(NamedTuple):
    """The header of an image file.

    Attributes:
        shape: height and width after orientation.
        gray: whether it has one channel.
        deep: whether it has more than 8 bits per channel, or floats.
    """

    shape: tuple[int, int]
    gray: bool
    deep: bool = False


def read_header(path: Path) -> Header:
    """Return the header of an image file, without decoding the image unless its end is missing.

    Raises:
        AgentlabError: for a file that is not a readable image.
    """
    with _opened(path) as image:
        if not is_complete(path):
            _check_size(image, path)
            image.load()  # raises if the image is cut off, not if other bytes follow it
        if (
            image.format != "JPEG"
        ):  # for other formats, Pillow would decode the image to find the EXIF data
            _check_size(image, path)
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        gray = image.mode in GRAY or image.mode.startswith("I")
        shape = (width, height) if turned else (height, width)
        return Header(shape, gray, is_deep(image.mode))


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


def _opaque(image: Any, levels: tuple[float, float] | None) -> Any:
    """Return an image with 8 bits per channel and transparent pixels made white."""
    from PIL import Image

    if is_deep(image.mode):
        low, high = levels or ((0.0, 1.0) if image.mode == "F" else (0.0, 65_535.0))
        values = (np.nan_to_num(np.asarray(image, np.float64)) - low) * (255 / (high - low))
        return Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
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
        if path.is_file() and not any(map(is_hidden, path.relative_to(folder).parts)):
            yield path


def is_hidden(name: str) -> bool:
    """Return whether a file or folder is hidden or made by the operating system, by its name."""
    return name.startswith(".") or name in HIDDEN


def is_complete(path: Path) -> bool:
    """Return whether a JPEG or PNG file has its end marker, unlike an interrupted download."""
    with open_regular(path) as file:
        start = file.read(8)
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
        end = file.read()
    if start.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in end
    return b"IEND" in end if start.startswith(b"\x89PNG") else True
