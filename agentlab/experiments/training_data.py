"""Training data of supervised runs: a public data set, or the user's own files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from agentlab.config import Options, option
from agentlab.data import Preprocessor
from agentlab.errors import AgentlabError
from agentlab.experiments.recipes import Recipe

# Outputs for the inputs (0, 0), (0, 1), (1, 0) and (1, 1).
BOOLEAN = {
    "and": [0, 0, 0, 1],
    "or": [0, 1, 1, 1],
    "nand": [1, 1, 1, 0],
    "nor": [1, 0, 0, 0],
    "xor": [0, 1, 1, 0],
}
OWN = ("csv", "images", "text", "series", "pairs")


@dataclass(frozen=True)
class Source(Options):
    """The source of the data."""

    csv: tuple[str, ...] | None = option(None, "CSV files with a header, or a folder of them")
    target: str | None = option(None, "CSV column to predict")
    task: Literal["regression", "classification"] | None = option(
        None, "task of the CSV's target; none infers it from the target's values"
    )
    images: str | None = option(None, "folder with one subfolder of images per class")
    size: int | None = option(
        None, "height and width to resize images to; none for the size of the first image", ge=1
    )
    text: str | None = option(None, "text file to train a language model on")
    series: str | None = option(None, "CSV file with a time series to forecast")
    columns: tuple[str, ...] | None = option(
        None, "columns of the series; none for all numeric ones"
    )
    pairs: str | None = option(None, "file with a sentence, a tab and its translation on each line")
    test: float = option(
        0.1, "fraction of the data for the test split, if the data have none", gt=0, lt=1
    )
    function: Literal["and", "or", "nand", "nor", "xor"] = option(
        "and", "Boolean function for the recipe perceptron"
    )
    data_dir: str | None = option(
        None, "folder with copies of public data sets, to use instead of downloading"
    )
    stand_in: bool = option(False, "use a small data set from an installed package instead")

    @property
    def own(self) -> str | None:
        """The option that names the user's own data, one of ``OWN``, or ``None``."""
        given = [name for name in OWN if getattr(self, name) is not None]
        if len(given) > 1:
            raise AgentlabError(
                f"only one of {', '.join(f'--{name}' for name in given)} can be given"
            )
        return given[0] if given else None


@dataclass
class TrainingData:
    """The data of a run, in splits.

    Attributes:
        trainer: name of the trainer for the data.
        train: arguments of ``fit``.
        test: arguments of ``evaluate``, used only after training.
        validation: validation data; ``None`` lets the trainer split them off.
        options: keyword arguments of ``fit``.
        preprocessor: converts the contents of files to network inputs.
        notes: lines to print about what was loaded.
    """

    trainer: str
    train: tuple[Any, ...]
    test: tuple[Any, ...]
    validation: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    preprocessor: Preprocessor | None = None
    notes: list[str] = field(default_factory=list)


def trainer_of(source: Source, recipe: Recipe | None) -> str | None:
    """Return the name of the trainer for some data; ``None`` if it depends on the data."""
    if recipe is not None:
        return recipe.trainer
    if source.own == "csv":
        return {"regression": "regressor", "classification": "classifier", None: None}[source.task]
    own = {"images": "classifier", "text": "language_model", "series": "forecaster"}
    return own.get(source.own or "", "translator")


def load_data(source: Source, recipe: Recipe | None, seed: int, validation: float) -> TrainingData:
    """Load the data of a recipe or of the user's own files.

    Args:
        source: the source of the data.
        recipe: the recipe whose data set to load; ``None`` for the user's own files.
        seed: seeds the splits.
        validation: fraction of the training split to use for validation, for own files.

    Raises:
        AgentlabError: for missing or unsuitable files, naming the file, row and column.
    """
    if recipe is not None:
        return _public(source, recipe)
    if source.own is None:
        raise AgentlabError(
            "data are missing: pass --recipe NAME (--list shows all recipes), --csv, --images, "
            "--text, --series or --pairs"
        )
    loaders = {
        "csv": _csv,
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
    if recipe.trainer == "classifier":
        options["classes"] = found.classes
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


def _csv(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data.table import Table

    if source.target is None:
        raise AgentlabError("--target is missing; pass the name of the CSV column to predict")
    assert source.csv is not None
    table = Table(source.csv, source.target, source.task, seed, validation, source.test)
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

    folder = ImageFolder(str(source.images), source.size, seed, validation, source.test)
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
    from agentlab.data.text import read_text

    text = read_text(str(source.text))
    begin = round(len(text) * (1 - source.test))
    middle = round(begin * (1 - validation))
    parts = [text[:middle], text[middle:begin], text[begin:]]
    if not all(parts):
        raise AgentlabError(f"--text {source.text} is too short to split: {len(text)} characters")
    note = f"{source.text}: {len(text):,} characters; the last {len(parts[2]):,} are the test split"
    return TrainingData("language_model", (parts[0],), (parts[2],), parts[1], notes=[note])


def _series(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data.series import read_series, split_series

    values, names = read_series(str(source.series), source.columns)
    fractions = ((1 - source.test) * (1 - validation), (1 - source.test) * validation, source.test)
    train, held_out, test = split_series(values, fractions)
    note = (
        f"{source.series}: {len(values):,} rows of {', '.join(names)}; the last are the test split"
    )
    before = np.concatenate([train, held_out])  # the past of the first forecasts of the test split
    return TrainingData(
        "forecaster", (train,), (test, before), held_out, {"names": names}, notes=[note]
    )


def _pairs(source: Source, seed: int, validation: float) -> TrainingData:
    from agentlab.data import split_indices
    from agentlab.data.text import read_text

    lines = [line for line in read_text(str(source.pairs)).splitlines() if line.strip()]
    pairs = [line.split("\t") for line in lines]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2:
            raise AgentlabError(
                f"--pairs {source.pairs}: line {number} has {len(pair) - 1} tabs; it must have one"
            )
    train, test = split_indices(len(pairs), (1 - source.test, source.test), seed)
    parts = [tuple([pairs[i][side] for i in rows] for side in (0, 1)) for rows in (train, test)]
    note = f"{source.pairs}: {len(train):,} pairs for training and {len(test):,} for the test"
    return TrainingData("translator", parts[0], parts[1], notes=[note])
