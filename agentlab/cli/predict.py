"""``agentlab predict``: predict with a trained network."""

from __future__ import annotations

import csv
import inspect
import io
import json
import math
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlab import config as configs
from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, flag_of, option
from agentlab.data.json_rows import is_json_lines
from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.paths import in_home
from agentlab.lazy import without_banners
from agentlab.learner import load
from agentlab.runs.files import reporting, write_text
from agentlab.runs.permission import check_output

DESCRIPTION = """Predict with the trainer of a run, or of a folder written by trainer.save. INPUT is
a CSV file, JSON lines (.jsonl), an image, a folder of images, a text, a file with one text per
line, or - for standard input; for a forecaster, a CSV file whose last rows are the past; for a
language model, the start of a text."""
MAX_STDIN = 1 << 30  # bytes
OTHER_FORMATS = (".json", ".xlsx", ".xls", ".parquet", ".feather", ".tsv", ".gz", ".zip")


@dataclass(frozen=True)
class Presentation(Options):
    """How predictions are made and shown."""

    top: int = option(3, "number of most likely classes to show, for classifiers", ge=1)
    length: int = option(500, "characters to generate, for language models", ge=1)
    temperature: float = option(0.7, "sampling temperature, for language models; 0 is greedy", ge=0)
    top_k: int | None = option(None, "sample from the k most likely characters; none for all", ge=1)
    beam: int = option(5, "beam width, for translators; 1 is greedy", ge=1)
    seed: int = option(0, "random seed, for language models", ge=0)
    encoding: str | None = option(
        None,
        "encoding of the file, such as cp1252; none for UTF-8, or UTF-16 with a byte order mark",
    )


@dataclass(frozen=True)
class Output(Options):
    """Where to write predictions."""

    out: str | None = option(
        None, "write predictions to this file, .csv or .jsonl, instead of printing them"
    )
    overwrite: bool = option(False, "replace the file of --out if it exists")


def run(words: list[str]) -> int:
    """Predict with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("predict"), DESCRIPTION, words="RUN INPUT")
    parser.add_argument(
        "run", nargs="?", metavar="RUN", help="folder of a run or of a saved trainer"
    )
    parser.add_argument("input", nargs="*", metavar="INPUT", help="inputs to predict on")
    parser.add_fields(Output, "output")
    parser.add_fields(Presentation, "predictions")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return 0
    folder, inputs, out = (given.pop(name, None) for name in ("run", "input", "out"))
    overwrite = given.pop("overwrite", False)
    presentation = Presentation(**given)
    inputs = [in_home(re.sub("^ (?=-)", "", word)) for word in inputs or ()]
    if folder is None or not inputs:
        raise AgentlabError(f"RUN or INPUT is missing; usage: {program('predict')} RUN INPUT")
    if out is not None:
        if (suffix := Path(out).suffix.lower()) in OTHER_FORMATS:
            raise AgentlabError(f"--out {out!r} must be .csv or .jsonl; {suffix} is not supported")
        check_output("--out", out, overwrite, inputs)
    with without_banners():
        trainer = _load(Path(folder))
        _check_used(trainer, given)
        options = configs.to_dict(presentation)
        with _sources(inputs) as sources:
            if out is None:
                lines = [line for s in sources for line in trainer.format_prediction(s, **options)]
                print(printable("\n".join(lines)))
                return 0
            tables = [(source, *trainer.tabulate(source, **options)) for source in sources]
    header, rows = _joined(tables)
    with reporting(f"--out {out!r} cannot be written"):
        text = _as_csv([header, *rows])
        if is_json_lines(out):
            text = _as_json(header, rows, trainer.name)
        write_text(Path(out), text)
    print(printable(f"wrote {len(rows):,} predictions to {out}"))
    return 0


def _check_used(trainer: Any, given: Mapping[str, Any]) -> None:
    """Check that each given option has an effect on the trainer's predictions."""
    methods = (trainer.format_prediction, trainer.tabulate)
    used = {name for method in methods for name in inspect.signature(method).parameters}
    for name in given:
        if name not in used:
            raise AgentlabError(f"{flag_of(name)} has no effect on {trainer.name!r}; leave it out")


def _joined(
    tables: Sequence[tuple[str, list[str], list[list[str]]]],
) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the predictions on all inputs.

    If only some inputs are folders, whose rows contain file names, all rows contain them.
    """
    headers = [header for _, header, _ in tables]
    if all(header == headers[0] for header in headers):
        return headers[0], [row for _, _, rows in tables for row in rows]
    longest = max(headers, key=len)
    rows = [
        row if header == longest else [source, *row]
        for source, header, rows in tables
        for row in rows
    ]
    return longest, rows


def _as_json(header: list[str], rows: list[list[str]], trainer: str) -> str:
    """Return rows as JSON lines, with numbers as numbers unless they are labels or texts."""
    texts = {"text", "file", *(() if trainer == "regressor" else ("prediction",))}

    def value(name: str, cell: str) -> Any:
        try:
            number = float(cell)
        except ValueError:
            return cell
        return cell if name in texts or not math.isfinite(number) else number

    lines = (
        json.dumps({n: value(n, c) for n, c in zip(header, row, strict=True)}, ensure_ascii=False)
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _as_csv(rows: list[list[str]]) -> str:
    """Return rows as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextmanager
def _sources(inputs: list[str]) -> Iterator[list[str]]:
    """Yield the inputs; for ``-``, a temporary file with the content of standard input."""
    if "-" not in inputs:
        yield inputs
        return
    content = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(content) > MAX_STDIN:
        raise AgentlabError(f"standard input has more than {MAX_STDIN:,} bytes; pass a file")
    suffix = ".jsonl" if content.lstrip()[:1] in (b"{", b"[") else ".csv"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"stdin{suffix}")
        path.write_bytes(content)
        try:
            yield [str(path) if each == "-" else each for each in inputs]
        except AgentlabError as error:
            raise AgentlabError(str(error).replace(str(path), "standard input")) from error


def _load(folder: Path) -> Any:
    """Load the trainer or estimator of a run or of a folder written by ``save``."""
    saved = find_saved(folder)
    if read_description(saved)["kind"] == "agent":
        raise AgentlabError(
            f"{str(folder)!r} holds an agent, not a trainer; run episodes with it: "
            f"`{program('play')} {folder}`"
        )
    return load(saved)
