"""``Pictures``: picture files as arrays of one shape."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
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
GREY = ("1", "L", "LA", "La", "F")  # and 16 bits: I, I;16, I;16B, ...
MAX_PIXELS = 25_000_000  # that are decoded, in a few copies; of a large JPEG only a part is
LARGE = 4_000_000  # pixels from which pictures are decoded one at a time
ORIENTATION = 0x0112  # in a camera's notes (EXIF); 5 to 8 are a quarter turn
_one_large = Lock()
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Turns picture files into arrays of one shape.

    Pictures of another size are stretched to this one, smoothly; what is transparent becomes
    white; of 16 bits the upper 8 are taken; turns that a camera noted are made.

    Args:
        height, width: in pixels.
        channels: 1 for grey, 3 for red, green and blue.
    """

    height: int
    width: int
    channels: int
    kind: ClassVar[str] = "pictures"

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise AgentlabError(f"{name}={value!r} of pictures must be 1 pixel or more")
        if self.height * self.width > MAX_PIXELS:
            raise AgentlabError(
                f"height={self.height} times width={self.width} of pictures must be at most "
                f"{MAX_PIXELS:,} pixels"
            )

    def decode(self, paths: Sequence[Path]) -> Bytes:
        """Return the pictures in files, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: naming a file that is no readable picture.
        """
        if self.channels not in (1, 3):
            raise AgentlabError(
                f"the net was trained on pictures of {self.channels} channels; files give 1 or 3"
            )
        pictures = np.empty((len(paths), self.height, self.width, self.channels), np.uint8)
        threads = min(len(paths), os.cpu_count() or 1)

        def decode(first: int) -> None:
            for i in range(first, len(paths), threads):
                pictures[i] = self._decode(paths[i])

        with ThreadPoolExecutor(threads or 1) as pool:
            list(pool.map(decode, range(threads)))  # so that an error is raised here
        return pictures

    def read(self, source: str | Path) -> Bytes:
        """Return a picture, or those in a folder by name, uint8 ``[n, height, width, channels]``.

        Raises:
            AgentlabError: for a folder without pictures, or a file that is no readable one.
        """
        path = Path(source)
        if not path.is_dir():
            return self.decode([path])
        paths = find_pictures(path)
        if not paths:
            raise AgentlabError(f"the folder {path} holds no picture ({', '.join(SUFFIXES)})")
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

        with _opened(path) as image, _alone(image):
            # A large JPEG is decoded at half its size, or less, where that will do.
            image.draft(None, (2 * max(self.width, self.height),) * 2)
            _check_size(image, path)
            image = _opaque(ImageOps.exif_transpose(image))
            image = image.convert("L" if self.channels == 1 else "RGB")
            if image.size != (self.width, self.height):
                image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(self.height, self.width, self.channels)


class Header(NamedTuple):
    """What a file says of its picture: height and width, upright, and whether it is grey."""

    shape: tuple[int, int]
    grey: bool


def read_header(path: Path) -> Header:
    """Return what a file says of its picture, which need not be decoded for that."""
    with _opened(path) as image:
        if image.format != "JPEG":  # of others, Pillow decodes all to find a camera's notes
            _check_size(image, path)
        width, height = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        grey = image.mode in GREY or image.mode.startswith("I")
        return Header((width, height) if turned else (height, width), grey)


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
        raise AgentlabError(f"there is no picture {path}") from None
    except Exception as error:  # decoders raise whatever a broken file brings about
        reason = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        raise AgentlabError(f"{path} is no readable picture{reason}") from None


def _check_size(image: Any, path: Path) -> None:
    """Refuse a picture that takes much memory however small it is made afterwards."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise AgentlabError(
            f"the picture {path} has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are "
            "decoded, so make it smaller first"
        )


def _alone(image: Any) -> AbstractContextManager[Any]:
    """Keep threads from decoding several large pictures at a time."""
    return _one_large if image.size[0] * image.size[1] > LARGE else nullcontext()


def _opaque(image: Any) -> Any:
    """Return a picture of 8 bits on white, where it was transparent or of 16 bits."""
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def find_pictures(folder: Path) -> list[Path]:
    """Return the picture files below a folder, by name."""
    return sorted(path for path in files_below(folder) if path.suffix.lower() in SUFFIXES)


def files_below(folder: Path) -> Iterator[Path]:
    """Go through all files below a folder but for hidden ones."""
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden:
            yield path
