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
        {
            "epochs": 30,
            "batch_size": 64,
            "learning_rate": 5e-4,
            "discriminator_learning_rate": 2e-3,
            "schedule": "linear",
            "loss": "hinge",
            "spectral_norm": True,
        },
        expected="Frechet distance 57, 1.8 for training images",
        source="Goodfellow et al. 2014; loss and normalization of Miyato et al. 2018",
    ),
    Recipe(
        "mnist-dcgan",
        "a DCGAN of handwritten digits, with strided convolutions",
        "mnist",
        MNIST,
        "dcgan",
        {
            "filters": 32,
            "epochs": 12,
            "batch_size": 64,
            "learning_rate": 2e-3,
            "discriminator_learning_rate": 6e-4,
            "schedule": "linear",
        },
        expected="Frechet distance 18, 1.8 for training images",
        source="Radford, Metz and Chintala 2016, with fewer filters and higher learning rates",
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
