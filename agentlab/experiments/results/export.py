"""Exporting a trained learner to a file for other runtimes, and comparing both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import Evaluation
from agentlab.deploy.card import CARD, write_card
from agentlab.deploy.files import CALIBRATED, FORMATS, check_format, write_file
from agentlab.deploy.measuring import Difference, compare, milliseconds, size_of
from agentlab.deploy.runtimes import Exported, open_file
from agentlab.deploy.signature import Tensors, Traced, trace
from agentlab.deploy.snippets import Described, snippets
from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.results.calibration import calibration_inputs
from agentlab.experiments.results.exported_agent import (
    ENVS,
    ExportedAgent,
    run_episodes,
    sampled_inputs,
)
from agentlab.experiments.results.held_out import Examples, held_out_examples
from agentlab.learner import load
from agentlab.runs.files import replacing_folder, reporting, write_text

WORSE = 0.05  # a drop of the return by this fraction is reported
TOLERANCE = 1e-4  # largest difference without quantization


@dataclass(frozen=True)
class Figures:
    """Measurements of a network, before or after export.

    Attributes:
        size: bytes: of the weights in float32 before, of the file after.
        ms_1, ms_32: CPU time of a call with a batch of 1 and 32, in milliseconds.
        difference: from the original, or ``None`` for the original itself.
        accuracy: fraction of examples that are classified correctly, or ``None``.
        mean_return, worst_return: of the episodes, or ``None``.
    """

    size: int
    ms_1: float
    ms_32: float
    difference: Difference | None = None
    accuracy: float | None = None
    mean_return: float | None = None
    worst_return: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the measurements by name, without those that were not made."""
        values = {
            **vars(self),
            **({} if self.difference is None else vars(self.difference)),
        }
        return {n: v for n, v in values.items() if v is not None and n != "difference"}


@dataclass(frozen=True)
class Export:
    """The result of an export.

    Attributes:
        folder: the folder of the file, its card and its example programs.
        file: the exported file.
        before, after: measurements.
        notes: what to tell the user, one sentence each.
    """

    folder: Path
    file: Path
    before: Figures
    after: Figures
    notes: list[str]


def export(
    path: Path | str,
    out: Path | str,
    format: str = "litert",
    quantize: str = "none",
    *,
    episodes: int = 100,
    time_steps: int | None = None,
    isolated: bool = True,
) -> Export:
    """Export the learner of a run, and compare the file with it.

    Args:
        path: the folder of a run, a checkpoint or a saved learner.
        out: the folder to write; an earlier export there is replaced.
        format: ``litert``, ``onnx`` or ``savedmodel``.
        quantize: see ``agentlab.deploy.files.write_file``.
        episodes: episodes of an agent before and after; 0 for none.
        time_steps: number of time steps, for recurrent networks whose inputs can have any.
        isolated: convert in a process of its own, since a converter may crash.

    Raises:
        AgentlabError: for an unsuitable learner, a failed conversion, or a file without
            quantization whose outputs differ from the learner's by more than 1e-4.
    """
    check_format(format, quantize)
    path, out = Path(path), Path(out)
    if out.exists() and not (out / CARD).exists():
        raise InvalidArgument(f"out={str(out)!r} contains other files; choose a new folder")
    saved = find_saved(path)
    described = read_description(saved)
    options: dict[str, Any] = {"num_envs": 1} if described["kind"] == "agent" else {}
    learner = load(saved, **options)
    traced = trace(learner.inference_model(), time_steps, texts=format == "savedmodel")
    with reporting(f"out={str(out)!r} cannot be written"), replacing_folder(out) as folder:
        file = folder / f"model{FORMATS[format]}"
        examples = calibration_inputs(learner, path, traced) if quantize in CALIBRATED else None
        write_file(traced, file, format, quantize, isolated, examples)
        exported = open_file(file)
        if isinstance(learner, Agent):
            notes, before, after = _agent_figures(learner, path, traced, exported, file, episodes)
        else:
            notes, before, after = _trainer_figures(learner, path, traced, exported, file)
        assert after.difference is not None
        if quantize == "none" and not after.difference.largest <= TOLERANCE:
            raise AgentlabError(
                f"the {format} file was not written: its outputs differ from the network's by up "
                f"to {after.difference.largest:.2g}"
            )
        if traced.preprocessed:
            notes.append(
                f"{format} has no strings: inputs are the network's, as `preprocessor` in {CARD} "
                "makes them"
            )
        about = Described(file.name, format, traced.inputs, traced.outputs, traced.state)
        write_card(
            folder,
            about,
            quantize=quantize,
            learner={"kind": learner.kind, "name": learner.name},
            parameters=traced.parameters,
            figures={"before": before.to_json(), "after": after.to_json()},
            notes=notes,
            **_details(learner),
        )
        for name, program in snippets(about).items():
            write_text(folder / name, program)
    return Export(out, out / file.name, before, after, notes)


