"""Recipes of generative adversarial networks."""

from __future__ import annotations

from agentlab.experiments.recipes.recipe import MNIST, OWN_IMAGES, Recipe

RECIPES = [
    Recipe(
        "mnist-gan",
        "a GAN of handwritten digits, with dense layers",
        "mnist",
        MNIST,
        "gan",
        {"hidden": (512, 512), "epochs": 40, "batch_size": 128, "label_smoothing": 0.1},
        source="Goodfellow et al. 2014; Adam as in Radford et al. 2016",
    ),
    Recipe(
        "mnist-dcgan",
        "a DCGAN of handwritten digits, with strided convolutions",
        "mnist",
        MNIST,
        "dcgan",
        {"epochs": 20, "batch_size": 64},
        source="Radford, Metz and Chintala 2016",
    ),
    Recipe(
        "faces-dcgan",
        "a DCGAN of the images in a folder (--images), such as the faces of FER2013",
        OWN_IMAGES,
        "your own images, 48x48 or another size that a DCGAN supports",
        "dcgan",
        {"epochs": 100, "batch_size": 64, "label_smoothing": 0.1},
        source="Radford, Metz and Chintala 2016",
    ),
]
