"""A run is the same, bit for bit, however its checkpoints are spaced and however it is killed."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import agentlab
from agentlab import Callback
from agentlab.envs import Preprocessing

STEPS, LOG_EVERY, NEVER = 1200, 300, 10**9
SMALL = {"hidden": (16, 16), "learning_starts": 100, "buffer_size": 1000, "batch_size": 16}
NORMALIZED = {"normalize_observations": True, "normalize_returns": True}
RUNS = {
    "pg": ("CartPole-v1", {"rollout_length": 48, "hidden": (16,)}),
    "pg_recurrent": ("CartPole-v1", {"net": "gru", "hidden": (8,), "rollout_length": 48}),
    "pg_gaussian": ("Pendulum-v1", {"rollout_length": 48, "hidden": (16,), **NORMALIZED}),
    "dqn": ("CartPole-v1", {**SMALL, "target_update_interval": 130}),
    "dqn_waiting": ("CartPole-v1", {**SMALL, "overlap": False, "n_step": 3, **NORMALIZED}),
    "rainbow": ("CartPole-v1", {**SMALL, "n_atoms": 5}),
    "sac_correlated": (
        "Pendulum-v1",
        {**SMALL, "hidden": (16,), "train_freq": 16, "gradient_steps": 2, "noise_type": "pink"},
    ),
    "td3": ("Pendulum-v1", {**SMALL, "hidden": (16,), "train_freq": 12, "gradient_steps": 1}),
    "q_table": ("FrozenLake-v1", {"method": "sarsa"}),
    "q_table_of_parts": ("Blackjack-v1", {"method": "sarsa"}),
    "q_linear": ("CartPole-v1", {"learning_starts": 100, "features": 20}),
    "random_search": ("CartPole-v1", {"candidates": 4, "episodes_per_candidate": 50}),
    "random": ("CartPole-v1", {}),
}


class Kill(Callback):
    """Ends the process, as far as the run can tell, at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, step):
        if step >= self.step:
            raise MemoryError("killed")


def trained(folder, name, checkpoint_every, kills=(), **made):
    """Return ``metrics.csv`` and the agent's state after a run that was killed at some steps."""
    env, options = RUNS[name]
    algo = max((a for a in agentlab.agents.ALGORITHMS if name.startswith(a)), key=len)
    run = agentlab.Run.create(folder, name, {})
    for kill in (*kills, None):
        with agentlab.make_envs(env, 4, **made) as envs, agentlab.Run.open(run.path) as opened:
            agent = agentlab.make_agent(algo, envs, 1, **options)
            with suppress(MemoryError):
                agentlab.train(
                    agent,
                    envs,
                    STEPS,
                    run=opened,
                    seed=1,
                    log_every=LOG_EVERY,
                    checkpoint_every=checkpoint_every,
                    callbacks=[] if kill is None else [Kill(kill)],
                    quiet=True,
                )
    state = {
        key: value.tobytes() if isinstance(value, np.ndarray) else json.dumps(value)
        for key, value in agent.state().items()
    }
    return (run.path / "metrics.csv").read_text(), state


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The run of each name without checkpoints but the last, made once."""
    made = {}

    def run(name):
        if name not in made:
            made[name] = trained(tmp_path_factory.mktemp("unbroken"), name, NEVER)
        return made[name]

    return run


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "rainbow" else n for n in RUNS]
)
def test_neither_checkpoints_nor_kills_leave_a_trace(name, unbroken, tmp_path_factory):
    @settings(
        max_examples=1 if "hidden" in RUNS[name][1] else 3,  # networks compile for long
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        every=st.integers(40, 700),
        kills=st.lists(st.integers(4, STEPS - 4), max_size=2).map(sorted),
    )
    def check(every, kills):
        metrics, state = trained(tmp_path_factory.mktemp("run"), name, every, kills)
        assert metrics == unbroken(name)[0]
        assert state == unbroken(name)[1]

    check()


def test_workers_replay_their_episodes(unbroken, tmp_path):
    metrics, state = trained(tmp_path, "pg", 200, [500], workers=2)
    assert (metrics, state) == unbroken("pg")


def test_episodes_of_an_emulator_are_brought_back(tmp_path):
    made = {"preprocessing": Preprocessing(grayscale=True, stride=2), "workers": 2}
    RUNS["random_atari"] = ("Pong-v0", {})
    try:
        whole = trained(tmp_path / "whole", "random_atari", NEVER, **made)
        broken = trained(tmp_path / "broken", "random_atari", 500, [900], **made)
    finally:
        del RUNS["random_atari"]
    assert broken == whole
