"""Calibration inputs, from which quantization determines the ranges of activations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentlab.agents.agent import Agent
from agentlab.data.batches import evenly_spaced
from agentlab.deploy.signature import Tensors, Traced
from agentlab.experiments.results.exported_agent import ENVS, ExportedAgent, run_episodes
from agentlab.experiments.results.held_out import split_examples

EXAMPLES = 500  # at most
EPISODES = 16
SEED = 1  # differs from the seed of the episodes that evaluate the file


def calibration_inputs(learner: Any, path: Path, traced: Traced) -> Tensors:
    """Return representative inputs ``[n, ...]`` of a learner, by name.

    An agent's are observations of its own episodes, with recurrent states; a trainer's are from the
    training split of its run, or random ones if the data are missing.

    Args:
        learner: an agent or a trainer.
        path: the folder of its run, if any.
        traced: its network.

    Raises:
        AgentlabError: if the environment of an agent cannot be created.
    """
    if isinstance(learner, Agent):
        acting = ExportedAgent(learner, traced, traced.inputs, traced.state, num_envs=ENVS)
        run_episodes(acting, learner, path, EPISODES, SEED)
        inputs = acting.recorded
    else:
        inputs = split_examples(learner, path, traced.inputs, traced.preprocessed, "train").inputs
    rows = evenly_spaced(len(next(iter(inputs.values()))), EXAMPLES)
    return {name: value[rows] for name, value in inputs.items()}
