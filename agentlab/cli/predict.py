"""``agentlab predict``: predict with a trained network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.errors import AgentlabError, printable
from agentlab.lazy import without_banners
from agentlab.runs.files import reporting, write_text
from agentlab.runs.reading import open_regular

DESCRIPTION = """Predict with the trainer of a run, or of a folder that trainer.save wrote. INPUT is
a CSV, an image, a folder of images, a text, or a file with a text on each line; for a forecaster a
CSV whose last rows are the past, for a language model the beginning of the text."""


@dataclass(frozen=True)
class PredictOptions(Options):
    """What is predicted, and how it is shown."""

    out: str | None = option(None, "write the predictions to this CSV instead of printing them")
    top: int = option(3, "classes to show with their probabilities", ge=1)
    length: int = option(500, "characters that a language model generates", ge=1)
    temperature: float = option(
        0.7, "randomness of a language model's choices; 0 always takes the likeliest", ge=0
    )
    top_k: int | None = option(None, "choose among the k likeliest only; none among all", ge=1)
    beam: int = option(5, "beam width of a translator; 1 is greedy", ge=1)
    seed: int = option(0, "seeds the choices of a language model", ge=0)


def run(words: list[str]) -> int:
    """Predict as ``words`` say and return the exit code."""
    parser = Parser(program("predict"), DESCRIPTION, words="RUN INPUT")
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="a run's folder, or a saved trainer's"
    )
    parser.add_argument("input", nargs="*", metavar="INPUT", help="what to predict for")
    parser.add_fields(PredictOptions, "flags")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return 0
    folder, inputs = given.pop("run", None), given.pop("input", [])
    options = PredictOptions(**given)
    if folder is None or not inputs:
        raise AgentlabError(f"RUN and INPUT are missing: {program('predict')} RUN INPUT")
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
    return trainer.preprocessor.read(source)


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
