"""Recipes of autoencoders."""

from __future__ import annotations

from agentlab.experiments.recipes.recipe import MNIST, Recipe

SHARED = {"batch_size": 128, "schedule": "cosine", "learning_rate": 2e-3, "loss": "bce"}

RECIPES = [
    Recipe(
        "mnist-autoencoder",
        "an autoencoder of handwritten digits with a code of size 256",
        "mnist",
        MNIST,
        "autoencoder",
        {**SHARED, "hidden": (), "code_size": 256, "code_activation": "relu", "epochs": 8},
        "mse 0.0016",
        source="Gulli and Kapoor 2017, chapter 8, with cross-entropy and a schedule",
    ),
    Recipe(
        "mnist-sparse-autoencoder",
        "a sparse autoencoder of handwritten digits: 256 units, mean activation 0.02",
        "mnist",
        MNIST,
        "autoencoder",
        {
            **SHARED,
            "hidden": (),
            "code_size": 256,
            "code_activation": "sigmoid",
            "rho": 0.02,
            "sparsity_weight": 20.0,
            "learning_rate": 1.5e-2,
            "epochs": 12,
        },
        "mse 0.0080 at a mean activation of 0.024",
        source="Gulli and Kapoor 2017, chapter 8; Ng 2011, Sparse autoencoder",
    ),
    Recipe(
        "mnist-denoising",
        "a denoising autoencoder of 800 units, for Gaussian noise of standard deviation 0.3",
        "mnist",
        MNIST,
        "autoencoder",
        {
            **SHARED,
            "hidden": (),
            "code_size": 800,
            "code_activation": "relu",
            "noise": "gaussian",
            "noise_level": 0.3,
            "epochs": 20,
        },
        "PSNR 22.6 dB from 13.3 dB; 19.5 dB from 9.4 dB with --noise-level 0.5",
        source="Gulli and Kapoor 2017, chapter 8; Vincent et al. 2010",
    ),
    Recipe(
        "mnist-conv-denoising",
        "a convolutional denoising autoencoder, for Gaussian noise of standard deviation 0.5",
        "mnist",
        MNIST,
        "autoencoder",
        {
            **SHARED,
            "net": "pooled_cnn",
            "code_size": 0,
            "noise": "gaussian",
            "noise_level": 0.5,
            "epochs": 10,
        },
        source="Gulli and Kapoor 2017, chapter 8, with batch normalization, and without the last "
        "convolution (16 filters) and its pooling",
    ),
    Recipe(
        "mnist-stacked",
        "a stacked autoencoder, 784-500-50, with tied weights and greedy layer-wise pretraining",
        "mnist",
        MNIST,
        "autoencoder",
        {
            **SHARED,
            "hidden": (500,),
            "code_size": 50,
            "tied": True,
            "pretrain_epochs": 3,
            "epochs": 20,
        },
        "mse 0.0030",
        source="Gulli and Kapoor 2017, chapter 8; Bengio et al. 2007",
    ),
    Recipe(
        "mnist-vae",
        "a variational autoencoder of binarized digits with 20 latent variables",
        "mnist",
        MNIST,
        "vae",
        {
            "hidden": (500, 500),
            "latent_dim": 20,
            "binarize": True,
            "likelihood_samples": 200,
            "batch_size": 128,
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "epochs": 40,
            "validation_split": 0.05,
        },
        "ELBO -94.0 nats, log likelihood -90.4 nats",
        source="Kingma and Welling 2014; Gulli and Kapoor 2017, chapter 11",
    ),
]
