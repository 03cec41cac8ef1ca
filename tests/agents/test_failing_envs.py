"""What was learned is kept when an environment fails or hangs, and the run can be resumed."""

import os
import signal
import sys

import gymnasium
import numpy as np
import pytest

import agentlab
from agentlab.envs.failures import EnvFailure
from agentlab.errors import AgentlabError
from agentlab.experiments import AgentPlan, open_run, resume, start
from agentlab.testing.envs import Clock


class Faulty(gymnasium.Wrapper):
    """Calls ``Faulty.fault`` in its 100th step."""

    fault = None

    def __init__(self, env):
        super().__init__(env)
        self.steps = 0

    def step(self, action):
        self.steps += 1
        if self.steps == 100 and Faulty.fault is not None:
            Faulty.fault()
        return super().step(action)


@pytest.fixture(autouse=True)
def repaired():
    yield
    Faulty.fault = None


def lose_connection():
    raise ConnectionError("connection to the simulator lost")


def make():
    return Faulty(gymnasium.make("CartPole-v1"))


ALGORITHMS = {
    "random": {},
    "q_linear": {"learning_starts": 50, "features": 20},
    "q_table": {"method": "sarsa", "bins": 2, "low": (-5,) * 4, "high": (5,) * 4},
    "random_search": {},
    "pg": {"hidden": (8,), "rollout_length": 48},
    "dqn": {"hidden": (8,), "learning_starts": 50, "buffer_size": 500, "n_step": 3},
}


@pytest.mark.parametrize(
    "algo",
    [pytest.param(a, marks=pytest.mark.slow if a in ("pg", "dqn") else ()) for a in ALGORITHMS],
)
def test_what_was_learned_is_saved_and_can_be_resumed(algo, tmp_path):
    run = agentlab.Run.create(tmp_path, "run", {})

    def train():
        with agentlab.make_envs(make, 4) as envs, agentlab.Run.open(run.path) as opened:
            agent = agentlab.make_agent(algo, envs, **ALGORITHMS[algo])
            agentlab.train(agent, envs, 800, run=opened, log_every=200, quiet=True)

    Faulty.fault = lose_connection
    with pytest.raises(EnvFailure) as raised:
        train()
    text = str(raised.value)
    assert "raised ConnectionError: connection to the simulator lost (" in text
    assert f"{__file__}, line " in text and ", in lose_connection); " in text
    assert "what was learned in 396 steps is saved, and the run" in text  # 99 of 4 environments
    checkpoint = run.latest_checkpoint()
    assert checkpoint.step == 396
    assert not (checkpoint.path / "episodes.npz").exists()  # new episodes need not fail again
    Faulty.fault = None
    train()
    rows = (run.path / "metrics.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["step", "200", "400", "600", "800"]


def test_an_environment_that_exits_is_an_error(tmp_path):
    Faulty.fault = lambda: sys.exit(0)
    envs = agentlab.make_envs(make, 2)
    agent = agentlab.make_agent("random", envs)
    with pytest.raises(EnvFailure, match=r"step\([01]\) raised SystemExit: sys.exit\(0\) was call"):
        agentlab.train(agent, envs, 800, quiet=True)


def test_an_evaluation_that_fails_keeps_what_was_learned(tmp_path):
    envs, run = agentlab.make_envs("CartPole-v1", 2), agentlab.Run.create(tmp_path, "run", {})
    evaluation = agentlab.EvalCallback(agentlab.make_envs(make), every=300, episodes=30)
    Faulty.fault = lose_connection
    with pytest.raises(EnvFailure, match="ConnectionError.*in 300 steps is saved"):
        agent = agentlab.make_agent("random", envs)
        agentlab.train(agent, envs, 800, run=run, callbacks=[evaluation], quiet=True)
    assert run.latest_checkpoint().step == 300


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_environment_that_hangs(number, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("agentlab.runs.stopping.PATIENCE", 0.2)

    def hang():
        os.kill(os.getpid(), number)
        while True:
            pass

    Faulty.fault = hang
    envs, run = agentlab.make_envs(make, 2), agentlab.Run.create(tmp_path, "run", {})
    result = agentlab.train(agentlab.make_agent("random", envs), envs, 800, run=run, quiet=True)
    assert result.interrupted and result.steps == 198
    assert run.latest_checkpoint().step == 198
    assert "hangs: it did not return from step() after the signal" in capsys.readouterr().err
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_signal_never_interrupts_anything_but_an_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("agentlab.runs.stopping.PATIENCE", 0.05)
    learned = []

    class Slow(agentlab.Agent):
        def act(self, observations, explore=True):
            return np.zeros(len(observations), np.int64)

        def observe(self, step):
            os.kill(os.getpid(), signal.SIGTERM)
            deadline = os.times().elapsed + 1
            while os.times().elapsed < deadline:
                pass
            learned.append(step)

    envs = agentlab.make_envs(Clock, 2)
    result = agentlab.train(agentlab.make_agent(Slow, envs), envs, 800, quiet=True)
    assert result.interrupted and result.steps == 2 and len(learned) == 1


def test_a_run_that_fails_before_its_first_row_is_kept_with_its_checkpoint(tmp_path, monkeypatch):
    gymnasium.register("Faulty-v0", entry_point=make)
    try:
        plan = AgentPlan.make("Faulty-v0", "random", steps=400, n_envs=2, eval_episodes=0)
        Faulty.fault = lose_connection
        with pytest.raises(AgentlabError, match="saved, and the run '.*/run' can be resumed"):
            start(plan, tmp_path, "run")
        Faulty.fault = None
        plan, run = open_run(tmp_path / "run")
        assert resume(plan.changed(video=False), run).steps == 400
    finally:
        del gymnasium.registry["Faulty-v0"]


def test_a_loss_that_diverges_on_valid_inputs_still_blames_the_learning_rate():
    class Diverging(agentlab.Agent):
        def act(self, observations, explore=True):
            return np.zeros(len(observations), np.int64)

        def observe(self, step):
            return {"loss": float("inf")}

    envs = agentlab.make_envs(Clock, 2)
    with pytest.raises(AgentlabError, match="diverged at step 2.*try a smaller learning_rate"):
        agentlab.train(agentlab.make_agent(Diverging, envs), envs, 9, quiet=True)
