"""Training data of supervised runs: a public data set, or the user's own files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.errors import AgentlabError
from agentlab.experiments.data_splits import TrainingData
from agentlab.experiments.recipes import Recipe
from agentlab.experiments.recipes.recipe import OWN_IMAGES
from agentlab.experiments.source import Source
from agentlab.experiments.unlabeled_data import load_unlabeled
from agentlab.unsupervised import is_unsupervised

# Outputs for the inputs (0, 0), (0, 1), (1, 0) and (1, 1).
BOOLEAN = {
    "and": [0, 0, 0, 1],
    "or": [0, 1, 1, 1],
    "nand": [1, 1, 1, 0],
    "nor": [1, 0, 0, 0],
    "xor": [0, 1, 1, 0],
}


def trainer_of(source: Source, recipe: Recipe | None, trainer: str | None = None) -> str | None:
    """Return the name of the trainer for some data; ``None`` if it depends on the data.

    Args:
        source: the source of the data.
        recipe: the recipe, if any.
        trainer: the trainer that the user named, for unsupervised learning.
    """
    if trainer is not None:
        return trainer
    if recipe is not None:
        return recipe.trainer
    if source.own == "csv":
        return {"regression": "regressor", "classification": "classifier", None: None}[source.task]
    own = {"images": "classifier", "text": "language_model", "series": "forecaster"}
    return own.get(source.own or "", "translator")


def choose_trainer(
    recipe: Recipe | None, source: Source, given: Mapping[str, Any], trainer: str | None = None
) -> tuple[str, TrainingData | None]:
    """Return the name of the trainer, and the data if the trainer or its settings depend on them.

    Raises:
        AgentlabError: for missing or unsuitable data, or an option that has no effect on them.
    """
    if recipe is not None or source.own is not None:
        source.check_used(is_unsupervised(trainer_of(source, recipe, trainer) or ""))
    name = trainer_of(source, recipe, trainer)
    depends = recipe is None and trainer is None and source.own in ("csv", "series")
    if name is not None and not depends:
        return name, None
    seed, validation = given.get("seed", 0), given.get("validation_split", 0.1)
    data = load_data(source, recipe, seed, validation, given.get("standardize", True))
    return data.trainer, data


def load_data(
    source: Source,
    recipe: Recipe | None,
    seed: int,
    validation: float,
    standardize: bool = True,
    trainer: str = "",
) -> TrainingData:
    """Load the data of a recipe or of the user's own files.

    Args:
        source: the source of the data.
        recipe: the recipe whose data set to load; ``None`` for the user's own files.
        seed: seeds the splits.
        validation: fraction of the training split to use for validation, for own files.
        standardize: whether numbers in the user's own tables are standardized.
        trainer: the trainer's name, if it is known.

    Raises:
        AgentlabError: for missing or unsuitable files, naming the file, row and column.
    """
    if source.own is not None and is_unsupervised(trainer):
        return load_unlabeled(source, trainer, seed, validation)
    if recipe is not None:
        if recipe.data == OWN_IMAGES:
            raise AgentlabError(
                f"recipe={recipe.name!r} trains on a folder of your own images: pass "
                "--images FOLDER"
            )
        return _public(source, recipe)
    if source.own is None:
        raise AgentlabError(
            "data are missing: pass --recipe NAME (--list shows all recipes), or your own data, "
            "such as --csv FILE or --images FOLDER"
        )
    if source.own == "csv":
        return _csv(source, seed, validation, standardize)
    loaders = {
        "images": _images,
        "text": _text,
        "series": _series,
        "pairs": _pairs,
    }
    return loaders[source.own](source, seed, validation)


def _public(source: Source, recipe: Recipe) -> TrainingData:
    if recipe.trainer == "perceptron":
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        rows = x, np.array(BOOLEAN[source.function])
        return TrainingData("perceptron", rows, rows, notes=[f"all 4 rows of {source.function}"])
    from agentlab.data.sets import load

    found = load(recipe.data, source.data_dir, source.stand_in)
    options: dict[str, Any] = {}
    if recipe.trainer in ("classifier", "dbn", "capsules", "overlapping_capsules"):
        options["classes"] = found.classes
    elif recipe.trainer == "ratings_rbm":
        options |= {"titles": found.titles, "rated": found.test[0]}
    elif recipe.trainer == "forecaster":
        options["names"] = found.names
    return TrainingData(
        recipe.trainer,
        found.train,
        found.test,
        found.validation,
        options=options,
        notes=list(found.notes),
    )


def _csv(source: Source, seed: int, validation: float, standardize: bool) -> TrainingData:
    from agentlab.data.table import Table

    if source.target is None:
        raise AgentlabError("--target is missing; pass the name of the CSV column to predict")
    assert source.csv is not None
    table = Table(
        source.csv,
        source.target,
        source.task,
        seed,
        validation,
        source.test,
        kinds=source.kinds,
        standardize=standardize,
        decimal=source.decimal,
        missing=source.missing,
        encoding=source.encoding,
    )
    classification = table.task == "classification"
    return TrainingData(
        "classifier" if classification else "regressor",
        (table.train,),
        (table.test,),
        table.validation,
        {"classes": table.columns.classes} if classification else {},
        table.columns,
        table.describe().splitlines(),
    )


def _images(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data.image_folder import ImageFolder

    folder = ImageFolder(
        str(source.images),
        source.size,
        seed,
        validation,
        source.test,
        skip_unreadable=source.skip_unreadable,
        crop=source.crop,
    )
    return TrainingData(
        "classifier",
        (folder.train,),
        (folder.test,),
        folder.validation,
        {"classes": folder.classes},
        folder.preprocessor,
        folder.describe().splitlines(),
    )


def _text(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data.text_files import read_text

    text = read_text(str(source.text), source.encoding)
    begin = round(len(text) * (1 - source.test))
    middle = round(begin * (1 - validation))
    parts = [text[:middle], text[middle:begin], text[begin:]]
    if not all(parts):
        raise AgentlabError(f"--text {source.text} is too short to split: {len(text)} characters")
    note = f"{source.text}: {len(text):,} characters; the last {len(parts[2]):,} are the test split"
    return TrainingData("language_model", (parts[0],), (parts[2],), parts[1], notes=[note])


def _series(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data.series import read_series, split_series

    series = read_series(
        str(source.series),
        source.columns,
        time=source.time,
        group=source.group,
        frequency=source.frequency,
        gaps=source.gaps,
        decimal=source.decimal,
        missing=source.missing,
        encoding=source.encoding,
        kinds=source.kinds,
    )
    fractions = ((1 - source.test) * (1 - validation), (1 - source.test) * validation, source.test)
    train, held_out, test = split_series(series.values, fractions)
    notes = [*series.notes, f"the last {len(test):,} rows are the test split"]
    before = np.concatenate([train, held_out])  # the past of the first forecasts of the test split
    options = {"names": series.names, "form": series.form}
    validation_data = held_out if len(held_out) else None
    return TrainingData(
        "forecaster", (train,), (test, before), validation_data, options, notes=notes
    )


def _pairs(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data import split_indices
    from agentlab.data.text_files import lines_of, read_text

    pairs = []
    for number, line in enumerate(lines_of(read_text(str(source.pairs), source.encoding)), 1):
        pair = line.split("\t")
        if not line.strip():
            continue
        if len(pair) != 2 or not all(map(str.strip, pair)):
            raise AgentlabError(
                f"--pairs {source.pairs}: line {number} has {len(pair) - 1} tabs; it must be a "
                "sentence, one tab and its translation"
            )
        pairs.append(pair)
    train, test = split_indices(len(pairs), (1 - source.test, source.test), seed)
    parts = [tuple([pairs[i][side] for i in rows] for side in (0, 1)) for rows in (train, test)]
    note = f"{source.pairs}: {len(train):,} pairs for training and {len(test):,} for the test"
    return TrainingData("translator", parts[0], parts[1], notes=[note])