def _details(learner: Any) -> dict[str, Any]:
    """Return the card's details on a learner: classes, normalizers, the environment."""
    details: dict[str, Any] = {}
    if getattr(learner, "classes", None):
        details["classes"] = [str(each) for each in learner.classes]
    if (preprocessor := getattr(learner, "preprocessor", None)) is not None:
        details["preprocessor"] = {"kind": preprocessor.kind, **preprocessor.to_json()}
    if (target := getattr(learner, "target_tokenizer", None)) is not None:
        details["target_tokenizer"] = {"kind": target.kind, **target.to_json()}
    if isinstance(learner, Agent):
        details["environment"] = learner.environment
        normalizer = getattr(learner.encoding, "normalizer", None)
        if normalizer is not None and normalizer.on:
            statistics = normalizer.statistics
            details["normalizer"] = {
                "mean": statistics.mean.tolist(),
                "variance": statistics.variance.tolist(),
            }
    return details


def _figures(traced: Traced, exported: Exported, file: Path, examples: Tensors) -> list[Figures]:
    """Return the measurements that all learners have, before and after."""
    original = Figures(
        4 * traced.parameters, milliseconds(traced, examples, 1), milliseconds(traced, examples, 32)
    )
    difference = compare(traced, exported, examples)
    return [
        original,
        Figures(
            size_of(file),
            milliseconds(exported, examples, 1),
            milliseconds(exported, examples, 32),
            difference,
        ),
    ]


def _trainer_figures(
    learner: Any, path: Path, traced: Traced, exported: Exported, file: Path
) -> tuple[list[str], Figures, Figures]:
    examples = held_out_examples(learner, path, traced.inputs, traced.preprocessed)
    before, after = _figures(traced, exported, file, examples.inputs)
    if examples.classes is not None:
        before = replace(before, accuracy=_accuracy(traced, examples))
        after = replace(after, accuracy=_accuracy(exported, examples))
    return [f"compared on {examples.source}"], before, after


def _accuracy(run: Any, examples: Examples) -> float | None:
    """Return the fraction of correct classes; ``None`` if the outputs have none."""
    right, n = 0, len(examples.classes)
    for start in range(0, n, 32):
        part = slice(start, start + 32)
        outputs = run({name: value[part] for name, value in examples.inputs.items()})
        if "classes" not in outputs:
            return None
        right += int((outputs["classes"] == examples.classes[part]).sum())
    return right / n


def _agent_figures(
    agent: Agent, path: Path, traced: Traced, exported: Exported, file: Path, episodes: int
) -> tuple[list[str], Figures, Figures]:
    if not episodes:
        examples = sampled_inputs(agent, traced.inputs, traced.state, 256)
        before, after = _figures(traced, exported, file, examples)
        return ["compared on 256 random observations"], before, after
    acting = ExportedAgent(
        agent, exported, traced.inputs, traced.state, num_envs=min(ENVS, episodes)
    )
    first, then = (run_episodes(each, agent, path, episodes) for each in (agent, acting))
    before, after = _figures(traced, exported, file, acting.recorded)
    before, after = _with_returns(before, first), _with_returns(after, then)
    notes = [f"compared on {len(next(iter(acting.recorded.values()))):,} observations"]
    if (lost := lost_return(before, after)) is not None:
        notes.append(
            f"warning: the mean return fell by {lost:.0%}, so the file is worse than the agent; "
            "choose another quantization"
        )
    return notes, before, after


def lost_return(before: Figures, after: Figures) -> float | None:
    """Return the fraction of the mean return that an export lost; ``None`` up to 5%."""
    if before.mean_return is None or after.mean_return is None:
        return None
    lost = before.mean_return - after.mean_return
    size = abs(before.mean_return)
    return lost / (size or 1.0) if lost > WORSE * size else None


def _with_returns(figures: Figures, played: Evaluation) -> Figures:
    return replace(figures, mean_return=played.mean, worst_return=float(played.returns.min()))
