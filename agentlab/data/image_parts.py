"""The folders of image sets: training, validation and test splits, and classes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from agentlab.data.image_files import SUFFIXES, files_below, find_images, is_hidden
from agentlab.errors import AgentlabError

WORDS = (
    ("train", "training"),
    ("val", "valid", "validation", "dev"),
    ("test", "testing", "eval", "evaluation", "holdout", "heldout"),
)
NOTES = (".txt", ".xml", ".json", ".csv", ".md", ".html", ".yaml", ".yml")  # beside images
DEPTH = 4  # nested folders with a single folder inside that are searched


def find_parts(path: Path, classes: bool = True) -> list[Path | None]:
    """Return the folders of the training, validation and test splits; ``path`` if it has none.

    The folders are named ``train``, ``Training``, ``shapes_train`` or ``train_set``, for example,
    and may be inside a single folder in ``path``. Each contains the folders of the classes,
    possibly inside a single folder.

    Args:
        path: the folder of the image set.
        classes: whether there is one folder per class.

    Raises:
        AgentlabError: for a training split beside other folders, none of which is another split.
    """
    folder = path
    for _ in range(DEPTH):
        inner = _folders(folder)
        parts = [_named(inner, words) for words in WORDS]
        if parts[0] is not None and not classes:
            return parts
        if parts[0] is not None and _folders(parts[0]):
            others = [entry.name for entry in inner if entry not in parts and _folders(entry)]
            if others and parts[1:] == [None, None]:
                raise AgentlabError(
                    f"{folder} has the folder {parts[0].name!r}, as for a training split, beside "
                    f"{', '.join(map(repr, others[:5]))}; rename the folder of test images to "
                    "'test', or move the others elsewhere"
                )
            return [None if part is None else _classes_in(part, path) for part in parts]
        if len(inner) != 1 or not _folders(inner[0]):
            break
        folder = inner[0]
    return [folder, None, None]


def unused_folders(path: Path, used: Sequence[Path | None]) -> list[str]:
    """Return the names of folders that are neither a split nor a class that contains images.

    Args:
        path: the folder of the image set.
        used: the folders of the splits, see ``find_parts``.
    """
    parts = [folder for folder in used if folder is not None]
    within = [folder.relative_to(path).parts[:1] for folder in parts if folder != path]
    if within:
        names = {name for part in within for name in part}
        return [entry.name for entry in _folders(path) if entry.name not in names]
    return [entry.name for entry in _folders(path) if not find_images(entry)]


def images_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the image files of each class, by the name of its folder.

    Raises:
        AgentlabError: for classes that have files, but none of a format that can be read.
    """
    found = {entry.name: find_images(entry) for entry in _folders(folder)}
    empty = [name for name, paths in found.items() if not paths]
    for name in empty:
        suffixes = sorted({path.suffix.lower() or path.name for path in files_below(folder / name)})
        if not set(suffixes) <= set(NOTES) and len(found) > len(empty):
            raise AgentlabError(
                f"the class {name!r} of {folder} has only files of unsupported formats "
                f"({', '.join(suffixes[:5])}); convert them to {SUFFIXES[4]} or {SUFFIXES[7]}, or "
                "move the folder away"
            )
    return {name: paths for name, paths in found.items() if paths}


def _folders(path: Path) -> list[Path]:
    """Return the folders in a folder, by name, except hidden ones."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not is_hidden(entry.name))


def _named(folders: list[Path], words: tuple[str, ...]) -> Path | None:
    """Return the folder whose name is one of the words, or else contains such a word."""
    names = {folder: re.split(r"[^a-z]+", folder.name.lower()) for folder in folders}
    for exact in (True, False):
        for folder, parts in names.items():
            parts = [part.removesuffix("set").removesuffix("data") for part in parts if part]
            if set(parts) & set(words) and (len(parts) == 1 or not exact):
                return folder
    return None


def _classes_in(part: Path, path: Path) -> Path:
    """Return the folder in a split that contains the folders of the classes."""
    for _ in range(DEPTH):
        inner = _folders(part)
        if len(inner) != 1 or not _folders(inner[0]):
            return part
        part = inner[0]
    return part
