"""The source of a trainer's data, and the settings that suit the user's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from agentlab.config import Options, flag_of, from_dict, option
from agentlab.errors import AgentlabError
from agentlab.experiments.data_splits import TrainingData
from agentlab.experiments.paths import absolute, in_home
from agentlab.experiments.unlabeled_data import unlabeled_defaults
from agentlab.registry import trainer_class
from agentlab.unsupervised import is_unsupervised

OWN = ("csv", "images", "text", "series", "pairs", "ratings")
FILES = (*OWN, "titles", "data_dir")
SMALL_TABLE = 4000  # training rows
USED = {  # the options that apply to the user's own data of each kind
    "csv": ("target", "kind", "missing", "decimal", "encoding", "task", "test"),
    "images": ("size", "crop", "skip_unreadable", "test"),
    "text": ("encoding", "test"),
    "series": (
        *("columns", "time", "group", "frequency", "gaps", "kind", "missing", "decimal"),
        *("encoding", "test"),
    ),
    "pairs": ("encoding", "test"),
    "ratings": ("titles", "encoding", "test"),
    "recipe": ("data_dir", "stand_in", "function"),
}


@dataclass(frozen=True)
class Source(Options):
    """The source of the data."""

    csv: tuple[str, ...] | None = option(None, "CSV files with a header, or a folder of them")
    target: str | None = option(
        None, "CSV column to predict; if unsupervised, column to exclude and color plots by"
    )
    kind: tuple[str, ...] | None = option(
        None,
        "kinds of columns as NAME=KIND: number, category, date, dayfirst, monthfirst or drop; "
        "none infers them",
    )
    missing: tuple[str, ...] = option((), "additional strings to read as missing cells")
    decimal: Literal[".", ","] | None = option(None, "decimal mark; none infers it")
    encoding: str | None = option(
        None,
        "encoding of the file, such as cp1252; none for UTF-8, or UTF-16 with a byte order mark",
    )
    task: Literal["regression", "classification"] | None = option(
        None, "task of the CSV's target; none infers it from the target's values"
    )
    images: str | None = option(
        None, "folder of images; if supervised, with one subfolder per class"
    )
    size: int | None = option(
        None,
        "height and width to resize images to; none for the size of the first image, at most 128",
        ge=1,
    )
    crop: int | None = option(
        None,
        "side in pixels of the central square to which images are cropped before they are resized",
        ge=1,
    )
    skip_unreadable: bool = option(False, "leave out images that cannot be read")
    text: str | None = option(None, "text file to train a language model on")
    series: str | None = option(None, "CSV file with a time series to forecast")
    columns: tuple[str, ...] | None = option(
        None, "columns of the series; none for all numeric ones"
    )
    time: str | None = option(
        None, "column with the times of the series; none infers it, rows takes the rows in order"
    )
    group: str | None = option(None, "column that names the series, if the file has several")
    frequency: str | None = option(
        None, "time step to average the rows of the series over, such as D or 15min; none infers it"
    )
    gaps: Literal["interpolate", "refuse"] = option(
        "interpolate",
        "what to do with missing values, missing times and duplicate times of a series",
    )
    pairs: str | None = option(None, "file with a sentence, a tab and its translation on each line")
    ratings: str | None = option(
        None, "CSV file with the columns user, item and rating, and optionally title"
    )
    titles: str | None = option(None, "CSV file with the columns item and title, for --ratings")
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

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Source:
        """Return the source that settings describe; ``~`` in paths is the home folder."""
        known = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        for name in known.keys() & {*FILES}:
            value = known[name]
            if isinstance(value, str):
                known[name] = in_home(value)
            elif isinstance(value, list | tuple):
                known[name] = tuple(map(in_home, map(str, value)))
        return from_dict(cls, known)

    def located(self) -> Source:
        """Return the source with absolute paths, so that runs can be resumed from any folder."""
        changed: dict[str, Any] = {}
        for name in FILES:
            value = getattr(self, name)
            if value is not None:
                many = isinstance(value, tuple)
                changed[name] = tuple(map(absolute, value)) if many else absolute(value)
        return replace(self, **changed)

    def check_exists(self) -> None:
        """Raise ``AgentlabError`` if the data of a run are no longer where they were."""
        value = getattr(self, self.own or "data_dir")
        for path in value if isinstance(value, tuple) else (value,):
            if path is not None and not Path(path).exists():
                flag = flag_of(self.own or "data_dir")
                raise AgentlabError(
                    f"the run's data {path!r} no longer exist; pass their new path with {flag}"
                )

    def check_used(self, unsupervised: bool = False) -> None:
        """Check that each option that differs from its default applies to the data.

        Args:
            unsupervised: whether the data are for unsupervised training.

        Raises:
            AgentlabError: for an option that has no effect on data of this kind.
        """
        own = self.own
        used = {*USED[own or "recipe"], own}
        used -= {"task"} if unsupervised else set()
        for field in fields(self):
            if field.name not in used and getattr(self, field.name) != field.default:
                kinds = [name for name, options in USED.items() if field.name in options]
                listed = " or ".join(f"--{name}" for name in kinds)
                raise AgentlabError(
                    f"{flag_of(field.name)} has no effect on "
                    f"{'the data of a recipe' if own is None else f'--{own}'}; it is for {listed}"
                )

    @property
    def kinds(self) -> dict[str, Any]:
        """The kinds of columns by name, from texts such as ``price=number``.

        Raises:
            AgentlabError: for a text without a kind.
        """
        kinds = {}
        for text in self.kind or ():
            name, equals, kind = text.rpartition("=")
            if not equals:
                raise AgentlabError(f"--kind {text!r} must be NAME=KIND, such as price=number")
            kinds[name] = kind
        return kinds

    @property
    def own(self) -> str | None:
        """The option that names the user's own data, one of ``OWN``, or ``None``."""
        given = [name for name in OWN if getattr(self, name) is not None]
        if len(given) > 1:
            raise AgentlabError(
                f"only one of {', '.join(f'--{name}' for name in given)} can be given"
            )
        return given[0] if given else None


