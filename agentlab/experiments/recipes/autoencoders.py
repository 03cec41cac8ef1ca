"""Recipes of autoencoders."""

from __future__ import annotations

from agentlab.experiments.recipes.recipe import MNIST, Recipe

RECIPES = [
    Recipe(
        "mnist-autoencoder",
        "an autoencoder of handwritten digits with a code of 256 numbers",
        "mnist",
        MNIST,
        "autoencoder",
        {
            "hidden": (),
            "code": 256,
            "code_activation": "relu",
            "epochs": 20,
            "batch_size": 128,
            "schedule": "cosine",
        },
        source="Gulli and Kapoor 2017, chapter 8; cosine schedule",
    ),
]
