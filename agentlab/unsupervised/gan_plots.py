"""Plots and reports of a trained GAN."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    way = np.concatenate([gan.between(a, b, COLUMNS) for a, b in ends.swapaxes(0, 1)])
    return {
        "samples": image_sheet(gan.sample(SHOWN), "samples from random codes"),
        "interpolations": image_sheet(gan.decode(way), "interpolations between codes", COLUMNS),
    }


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
    classifier = gan.scores.classifier
    if classifier is not None and classifier.classes:
        fractions = classifier.class_fractions(gan.sample(gan.scores.count))
        lines.append("fraction of samples in each class, as predicted by the feature classifier")
        lines.append("   ".join(f"{name} {fraction:.1%}" for name, fraction in fractions.items()))
    return [*lines, *gan.scores.describe(), *gan.warnings]
