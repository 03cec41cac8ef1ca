"""Images of a folder: their common size and channels, and the ``Batches`` of each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Arrays, Batch, Batches, index_batches
from agentlab.data.image_files import Header, for_each, read_header, read_levels, say_unreadable
from agentlab.data.images import Images
from agentlab.data.splits import choose_kept
from agentlab.errors import AgentlabError

SIDE = 128  # pixels to which the longer side of large images is reduced by default


class DecodedImages:
    """``Batches`` of images that are decoded in each epoch."""

    ragged = False

    def __init__(
        self, preprocessor: Images, paths: list[Path], labels: npt.NDArray[np.int32]
    ) -> None:
        self.size = len(paths)
        self._preprocessor, self._paths, self.targets = preprocessor, paths, labels

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all images once; see ``Batches``."""
        for chosen in index_batches(self.size, batch, seed):
            images = self._preprocessor.decode([self._paths[i] for i in chosen])
            yield Batch(images, self.targets[chosen], np.ones(len(chosen), np.float32))


def fit_images(
    files: Sequence[Path],
    headers: Mapping[Path, Header],
    size: int | tuple[int, int] | None,
    crop: int | None,
) -> Images:
    """Return a preprocessor for training images, with 1 channel if all are gray, else 3.

    Args:
        files: the training images, at least one.
        headers: the headers of the files.
        size: as of ``ImageFolder``.
        crop: as of ``ImageFolder``.
    """
    first = cropped_size(headers[files[0]].shape, crop)
    height, width = reduced_size(first) if size is None else as_pair(size)
    gray = all(headers[file].gray for file in files)
    deep = [file for file in files if headers[file].deep]
    return Images(height, width, 1 if gray else 3, levels=read_levels(deep), crop=crop)


def count_resized(headers: Mapping[Path, Header], images: Images) -> int:
    """Return how many images have another size than that of ``images``, after cropping."""
    shape = (images.height, images.width)
    return sum(cropped_size(header.shape, images.crop) != shape for header in headers.values())


def in_batches(
    images: Images,
    splits: Sequence[list[Path]],
    labels: Sequence[npt.NDArray[np.int32]],
    memory_budget: int,
) -> list[Batches | None]:
    """Return the ``Batches`` of each split; ``None`` for a split without images.

    Args:
        images: the preprocessor.
        splits: the files of each split.
        labels: the labels of each split, int32 ``[n]``.
        memory_budget: bytes for splits that are decoded once; others are in each epoch.
    """
    area = images.height * images.width * images.channels
    kept = choose_kept([len(files) * area for files in splits], memory_budget)
    batches: list[Batches | None] = []
    for number, (files, numbers) in enumerate(zip(splits, labels, strict=True)):
        if number in kept:
            batches.append(Arrays(images.decode(files), numbers))
        else:
            batches.append(DecodedImages(images, files, numbers) if files else None)
    return batches


def readable_headers(
    examples: list[list[tuple[Path, int]]], skip: bool
) -> tuple[dict[Path, Header], list[Path]]:
    """Return the headers of the images that can be read, and the other files.

    Args:
        examples: the files of each split, with their classes.
        skip: whether to leave out files that cannot be read.

    Raises:
        AgentlabError: for files that cannot be read, unless they are skipped.
    """
    headers: dict[Path, Header] = {}

    def read(path: Path) -> None:
        headers[path] = read_header(path)

    bad = for_each([path for part in examples for path, _ in part], read)
    if bad and not skip:
        raise AgentlabError(
            f"{say_unreadable([error for _, error in bad])}; correct them, or pass "
            "--skip-unreadable to leave them out"
        )
    return headers, [path for path, _ in bad]


def cropped_size(shape: tuple[int, int], crop: int | None) -> tuple[int, int]:
    """Return the height and width of an image of this ``shape`` after cropping."""
    return shape if crop is None else (min(crop, shape[0]), min(crop, shape[1]))


def reduced_size(shape: tuple[int, int]) -> tuple[int, int]:
    """Return a height and width with at most ``SIDE`` pixels on the longer side.

    >>> reduced_size((3024, 4032)), reduced_size((28, 28))
    ((96, 128), (28, 28))
    """
    factor = min(1.0, SIDE / max(shape))
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def as_pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """Return a height and width from one size for both, or from both."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])
