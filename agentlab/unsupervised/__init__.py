"""Trainers and estimators for unsupervised learning.

::

    from agentlab.unsupervised import Autoencoder

    autoencoder = Autoencoder(hidden=(256,), code_size=32, epochs=20).fit(images)
    codes = autoencoder.encode(images)
    reconstructions = autoencoder.decode(codes)
"""

from __future__ import annotations

from typing import Any

from agentlab.registry import Registry, class_in

TRAINERS = Registry(
    "trainer",
    {
        "autoencoder": "agentlab.unsupervised.autoencoder:Autoencoder",
        "gan": "agentlab.unsupervised.gan:GAN",
        "dcgan": "agentlab.unsupervised.dcgan:DCGAN",
        "vae": "agentlab.unsupervised.vae:VAE",
        "rbm": "agentlab.unsupervised.rbm:RBM",
        "dbn": "agentlab.unsupervised.dbn:DBN",
        "ratings_rbm": "agentlab.unsupervised.ratings_rbm:RatingsRBM",
    },
)
ESTIMATORS = Registry(
    "estimator",
    {
        "pca": "agentlab.unsupervised.pca:PCA",
        "kmeans": "agentlab.unsupervised.kmeans:KMeans",
        "som": "agentlab.unsupervised.som:SOM",
    },
)


def is_unsupervised(trainer: str) -> bool:
    """Return whether the trainer or estimator of this name is unsupervised."""
    return trainer in TRAINERS or trainer in ESTIMATORS


def __getattr__(name: str) -> Any:
    """Import a class, and TensorFlow with it, when it is first used."""
    return class_in(__name__, name, TRAINERS, ESTIMATORS)
