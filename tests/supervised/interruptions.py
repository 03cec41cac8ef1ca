"""A small training run on images that can be interrupted at any batch.

``python -m tests.supervised.interruptions RUN BATCH`` begins it, and kills itself at that batch.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from agentlab.data import Arrays, Batch
from agentlab.runs import Run
from agentlab.supervised import Classifier

CLASSES = ["dark", "gray", "light"]
BATCH, PER_EPOCH = 8, 7
OPTIONS = {
    "epochs": 4,
    "batch_size": BATCH,
    "schedule": "cosine",
    "warmup_steps": 5,
    "flip": True,
    "rotate": 20.0,
    "shift": 0.1,
}


class Stream:
    """Batches that do something at one of them, counted over all epochs."""

    ragged = False

    def __init__(self, arrays: Arrays, at: int = -1, do: Callable[[], object] = print) -> None:
        self.arrays, self.size, self.left, self.do = arrays, arrays.size, at, do

    def count(self, batch: int) -> int:
        return self.arrays.count(batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        for item in self.arrays.epoch(batch, seed):
            if batch == BATCH:  # else it is only looked at
                if not self.left:
                    self.do()
                self.left -= 1
            yield item


def images(seed: int, n: int) -> Arrays:
    """Make noisy images of three grays, uint8 ``[n, 6, 6, 1]``."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n).astype(np.int32)
    noisy = 60 + 60 * labels[:, None, None, None] + rng.normal(0, 40, (n, 6, 6, 1))
    return Arrays(noisy.clip(0, 255).astype(np.uint8), labels)


def convolutional() -> keras.Model:
    """Make a net that has all that a resumed run could forget: dropout, running means."""
    seeded = keras.initializers.GlorotUniform
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, kernel_initializer=seeded(seed=1)),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3, seed=2),
            keras.layers.Dense(3, kernel_initializer=seeded(seed=3)),
        ]
    )


def learn(run: Run | None, at: int = -1, do: Callable[[], object] = print) -> Classifier:
    """Train, in ``run`` from where it is, and ``do`` something when batch ``at`` is due."""
    train = Stream(images(0, BATCH * PER_EPOCH - 3), at, do)
    classifier = Classifier(convolutional(), seed=5, **OPTIONS)
    return classifier.fit(
        train, classes=CLASSES, validation_data=Stream(images(1, 20)), run=run, quiet=True
    )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    learn(
        Run.create(folder.parent, folder.name, {}),
        int(sys.argv[2]),
        lambda: os.kill(os.getpid(), signal.SIGKILL),
    )
