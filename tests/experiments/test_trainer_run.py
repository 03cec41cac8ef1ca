"""A trainer's run from Python: the same as by the command, resumed, stopped at a score."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

import agentlab
from agentlab.cli import main
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments import TrainerPlan, TrainerResult, open_run, resume, start
from agentlab.experiments.stop_at import StopAt

SMALL = {"epochs": 2, "hidden": (4,), "batch_size": 16}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "sides.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "side"])
        rows.writerows([[f"{a:.3f}", f"{b:.3f}", "left" if a < b else "right"]
                        for a, b in rng.normal(size=(120, 2))])  # fmt: skip
    return str(path)


def test_a_plan_started_from_python_is_the_commands_run(tmp_path, table):
    result = start(TrainerPlan.make(csv=(table,), target="side", **SMALL), tmp_path, "python")
    words = f"fit --csv {table} --target side --epochs 2 --hidden 4 --batch-size 16"
    assert main([*words.split(), "--runs-dir", str(tmp_path), "--name", "command"]) == 0
    for name in ("metrics.csv", "test.json"):
        found = [(tmp_path / run / name).read_bytes() for run in ("python", "command")]
        assert found[0] == found[1], name
    assert isinstance(result, TrainerResult)
    assert (result.epochs, result.interrupted) == (2, False)
    assert 0 <= result.metrics["accuracy"] <= 1
    assert json.loads((result.path / "config.json").read_text())["kind"] == "trainer"
    assert agentlab.load(result.saved).name == agentlab.load(result.path).name == "classifier"


def test_a_run_is_resumed_for_more_epochs(tmp_path, table):
    settings = {"csv": (table,), "target": "side", **SMALL}
    whole = start(TrainerPlan.make(**{**settings, "epochs": 3}), tmp_path, "whole")
    parts = start(TrainerPlan.make(**settings), tmp_path, "parts")
    stored, run = open_run(parts.path)
    with run:
        assert resume(stored.resumed_with({"epochs": 3}), run).epochs == 3
    assert (parts.path / "metrics.csv").read_bytes() == (whole.path / "metrics.csv").read_bytes()


def test_a_run_is_resumed_from_another_folder_and_with_the_same_data(tmp_path, table, monkeypatch):
    monkeypatch.chdir(Path(table).parent)
    path = start(TrainerPlan.make(csv=("sides.csv",), target="side", **SMALL), tmp_path, "run").path
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sides.csv").write_text(Path(table).read_text().replace("left", "wrong"))

    def resumed(**settings):
        stored, run = open_run(path)
        with run:
            return resume(stored.resumed_with(settings), run)

    assert resumed(epochs=3).epochs == 3
    with pytest.raises(AgentlabError, match="data have changed.* was 'left' and is 'right'"):
        resumed(epochs=4, csv=("sides.csv",))
    rows = Path(table).read_text().splitlines(keepends=True)
    (tmp_path / "sides.csv").write_text("".join(rows[:60]))
    with pytest.raises(AgentlabError, match="data have changed since the run was started"):
        resumed(csv=("sides.csv",))
    (tmp_path / "sides.csv").write_text("".join(rows))
    assert resumed(epochs=4, csv=("sides.csv",)).epochs == 4


def test_a_training_stops_at_a_score_and_stays_stopped(tmp_path, table):
    settings = {"csv": (table,), "target": "side", **SMALL, "epochs": 9, "stop_at": 0.01}
    result = start(TrainerPlan.make(**settings), tmp_path)
    assert (result.epochs, result.interrupted) == (1, False)
    stored, run = open_run(result.path)
    with run:
        assert resume(stored, run).epochs == 1


@pytest.mark.parametrize(
    ("monitor", "values"),
    [(("accuracy", "max"), [(0.4, False), (0.5, True)]), (("rmse", "min"), [(0.6, False)])],
)
def test_a_score_is_reached_from_the_monitored_metrics_own_side(monitor, values):
    class Judged:
        pass

    learner = Judged()
    learner.monitor, learner.history = monitor, []
    stop = StopAt(0.5)
    stop.on_start(learner, None)
    for value, stopped in [*values, (math.nan, False)]:
        stop.on_metrics(1, {f"validation/{monitor[0]}": value, "train/loss": 0.0})
        assert stop.stop_training is stopped


def test_an_estimator_is_its_own_kind(tmp_path):
    result = start(TrainerPlan.make("perceptron"), tmp_path)
    assert json.loads((result.path / "config.json").read_text())["kind"] == "estimator"
    assert result.metrics["accuracy"] == 1
    assert agentlab.load(result.saved).name == agentlab.load(result.path).name == "perceptron"


def test_unknown_settings_are_refused_with_the_nearest(table):
    with pytest.raises(InvalidArgument, match="setting 'epoch' is unknown; did you mean 'epochs'"):
        TrainerPlan.make("mnist-mlp", epoch=3)
