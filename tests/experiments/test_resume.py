"""Resuming a run with other settings, versions and lengths, and starting from a trained agent."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import agentlab
from agentlab.cli import main
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import AgentPlan, open_run, resume, start

SHORT = {"n_envs": 2, "log_every": 100, "eval_episodes": 2, "video": False}
NET = {"hidden": (8,), "learning_starts": 50, "buffer_size": 500, "batch_size": 8}


def plan(algo="random", steps=200, **settings):
    return AgentPlan.make("CartPole-v1", algo, "none", steps=steps, **{**SHORT, **settings})


def resumed(path, **settings):
    reported = []
    stored, run = open_run(path)
    with run:
        result = resume(
            stored.resumed_with(settings), run, report=lambda *what: reported.append(what)
        )
    return result, dict(reported)


def content(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_finished_run_is_left_as_it_is(tmp_path):
    done = start(plan(), tmp_path, "run")
    before = content(done.path)
    for settings in ({}, {"steps": 200}, {"steps": 100}):
        again, reported = resumed(done.path, **settings)
        assert content(done.path) == before
        assert "has already finished, so nothing was changed" in reported["finished"]
        assert (again.steps, again.interrupted, again.saved) == (200, False, done.saved)
        assert again.evaluation.returns.tolist() == done.evaluation.returns.tolist()
    again, reported = resumed(done.path, steps=300)
    assert again.steps == 300 and "finished" not in reported


def test_a_run_that_was_stopped_before_its_end_is_not_finished(tmp_path):
    done = start(plan(), tmp_path, "run")
    config = json.loads((done.path / "config.json").read_text())
    assert config.pop("finished") == {"steps": 200}
    (done.path / "config.json").write_text(json.dumps(config))
    (done.path / "evaluation.json").unlink()
    assert resumed(done.path)[0].evaluation.mean == done.evaluation.mean


def edited(path, group, **values):
    """Change some values in the ``config.json`` of a run by hand."""
    config = json.loads((path / "config.json").read_text())
    config[group] |= values
    (path / "config.json").write_text(json.dumps(config))


def test_an_edit_by_hand_is_noticed_and_counts_as_a_change(tmp_path, capfd):
    path = start(plan(), tmp_path, "run").path
    assert not open_run(path)[1].edited
    edited(path, "training", steps=300)
    assert resumed(path)[0].steps == 300
    assert capfd.readouterr().err.count("config.json was changed by hand or damaged") == 1
    (record,) = json.loads((path / "config.json").read_text())["resumed"]
    assert record["changed"] == {"steps": [200, 300]}
    assert not open_run(path)[1].edited


def test_an_edit_that_a_resumed_run_cannot_make_is_accepted_only_by_argument(tmp_path):
    path = start(plan(), tmp_path, "run").path
    edited(path, "training", seed=8)
    what = "--seed from 0 to 8, which cannot be changed.*restore the file from .*000001/config.json"
    with pytest.raises(AgentlabError, match=what):
        resumed(path, steps=300)
    stored, run = open_run(path)
    with run:
        done = resume(stored.resumed_with({"steps": 300}), run, accept_edits=True)
    assert done.steps == 300
    stored, run = open_run(path)
    with run:
        assert (stored.training.seed, run.edited) == (8, False)


@pytest.fixture(scope="module")
def dqn(tmp_path_factory):
    """The folder of a run that trained a small network; to be copied, not changed."""
    return start(plan("dqn", **NET), tmp_path_factory.mktemp("dqn"), "run").path


def test_changed_settings_are_recorded_and_kept(dqn, tmp_path):
    path = Path(shutil.copytree(dqn, tmp_path / "run"))
    resumed(path, steps=300, learning_rate=0.5, log_every=50)
    config = json.loads((path / "config.json").read_text())
    (record,) = config["resumed"]
    changed = {"steps": [200, 300], "learning_rate": [0.001, 0.5], "log_every": [100, 50]}
    assert record["changed"] == changed
    assert record["versions"]["numpy"] == np.__version__
    assert (config["config"]["learning_rate"], config["training"]["steps"]) == (0.5, 300)
    assert float(agentlab.load(path).optimizer.learning_rate) == 0.5
    assert open_run(path)[0].config.learning_rate == 0.5
    with pytest.raises(InvalidArgument, match="--hidden 9 cannot be changed.*--learning-rate"):
        resumed(path, hidden=(9,))


def test_a_decay_over_the_whole_training_is_extended():
    made = plan("dqn", **NET, decay_steps=200)
    assert made.changed(steps=400).config.decay_steps == 400
    assert made.changed(steps=400, decay_steps=300).config.decay_steps == 300
    assert plan("dqn", decay_steps=150).changed(steps=400).config.decay_steps == 150
    assert made.warnings() == []
    assert (
        "learning rate is 0 after decay_steps=150 steps"
        in plan("dqn", decay_steps=150).warnings()[0]
    )


def test_other_versions_are_reported(tmp_path, capsys):
    done = start(plan(), tmp_path, "run")
    config = json.loads((done.path / "config.json").read_text())
    config["versions"]["keras"] = "3.0.1"
    (done.path / "config.json").write_text(json.dumps(config))
    capsys.readouterr()
    resumed(done.path, steps=300)
    told = capsys.readouterr().err
    assert "started with keras 3.0.1, which is now " in told and "may differ" in told


@pytest.mark.parametrize(
    ("algo", "settings", "names"),
    [
        ("dqn", NET, ("net", "target_net")),
        ("q_table", {"bins": 4, "low": (-1.0,) * 4, "high": (1.0,) * 4}, ("table",)),
        ("random_search", {"candidates": 3}, ("weights",)),
    ],
)
def test_a_new_run_starts_from_a_trained_agent(dqn, tmp_path, algo, settings, names):
    trained = dqn if algo == "dqn" else start(plan(algo, **settings), tmp_path, "trained").path
    learned = agentlab.load(trained).state()
    seen = {}

    class Look(agentlab.Callback):
        def on_start(self, learner, run):
            seen.update({name: np.array(value) for name, value in learner.state().items()})
            self.steps = getattr(learner, "steps", 0)

    look = Look()
    fresh = plan(algo, 50, init_from=str(trained), seed=5, **settings)
    result = start(fresh, tmp_path, "new", callbacks=[look])
    moved = [name for name in learned if name.split("/")[0] in names]
    assert moved and look.steps == 0
    for name in moved:
        np.testing.assert_array_equal(seen[name], learned[name])
    if algo != "dqn":
        trained.rename(tmp_path / "gone")
        resumed(result.path, steps=100)  # depends on nothing outside its own folder


def test_running_statistics_of_returns_are_copied_too(tmp_path):
    settings = {**NET, "normalize_returns": True}
    trained = start(plan("dqn", **settings), tmp_path, "trained").path
    seen = []

    class Look(agentlab.Callback):
        def on_start(self, learner, run):
            seen.append(learner.return_normalizer.statistics.state())

    start(plan("dqn", 50, init_from=str(trained), **settings), tmp_path, "new", callbacks=[Look()])
    kept = agentlab.load(trained).return_normalizer.statistics.state()
    assert kept["count"] > 100
    assert repr(seen) == repr([kept])


def test_an_agent_that_cannot_be_started_from_is_reported(dqn, tmp_path):
    trained = dqn
    for made, told in (
        (plan("random", init_from=str(trained)), "it holds the agent 'dqn', not 'random'"),
        (plan("dqn", init_from=str(tmp_path / "none")), "there is no such folder"),
        (
            plan("dqn", **{**NET, "hidden": (9,)}, init_from=str(trained)),
            "its network differs: .*has shape",
        ),
    ):
        with pytest.raises(AgentlabError, match=told):
            start(made, tmp_path, "new")
        assert not (tmp_path / "new").exists()
    other = AgentPlan.make(
        "MountainCar-v0", "dqn", "none", steps=100, init_from=str(trained), **SHORT, **NET
    )
    with pytest.raises(AgentlabError, match="its observation_space is Box"):
        start(other, tmp_path, "new")


def test_the_command_says_that_a_run_has_finished(tmp_path, capsys):
    done = start(plan(), tmp_path, "run")
    before = content(done.path)
    assert main(["train", "--resume", str(done.path)]) == 0
    out = capsys.readouterr().out
    assert "finished" in out and "--steps N" in out
    assert content(done.path) == before
    assert Path(done.path / "evaluation.json").exists()
