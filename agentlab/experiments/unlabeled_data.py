"""Unlabeled training data: the user's own images and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agentlab.errors import AgentlabError
from agentlab.experiments.data_splits import TrainingData

if TYPE_CHECKING:
    from agentlab.experiments.source import Source

# The default trainer for the user's own data, by the flag of the data.
DEFAULT_TRAINERS = {"images": "autoencoder", "csv": "autoencoder", "ratings": "ratings_rbm"}
CONVOLUTIONAL = ("autoencoder", "vae")  # which use a convolutional network for images


def unlabeled_defaults(trainer: str, own: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for the user's own data that differ from those of the trainer.

    Args:
        trainer: the trainer's name.
        own: the flag that names the data.
        given: the settings that the user has given.
    """
    if trainer not in CONVOLUTIONAL:
        return {}
    if own == "images" and not given.keys() & {"net", "hidden", "activation"}:
        return {"net": "pooled_cnn"}
    if own == "csv" and not given.keys() & {"epochs", "patience"}:
        return {"epochs": 100, "patience": 20}
    return {}


def default_trainer(own: str) -> str:
    """Return the default trainer for the user's own unlabeled data.

    Raises:
        AgentlabError: for data that only supervised training takes.
    """
    if own not in DEFAULT_TRAINERS:
        known = ", ".join(f"--{name}" for name in DEFAULT_TRAINERS)
        raise AgentlabError(f"--{own} is only for supervised training; pass {known}")
    return DEFAULT_TRAINERS[own]


def load_unlabeled(source: Source, trainer: str, seed: int, validation: float) -> TrainingData:
    """Load the user's own unlabeled data.

    Args:
        source: the source of the data.
        trainer: the name of the trainer or estimator.
        seed: seeds the splits.
        validation: fraction of the training split to use for validation.

    Raises:
        AgentlabError: for missing or unsuitable files.
    """
    loaders = {"images": _images, "csv": _csv, "ratings": _ratings}
    default_trainer(source.own or "")
    if (trainer == "ratings_rbm") != (source.own == "ratings"):
        raise AgentlabError(
            f"--trainer {trainer} does not take --{source.own}; --ratings is for ratings_rbm, "
            "which takes no other data"
        )
    return loaders[source.own or ""](source, trainer, seed, validation)


def _images(source: Source, trainer: str, seed: int, validation: float) -> TrainingData:
    from agentlab.data.unlabeled_images import UnlabeledImages

    folder = UnlabeledImages(
        str(source.images),
        source.size,
        seed,
        validation,
        source.test,
        skip_unreadable=source.skip_unreadable,
        crop=source.crop,
    )
    return TrainingData(
        trainer,
        (folder.train,),
        (folder.test or folder.train,),
        folder.validation,
        preprocessor=folder.preprocessor,
        notes=folder.describe().splitlines(),
    )


def _csv(source: Source, trainer: str, seed: int, validation: float) -> TrainingData:
    from agentlab.data import split_indices
    from agentlab.data.csv_frame import read_frame

    assert source.csv is not None
    kinds = source.kinds
    frame = read_frame(source.csv, source.decimal, source.missing, source.encoding, kinds)
    labels = None
    if source.target is not None:
        if source.target not in frame.columns:
            raise AgentlabError(f"--target {source.target} is not a column of {source.csv[0]}")
        labels = frame.pop(source.target).to_numpy(str)
    parts = split_indices(len(frame), (1 - source.test, source.test), seed)
    train, test = (
        (frame.iloc[rows],) if labels is None else (frame.iloc[rows], labels[rows])
        for rows in parts
    )
    note = f"rows: {len(parts[0]):,} training, {len(parts[1]):,} test"
    return TrainingData(trainer, train, test, notes=[note])


def _ratings(source: Source, trainer: str, seed: int, validation: float) -> TrainingData:
    from agentlab.data import split_indices
    from agentlab.data.ratings import read_ratings, read_titles

    found = read_ratings(str(source.ratings), source.encoding)
    titles = found.titles
    if source.titles is not None:
        titles = read_titles(source.titles, source.encoding)
    parts = split_indices(len(found.y), (1 - source.test, source.test), seed)
    train, test = ((found.x[rows], found.y[rows]) for rows in parts)
    users, items = (len(set(found.x[:, side].tolist())) for side in (0, 1))
    note = (
        f"{source.ratings}: {len(found.y):,} ratings of {items:,} items by {users:,} users; "
        f"{len(parts[1]):,} in the test split"
    )
    options = {"titles": titles, "rated": test[0]}
    return TrainingData(trainer, train, test, options=options, notes=[note])
