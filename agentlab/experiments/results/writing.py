"""Writing results to files: grids of images as PNG, tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument
from agentlab.plots.images import image_grid
from agentlab.runs.files import replacing, reporting, write_text

LARGE = 560  # pixels on a side up to which small images are enlarged


def are_images(examples: Any) -> bool:
    """Return whether examples are images, uint8 ``[n, height, width, ...]``."""
    return isinstance(examples, np.ndarray) and examples.dtype == np.uint8 and examples.ndim > 2


def check_suffix(out: Path | str, suffixes: Sequence[str]) -> Path:
    """Return ``out`` as a path.

    Raises:
        InvalidArgument: if it does not end in one of ``suffixes``.
    """
    if Path(out).suffix.lower() not in suffixes:
        raise InvalidArgument(f"out={str(out)!r} must end in {' or '.join(suffixes)}")
    return Path(out)


def write_images(out: Path | str, images: Array, columns: int | None = None) -> Path:
    """Write images side by side as a PNG file.

    Args:
        out: the file, which ends in ``.png``.
        images: uint8 ``[n, height, width]`` or ``[n, height, width, channels]``.
        columns: images per row; ``None`` for about as many columns as rows.

    Raises:
        AgentlabError: for another suffix, or if the file cannot be written.
    """
    import imageio.v2

    path = check_suffix(out, (".png",))
    across = columns or int(np.ceil(np.sqrt(len(images))))
    scale = max(1, LARGE // (across * images.shape[2]))
    with reporting(f"out={str(out)!r} cannot be written"), replacing(path) as temporary:
        grid = image_grid(images, columns, min(scale, 8))
        imageio.v2.imwrite(temporary, grid, format="png")
    return path


def write_table(out: Path | str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    """Write a table as a CSV file.

    Raises:
        AgentlabError: for another suffix, or if the file cannot be written.
    """
    path, text = check_suffix(out, (".csv",)), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [f"{cell:.6g}" if isinstance(cell, float | np.floating) else cell for cell in row]
        for row in rows
    )
    with reporting(f"out={str(out)!r} cannot be written"):
        write_text(path, text.getvalue())
    return path


def write_examples(out: Path | str, examples: Array, columns: int | None = None) -> Path:
    """Write images as a PNG file, or rows of numbers as a CSV file."""
    if are_images(examples):
        return write_images(out, examples, columns)
    rows = np.asarray(examples).reshape(len(examples), -1)
    return write_table(out, [f"value_{i + 1}" for i in range(rows.shape[1])], rows)
