"""An agent whose actions are those of an exported file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import EVAL_STEPS, Evaluation, evaluate
from agentlab.deploy.signature import TensorInfo, Tensors
from agentlab.envs import make_envs
from agentlab.envs.parts import as_parts
from agentlab.envs.vector import Array
from agentlab.experiments.stored_environment import stored_environment
from agentlab.runs import Run
from agentlab.runs.config_file import CONFIG

RECORDED = 1_024  # inputs that are kept, at most
ENVS = 8  # stepped at once


class ExportedAgent(Agent):
    """Acts by a function of named arrays, and records its inputs.

    Args:
        agent: the agent that was exported.
        run: function from inputs to outputs by name, with ``actions``.
        inputs: the inputs of ``run``.
        state: the output that is the next value of an input, by input.
        num_envs: number of environments.
    """

    def __init__(
        self,
        agent: Agent,
        run: Callable[[Mapping[str, Any]], Tensors],
        inputs: Sequence[TensorInfo],
        state: Mapping[str, str],
        num_envs: int,
    ) -> None:
        super().__init__(agent.observation_space, agent.action_space, num_envs)
        self._run, self._inputs, self._next = run, inputs, dict(state)
        self._state: Tensors = {}
        self._seen: list[Tensors] = []
        self._steps, self._every = 0, 1

    def act(self, observations: Array, explore: bool = True) -> Array:
        """Return the greedy actions ``[n, ...]``."""
        given = {**observation_inputs(self, self._inputs, observations), **self._state}
        self._record(given)
        outputs = self._run(given)
        self._state = {name: outputs[new] for name, new in self._next.items()}
        actions: Array = outputs["actions"].astype(self.action_space.dtype)
        return actions

    def _record(self, given: Tensors) -> None:
        """Keep the inputs of every ``_every``-th step, so that they are spread over all steps."""
        if self._steps % self._every == 0:
            self._seen.append({name: value.copy() for name, value in given.items()})
            if len(self._seen) * self.num_envs > RECORDED:
                self._seen, self._every = self._seen[::2], 2 * self._every
        self._steps += 1

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        for info in self._inputs:
            if info.name not in self._next:
                continue
            state = self._state.get(info.name)
            if state is None or len(state) != len(episode_starts):
                state = np.zeros((len(episode_starts), *sizes_of(info)), np.float32)
            self._state[info.name] = np.where(episode_starts[:, None], np.float32(0), state)

    @property
    def recorded(self) -> Tensors:
        """Inputs from all steps, ``[n, ...]`` by name."""
        return {name: np.concatenate([s[name] for s in self._seen]) for name in self._seen[0]}


def observation_inputs(agent: Agent, inputs: Sequence[TensorInfo], observations: Any) -> Tensors:
    """Return observations ``[n, ...]`` by the names of an exported network's inputs."""
    space = agent.observation_space
    if observations.dtype.names is None:
        return {inputs[0].name: np.asarray(observations, inputs[0].dtype)}
    # Keras orders the parts by name.
    parts = [observations[name] for name in sorted(as_parts(space))]
    infos = inputs[: len(parts)]
    return {i.name: np.ascontiguousarray(p, i.dtype) for i, p in zip(infos, parts, strict=True)}


def sizes_of(info: TensorInfo) -> list[int]:
    """Return the shape of one example, without open axes."""
    return [size or 1 for size in info.shape[1:]]


def sampled_inputs(
    agent: Agent, inputs: Sequence[TensorInfo], state: Mapping[str, str], n: int
) -> Tensors:
    """Return random observations and recurrent states, for an agent without its environment."""
    space = agent.observation_space
    space.seed(0)
    observations = np.stack([np.asarray(space.sample(), space.dtype) for _ in range(n)])
    rng = np.random.default_rng(0)
    states = {
        info.name: rng.uniform(-1, 1, (n, *sizes_of(info))).astype(np.float32)
        for info in inputs
        if info.name in state
    }
    return {**observation_inputs(agent, inputs, observations), **states}


def run_episodes(
    acting: Agent, agent: Agent, path: Path, episodes: int, seed: int = 0
) -> Evaluation:
    """Run episodes in the environment of ``agent``; equal agents have equal episodes.

    Args:
        acting: the agent that acts.
        agent: the agent that was exported.
        path: the folder of its run, if any.
        episodes: number of episodes.
        seed: seed of the episodes.
    """
    run = Run.open(path) if (path / CONFIG).exists() else None
    specification: Mapping[str, Any] = {"specification": {"environment": agent.environment}}
    env, preprocessing, environment = stored_environment(run, specification)
    envs = make_envs(
        env,
        min(ENVS, episodes),
        preprocessing=preprocessing,
        workers=0,
        wrappers=environment.wrapper,
        **environment.kwargs,
    )
    with envs:
        return evaluate(acting, envs, episodes, seed=seed, max_steps=EVAL_STEPS)
