"""Measurements of agentlab; run by ``compare.py``, each in its own process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from steady import Meter, serve

import agentlab
from agentlab import config as configs
from agentlab.agents.presets import Preset, preset
from agentlab.envs import Preprocessing, Step, VectorEnv


class Measured(Exception):
    """Stops training when the measurement is over."""


def step_gray(meter: Meter, env: str, n: int, workers: int) -> None:
    """Step ``n`` environments with random actions and full grayscale frames."""
    with agentlab.make_envs(env, n, workers=workers, obs_type="grayscale") as envs:
        _step_at_random(meter, envs)


def step_preset(meter: Meter, env: str, workers: int | None = None) -> None:
    """Step the environments of ``train`` with random actions, without learning."""
    with _make_envs(env, preset("pg", env), workers=workers) as envs:
        _step_at_random(meter, envs)


def train(
    meter: Meter,
    env: str,
    n: int | None = None,
    algo: str = "pg",
    options: Mapping[str, Any] | None = None,
) -> None:
    """Train with the default preset in a run, as the command does.

    Args:
        meter: counts the steps; a cycle ends when the agent reports an update.
        env: the environment's id.
        n: number of environments; ``None`` for the preset's.
        algo: the algorithm.
        options: hyperparameters that override the preset.
    """
    chosen = preset(algo, env)
    every = {k: v for k, v in chosen.training.items() if k in ("log_every", "checkpoint_every")}
    with tempfile.TemporaryDirectory() as folder, _make_envs(env, chosen, n) as envs:
        agent = agentlab.make_agent(algo, envs, **{**chosen.config, **(options or {})})
        observe = agent.observe

        def observe_and_count(step: Step) -> Mapping[str, float] | None:
            metrics = observe(step)
            if meter.tick(envs.num_envs, boundary=metrics is not None):
                raise Measured
            return metrics

        agent.observe = observe_and_count  # type: ignore[method-assign]
        with agentlab.Run.create(folder, "benchmark", {}) as run:
            try:
                agentlab.train(agent, envs, 10**9, run=run, quiet=True, **every)
            except Measured:
                agent.on_train_end()


def _make_envs(
    env: str, chosen: Preset, n: int | None = None, workers: int | None = None
) -> VectorEnv:
    return agentlab.make_envs(
        env,
        n or chosen.training.get("n_envs", 8),
        preprocessing=configs.from_dict(Preprocessing, chosen.preprocessing),
        workers=chosen.training.get("workers") if workers is None else workers,
    )


def _step_at_random(meter: Meter, envs: VectorEnv) -> None:
    space: Any = envs.action_space
    n = envs.num_envs
    actions = np.random.default_rng(0).integers(space.n, size=(1009, n))
    envs.reset(seed=0)
    while not meter.tick(n):
        envs.step(actions[meter.steps // n % len(actions)])


if __name__ == "__main__":
    serve(
        {"step_gray": step_gray, "step_preset": step_preset, "train": train},
        ("agentlab", "tensorflow", "keras", "gymnasium", "ale-py", "numpy"),
    )
