"""The files of an agent's training in a checkpoint: the agent, and its unfinished episodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent
from agentlab.description import read_description
from agentlab.envs.spaces import space_from_json
from agentlab.envs.vector import VectorEnv
from agentlab.errors import AgentlabError
from agentlab.json_state import split_state
from agentlab.runs.aside import tell
from agentlab.runs.files import write_arrays
from agentlab.runs.reading import read_arrays

LEARNER, EPISODES = "learner", "episodes.npz"


def write_training(folder: Path, agent: Agent, envs: VectorEnv | None) -> None:
    """Write the agent and, if they can be replayed, the unfinished episodes of ``envs``.

    Args:
        folder: the folder of the checkpoint.
        agent: the agent in training.
        envs: its environments; ``None`` makes a resumed run begin new episodes.
    """
    (folder / LEARNER).mkdir()
    agent.write(folder / LEARNER)
    if envs is not None and envs.repeatable:
        write_arrays(folder / EPISODES, envs.state())


def restore_training(folder: Path, agent: Agent) -> None:
    """Restore the agent that ``write_training`` wrote, to train it with its current settings.

    Raises:
        AgentlabError: if files are missing, damaged or those of another agent, or if the spaces of
            the environment are no longer those that the agent was trained with.
    """
    described = read_description(folder / LEARNER)
    for what in ("observation_space", "action_space"):
        own = getattr(agent, what)
        try:
            trained = space_from_json(described["specification"][what])
        except AgentlabError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise AgentlabError(f"checkpoint {folder} is damaged: {error!r}") from error
        if trained != own:
            raise AgentlabError(
                f"the environment's {what} is {own}, but the run was started with {trained}; "
                "resume it with the environment as it was, or start a new run"
            )
    agent.restore_from(folder / LEARNER)
    learning_rate = getattr(agent.config, "learning_rate", None)
    if learning_rate == described["config"].get("learning_rate"):
        return
    for component in agent.components().values():
        if hasattr(component, "learning_rate"):  # an optimizer, which has restored the old one
            component.learning_rate = learning_rate


def replay_episodes(envs: VectorEnv, folder: Path) -> npt.NDArray[np.bool_] | None:
    """Replay the unfinished episodes in the folder of a checkpoint.

    Returns:
        The environments whose episodes could not be replayed and were replaced by new ones, bool
        ``[num_envs]``; ``None`` if there are no episodes to replay.
    """
    if not envs.repeatable or not (folder / EPISODES).exists():
        return None
    lost = envs.restore(read_arrays(folder / EPISODES))
    if lost.any():
        tell(
            f"env={envs.id!r} is not reproducible from its seeds: {int(lost.sum())} of {len(lost)} "
            "unfinished episodes were replaced by new ones"
        )
    return lost


def check_state(agent: Agent) -> None:
    """Check that the state of an agent can be saved, so that a problem shows at its first step.

    Raises:
        AgentlabError: if it cannot; the message says which part.
    """
    try:
        split_state(agent.state())
    except AgentlabError as error:
        raise AgentlabError(f"the agent cannot be saved: {error}") from None
