"""``Images``: image files as arrays of one shape."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from agentlab.errors import AgentlabError
from agentlab.runs.reading import open_regular

# Formats that Pillow decodes itself; for others, such as EPS, it would start a program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (
    *(".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tif", ".tiff", ".webp"),
)
GRAY = ("1", "L", "LA", "La", "F")  # and 16 bits: I, I;16, I;16B, ...
MAX_PIXELS = 1 << 25  # that are decoded, of up to 4 bytes; of a large JPEG only a part is
ORIENTATION = 0x0112  # in a camera's notes (EXIF); 5 to 8 are a quarter turn
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Images:
    """Turns image files into arrays of one shape.

    Images of another size are stretched to this one, smoothly; what is transparent becomes
    white; of 16 bits the upper 8 are taken; turns that a camera noted are made.

    Args:
        height, width: in pixels.
        channels: 1 for gray, 3 for red, green and blue.
    """

    height: int
    width: int
    channels: int
    kind: ClassVar[str] = "images"

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise AgentlabError(f"{name}={value!r} of images must be 1 pixel or more")

    def decode(self, paths: Sequence[Path]) -> Bytes:
        """Return the images in files, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: naming a file that is no readable image.
        """
        if self.channels not in (1, 3):
            raise AgentlabError(
                f"the net was trained on images of {self.channels} channels; files give 1 or 3"
            )
        images = np.empty((len(paths), self.height, self.width, self.channels), np.uint8)
        threads = min(len(paths), os.cpu_count() or 1)

        def decode(first: int) -> None:
            for i in range(first, len(paths), threads):
                images[i] = self._decode(paths[i])

        with ThreadPoolExecutor(threads or 1) as pool:
            list(pool.map(decode, range(threads)))  # so that an error is raised here
        return images

    def read(self, source: str | Path) -> Bytes:
        """Return an image, or those in a folder by name, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: for a folder without images, or a file that is no readable one.
        """
        path = Path(source)
        if not path.is_dir():
            return self.decode([path])
        paths = find_images(path)
        if not paths:
            raise AgentlabError(f"the folder {path} holds no image ({', '.join(SUFFIXES)})")
        return self.decode(paths)

    def to_json(self) -> dict[str, Any]:
        """Return the shape as what JSON holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Take back what ``to_json`` gave."""
        return cls(**described)

    def _decode(self, path: Path) -> Bytes:
        from PIL import Image, ImageOps

        with _opened(path) as image:
            # A large JPEG is decoded at half its size, or less, where that will do.
            image.draft(None, (2 * max(self.width, self.height),) * 2)
            _check_size(image, path)
            image = _opaque(ImageOps.exif_transpose(image))
            image = image.convert("L" if self.channels == 1 else "RGB")
            if image.size != (self.width, self.height):
                image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(self.height, self.width, self.channels)


class Header(NamedTuple):
    """What a file says of its image: height and width, upright, and whether it is gray."""

    shape: tuple[int, int]
    gray: bool


def read_header(path: Path) -> Header:
    """Return what a file says of its image, which need not be decoded for that."""
    with _opened(path) as image:
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
    except Exception as error:  # decoders raise whatever a broken file brings about
        reason = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        raise AgentlabError(f"{path} is no readable image{reason}") from None


def _check_size(image: Any, path: Path) -> None:
    """Refuse a picture that takes much memory however small it is made afterwards."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise AgentlabError(
            f"the picture {path} has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are "
            "decoded, so make it smaller first"
        )


def _opaque(image: Any) -> Any:
    """Return an image of 8 bits on white, where it was transparent or of 16 bits."""
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
    """Go through all files below a folder but for hidden ones."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path
