"""Warnings in words when the training of a GAN goes wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tqdm import tqdm

from agentlab.runs import Run
from agentlab.training.callbacks import Callback

WON = 0.99  # accuracy of a discriminator that the generator no longer deceives
ALIKE = 0.35  # diversity of collapsed samples, see ``sample_scores.diversity``
FEW = 0.5  # share of the classes that collapsed samples cover
EPOCHS = 3  # in a row that a condition must hold, since the first epochs of good runs can look bad

DISCRIMINATOR_WINS = "the discriminator wins"
SAMPLES_COLLAPSE = "the samples collapse"


def gan_warnings(history: Sequence[Mapping[str, float]], loss: str, classes: int = 0) -> list[str]:
    """Return what went wrong in the last three epochs, a sentence each.

    Args:
        history: the metrics of each epoch.
        loss: the option ``loss``; a critic of ``wasserstein`` is meant to win.
        classes: number of classes that a judge knows; 0 without.

    >>> row = {"train/real_accuracy": 1.0, "train/generated_accuracy": 0.995}
    >>> gan_warnings([row, row, row], "hinge")[0][:22]
    'the discriminator wins'
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
            f"real and {last[names[1]]:.1%} of the generated inputs, so that the generator can "
            "learn little; lower --discriminator-learning-rate, raise --generator-steps or "
            "--label-smoothing, or use --loss wasserstein"
        )
    diversity, covered = "validation/diversity", "validation/classes"
    alike = all(row.get(diversity, 1) < ALIKE for row in rows)
    few = classes > 0 and all(row.get(covered, classes) < FEW * classes for row in rows)
    if alike or few:
        what = f"differ {last[diversity]:.0%} as much as real inputs"
        if few:
            what = f"cover {last[covered]:.1f} of {classes} classes and {what}"
        found.append(
            f"{SAMPLES_COLLAPSE}: for {EPOCHS} epochs they {what}; lower --learning-rate, or use "
            "--loss wasserstein or --spectral-norm"
        )
    return found


class Watch(Callback):
    """Prints the warnings of a GAN once each, and writes them to TensorBoard.

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
