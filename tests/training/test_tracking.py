"""Trackers get a run's settings and metrics, and never change or stop it."""

import json
import sys
import time

import pytest

from agentlab.errors import AgentlabError
from agentlab.experiments import AgentPlan, open_run, resume, start
from agentlab.training import tracking
from agentlab.training.tracking import TrackingCallback

SETTINGS = {"n_envs": 2, "log_every": 100, "checkpoint_every": 200, "eval_episodes": 0}
WANDB = """
calls = []
def init(**given): calls.append(("init", given))
def define_metric(name, **given): calls.append(("define", name, given))
def log(metrics): calls.append(("log", metrics.pop("step"), metrics))
def finish(): calls.append(("finish",))
"""
MLFLOW = """
from types import SimpleNamespace
calls = []
def set_experiment(name): calls.append(("experiment", name))
def start_run(**given):
    calls.append(("start", given))
    return SimpleNamespace(info=SimpleNamespace(run_id="r1"))
def log_params(params): calls.append(("params", params))
def log_metrics(metrics, step): calls.append(("log", step, metrics))
def end_run(): calls.append(("finish",))
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    """Install a module that records its calls under the name of a service."""

    def install(name, code):
        folder = tmp_path / "packages"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return TrackingCallback(name)

    yield install
    for name in ("wandb", "mlflow"):
        sys.modules.pop(name, None)


def plan():
    return AgentPlan.make("CartPole-v1", "random", **{"steps": 400, "video": False, **SETTINGS})


def train(folder, *callbacks):
    return start(plan(), folder, callbacks=callbacks).path


def test_wandb_gets_settings_and_every_row_of_metrics(service, tmp_path):
    path = train(tmp_path / "tracked", service("wandb", WANDB))
    calls = sys.modules["wandb"].calls
    assert [call[0] for call in calls] == ["init", *["define"] * 2, *["log"] * 4, "finish"]
    # With its built-in step, rows would be dropped after a resume from an older checkpoint.
    assert calls[2] == ("define", "*", {"step_metric": "step"})
    given = calls[0][1]
    assert "dir" not in given  # a run with its symbolic links could not be resumed
    assert (given["name"], given["config"]["env"]) == (path.name, "CartPole-v1")
    assert [step for kind, step, *_ in calls[3:-1]] == [100, 200, 300, 400]
    assert "return/mean" in calls[-2][2]
    plain = train(tmp_path / "plain")
    assert (path / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


def test_a_resumed_run_continues_under_its_id(service, tmp_path):
    path = train(tmp_path, service("wandb", WANDB))
    first = sys.modules["wandb"].calls[0][1]["id"]
    stored, run = open_run(path)
    resume(stored.changed(steps=600), run, callbacks=[service("wandb", WANDB)])
    assert sys.modules["wandb"].calls[0][1]["id"] == first
    assert json.loads((path / "tracking.json").read_text()) == {"wandb": first}


def test_mlflow_gets_flat_parameters(service, tmp_path):
    path = train(tmp_path, service("mlflow", MLFLOW))
    kinds = [call[0] for call in sys.modules["mlflow"].calls]
    assert kinds == ["experiment", "start", "params", *["log"] * 4, "finish"]
    assert sys.modules["mlflow"].calls[2][1]["training.steps"] == "400"
    stored, run = open_run(path)
    resume(stored.changed(steps=500), run, callbacks=[service("mlflow", MLFLOW)])
    assert sys.modules["mlflow"].calls[0] == ("start", {"run_id": "r1"})


@pytest.mark.parametrize("failing", ["init", "log", "finish", "import"])
def test_a_failing_tracker_warns_once_and_training_continues(service, tmp_path, failing):
    code = WANDB + f"def {failing}(*args, **given): raise ConnectionError('no route to host')\n"
    if failing == "import":
        code = "raise SystemExit('no network')"
    with pytest.warns(UserWarning, match="wandb does not track this run: ") as warned:
        path = train(tmp_path / "tracked", service("wandb", code))
    assert len([w for w in warned if "does not track" in str(w.message)]) == 1
    plain = train(tmp_path / "plain")
    assert (path / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


def test_a_tracker_that_hangs_does_not_delay_training(service, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "PATIENCE", 0.1)
    code = WANDB + "import time\ndef init(**given): time.sleep(60)\n"
    started = time.monotonic()
    with pytest.warns(UserWarning, match="did not answer within 0.1 seconds"):
        train(tmp_path, service("wandb", code))
    assert time.monotonic() - started < 50


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("agentlab.lazy.find_spec", lambda name: None)
    with pytest.raises(AgentlabError, match=r"needs mlflow: run `pip install 'agentlab\[mlflow\]'"):
        TrackingCallback("mlflow")
    with pytest.raises(AgentlabError, match="track='comet' must be one of wandb, mlflow"):
        TrackingCallback("comet")
