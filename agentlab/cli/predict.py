"""``agentlab predict``: predict with a trained net."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import option
from agentlab.errors import AgentlabError, printable
from agentlab.lazy import without_banners
from agentlab.runs.files import reporting, write_text
from agentlab.runs.reading import open_regular

DESCRIPTION = """Let the trainer of a run (or of a folder that trainer.save wrote) predict. INPUT is
a CSV, an image, a folder of images, a text, or a file of texts, one a line; for a forecaster a
CSV whose last rows are the past, for a language model the beginning of the text."""


@dataclass(frozen=True)
class PredictOptions:
    """What is predicted, and how it is shown."""

    out: str | None = option(None, "write the predictions to this CSV instead of printing them")
    top: int = option(3, "how many classes to show with their probabilities")
    length: int = option(500, "characters that a language model writes")
    temperature: float = option(0.7, "how boldly it chooses: 0 always takes the likeliest")
    top_k: int | None = option(None, "let it choose among the k likeliest only")
    beam: int = option(5, "translations that are kept in mind at a time; 1 is greedy")
    seed: int = option(0, "of what a language model chooses")

    def __post_init__(self) -> None:
        for name in ("top", "length", "beam"):
            if getattr(self, name) < 1:
                raise AgentlabError(f"{name}={getattr(self, name)} must be 1 or more")
        if self.temperature < 0 or self.seed < 0:
            raise AgentlabError("temperature and seed must be 0 or more")


def run(words: list[str]) -> int:
    """Predict as ``words`` say and return the exit code."""
    parser = Parser(program("predict"), DESCRIPTION, words="RUN INPUT")
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder, or a saved trainer's"
    )
    parser.add_argument("input", nargs="*", metavar="INPUT", help="what to predict for")
    parser.add_fields(PredictOptions, "flags")
    said = parser.given(words)
    if said.pop("help", False):
        parser.print_help()
        return 0
    folder, inputs = said.pop("run", None), said.pop("input", [])
    options = PredictOptions(**said)
    if folder is None or not inputs:
        raise AgentlabError(
            f"say which run and what to predict for: {program('predict')} RUN INPUT"
        )
    with without_banners():
        trainer = _load(Path(folder))
        lines = [line for each in inputs for line in SPEAKERS[trainer.name](trainer, each, options)]
    if options.out is not None:
        with reporting(f"--out {options.out!r} cannot be written"):
            write_text(Path(options.out), "\n".join(lines) + "\n")
        print(f"wrote {len(lines):,} lines to {options.out}")
    else:
        print(printable("\n".join(lines)))
    return 0


def _load(folder: Path) -> Any:
    """Load the newest trainer of a run, or one saved by itself."""
    from agentlab.runs import Run
    from agentlab.supervised import load_trainer

    if (folder / "trainer.json").exists():
        return load_trainer(folder)
    record = Run.open(folder)
    if "trainer" not in record.config:
        raise AgentlabError(
            f"run={str(folder)!r} trained an agent; let it play by `{program('play')} {folder}`"
        )
    newest = record.latest_checkpoint()
    if newest is None:
        raise AgentlabError(f"run={str(folder)!r} has saved nothing yet")
    return load_trainer(newest.path / "trainer")


def _read(trainer: Any, source: str) -> Any:
    if trainer.preprocessor is None:
        raise AgentlabError("the net was trained on arrays; predict for them in Python")
    return trainer.preprocessor.transform(trainer.preprocessor.read(source))


def _classes(trainer: Any, source: str, options: PredictOptions) -> list[str]:
    from agentlab.data.image_files import find_images

    chances = trainer.predict_proba(_read(trainer, source))
    lines = []
    for row in chances:
        best = np.argsort(-row, kind="stable")[: options.top]
        lines.append("   ".join(f"{trainer.classes[i]} {row[i]:.4f}" for i in best))
    if not os.path.isdir(source):
        return lines
    return [f"{file}: {line}" for file, line in zip(find_images(Path(source)), lines, strict=True)]


def _numbers(trainer: Any, source: str, options: PredictOptions) -> list[str]:
    predicted = np.asarray(trainer.predict(_read(trainer, source)))
    return [",".join(f"{value:.6g}" for value in np.atleast_1d(row)) for row in predicted]


def _text(trainer: Any, source: str, options: PredictOptions) -> list[str]:
    prompt = _text_in(source) if os.path.exists(source) else source
    written = trainer.generate(
        prompt,
        options.length,
        temperature=options.temperature,
        top_k=options.top_k,
        seed=options.seed,
    )
    return [str(written)]


def _text_in(path: str) -> str:
    try:
        with open_regular(path) as file:
            return file.read().decode("utf-8")
    except UnicodeDecodeError:
        raise AgentlabError(f"{path} is no text in UTF-8") from None


def _translation(trainer: Any, source: str, options: PredictOptions) -> list[str]:
    sentences = _text_in(source).splitlines() if os.path.exists(source) else [source]
    return list(trainer.predict(sentences, beam=options.beam))


def _future(trainer: Any, source: str, options: PredictOptions) -> list[str]:
    from agentlab.data.series import read_series

    values, names = read_series(source, trainer.names)
    rows = trainer.predict(values)
    return [",".join(names), *(",".join(f"{value:.6g}" for value in row) for row in rows)]


SPEAKERS = {
    "classifier": _classes,
    "regressor": _numbers,
    "linear_regression": _numbers,
    "perceptron": _numbers,
    "language_model": _text,
    "translator": _translation,
    "forecaster": _future,
    "siamese": _numbers,
}
