"""An agent's run from Python: what the command does, without the command."""

import json

import pytest

import agentlab
from agentlab.cli import main
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import AgentPlan, AgentResult, open_run, resume, start

SHORT = {"steps": 200, "n_envs": 2, "log_every": 100, "checkpoint_every": 100, "eval_episodes": 2}


def plan(**settings):
    return AgentPlan.make("CartPole-v1", "random", **{**SHORT, "video": False, **settings})


def test_a_plan_started_from_python_is_the_commands_run(tmp_path):
    reported = []
    result = start(plan(), tmp_path, "python", report=lambda name, value: reported.append(name))
    words = "--steps 200 --n-envs 2 --log-every 100 --checkpoint-every 100 --eval-episodes 2"
    words = f"train --env CartPole-v1 --algo random {words} --no-video --runs-dir {tmp_path}"
    assert main([*words.split(), "--name", "command"]) == 0
    for name in ("metrics.csv", "evaluation.json", "learner/learner.json"):
        found = [(tmp_path / run / name).read_bytes() for run in ("python", "command")]
        assert found[0] == found[1], name
    described = [json.loads((tmp_path / r / "config.json").read_text()) for r in
                 ("python", "command")]  # fmt: skip
    same = {"created": "", "sha256": ""}  # the checksum includes the time
    assert {**described[0], **same} == {**described[1], **same}
    assert described[0]["kind"] == "agent"
    assert isinstance(result, AgentResult)
    assert (result.steps, result.interrupted, result.best) == (200, False, None)
    assert len(result.evaluation.returns) == 2
    assert result.saved == tmp_path / "python" / "learner"
    assert reported == ["agent", "evaluation", "plot"]
    assert agentlab.load(result.path).name == agentlab.load(result.saved).name == "random"


def test_a_run_is_resumed_from_python(tmp_path):
    whole = start(plan(steps=400), tmp_path, "whole")
    parts = start(plan(), tmp_path, "parts")
    stored, run = open_run(parts.path)
    with run:
        assert stored == plan()
        resumed = resume(stored.resumed_with({"steps": 400, "seed": 0}), run)
    assert resumed.steps == 400
    assert (parts.path / "metrics.csv").read_bytes() == (whole.path / "metrics.csv").read_bytes()


def test_a_resumed_run_keeps_its_settings():
    with pytest.raises(InvalidArgument, match="--seed 1 cannot be changed.*--steps"):
        plan().resumed_with({"seed": 1})


def test_callbacks_of_ones_own_are_called(tmp_path):
    class Stop(agentlab.Callback):
        def on_metrics(self, step, metrics):
            self.stop_training = step >= 100

    assert start(plan(), tmp_path, callbacks=[Stop()]).steps == 100


def test_a_preset_fills_what_is_not_given():
    made = AgentPlan.make("CartPole-v1", "q_table", gamma=0.5)
    assert made.preset == "cartpole"
    assert (made.config.gamma, made.config.bins, made.training.steps) == (0.5, 10, 300_000)
    assert AgentPlan.make("CartPole-v1", "q_table", "none").config.low == ()


def test_unknown_settings_are_refused_with_the_nearest():
    with pytest.raises(InvalidArgument, match="setting 'step' is unknown; did you mean 'steps'"):
        AgentPlan.make("CartPole-v1", "random", step=3)


def test_what_cannot_be_trained_leaves_no_run(tmp_path):
    class Failing(agentlab.Callback):
        def on_start(self, learner, run):
            raise AgentlabError("no")

    with pytest.raises(AgentlabError, match="no"):
        start(plan(), tmp_path, callbacks=[Failing()])
    with pytest.raises(AgentlabError):
        start(AgentPlan.make("Nope-v0", "random"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_a_kind_is_damaged(tmp_path):
    result = start(plan(), tmp_path, "run")
    config = json.loads((result.path / "config.json").read_text())
    for kind in (None, "robot"):
        (result.path / "config.json").write_text(json.dumps({**config, "kind": kind}))
        with pytest.raises(AgentlabError, match="kind=.* must be one of agent, trainer, estimator"):
            open_run(result.path)
