"""`agentlab tune`: what is tried, how it is judged, going on, mistakes."""

import csv
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from agentlab.config import option
from agentlab.errors import InvalidArgument
from agentlab.experiments import trials
from agentlab.experiments.search import Field, Study, read_space
from agentlab.scale.ray_process import RayProcess


@dataclass
class Settings:
    learning_rate: float = option(1e-3, "step size", gt=0)
    units: int = option(8, "units", ge=1)
    hidden: tuple[int, ...] = option((8,), "units of each layer", ge=1)
    nesterov: bool = option(False, "momentum of Nesterov")


HINTS = get_type_hints(Settings)
SEARCHABLE = {field.name: Field(HINTS[field.name], field) for field in fields(Settings)}
FIT = "tune fit --recipe mnist-mlp --epochs 3"


class Faked:
    """Stands for the process of a trial: makes the run's files, at once."""

    def __init__(self, words, log, value, stops):
        said = dict(zip(words, words[1:], strict=False))
        self.path = Path(said["--resume"]) if "--resume" in said else log.with_suffix("")
        self.path.mkdir(exist_ok=True)
        config = self.path / "config.json"
        settings = json.loads(config.read_text()) if "--resume" in said else said
        config.write_text(json.dumps(settings))
        self.code = 0
        if self.path.name in stops:
            self.code = 130
            stops.remove(self.path.name)
            os.kill(os.getpid(), 15)
            return
        metrics = value(settings)
        if isinstance(metrics, str):
            self.code = 2
            log.write_text(f"epoch 1\nagentlab: error: {metrics}\n")
            return
        validation, test = metrics
        with (self.path / "metrics.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["step", "validation/accuracy"])
            table.writerows([[1, validation / 2], [2, validation], [3, validation / 3]])
        (self.path / "test.json").write_text(json.dumps({"metrics": {"accuracy": test}}))
        (self.path / "evaluation.json").write_text(json.dumps({"mean": validation}))

    def poll(self):
        return self.code

    def terminate(self):
        pass

    kill = terminate


@pytest.fixture
def faked(monkeypatch):
    """Put fakes in the place of processes; returns what they were called with."""
    calls = []

    def fake(value, stops=()):
        left = list(stops)

        def start(words, log):
            calls.append(list(words))
            return Faked(words, log, value, left)

        monkeypatch.setattr(trials, "start", start)
        return calls

    return fake


def tried(folder, field="--learning-rate"):
    paths = sorted(Path(folder).glob("trial-*/config.json"))
    return [json.loads(path.read_text()).get(field) for path in paths]


def test_a_range_spaced_by_logarithms_gives_each_order_of_magnitude_its_share(tmp_path):
    study = Study(tmp_path, new=True)
    study.set_up(read_space(["learning_rate=1e-4..1e-2:log"], SEARCHABLE), "random", 0, 5, 1)
    values = [study.ask().settings["learning_rate"] for _ in range(60)]
    assert all(1e-4 <= value <= 1e-2 for value in values)
    assert 15 < sum(value < 1e-3 for value in values) < 45  # evenly spaced: about 5


def test_a_grid_takes_both_ends_of_a_range_and_whole_numbers_once():
    floats, ints = read_space(["learning_rate=1e-4..1e-2:log", "units=1..3"], SEARCHABLE)
    assert np.allclose(floats.points(3), [1e-4, 1e-3, 1e-2])
    assert ints.points(5) == [1, 2, 3]


@pytest.mark.parametrize("text", ["learning_rate=0..1", "units=0..3", "hidden=8|4,0|2"])
def test_values_out_of_a_fields_bounds_are_refused_before_anything_runs(text):
    name = text.partition("=")[0]
    with pytest.raises(InvalidArgument, match=rf"--search {name}: .*{name}=.*must be"):
        read_space([text], SEARCHABLE)


def test_settings_become_the_words_of_a_command_line():
    switch, sizes = read_space(["nesterov=yes|no", "hidden=64|128,128|empty"], SEARCHABLE)
    assert [switch.words("yes"), switch.words("no")] == [["--nesterov"], ["--no-nesterov"]]
    assert sizes.words("128,128") == ["--hidden", "128,128"]


def test_a_grid_tries_everything_once(call, faked):
    calls = faked(lambda said: (0.5, 0.5))
    words = "--search hidden=8|16,16 learning_rate=0.1..0.3 --points 3 --sampler grid --workers 2"
    result = call(f"{FIT} {words} --name g")
    assert result.code == 0, result.err
    pairs = set(zip(tried("runs/g", "--hidden"), tried("runs/g"), strict=True))
    assert len(calls) == len(pairs) == 6
    assert {hidden for hidden, _ in pairs} == {"8", "16,16"}
    assert all(call[:5] == ["fit", "--recipe", "mnist-mlp", "--epochs", "3"] for call in calls)
    assert call("tune fit --resume runs/g").code == 0
    assert len(calls) == 6  # nothing is left


def test_the_best_is_chosen_by_held_out_figures_and_not_by_the_test(call, faked):
    faked(lambda said: {"8": (0.7, 0.99), "16": (0.9, 0.6), "32": (0.8, 1.0)}[said["--hidden"]])
    result = call(f"{FIT} --search hidden=8|16|32 --sampler grid --name b")
    assert result.code == 0
    assert json.loads(Path("runs/b/best/config.json").read_text())["--hidden"] == "16"
    assert "best 1      accuracy 0.9" in result.out
    assert "test        accuracy 0.6" in result.out
    assert "0.99" not in result.out  # no other trial's test is shown
    assert "agentlab fit --recipe mnist-mlp --epochs 3 --hidden 16 --seed 0" in result.out


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_stopped_search_goes_on_to_what_it_would_have_tried(call, faked, sampler):
    def value(said):
        rate = float(said["--learning-rate"])
        return rate, rate

    words = f"--search learning_rate=1e-4..1e-2:log --trials 14 --seed 3 --sampler {sampler}"
    faked(value)
    assert call(f"{FIT} {words} --name whole").code == 0
    calls = faked(value, stops=["trial-004"])
    stopped = call(f"{FIT} {words} --name cut")
    assert stopped.code == 130
    assert "agentlab tune fit --resume runs/cut" in stopped.out
    assert len(tried("runs/cut")) == 5
    before = len(calls)
    resumed = call("tune fit --resume runs/cut")
    assert resumed.code == 0
    assert calls[before][:3] == ["fit", "--resume", "runs/cut/trial-004"]
    assert tried("runs/cut") == tried("runs/whole")
    assert len(set(tried("runs/cut"))) == 14
    assert call("tune fit --resume runs/cut --trials 16").code == 0
    assert len(tried("runs/cut")) == 16


def test_a_failed_trial_is_told_and_the_others_go_on(call, faked):
    faked(lambda said: "training diverged" if said["--hidden"] == "8" else (0.5, 0.5))
    result = call(f"{FIT} --search hidden=8|16 --sampler grid --name f")
    assert result.code == 0
    assert "failed: training diverged   hidden=8" in result.out
    assert "finished    1 trials; 1 failed" in result.out


def test_agents_are_judged_by_the_evaluation_at_the_end(call, faked):
    calls = faked(lambda said: (float(said["--gamma"]) * 100, 0))
    words = "tune train --env CartPole-v1 --algo pg --steps 100 --search gamma=0.9|0.99"
    result = call(f"{words} --sampler grid --workers 2 --name a")
    assert result.code == 0, result.err
    assert "best 1      return 99" in result.out
    assert all("--no-video" in call and call[-2:] == ["--workers", "0"] for call in calls)


def test_a_trial_whose_ray_process_is_lost_is_started_again_once(call, faked, monkeypatch):
    class OnRay(Faked, RayProcess):
        def __init__(self, words, log, lost):
            Faked.__init__(self, words, log, lambda said: (0.5, 0.5), ())
            self.lost = lost
            self.code = -9 if lost else 0

    class Cluster:
        cpus = 2

        def __init__(self, address, cpus):
            assert address == "10.0.0.1:6379"

        def close(self):
            calls.append("closed")

    calls = []
    lost = {"8": 1, "16": 2, "32": 0}  # how often the process of a trial is lost

    def start(words, log):
        calls.append(words)
        hidden = dict(zip(words, words[1:], strict=False)).get("--hidden")
        hidden = hidden or json.loads((log.with_suffix("") / "config.json").read_text())["--hidden"]
        lost[hidden] -= 1
        return OnRay(words, log, lost[hidden] >= 0)

    monkeypatch.setattr("agentlab.cli.tune.RayCluster", Cluster)
    monkeypatch.setattr("agentlab.cli.tune.start_on_ray", start)
    words = "--search hidden=8|16|32 --sampler grid --name r --ray 10.0.0.1:6379"
    result = call(f"{FIT} {words}")
    assert result.code == 0, result.err
    assert "3 of 3 in the grid, 2 in parallel" in result.out
    assert result.out.count("its Ray process was lost; restarting the trial") == 2
    assert "failed: its process was killed by SIGKILL   hidden=16" in result.out
    assert "finished    2 trials; 1 failed" in result.out
    assert len(calls) == 6 and calls[-1] == "closed"
    assert sum("--resume" in words for words in calls) == 2


@pytest.mark.slow
def test_real_trials_are_runs_of_their_own(call, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{a + 2 * b:.3f}" for a, b in rng.normal(size=(60, 2))]
    (tmp_path / "sums.csv").write_text("\n".join(["a,b,sum", *rows]))
    words = "tune fit --csv sums.csv --target sum --task regression --epochs 3"
    words += " --hidden 8 --batch-size 8"
    result = call(f"{words} --search learning_rate=1e-4|0.03 --sampler grid --name real")
    assert result.code == 0, result.out + result.err
    chosen = json.loads(Path("runs/real/best/config.json").read_text())
    assert chosen["config"]["learning_rate"] == 0.03  # the least error, not the greatest
    assert Path("runs/real/best/learner/learner.json").exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("tune", ()),
        ("tune play", ("tune play", "`tune fit ...`")),
        (FIT, ("--search is missing",)),
        (f"{FIT} --search lerning_rate=1e-4..1e-2", ("'lerning_rate'", "'learning_rate'")),
        (f"{FIT} --search hidden=1..5", ("hidden", "range", "A|B")),
        (f"{FIT} --search learning_rate=low..high", ("learning_rate", "'low'", "a number")),
        (f"{FIT} --search batch_size=1.5..3", ("batch_size", "'1.5'", "an integer")),
        (f"{FIT} --search batch_size=8|many", ("batch_size", "'many'", "an integer")),
        (f"{FIT} --search learning_rate=0..1:log", ("learning_rate", "above 0")),
        (f"{FIT} --search learning_rate=1..0.1", ("from a lower to a higher",)),
        (f"{FIT} --search dropout=0..1.5", ("dropout=1.5",)),
        (f"{FIT} --search learning_rate=0.1", ("only one value",)),
        (f"{FIT} --search learning_rate", ("FIELD=LOW..HIGH",)),
        (f"{FIT} --search epochs=1|2", ("--epochs cannot be both given and searched",)),
        (f"{FIT} --hiden 3 --search batch_size=8|16", ("--hiden", "did you mean --hidden?")),
        (f"{FIT} --folds 3 --search batch_size=8|16", ("--folds",)),
        (
            f"{FIT} --text poem.txt --search batch_size=8|16",
            ("leave out either --recipe or --text",),
        ),
        ("tune train --env CartPole-v1 --search gamma=0.9|1", ("--algo is missing",)),
        ("tune fit --resume nowhere", ("nowhere", "study.log")),
    ],
)
def test_mistakes_are_told_in_one_sentence(call, refused, words, parts):
    if parts:
        refused(words, *parts)
        assert not Path("runs").exists()
    else:
        assert "--search" in call(words).out


def test_where_nothing_finishes_the_last_reason_is_told(call, faked):
    faked(lambda said: "the data are gone")
    result = call(f"{FIT} --search batch_size=8|16 --sampler grid --name n")
    assert result.code == 2
    assert "all 2 trials failed; the last with: the data are gone" in result.err


def test_a_resumed_search_keeps_its_settings(call, faked, refused):
    faked(lambda said: (0.5, 0.5))
    assert call(f"{FIT} --search batch_size=8|16 --sampler grid --name k").code == 0
    refused("tune fit --resume runs/k --sampler random", "keeps its settings", "--trials")
    refused("tune fit --resume runs/k --epochs 9", "keeps its settings")
    refused("tune train --resume runs/k", "tunes fit, not train")
    refused(f"{FIT} --search batch_size=8|16 --name k", "runs/k already exists", "--resume runs/k")
    (Path("runs/k") / "study.log").write_text("{broken\n{}\n")
    refused("tune fit --resume runs/k", "study.log is damaged")
