"""Evaluation while training: it changes no number, keeps the best, stops, and survives a kill."""

import os
import signal
import time

import numpy as np
import pytest

import agentlab
from agentlab.agents.agent import Agent
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.config_file import read_config
from agentlab.testing.envs import Clock, Sign


class Improving(Agent):
    """Names the sign more and more often: with probability ``level``, which follows a plan."""

    name = "improving"
    levels = (0.5, 1.0, 0.0, 0.7)

    def build(self):
        self.level, self.seen = 0.5, 0

    def act(self, observations, explore=True):
        right = self.rng.random(len(observations)) < self.level
        return np.where(right, observations[:, 0] > 0, observations[:, 0] <= 0).astype(np.int64)

    def observe(self, step):
        self.seen += len(step.rewards)
        self.level = self.levels[min(self.seen // 100, len(self.levels) - 1)]

    def state(self):
        return {"level": self.level, "seen": self.seen}

    def restore(self, state):
        self.level, self.seen = state["level"], state["seen"]


def trained(
    run, steps=400, stop_at_return=None, every=100, agent=Improving, evaluated=Sign, **options
):
    envs = agentlab.make_envs(Sign, 2)
    callback = agentlab.EvalCallback(
        agentlab.make_envs(evaluated, 3), every, 6, seed=5, stop_at_return=stop_at_return
    )
    options = {"log_every": 100, "checkpoint_every": 100, "quiet": True, "seed": 5, **options}
    agent = agentlab.make_agent(agent, envs)
    result = agentlab.train(agent, envs, steps, run=run, callbacks=[callback], **options)
    return callback, result


@pytest.mark.parametrize("algo", ["pg", "dqn", "q_table"])
def test_metrics_are_the_same_with_and_without_evaluations(tmp_path, algo):
    options = {"hidden": (8,)}
    if algo == "dqn":
        options |= {"learning_starts": 100, "batch_size": 8, "train_freq": 16}
    elif algo == "q_table":
        options = {"low": (-2.4, -3.0, -0.21, -3.0), "high": (2.4, 3.0, 0.21, 3.0)}
    for every in (0, 70):
        envs = agentlab.make_envs("CartPole-v1", 2)
        callbacks = []
        if every:
            callbacks = [agentlab.EvalCallback(agentlab.make_envs("CartPole-v1", 2), every, 2)]
        agentlab.runs.seed_everything(0)
        agent = agentlab.make_agent(algo, envs, **options)
        agentlab.runs.seed_everything(0)
        run = Run.create(tmp_path, str(every), {})
        agentlab.train(
            agent, envs, 400, run=run, log_every=100, checkpoint_every=200, callbacks=callbacks,
            quiet=True,
        )  # fmt: skip
    plain, evaluated = ((tmp_path / n / "metrics.csv").read_bytes() for n in ("0", "70"))
    assert plain == evaluated
    assert len((tmp_path / "70" / "evaluations.csv").read_text().splitlines()) == 6


def test_results_go_to_the_run_and_the_best_agent_is_kept(tmp_path):
    with Run.create(tmp_path, "run", {"kind": "agent"}) as run:
        callback, _ = trained(run)
    rows = run.evaluations()
    assert rows == callback.evaluations
    assert [row["step"] for row in rows] == [100, 200, 300, 400]
    assert rows[0] == {
        "step": 100, "mean_return": 10, "std_return": 0, "min_return": 10, "max_return": 10,
        "mean_length": 10,
    }  # fmt: skip
    best = agentlab.load(run.path / "best", cls=Improving)
    assert (best.level, best.num_envs) == (1.0, 3)
    assert read_config(run.path / "best") == (run.config, False)


def test_a_training_stops_at_a_return_and_stays_stopped(tmp_path):
    with Run.create(tmp_path, "run", {}) as run:
        _, result = trained(run, stop_at_return=9.5)
        assert (result.steps, result.interrupted) == (100, False)
        assert run.latest_checkpoint().step == 100
        before = (run.path / "metrics.csv").read_bytes()
        _, again = trained(run, stop_at_return=9.5)
    assert again.steps == 100
    assert (run.path / "metrics.csv").read_bytes() == before


class Killed(Exception):
    pass


def test_a_killed_and_resumed_run_has_the_same_evaluations_and_the_same_best(tmp_path):
    class Fragile(Improving):
        fuse = 10_000

        def observe(self, step):
            super().observe(step)
            if self.seen == type(self).fuse:
                raise Killed

    with Run.create(tmp_path, "whole", {}) as whole:
        trained(whole, every=60, agent=Fragile)
    with Run.create(tmp_path, "broken", {}) as broken:
        for fuse in (150, 190, 370):  # the first evaluations after each checkpoint are made again
            Fragile.fuse = fuse
            with pytest.raises(Killed):
                trained(broken, every=60, agent=Fragile)
        Fragile.fuse = 10_000
        trained(broken, every=60, agent=Fragile)
    for name in ("evaluations.csv", "metrics.csv", "best/arrays.npz", "best/learner.json"):
        assert (broken.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_an_evaluation_that_hangs_is_interrupted_and_made_again(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("agentlab.runs.stopping.PATIENCE", 0.05)

    class Hanging(Sign):
        left = 3 * 60 + 5  # steps; the fourth evaluation, of 60 steps, hangs

        def step(self, action):
            Hanging.left -= 1
            if Hanging.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(60)
            return super().step(action)

    with Run.create(tmp_path, "whole", {}) as whole:
        trained(whole, every=50)
    with Run.create(tmp_path, "broken", {}) as broken:
        _, stopped = trained(broken, every=50, evaluated=Hanging)
        assert (stopped.steps, stopped.interrupted) == (200, True)
        assert "begins with the evaluation that was not finished" in capfd.readouterr().err
        _, resumed = trained(broken, every=50, evaluated=Hanging)
        assert (resumed.steps, resumed.interrupted) == (400, False)
    for name in ("evaluations.csv", "metrics.csv", "best/arrays.npz", "best/learner.json"):
        assert (broken.path / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_each_evaluation_has_a_seed_of_its_own():
    callback, _ = trained(None, every=50, steps=100)
    means = [row["mean_return"] for row in callback.evaluations]
    assert len(means) == 2
    again, _ = trained(None, every=50, steps=100)
    assert again.evaluations == callback.evaluations


def test_it_needs_an_agent_and_positive_counts():
    envs = agentlab.make_envs(Clock, 1)
    with pytest.raises(AgentlabError, match="every=0 must be 1 or more"):
        agentlab.EvalCallback(envs, 0)
    with pytest.raises(AgentlabError, match="needs an agent"):
        agentlab.EvalCallback(envs).on_start(agentlab.Learner.__new__(_Other), None)


class _Other(agentlab.Learner):
    kind = "trainer"


def test_returns_are_sums_in_double_precision():
    envs = agentlab.make_envs(lambda: Clock(length=1000, reward=0.1), 2)
    played = agentlab.evaluate(agentlab.make_agent("random", envs), envs, 2)
    assert played.returns == pytest.approx(100, rel=1e-12)
