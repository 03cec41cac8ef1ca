"""``ImageFolder``: training, validation and test images in one folder per class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from agentlab.data.batches import Batches, split_indices
from agentlab.data.image_files import (
    SUFFIXES,
    files_below,
    find_images,
)
from agentlab.data.image_parts import find_parts, images_by_class, unused_folders
from agentlab.data.image_splits import (
    count_resized,
    cropped_size,
    fit_images,
    in_batches,
    readable_headers,
)
from agentlab.data.splits import MEMORY_BUDGET, SPLITS, check_fractions, say_sizes
from agentlab.errors import AgentlabError


class ImageFolder:
    """Images in one folder per class, split at random within each class.

    ``path/cat/1.png`` is an image of the class ``cat``; subfolders belong to their class. If
    ``path`` contains the folders ``train`` and ``test`` or ``val``, each with one folder per class,
    these are the splits, see ``find_parts``; a missing validation or test split is split off
    ``train``. Splits that fit into ``memory_budget`` are decoded once, others in each epoch. Hidden
    files and those without the suffix of an image format are skipped.

    Args:
        path: the folder.
        size: side, or height and width, to which images are resized; ``None`` uses the size of the
            first training image, reduced to 128 pixels on its longer side.
        seed: of the split.
        validation, test: fractions of the images; 0 makes no such split.
        memory_budget: bytes for decoded images.
        skip_unreadable: whether to leave out images that cannot be read instead of an error.
        crop: side of the central square to which images are cropped before they are resized.

    Attributes:
        classes: names of the folders, sorted.
        preprocessor: the fitted ``Images``, with 1 channel if all training images are gray, else 3.
        train: ``Batches``: uint8 inputs ``[b, height, width, channels]``, int32 targets ``[b]``,
            which are indices into ``classes``.
        validation, test: likewise; ``None`` without such a split.

    Raises:
        AgentlabError: for a folder without images, one class only, a class with too few
            images, or files that are not readable images, all of which are named.
    """

    def __init__(
        self,
        path: str | Path,
        size: int | tuple[int, int] | None = None,
        seed: int = 0,
        validation: float = 0.1,
        test: float = 0.2,
        memory_budget: int = MEMORY_BUDGET,
        skip_unreadable: bool = False,
        crop: int | None = None,
    ) -> None:
        check_fractions(seed, validation, test)
        self.path = Path(path)
        if not self.path.is_dir():
            raise AgentlabError(
                f"images={str(path)!r} must be a folder with one subfolder per class"
            )
        examples, self.classes, folders = _split(self.path, seed, validation, test)
        self._parts = [folder.name for folder in folders if folder is not None]
        others = [folder for folder in find_parts(self.path) if folder not in folders]
        self._unlabeled = [folder.name for folder in others if folder is not None]
        headers, self._unreadable = readable_headers(examples, skip_unreadable)
        examples = [[(p, label) for p, label in part if p in headers] for part in examples]
        if not examples[0]:
            raise AgentlabError(f"the folder {folders[0]} has no readable image")
        files = [[p for p, _ in part] for part in examples]
        self.preprocessor = fit_images(files[0], headers, size, crop)
        first = cropped_size(headers[files[0][0]].shape, crop)
        shape = (self.preprocessor.height, self.preprocessor.width)
        self._reduced_from = first if size is None and shape != first else None
        self._resized = count_resized(headers, self.preprocessor)
        self._unused = [
            name for name in unused_folders(self.path, folders) if name not in self._unlabeled
        ]
        self._inside = folders[0] if folders[0] != self.path and len(self._parts) == 1 else None
        self._skipped = Counter(
            path.suffix.lower() or path.name
            for path in files_below(self.path)
            if path.suffix.lower() not in SUFFIXES
        )
        self._sizes = [len(part) for part in examples]
        labels = [np.array([label for _, label in part], np.int32) for part in examples]
        train, self.validation, self.test = in_batches(
            self.preprocessor, files, labels, memory_budget
        )
        assert train is not None
        self.train: Batches = train

    def describe(self) -> str:
        """Return a summary for the user: classes, splits, size, and what was skipped."""
        shape, many = self.preprocessor, len(self.classes)
        listed = ", ".join(self.classes[:10]) + (", ..." if many > 10 else "")
        color = "gray" if shape.channels == 1 else "in color"
        lines = [
            f"classes: {many}: {listed}",
            f"images: {say_sizes(self._sizes)}; {shape.height} x {shape.width} pixels, {color}",
        ]
        if len(self._parts) > 1:
            lines.append(f"splits: the folders {', '.join(self._parts)}")
        if self._inside is not None:
            lines.append(f"classes are the folders in {self._inside}")
        if self._unused:
            lines.append(f"left out: the folders {', '.join(self._unused[:10])}")
        for name in self._unlabeled:
            lines.append(f"left out: the folder {name}, which has no subfolder per class")
        if self._reduced_from is not None:
            height, width = self._reduced_from
            lines.append(
                f"reduced: the first image is {height} x {width}; --size sets another size"
            )
        if shape.levels is not None:
            low, high = shape.levels
            lines.append(
                f"levels: {low:g} is black and {high:g} white in images of more than 8 bits"
            )
        if self._unreadable:
            listed = ", ".join(map(str, self._unreadable[:5]))
            lines.append(f"left out: {len(self._unreadable):,} unreadable images: {listed}")
        if self._resized:
            lines.append(f"resized: {self._resized:,} images of another size")
        if self._skipped:
            kinds = ", ".join(f"{n:,} {suffix}" for suffix, n in self._skipped.most_common(5))
            lines.append(
                f"skipped: {self._skipped.total():,} files in unsupported formats: {kinds}"
            )
        return "\n".join(lines)


def _split(
    path: Path, seed: int, validation: float, test: float
) -> tuple[list[list[tuple[Path, int]]], list[str], list[Path | None]]:
    """Return the image files of each split with their classes, the classes, and the folders.

    A validation or test folder of images without folders is left out, since they have no labels.
    """
    train, *others = find_parts(path)
    folders = [train, *(None if _is_unlabeled(folder) else folder for folder in others)]
    found = [{} if folder is None else images_by_class(folder) for folder in folders]
    classes = sorted(found[0])
    if not classes:
        raise AgentlabError(
            f"the folder {folders[0]} has no images in a subfolder per class, such as cat/1.png"
        )
    if len(classes) == 1:
        raise AgentlabError(
            f"the folder {folders[0]} has images of only one class, {classes[0]!r}; at least two "
            "classes are needed, each in its own subfolder"
        )
    for folder, images in zip(folders[1:], found[1:], strict=True):
        if folder is not None and not images:
            raise AgentlabError(f"the folder {folder} has no images in a subfolder per class")
        for name in images:
            if name not in found[0]:
                raise AgentlabError(f"{folder} has a class {name!r} that {folders[0]} lacks")
    held, kept = (
        fraction if folder is None else 0.0
        for fraction, folder in zip((validation, test), folders[1:], strict=True)
    )
    fractions = (1 - held - kept, held, kept)
    parts: list[list[tuple[Path, int]]] = [[] for _ in SPLITS]
    for number, name in enumerate(classes):
        paths = found[0][name]
        if len(paths) < sum(fraction > 0 for fraction in fractions):
            raise AgentlabError(
                f"{folders[0]} has too few images of the class {name!r} to split: {len(paths)}"
            )
        own = int(np.random.default_rng([seed, number]).integers(2**31))
        for part, chosen in enumerate(split_indices(len(paths), fractions, own)):
            given = found[part].get(name, []) if part else []
            parts[part] += [(file, number) for file in [*(paths[i] for i in chosen), *given]]
    rng = np.random.default_rng(seed)  # shuffled, so that the first images are of several classes
    shuffled = [[part[i] for i in rng.permutation(len(part))] for part in parts]
    return shuffled, classes, folders


def _is_unlabeled(folder: Path | None) -> bool:
    """Return whether a folder contains images, but no folders of classes."""
    if folder is None or any(entry.is_dir() for entry in folder.iterdir()):
        return False
    return bool(find_images(folder))
