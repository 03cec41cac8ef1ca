"""The unsupervised runs whose results ``learning.py`` tabulates."""

from __future__ import annotations

from functools import partial

from learning_rows import Fit

_Row = partial(Fit, script="train_unsupervised.py")
DIMENSIONS = (2, 5, 10, 20)  # of the latent space, with beta 1
BETAS = (0.5, 4)  # with 20 latent dimensions


def _vae(flags: str) -> Fit:
    """Return the row of a short run of mnist-vae with other settings."""
    name = "mnist-vae" + flags.replace("--", "-").replace(" ", "-")
    return _Row(
        name,
        f"--recipe mnist-vae --epochs 3 --likelihood-samples 0 {flags}",
        1,
        "loss",
        "",
        plot="manifold.png",  # of two latent variables only
    )


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
        "mnist-sparse-autoencoder-005",
        "--recipe mnist-sparse-autoencoder --rho 0.05",
        1,
        "mse",
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
        "mnist-denoising-half",
        "--recipe mnist-denoising --noise-level 0.5",
        1,
        "psnr",
        "19.3",
        plot="reconstructions.png",
    ),
    _Row(
        "mnist-conv-denoising",
        "--recipe mnist-conv-denoising",
        1,
        "psnr",
        "1 above the previous row",
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
    _Row("mnist-vae", "--recipe mnist-vae", 1, "loss", "96, nll 92", plot="samples.png"),
    *(_vae(f"--latent-dim {n}") for n in DIMENSIONS),
    *(_vae(f"--beta {beta}") for beta in BETAS),
    _Row("mnist-pca", "--recipe mnist-pca", 1, "explained_variance", "0.95", plot="components.png"),
    _Row("faces-pca", "--recipe faces-pca", 1, "loss", "", plot="components.png"),
    _Row("iris-kmeans", "--recipe iris-kmeans", 1, "adjusted_rand", "0.73", plot="clusters.png"),
    _Row("colors-som", "--recipe colors-som", 1, "quantization_error", "0.031", plot="colors.png"),
    _Row("mnist-rbm", "--recipe mnist-rbm", 3, "pseudo_likelihood", "-78", plot="weights.png"),
    _Row("faces-rbm", "--recipe faces-rbm", 1, "loss", "", plot="reconstructions.png"),
    _Row("movielens-rbm", "--recipe movielens-rbm", 3, "rmse", "0.935", plot="ratings.png"),
    _Row(
        "movielens-rbm-by-user",
        "--recipe movielens-rbm --by user",
        3,
        "rmse",
        "0.975",
        plot="ratings.png",
    ),
    _Row(
        "fer2013-dbn", "--recipe fer2013-dbn", 3, "accuracy", "0.36", "0.45", plot="confusion.png"
    ),
    _Row(
        "fer2013-dbn-directly",
        "--recipe fer2013-dbn --pretrain-epochs 0",
        3,
        "accuracy",
        "without pretraining",
        plot="confusion.png",
    ),
    _Row("mnist-gan", "--recipe mnist-gan", 1, "frechet", "60", plot="samples.png"),
    _Row("mnist-dcgan", "--recipe mnist-dcgan", 1, "frechet", "10", plot="samples.png"),
)
