"""Warnings about failures of GAN training."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from agentlab.runs import Run
from agentlab.training.callbacks import Callback

WON = 0.99  # accuracy of a discriminator that the generator can no longer fool
ALIKE = 0.35  # diversity of collapsed samples, see ``sample_scores.diversity``
FEW = 0.5  # fraction of the classes that collapsed samples cover
EPOCHS = 3  # consecutive epochs that a condition must hold, since good runs can look bad early on

DISCRIMINATOR_WINS = "the discriminator overpowers the generator"
SAMPLES_COLLAPSE = "the samples collapse"


def gan_warnings(history: Sequence[Mapping[str, float]], loss: str, classes: int = 0) -> list[str]:
    """Return warnings about the last three epochs, one sentence each.

    Args:
        history: the metrics of each epoch.
        loss: the option ``loss``; the critic of ``wasserstein`` is meant to be strong.
        classes: number of classes of the feature classifier; 0 for none.

    >>> row = {"train/real_accuracy": 1.0, "train/generated_accuracy": 0.995}
    >>> gan_warnings([row, row, row], "hinge")[0][:42]
    'the discriminator overpowers the generator'
    >>> gan_warnings([row], "hinge")
    []
    """
    rows = history[-EPOCHS:]
    if len(rows) < EPOCHS:
        return []
    found, last = [], rows[-1]
    names = [f"train/{part}_accuracy" for part in ("real", "generated")]
    if loss != "wasserstein" and all(row.get(name, 0) >= WON for row in rows for name in names):
        found.append(
            f"{DISCRIMINATOR_WINS}: for {EPOCHS} epochs it recognized {last[names[0]]:.1%} of the "
            f"real and {last[names[1]]:.1%} of the generated inputs, which leaves the generator "
            "little to learn from; lower --discriminator-learning-rate, raise --generator-steps or "
            "--label-smoothing, or use --loss wasserstein"
        )
    diversity, covered = "validation/diversity", "validation/effective_classes"
    alike = all(row.get(diversity, 1) < ALIKE for row in rows)
    few = classes > 0 and all(row.get(covered, classes) < FEW * classes for row in rows)
    if alike or few:
        what = f"have {last[diversity]:.0%} of the diversity of real inputs"
        if few:
            what = f"cover {last[covered]:.1f} of {classes} classes and {what}"
        found.append(
            f"{SAMPLES_COLLAPSE}: for {EPOCHS} epochs they {what}; lower --learning-rate, or use "
            "--loss wasserstein or --spectral-norm"
        )
    return found


class Watch(Callback):
    """Prints each warning of a GAN once, and writes it to TensorBoard.

    Args:
        gan: the GAN in training.
        run: its run, if there is one.
        quiet: print nothing.
    """

    def __init__(self, gan: Any, run: Run | None, quiet: bool) -> None:
        self._gan, self._run, self._quiet = gan, run, quiet
        self._said: set[str] = set()

    def on_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Print new warnings."""
        for warning in self._gan.warnings:
            kind = warning.partition(":")[0]
            if kind in self._said:
                continue
            self._said.add(kind)
            if self._run is not None:
                self._run.text("warnings", step, warning)
            if not self._quiet:
                tqdm.write(f"warning: epoch {step}: {warning}", file=sys.stderr)
