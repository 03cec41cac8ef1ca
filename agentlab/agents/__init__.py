"""Agents: the base class, the built-in algorithms, and the training loop."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from agentlab import config as configs
from agentlab.agents.agent import Agent
from agentlab.agents.other_names import OTHER_NAMES
from agentlab.envs.vector import VectorEnv, check_vector
from agentlab.errors import InvalidArgument
from agentlab.import_path import allow_current_folder
from agentlab.registry import Registry

ALGORITHMS = Registry(
    "algo",
    {
        "a2c": "agentlab.agents.a2c:A2C",
        "ddpg": "agentlab.agents.ddpg:DDPG",
        "dqn": "agentlab.agents.dqn:DQN",
        "pg": "agentlab.agents.pg:PolicyGradient",
        "ppo": "agentlab.agents.ppo:PPO",
        "pqn": "agentlab.agents.pqn:PQN",
        "q_linear": "agentlab.agents.q_linear:QLinear",
        "q_table": "agentlab.agents.q_table:QTable",
        "rainbow": "agentlab.agents.rainbow:Rainbow",
        "random": "agentlab.agents.random:RandomAgent",
        "random_search": "agentlab.agents.random_search:RandomSearch",
        "sac": "agentlab.agents.sac:SAC",
        "td3": "agentlab.agents.td3:TD3",
    },
    OTHER_NAMES,
)

__all__ = ["ALGORITHMS", "Agent", "agent_class", "make_agent"]


def agent_class(name: str) -> type[Agent]:
    """Return the class of an algorithm.

    Args:
        name: a key of ``ALGORITHMS`` in any case, or ``"my_module:MyAgent"`` for a custom class.
            The module must be in the current folder or on Python's import path.

    Raises:
        InvalidArgument: if the class does not exist or is not a subclass of ``Agent``.
    """
    name = ALGORITHMS.canonical(name)
    if ":" not in name:
        ALGORITHMS.check(name)
    try:
        cls = _own_class(name) if ":" in name else ALGORITHMS.load(name)
    except Exception as error:  # importing a user's module can raise anything
        why = f"{type(error).__name__}: {error}"
        raise InvalidArgument(f"algo={name!r} cannot be loaded: {why}") from error
    if not (isinstance(cls, type) and issubclass(cls, Agent)):
        raise InvalidArgument(f"algo={name!r} is not a subclass of agentlab.Agent")
    return cls


def make_agent(algo: str | type[Agent], envs: VectorEnv, seed: int = 0, **options: Any) -> Agent:
    """Create an agent for ``envs``.

    Args:
        algo: name of an algorithm, or a subclass of ``Agent``.
        envs: the environments that it will act in.
        seed: seeds the agent's random number generators.
        options: fields of the algorithm's configuration.

    Raises:
        InvalidArgument: for an unknown algorithm or option, a value out of range, or spaces that
            the algorithm does not support.
        AgentlabError: if training would need more memory than is available.
    """
    cls = agent_class(algo) if isinstance(algo, str) else algo
    check_vector(envs)
    config: Any = configs.from_dict(cls.Config, options)
    spaces = envs.observation_space, envs.action_space
    for check in ("check_buffer_memory", "check_network_memory"):  # before anything is built
        if hasattr(config, check):
            getattr(config, check)(*spaces)
    agent = cls(*spaces, envs.num_envs, config, seed)
    agent.environment = envs.settings
    return agent


def _own_class(name: str) -> Any:
    allow_current_folder()
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
