"""Plots and reports of a trained GAN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab.data import Batches
from agentlab.plots.images import image_sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from agentlab.unsupervised.gan import GAN

SHOWN, ROWS, COLUMNS = 100, 6, 10
SCORED = ("frechet", "kernel", "precision", "recall")


def gan_plots(gan: GAN) -> dict[str, Figure]:
    """Return plots of samples and of interpolations between codes; none for numeric rows."""
    shape = gan.generator.shape
    if len(shape) != 3 or shape[-1] not in (1, 3):
        return {}
    ends = gan.codes(2 * ROWS, np.random.default_rng(0)).reshape(2, ROWS, -1)
    way = np.concatenate([between(start, end, COLUMNS) for start, end in ends.swapaxes(0, 1)])
    return {
        "samples": image_sheet(gan.sample(SHOWN), "samples from random codes"),
        "interpolations": image_sheet(gan.decode(way), "interpolations between codes", COLUMNS),
    }


def between(first: Any, second: Any, count: int) -> Any:
    """Interpolate two codes along a great circle (slerp), ``[count, latent_dim]``.

    On a straight line, codes would have smaller norms than normally distributed ones.

    >>> between(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 3).astype(float).round(2).tolist()
    [[2.0, 0.0], [1.41, 1.41], [0.0, 2.0]]
    """
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    cosine = np.clip(first @ second / max(lengths[0] * lengths[1], 1e-12), -1, 1)
    angle, parts = np.arccos(cosine), np.linspace(0, 1, count)[:, None]
    if np.sin(angle) < 1e-6:
        return np.asarray(first + parts * (second - first), np.float32)
    mixed = np.sin((1 - parts) * angle) * first + np.sin(parts * angle) * second
    return np.asarray(mixed / np.sin(angle), np.float32)


def score_lines(gan: GAN, held_out: Batches) -> list[str]:
    """Return a table of the scores of samples and of real inputs, and all warnings."""
    found = gan.evaluate_batches(held_out)
    if not found:
        return list(gan.warnings)
    assert gan.scores is not None
    lines = [f"{'score':<10}  {'samples':>9}  {'training inputs':>15}"]
    for name in SCORED:
        real = found.get(f"real_{name}")
        beside = "" if real is None else f"  {real:15.4g}"
        lines.append(f"{name:<10}  {found[name]:9.4g}{beside}")
    judge = gan.scores.judge
    if judge is not None and judge.classes:
        shares = judge.shares(gan.sample(gan.scores.count))
        lines.append("fraction of samples in each class, as predicted by the judge")
        lines.append("   ".join(f"{name} {share:.1%}" for name, share in shares.items()))
    return [*lines, *gan.scores.describe(), *gan.warnings]
