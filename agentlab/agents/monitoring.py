"""Write an agent's network and image observations to TensorBoard, and report pixels it ignores."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

import gymnasium

from agentlab.agents.agent import Agent
from agentlab.envs.rendering import observation_image
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.aside import tell

LEFT_OUT = 0.05  # fraction of an image's rows or columns that may be ignored without a note


def show_network(run: Run | None, agent: Agent) -> None:
    """Write the graph of an agent's network, if it has one that can be exported, to ``run``.

    Print a note, even without a run, if its convolutions ignore more than a twentieth of an image's
    rows or columns.
    """
    for line in dict.fromkeys(map(partial(_left_out, agent), agent.torsos())):
        if line:
            tell(line)
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


def _left_out(agent: Agent, torso: Any) -> str:
    """Return a note about the part of images that a CNN ignores, or ``""``."""
    if not hasattr(torso, "covered"):
        return ""
    sizes = agent.encoding.shape[:2]
    seen = [torso.covered(size) for size in sizes]
    if all(size - part <= LEFT_OUT * size for size, part in zip(sizes, seen, strict=True)):
        return ""
    better = [next(n for n in count(size) if torso.covered(n) == n) for size in sizes]
    return (
        f"net={agent.config.net!r} sees only {seen[0]} of {sizes[0]} rows and {seen[1]} of "
        f"{sizes[1]} columns of the image, because its strides do not fit the size; it would see "
        f"all of an image of {better[0]} x {better[1]} pixels"
    )
