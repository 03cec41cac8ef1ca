"""Tiny data of each kind, for tests of trainers and estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agentlab.data import Arrays, Batches

PAST = 6  # input rows of a forecast


@dataclass(frozen=True)
class Examples:
    """Data to fit, score and predict with.

    Attributes:
        train: the positional arguments of ``fit``.
        test: the positional arguments of ``score``.
        inputs: the argument of ``predict`` or ``transform``.
        wrong: inputs of a shape that must raise an error; ``None`` if all shapes are valid.
        batches: returns ``train`` as ``Batches``, for trainers that accept them.
        exported: the input of ``inference_model``; ``None`` if it is ``inputs``.
    """

    train: tuple[Any, ...]
    test: tuple[Any, ...]
    inputs: Any
    wrong: Any = None
    batches: Callable[[], Batches] | None = None
    exported: Any = None


def rows() -> Any:
    """Return 48 rows of four numbers, float32 ``[48, 4]``."""
    return np.random.default_rng(0).normal(3, 2, (48, 4)).astype(np.float32)


def classes() -> Examples:
    """Return rows of numbers of two linearly separable classes, ``"no"`` and ``"yes"``."""
    x = rows()
    y = np.array(["no", "yes"])[(x[:, 0] > x[:, 1]).astype(int)]
    return Examples((x[:40], y[:40]), (x[40:], y[40:]), x[40:], x[40:, :3])


def numbers() -> Examples:
    """Return rows of numbers with a target that is linear in them, plus noise."""
    x = rows()
    noise = np.random.default_rng(1).normal(0, 0.1, len(x))
    y = (x @ np.array([1, -2, 0.5, 3]) + noise).astype(np.float32)
    batches = Arrays(x[:40], y[:40])
    return Examples((x[:40], y[:40]), (x[40:], y[40:]), x[40:], x[40:, :3], lambda: batches)


def images() -> Examples:
    """Return images of two classes, dark and light, uint8 ``[n, 8, 8, 1]``."""
    rng = np.random.default_rng(2)
    y = np.arange(48) % 2
    x = (60 + 120 * y[:, None, None, None] + rng.normal(0, 20, (48, 8, 8, 1))).astype(np.uint8)
    return Examples((x[:40], y[:40]), (x[40:], y[40:]), x[40:], x[40:, :5])


def drawings() -> Examples:
    """Return ``images``, with codes ``[n, 4]`` as the inputs of exported generators."""
    codes = np.random.default_rng(7).normal(size=(3, 4)).astype(np.float32)
    return replace(images(), exported=codes)


def overlapping() -> Examples:
    """Return single images of one of three bars; the inputs are images of two of them."""
    from agentlab.data.overlapping import OverlappingImages

    y = np.arange(48) % 3
    x = np.zeros((48, 6, 6), np.uint8)
    x[np.arange(48), 2 * y + 1] = 255
    pairs = next(OverlappingImages(x[40:, ..., None], y[40:], shift=1).epoch(8)).inputs
    assert isinstance(pairs, np.ndarray)
    return Examples((x[:40], y[:40]), (x[40:], y[40:]), pairs, pairs[:, :5])


def texts() -> Examples:
    """Return short texts of two classes, which contain ``good`` or ``bad``."""
    rng = np.random.default_rng(3)
    words = np.array(["a", "film", "the", "end", "so"])
    y = np.arange(48) % 2
    x = np.array([" ".join([*rng.choice(words, 4), ("bad", "good")[label]]) for label in y])
    return Examples((x[:40], y[:40]), (x[40:], y[40:]), x[40:])


def text() -> Examples:
    """Return one text, for language models."""
    written = "the cat sat on the mat and the dog sat on the log. " * 12
    return Examples(
        (written,), (written[:200],), ["the cat"], exported=np.array([[1, 2, 3]], np.int32)
    )


def series() -> Examples:
    """Return two sines with noise, float64 ``[120, 2]``."""
    time = np.arange(120)[:, None]
    values = np.sin(time / np.array([4, 3])) + np.random.default_rng(4).normal(0, 0.1, (120, 2))
    window = values[-PAST:][None].astype(np.float32)  # [1, past, columns]
    test = values[90:]
    return Examples((values[:90],), (test,), test, test[:, :1], exported=window)


def sentences() -> Examples:
    """Return sentences of English numerals, and the German ones in reverse order."""
    rng = np.random.default_rng(5)
    german = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}
    sources = [" ".join(rng.choice(list(german), rng.integers(1, 4))) for _ in range(48)]
    targets = [" ".join(german[word] for word in s.split()[::-1]) for s in sources]
    ids = np.array([[3, 4, 2]], np.int32)
    return Examples(
        (sources[:40], targets[:40]), (sources[40:], targets[40:]), sources[40:44], exported=ids
    )


def points() -> Examples:
    """Return two clouds of points without targets, float64 ``[48, 3]``."""
    rng = np.random.default_rng(6)
    x = rng.normal(0, 0.3, (48, 3)) + 3 * (np.arange(48) % 2)[:, None]
    return Examples((x[:40],), (x[40:],), x[40:], x[40:, :2])


def ratings() -> Examples:
    """Return ratings from 1 to 5 of 12 items by 16 users with two kinds of taste."""
    rng = np.random.default_rng(7)
    user, item = (part.ravel() for part in np.meshgrid(np.arange(16), np.arange(12)))
    y = 3 + 1.5 * (-1) ** (user + item) + rng.normal(0, 0.5, len(user))
    y, order = y.clip(1, 5).round(), rng.permutation(len(user))[:120]
    x, y = np.column_stack([user, item])[order], y[order]
    levels = np.full((2, 16), -1, np.int32)
    wrong = x[100:, :1]
    return Examples((x[:100], y[:100]), (x[100:], y[100:]), x[100:], wrong, exported=levels)


KINDS: dict[str, Callable[[], Examples]] = {
    "classes": classes,
    "numbers": numbers,
    "images": images,
    "drawings": drawings,
    "overlapping": overlapping,
    "texts": texts,
    "text": text,
    "series": series,
    "sentences": sentences,
    "points": points,
    "ratings": ratings,
}
