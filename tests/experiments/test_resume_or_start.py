"""A command that a cluster restarts completes its run."""

import pytest

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import AgentPlan, resume_or_start
from agentlab.training.callbacks import Callback

SETTINGS = {"n_envs": 2, "log_every": 100, "checkpoint_every": 100, "eval_episodes": 0}


def plan(**settings):
    settings = {"steps": 400, "video": False, **SETTINGS, **settings}
    return AgentPlan.make("CartPole-v1", "random", **settings)


class Interrupt(Callback):
    def on_step(self, step):
        if step == 250:
            raise KeyboardInterrupt


def test_the_restarted_command_completes_an_interrupted_run(tmp_path):
    first = resume_or_start(plan(), tmp_path / "killed", callbacks=[Interrupt()])
    assert first.interrupted
    result = resume_or_start(plan(), tmp_path / "killed")
    assert not result.interrupted
    whole = resume_or_start(plan(), tmp_path / "whole")
    assert [path.name for path in (tmp_path / "killed").iterdir()] == [whole.path.name]
    for name in ("metrics.csv", "episodes.csv"):
        if (whole.path / name).exists():
            assert (result.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_finished_run_is_left_as_it_is(tmp_path):
    path = resume_or_start(plan(), tmp_path).path
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*") if p.is_file()}
    assert resume_or_start(plan(), tmp_path).steps == 400
    assert before.items() <= {p: p.stat().st_mtime_ns for p in path.rglob("*")}.items()
    assert resume_or_start(plan(steps=500), tmp_path).steps == 500


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "run").mkdir()
    assert resume_or_start(plan(), tmp_path, "run").path == tmp_path / "run"


def test_a_run_with_other_settings_is_refused(tmp_path):
    resume_or_start(plan(), tmp_path)
    with pytest.raises(InvalidArgument, match="--seed 1 differs from 0 in .*choose another --name"):
        resume_or_start(plan(seed=1), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").write_text("years of work")
    with pytest.raises(AgentlabError):
        resume_or_start(plan(), tmp_path, "other")
    assert (tmp_path / "other/thesis.txt").exists()
