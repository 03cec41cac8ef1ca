"""An agent's network and image observations, written to TensorBoard."""

from __future__ import annotations

from typing import Any

import gymnasium

from agentlab.agents.agent import Agent
from agentlab.envs.rendering import observation_image
from agentlab.errors import AgentlabError
from agentlab.runs import Run


def show_network(run: Run | None, agent: Agent) -> None:
    """Write the graph of an agent's network, if it has one that can be exported, to ``run``."""
    if run is None:
        return
    try:
        graph = agent.graph()
    except AgentlabError:  # an agent without inference_model
        return
    if graph is not None:
        run.graph(graph)


def show_observation(
    run: Run | None,
    step: int,
    space: gymnasium.Space[Any],
    observations: Any,
    tag: str = "observation",
) -> None:
    """Write the observation of the first environment as an image, if it is one.

    Args:
        run: the run; ``None`` writes nothing.
        step: environment steps taken so far.
        space: the observation space; each image in a ``Dict`` is written.
        observations: ``[n, ...]``; for a ``Dict``, indexed by the name of a part.
        tag: name of the image.
    """
    if run is None:
        return
    if isinstance(space, gymnasium.spaces.Dict):
        for name in space:
            show_observation(run, step, space[name], observations[name], f"{tag}/{name}")
        return
    image = observation_image(space, observations[0])
    if image is not None:
        run.image(f"rollout/{tag}", step, image)
