"""agentlab: reinforcement learning agents and supervised networks.

Train, evaluate and save an agent in five lines::

    import agentlab

    envs = agentlab.make_envs("CartPole-v1", 8)
    agent = agentlab.make_agent("pg", envs)
    agentlab.train(agent, envs, steps=200_000)
    print(agentlab.evaluate(agent, envs).mean)
    agent.save("my_agent")
"""

import sys

if sys.argv[:1] == ["-m"] and "agentlab" in sys.orig_argv and not sys.flags.safe_path:
    # `python -m agentlab` puts the current folder first on the import path, so the imports below
    # would run a numpy.py in it. In all other cases the import path is left unchanged.
    del sys.path[0]

from agentlab.agents import make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.eval_callback import EvalCallback
from agentlab.agents.evaluation import evaluate
from agentlab.agents.loop import train
from agentlab.config import option
from agentlab.envs import Preprocessing, Step, check_env, list_envs, make_env, make_envs
from agentlab.errors import AgentlabError
from agentlab.lazy import choose_backend
from agentlab.learner import Learner, load
from agentlab.runs import Run
from agentlab.training.callbacks import Callback

choose_backend()

__version__ = "0.1.0"

__all__ = [
    "Agent",
    "AgentlabError",
    "Callback",
    "EvalCallback",
    "Learner",
    "Preprocessing",
    "Run",
    "Step",
    "check_env",
    "evaluate",
    "list_envs",
    "load",
    "make_agent",
    "make_env",
    "make_envs",
    "option",
    "train",
]
