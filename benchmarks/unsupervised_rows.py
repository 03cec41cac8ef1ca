"""The runs without labels whose results ``learning.py`` tabulates."""

from __future__ import annotations

from functools import partial

from learning_rows import Fit

_Row = partial(Fit, script="train_unsupervised.py")

UNSUPERVISED = (
    _Row(
        "mnist-autoencoder",
        "--recipe mnist-autoencoder",
        1,
        "mse",
        "0.0018",
        "0.022",
        plot="reconstructions.png",
    ),
    _Row(
        "mnist-sparse-autoencoder",
        "--recipe mnist-sparse-autoencoder",
        1,
        "mse",
        "0.010",
        "0.006",
        plot="weights.png",
    ),
    _Row(
        "mnist-denoising",
        "--recipe mnist-denoising",
        1,
        "psnr",
        "22.5",
        plot="reconstructions.png",
    ),
    _Row(
        "mnist-conv-denoising",
        "--recipe mnist-conv-denoising",
        1,
        "psnr",
        "19.3",
        plot="reconstructions.png",
    ),
    _Row("mnist-stacked", "--recipe mnist-stacked", 1, "mse", "0.006", plot="codes.png"),
    _Row(
        "mnist-stacked-directly",
        "--recipe mnist-stacked --pretrain-epochs 0",
        1,
        "mse",
        "without pretraining",
        plot="codes.png",
    ),
    _Row("mnist-vae", "--recipe mnist-vae", 1, "loss", "96", plot="samples.png"),
    _Row("mnist-gan", "--recipe mnist-gan", 1, "frechet", "60", plot="samples.png"),
    _Row("mnist-dcgan", "--recipe mnist-dcgan", 1, "frechet", "10", plot="samples.png"),
)