def own_defaults(
    source: Source,
    given: Mapping[str, Any],
    trainer: str = "",
    data: TrainingData | None = None,
) -> dict[str, Any]:
    """Return the settings for the user's own data that differ from those of the trainer.

    Images get a small convolutional network, unless settings of the mlp are given. Tables, most of
    which are small, get many epochs with early stopping; small ones also get small minibatches, for
    enough updates. Short series get a ``past`` and a ``horizon`` so short that the validation and
    test splits contain several forecasts.

    Args:
        source: the source of the data.
        given: the settings that the user has given.
        trainer: the trainer's name.
        data: the data, if they are known.
    """
    if is_unsupervised(trainer):
        return unlabeled_defaults(trainer, source.own, given)
    if source.own == "images" and not given.keys() & {"net", "hidden", "activation"}:
        return {"net": "small_lenet"}
    if source.own == "csv":
        small = data is not None and data.train[0].size <= SMALL_TABLE
        options: dict[str, Any] = {"batch_size": 16, "learning_rate": 3e-3} if small else {}
        if given.keys() & {"epochs", "patience"}:
            return options
        stops = given.get("validation_split", 0.1) > 0
        return {**options, "epochs": 100, "patience": (30 if small else 20) if stops else None}
    if source.own == "series" and data is not None:
        held_out = [len(part) for part in (data.validation, data.test[0]) if part is not None]
        return _short_forecasts(len(data.train[0]), min(held_out))
    return {}


def _short_forecasts(train: int, held_out: int) -> dict[str, int]:
    """Return the options ``past`` and ``horizon`` for splits of few rows."""
    suited = {"past": max(2, train // 3), "horizon": max(1, held_out // 2)}
    usual = trainer_class("forecaster").Config
    return {name: rows for name, rows in suited.items() if rows < getattr(usual, name)}
