"""New runs that start from a trained agent."""

from __future__ import annotations

from pathlib import Path

from agentlab.agents.agent import Agent
from agentlab.agents.normalizers import ReturnNormalizer
from agentlab.components import component_state, is_model, restore_component
from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError
from agentlab.learner import class_name


def init_from(agent: Agent, source: str) -> None:
    """Copy the networks and normalizers of a trained agent to a new one.

    Optimizers, replay buffers and schedules start afresh.

    Args:
        agent: the new agent.
        source: the folder of a run (for its latest checkpoint), a checkpoint or a saved agent. No
            code in it is run.

    Raises:
        AgentlabError: if there is no such agent, or it was trained with another algorithm, other
            spaces or another network.
    """
    try:
        if getattr(agent.config, "pretrained", None) is not None:
            raise AgentlabError(
                "pretrained already sets the initial weights; use only one of the two"
            )
        saved = find_saved(Path(source))
        described = read_description(saved)
        name = class_name(type(agent))
        if (described["kind"], described["name"]) != ("agent", name):
            raise AgentlabError(
                f"it holds the {described['kind']} {described['name']!r}, not {name!r}"
            )
        trained = type(agent).load(saved, num_envs=1)
        for what in ("observation_space", "action_space"):
            there, own = getattr(trained, what), getattr(agent, what)
            if there != own:
                raise AgentlabError(f"its {what} is {there}, not {own}")
        _copy(trained, agent)
    except AgentlabError as error:
        raise AgentlabError(f"init_from={source!r} cannot be used: {error}") from error


def _copy(trained: Agent, agent: Agent) -> None:
    if agent.actor is None:
        learned = trained.state()
        names = learned if agent.learned is None else agent.learned
        agent.restore({**agent.state(), **{name: learned[name] for name in names}})
        return
    there = trained.components()
    try:
        for name, own in agent.components().items():
            if is_model(own) or name in (agent.learned or ()):
                restore_component(own, component_state(there[name]))
            elif isinstance(own, ReturnNormalizer) and name in there:
                own.on = there[name].on
                own.statistics.restore(there[name].statistics.state())
        trained.actor.update(trained.net)  # whose weights may be one update newer
        agent.restore_policy(trained.policy_state())
    except (KeyError, ValueError) as error:
        raise AgentlabError(f"its network differs: {error}") from error
