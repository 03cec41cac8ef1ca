"""Filling in missing parts of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.data.batches import Array
from agentlab.data.image_files import decode_images
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.results.loading import load_with, read_inputs
from agentlab.experiments.results.writing import write_images

Mask = npt.NDArray[np.bool_]
REGIONS = ("left", "right", "top", "bottom", "center")
GRAY = 128  # gray level of missing pixels in the output


def inpaint(
    path: Path | str, source: str, out: Path | str, mask: str = "center", steps: int = 100
) -> Path:
    """Write three rows of images: the originals, their known parts, and the filled-in images.

    Args:
        path: the folder of a run or of a saved learner of images with ``inpaint`` or
            ``reconstruct``.
        source: an image or a folder of images.
        out: the PNG file to write.
        mask: the missing part: one of ``REGIONS``, or an image file that is white where missing.
        steps: number of iterations.

    Returns:
        The file.

    Raises:
        AgentlabError: for an unsuitable learner, mask or source.
    """
    learner = load_with(path, "reconstruct", "fill in images")
    images = np.asarray(read_inputs(learner, source))
    if images.dtype != np.uint8 or images.ndim < 3:
        raise AgentlabError(f"{str(path)!r} was not trained on images, so nothing can be filled in")
    missing = read_mask(mask, images.shape[1], images.shape[2])
    filled = fill_in(learner, images, missing, steps)
    where = missing.reshape(1, *missing.shape, *[1] * (images.ndim - 3))
    known = np.where(where, np.uint8(GRAY), images)
    return write_images(out, np.concatenate([images, known, filled]), len(images))


def fill_in(learner: Any, images: Array, missing: Mask, steps: int = 100) -> Array:
    """Return images with the missing parts filled in, uint8.

    Uses the learner's own ``inpaint(images, missing, steps)`` if it has one, else repeated
    reconstruction with the known parts held fixed (Rezende et al. 2014, section 5.3).

    Args:
        learner: with ``inpaint`` or ``reconstruct``.
        images: uint8 ``[n, height, width, ...]``.
        missing: ``[height, width]``.
        steps: number of iterations.
    """
    if steps < 1:
        raise InvalidArgument(f"steps={steps} must be 1 or more")
    if hasattr(learner, "inpaint"):
        return np.asarray(learner.inpaint(images, missing, steps))
    where = missing.reshape(1, *missing.shape, *[1] * (images.ndim - 3))
    filled = np.where(where, np.uint8(0), images)
    for _ in range(steps):
        filled = np.where(where, learner.reconstruct(filled).reshape(images.shape), images)
    return filled


def read_mask(mask: str, height: int, width: int) -> Mask:
    """Return which pixels are missing, ``[height, width]``.

    Args:
        mask: one of ``REGIONS``, or an image file that is white where missing; it is resized.
        height: of the images.
        width: of the images.

    Raises:
        AgentlabError: for another word, or a mask that hides nothing or everything.

    >>> read_mask("left", 2, 4).astype(int).tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0]]
    """
    missing = np.zeros((height, width), bool)
    halves: dict[str, Any] = {
        "left": np.s_[:, : width // 2],
        "right": np.s_[:, width // 2 :],
        "top": np.s_[: height // 2],
        "bottom": np.s_[height // 2 :],
        "center": np.s_[height // 4 : height - height // 4, width // 4 : width - width // 4],
    }
    if mask in halves:
        missing[halves[mask]] = True
    elif Path(mask).is_file():
        missing = decode_images([Path(mask)], height, width, 1)[0, :, :, 0] > 127
    else:
        raise InvalidArgument(f"mask={mask!r} must be an image file or one of {', '.join(REGIONS)}")
    if missing.all() or not missing.any():
        what = "everything" if missing.all() else "nothing"
        raise InvalidArgument(f"mask={mask!r} hides {what}; white pixels are missing")
    return missing
