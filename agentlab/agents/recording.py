"""Recording videos of an agent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import EVAL_STEPS, evaluate
from agentlab.envs.vector import VectorEnv
from agentlab.errors import AgentlabError
from agentlab.runs import derive_seed, open_video

MAX_EPISODES = 20


def record(
    agent: Agent,
    envs: VectorEnv,
    path: Path | str,
    *,
    seed: int = 0,
    explore: bool = False,
    max_steps: int = EVAL_STEPS,
) -> npt.NDArray[np.uint8]:
    """Record an episode at the environment's frame rate; several if the first is under ten seconds.

    Args:
        agent: the agent, made or loaded for one environment.
        envs: one environment, made with ``render=True``.
        path: path of the video, ending in ``.mp4`` or ``.gif``; at most five minutes are recorded.
        seed: seeds the episodes; the first one is that of ``evaluate`` with this seed.
        explore: act as in training instead of greedily.
        max_steps: truncate an episode that has not ended after this number of steps.

    Returns:
        The last frame, uint8 ``[height, width, 3]``.

    Raises:
        AgentlabError: if the environment cannot be rendered, or the video cannot be written.
    """
    with open_video(path, envs.frame_rate) as video:
        for episode in range(MAX_EPISODES):
            episode_seed = derive_seed(seed, episode) if episode else seed
            evaluate(
                agent,
                envs,
                1,
                seed=episode_seed,
                explore=explore,
                video=video,
                max_steps=max_steps,
                quiet=False,
            )
            if not video.short:
                break
    if video.last is None:
        raise AgentlabError(f"video={str(path)!r} would be empty: there are no frames")
    return video.last
