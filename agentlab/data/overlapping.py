"""``OverlappingImages``: overlapping pairs of images of different classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agentlab.data.batches import Array, Batch
from agentlab.errors import InvalidArgument


class OverlappingImages:
    """Each image overlaid with one of a different class, as in MultiMNIST (Sabour et al. 2017).

    Both are shifted at random by up to ``shift`` pixels, on a canvas that is larger by
    ``2 * shift`` pixels, and their pixels are added and clipped to the largest value of the
    images. Each epoch makes new pairs from its seed. It has the methods of ``Batches``:

    - inputs: the canvas, ``[b, height, width, channels]``;
    - targets: the labels, int32 ``[b, 2]``, and the two separate images,
      ``[b, 2, height, width, channels]``.

    Args:
        images: ``[n, h, w, channels]``, uint8 or floats.
        labels: int ``[n]``.
        shift: maximum shift along each axis, in pixels.
        seed: seed of the pairs in epochs without a seed, as in evaluation.

    Raises:
        InvalidArgument: for fewer than two classes.

    >>> data = OverlappingImages(np.ones((6, 28, 28, 1), np.uint8), np.arange(6) % 2, shift=4)
    >>> batch = next(data.epoch(3, seed=0))
    >>> batch.inputs.shape, batch.targets[0].shape, batch.targets[1].shape
    ((3, 36, 36, 1), (3, 2), (3, 2, 36, 36, 1))
    """

    ragged = False

    def __init__(self, images: Array, labels: Array, shift: int = 4, seed: int = 0) -> None:
        self.images, self.labels = images, np.asarray(labels, np.int32)
        self.shift, self.seed, self.size = shift, seed, len(images)
        if len(np.unique(self.labels)) < 2:
            raise InvalidArgument("labels must have at least 2 classes to overlap images of")
        self._largest = 255 if images.dtype == np.uint8 else images.max()
        # All images sorted by class, so that those of other classes are contiguous (cyclically).
        self._order = np.argsort(self.labels, kind="stable")
        self._first = np.searchsorted(self.labels[self._order], self.labels, "left")
        self._after = np.searchsorted(self.labels[self._order], self.labels, "right")

    def count(self, batch: int) -> int:
        """Return the number of batches per epoch."""
        return -(-self.size // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        """Iterate over all images once, each with a partner; see ``Batches``."""
        rng = np.random.default_rng([self.seed, 0] if seed is None else [seed, 1])
        order = np.arange(self.size) if seed is None else rng.permutation(self.size)
        others = self._partners(rng)
        places = rng.integers(0, 2 * self.shift + 1, (self.size, 2, 2))
        for start in range(0, self.size, batch):
            rows = order[start : start + batch]
            pair = np.stack([rows, others[rows]], axis=1)  # [b, 2]
            alone = self._placed(pair, places[rows])
            both = alone.astype(np.float32).sum(1).clip(0, self._largest)
            weights = np.ones(len(rows), np.float32)
            yield Batch(both.astype(alone.dtype), (self.labels[pair], alone), weights)

    def _partners(self, rng: np.random.Generator) -> Array:
        """Return the index of an image of another class for each image, ``[n]``."""
        others = self.size - (self._after - self._first)
        return np.asarray(self._order[(self._after + rng.integers(0, others)) % self.size])

    def _placed(self, pair: Array, places: Array) -> Array:
        """Return each image on its own canvas, ``[b, 2, height, width, channels]``."""
        height, width, channels = self.images.shape[1:]
        extra = 2 * self.shift
        shape = (*pair.shape, height + extra, width + extra, channels)
        canvas = np.zeros(shape, self.images.dtype)
        for i, row in enumerate(pair):
            for k, number in enumerate(row):
                top, left = places[i, k]
                canvas[i, k, top : top + height, left : left + width] = self.images[number]
        return canvas
