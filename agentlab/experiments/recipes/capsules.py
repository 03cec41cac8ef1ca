"""Recipes of capsule networks."""

from __future__ import annotations

from agentlab.experiments.recipes.recipe import MNIST, Recipe

PAPER = "Sabour, Frosst and Hinton 2017; cosine schedule"
TRAINING = {"epochs": 8, "batch_size": 64, "schedule": "cosine", "validation_split": 0.05}
QUARTER = {"filters": 64, "channels": 8}  # a quarter of the paper's

RECIPES = [
    Recipe(
        "mnist-capsule",
        "a capsule network with 8,215,568 parameters on handwritten digits; needs a GPU",
        "mnist",
        MNIST,
        "capsules",
        TRAINING,
        source=PAPER,
    ),
    Recipe(
        "mnist-capsule-quarter",
        "mnist-capsule with a quarter of the filters and primary capsules",
        "mnist",
        MNIST,
        "capsules",
        {**TRAINING, **QUARTER},
        expected="accuracy 0.993",
        source=PAPER,
    ),
    Recipe(
        "multimnist-capsule",
        "a quarter-size capsule network that recognizes two overlapping digits",
        "mnist",
        MNIST,
        "overlapping_capsules",
        {**TRAINING, **QUARTER},
        source=PAPER,
    ),
]
