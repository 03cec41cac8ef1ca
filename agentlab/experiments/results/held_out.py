"""Examples on which an exported network is compared with the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agentlab.data.column_tensors import signature_names
from agentlab.data.vocabulary import PADDING
from agentlab.deploy.samples import VOCABULARY, random_inputs
from agentlab.deploy.signature import TensorInfo, Tensors
from agentlab.errors import AgentlabError
from agentlab.experiments.trainer_run import TrainerPlan
from agentlab.runs import Run
from agentlab.runs.config_file import CONFIG

EXAMPLES = 2_000  # at most
RANDOM = 64


@dataclass(frozen=True)
class Examples:
    """Inputs ``[n, ...]`` by name, with the true classes if there are any.

    Attributes:
        inputs: the inputs.
        classes: the indices of the true classes ``[n]``, or ``None``.
        source: where they are from, in words.
    """

    inputs: Tensors
    classes: Any
    source: str


def held_out_examples(
    learner: Any, path: Path, infos: Sequence[TensorInfo], preprocessed: bool
) -> Examples:
    """Return examples of the test split of a run; random ones if it has none or none that fit.

    Args:
        learner: the run's trainer or estimator.
        path: the run's folder.
        infos: the inputs of the exported network.
        preprocessed: whether they are inputs of the network, without preprocessing.
    """
    return split_examples(learner, path, infos, preprocessed, "test")


def split_examples(
    learner: Any, path: Path, infos: Sequence[TensorInfo], preprocessed: bool, split: str
) -> Examples:
    """Return examples of the split ``test`` or ``train``, as ``held_out_examples`` does."""
    try:
        if (path / CONFIG).exists() and len(infos) == 1:
            data = TrainerPlan.from_json(Run.open(path).config).load_data()
            examples = _of_split(learner, getattr(data, split), infos[0], preprocessed)
            n = len(next(iter(examples.inputs.values())))
            return replace(examples, source=f"{n:,} examples of the {split} split")
    except (AgentlabError, OSError, TypeError, ValueError, AttributeError):
        pass  # the data are elsewhere, or of another form than arrays
    preprocessor = getattr(learner, "preprocessor", None)
    size = getattr(preprocessor, "size", VOCABULARY)
    ids = min(VOCABULARY, size) if isinstance(size, int) else VOCABULARY
    return random_examples(infos, None if preprocessed else preprocessor, ids)


def _of_split(
    learner: Any, split: tuple[Any, ...], info: TensorInfo, preprocessed: bool
) -> Examples:
    """Return the examples of a split.

    Raises:
        AgentlabError, TypeError, ValueError, AttributeError: if they are of another form.
    """
    if hasattr(learner, "target_tokenizer"):
        return _sentences(learner, split[0], info)
    batch = next(iter(learner.held_out(*split).epoch(EXAMPLES)))
    inputs = np.asarray(batch.inputs)
    if not preprocessed and len(split) == 2:
        inputs = np.asarray(split[0][: len(inputs)])
    elif not preprocessed and info.dtype != "uint8":
        raise ValueError("the raw inputs are not known")
    if info.fits((*inputs.shape, 1)):  # images without an axis for their only channel
        inputs = inputs[..., None]
    if not info.fits(inputs.shape):
        raise ValueError(f"inputs of the shape {inputs.shape}")
    classes = np.asarray(batch.targets)
    is_classes = getattr(learner, "classes", None) is not None and classes.ndim == 1
    return Examples(
        {info.name: inputs.astype(info.dtype)},
        classes if is_classes and classes.dtype.kind in "iu" else None,
        "",
    )


def _sentences(learner: Any, texts: Sequence[str], info: TensorInfo) -> Examples:
    """Return the ids of the sentences of a translator that are not longer than its input."""
    ids = learner.preprocessor.encode(list(texts[:EXAMPLES]), end=True)
    time = info.shape[1]
    ids = ids[(ids[:, time:] == PADDING).all(axis=1), :time]
    if not len(ids):
        raise ValueError(f"no sentence has at most {time} subwords")
    ids = np.pad(ids, ((0, 0), (0, time - ids.shape[1])), constant_values=PADDING)
    return Examples({info.name: ids.astype(info.dtype)}, None, "")


def random_examples(
    infos: Sequence[TensorInfo], preprocessor: Any = None, ids: int = VOCABULARY
) -> Examples:
    """Return random inputs; see ``random_inputs``.

    Args:
        infos: the inputs.
        preprocessor: the preprocessor of raw inputs, whose means and deviations numbers have.
        ids: the number of different ids.
    """
    inputs = random_inputs(infos, RANDOM, ids, _scales(preprocessor))
    return Examples(inputs, None, f"{RANDOM} random examples")


def _scales(preprocessor: Any) -> dict[str, tuple[Any, Any]]:
    """Return the mean and deviation of raw numbers, by the names of the inputs."""
    if getattr(preprocessor, "mean", None) is not None:
        return {"inputs": (preprocessor.mean, preprocessor.std)}
    columns = [c for c in getattr(preprocessor, "columns", ()) if c.kind == "number"]
    names = signature_names(list(getattr(preprocessor, "types", ())))
    return {names[c.name]: (c.mean, c.deviation) for c in columns if c.name in names}
