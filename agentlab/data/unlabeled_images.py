"""``UnlabeledImages``: a folder of unlabeled images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agentlab.data.batches import Batches, split_indices
from agentlab.data.image_files import SUFFIXES, find_images
from agentlab.data.image_parts import find_parts
from agentlab.data.image_splits import count_resized, fit_images, in_batches, readable_headers
from agentlab.data.splits import MEMORY_BUDGET, check_fractions, say_sizes
from agentlab.errors import AgentlabError


class UnlabeledImages:
    """All images in a folder and its subfolders, split at random.

    If the folder contains ``train`` and ``test`` or ``val``, these are the splits, as for
    ``ImageFolder``. Splits that fit into ``memory_budget`` are decoded once, others in each epoch.

    Args:
        path: the folder.
        size: side, or height and width, to which images are resized; ``None`` uses the size of the
            first training image, reduced to 128 pixels on its longer side.
        seed: seed of the split.
        validation, test: fractions of the images; 0 makes no such split.
        memory_budget: bytes for decoded images.
        skip_unreadable: whether to skip unreadable images instead of raising an error.
        crop: side of the central square to which images are cropped before they are resized.

    Attributes:
        preprocessor: the fitted ``Images``, with 1 channel if all training images are gray, else 3.
        train: ``Batches`` of uint8 inputs ``[b, height, width, channels]``; their targets are 0.
        validation, test: likewise; ``None`` if there is no such split.

    Raises:
        AgentlabError: for a folder without images, too few of them, or unreadable files.
    """

    def __init__(
        self,
        path: str | Path,
        size: int | tuple[int, int] | None = None,
        seed: int = 0,
        validation: float = 0.1,
        test: float = 0.1,
        memory_budget: int = MEMORY_BUDGET,
        skip_unreadable: bool = False,
        crop: int | None = None,
    ) -> None:
        check_fractions(seed, validation, test)
        self.path = Path(path)
        if not self.path.is_dir():
            raise AgentlabError(f"images={str(path)!r} must be a folder of images")
        files = _split(self.path, seed, validation, test)
        examples = [[(file, 0) for file in part] for part in files]
        headers, self._unreadable = readable_headers(examples, skip_unreadable)
        files = [[file for file in part if file in headers] for part in files]
        if not files[0]:
            raise AgentlabError(f"the folder {path} has no readable image")
        self.preprocessor = fit_images(files[0], headers, size, crop)
        self._resized = count_resized(headers, self.preprocessor)
        self._sizes = [len(part) for part in files]
        labels = [np.zeros(n, np.int32) for n in self._sizes]
        train, self.validation, self.test = in_batches(
            self.preprocessor, files, labels, memory_budget
        )
        assert train is not None
        self.train: Batches = train

    def describe(self) -> str:
        """Return a summary for the user: the splits, the size, and what was left out."""
        shape = self.preprocessor
        color = "gray" if shape.channels == 1 else "in color"
        lines = [
            f"images: {say_sizes(self._sizes)}; {shape.height} x {shape.width} pixels, {color}"
        ]
        if self._resized:
            lines.append(f"resized: {self._resized:,} images of another size")
        if self._unreadable:
            listed = ", ".join(map(str, self._unreadable[:5]))
            lines.append(f"left out: {len(self._unreadable):,} unreadable images: {listed}")
        return "\n".join(lines)


def _split(path: Path, seed: int, validation: float, test: float) -> list[list[Path]]:
    """Return the files of the training, validation and test split."""
    folders = find_parts(path, classes=False)
    found = [[] if folder is None else find_images(folder) for folder in folders]
    if not found[0]:
        raise AgentlabError(f"the folder {path} contains no image ({', '.join(SUFFIXES)})")
    fractions = [
        fraction if folder is None else 0.0
        for fraction, folder in zip((validation, test), folders[1:], strict=True)
    ]
    parts = split_indices(len(found[0]), (1 - sum(fractions), *fractions), seed)
    split = [[found[0][i] for i in part] for part in parts]
    return [split[0], *(given or made for given, made in zip(found[1:], split[1:], strict=True))]
