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
    kind: tuple[str, ...] | None = option(
        None,
        "what columns of the CSV are, NAME=KIND with number, category, date, dayfirst, monthfirst "
        "or drop; none infers it",
    )
    missing: tuple[str, ...] = option((), "words for a missing cell besides the usual ones")
    decimal: Literal[".", ","] | None = option(None, "decimal mark; none infers it")
    encoding: str | None = option(None, "of files, such as cp1252; none for UTF-8 or UTF-16")
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
    time: str | None = option(
        None, "column with the times of the series; none finds it, rows takes the rows in order"
    )
    group: str | None = option(None, "column that names the series, if the file has several")
    frequency: str | None = option(
        None, "step of the series, such as D or 15min, to average its rows over; none infers it"
    )
    gaps: Literal["interpolate", "refuse"] = option(
        "interpolate", "missing values and times of a series, and times that occur twice"
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


def load_data(
    source: Source, recipe: Recipe | None, seed: int, validation: float, standardize: bool = True
) -> TrainingData:
    """Load the data of a recipe or of the user's own files.

    Args:
        source: the source of the data.
        recipe: the recipe whose data set to load; ``None`` for the user's own files.
        seed: seeds the splits.
        validation: fraction of the training split to use for validation, for own files.
        standardize: whether numbers of own tables are standardized.

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
        kinds=kinds_of(source.kind),
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


def kinds_of(given: tuple[str, ...] | None) -> dict[str, Any]:
    """Return the kinds of columns by name, from texts such as ``price=number``.

    Raises:
        AgentlabError: for a text without a kind.
    """
    kinds = {}
    for text in given or ():
        name, equals, kind = text.rpartition("=")
        if not equals:
            raise AgentlabError(f"--kind {text!r} must be NAME=KIND, such as price=number")
        kinds[name] = kind
    return kinds


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
    )
    fractions = ((1 - source.test) * (1 - validation), (1 - source.test) * validation, source.test)
    train, held_out, test = split_series(series.values, fractions)
    notes = [*series.notes, f"the last {len(test):,} rows are the test split"]
    before = np.concatenate([train, held_out])  # the past of the first forecasts of the test split
    options = {"names": series.names, "form": series.form}
    return TrainingData("forecaster", (train,), (test, before), held_out, options, notes=notes)


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
