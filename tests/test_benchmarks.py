"""benchmarks/compare.py: its command line, its tables, its clock, and a real measurement."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agentlab.agents import agent_class
from agentlab.agents.presets import preset
from agentlab.cli.train import make_parser
from agentlab.experiments.recipes import find_recipe

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("compare")


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("steady")


def test_list_names_every_row_and_measures_nothing(compare, capsys):
    assert compare.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [row.name for row in compare.ROWS]
    assert {"step-cores", "train-pong-ratio", "cartpole-pg", "pong-dqn", "cartpole-dqn"} <= {
        *listed
    }


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "step-pnog"], "invalid choice: 'step-pnog'"),
        (["--rounds", "0"], "--rounds: 0 must be more than 0"),
        (["--rounds", "two"], "invalid int value: 'two'"),
        (["--seconds", "-1"], "--seconds: -1 must be more than 0"),
        (["--seconds", "nan"], "--seconds: nan must be more than 0"),
    ],
)
def test_a_wrong_argument_is_named_with_exit_code_2(compare, capsys, words, complaint):
    with pytest.raises(SystemExit) as stopped:
        compare.main(words)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_every_ratio_names_measurements_of_its_row(compare):
    for row in compare.ROWS:
        labels = [m.label for m in row.measurements]
        assert len(set(labels)) == len(labels)
        assert {label for r in row.ratios for label in (r.above, r.below)} <= set(labels)
        for m in row.measurements:
            assert f"def {m.function}(" in (BENCHMARKS / m.script).read_text()


def test_the_table_has_medians_ranges_and_ratios_with_their_verdicts(compare):
    ours, theirs = (compare.Measurement(name, "ours.py", "f") for name in ("us", "them"))
    ratios = (
        compare.Ratio("us", "them", 3.0),
        compare.Ratio("them", "us", 0.5),
        compare.Ratio("us", "absent"),
    )
    row = compare.Row("name", "the work", (ours, theirs), ratios)
    text = compare.table(row, {"us": [1000.0, 4000.0, 12000.0], "them": [1000.0] * 3})
    assert text.splitlines() == [
        "name: the work",
        "           steps/s    min     max",
        "us           4,000  1,000  12,000",
        "them         1,000  1,000   1,000",
        "             ratio   goal",
        "us : them     4.00   3.00     met",
        "them : us     0.25   0.50  missed",
    ]


def test_measurements_alternate_and_reverse_their_order_every_other_round(
    compare, monkeypatch, capsys
):
    order = []

    def measured(measurement, seconds, cpus, python):
        order.append(measurement.label)
        return {"rate": 1.0, "versions": {"agentlab": "1"}}

    monkeypatch.setattr(compare, "measure", measured)
    monkeypatch.setattr(compare, "available_cpus", lambda: [0, 1])
    assert compare.main(["--only", "cartpole-pg", "train-pong-ratio", "--no-peers"]) == 0
    assert order == [
        *("agentlab pg", "random steps"),
        *("random steps", "agentlab pg"),
        *("agentlab pg", "random steps"),
        *["agentlab pg"] * 3,
    ]
    assert "agentlab: agentlab 1" in capsys.readouterr().out


def test_peers_that_cannot_be_installed_end_with_one_sentence(
    compare, monkeypatch, capsys, tmp_path
):
    def offline(command, **_):
        failed = "pip" in command
        return subprocess.CompletedProcess(command, failed, "", "why\nERROR: no network\n")

    monkeypatch.setattr(compare, "available_cpus", lambda: [0, 1])
    monkeypatch.setattr(compare.subprocess, "run", offline)
    assert compare.main(["--only", "cartpole-pg", "--peers", str(tmp_path / "new")]) == 2
    assert "could not be installed" in (said := capsys.readouterr().err.splitlines()[-1])
    assert "ERROR: no network" in said and "--no-peers" in said


def test_peers_are_installed_again_only_when_their_list_has_changed(compare, monkeypatch, tmp_path):
    commands = []

    def run(command, **_):
        commands.append(command)
        python = tmp_path / "bin" / "python"
        python.parent.mkdir(exist_ok=True)
        python.touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(compare.subprocess, "run", run)
    for _ in range(2):
        assert compare.peers_python(tmp_path) == tmp_path / "bin" / "python"
    assert len(commands) == 2
    (tmp_path / "peers.txt").write_text("torch==1.0\n")
    compare.peers_python(tmp_path)
    assert len(commands) == 4


def test_the_clock_runs_from_boundary_to_boundary(steady, monkeypatch):
    clock = iter([0.0, 1.0, 2.0, 4.0, 9.0, 14.0])  # read when born and at every boundary
    monkeypatch.setattr(steady.time, "perf_counter", lambda: next(clock))
    meter = steady.Meter(seconds=10.0, warm_up=3.0)
    for _ in range(3):  # boundaries at 1, 2 and 4 s: it opens at the third
        assert not meter.tick(5, boundary=False)
        assert not meter.tick(5)
    assert not meter.tick(500)
    assert not meter.tick(200, boundary=False)
    assert meter.tick(300)
    assert meter.rate == 1000 / 10


def test_work_that_ends_too_early_gives_no_rate(steady):
    with pytest.raises(RuntimeError, match="ended before"):
        _ = steady.Meter(1.0, 1.0).rate


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pins processes to CPUs")
@pytest.mark.slow
def test_stepping_pong_is_measured_on_one_core(compare):
    line = compare.ROWS[0].measurements[1]
    result = compare.measure(line, 0.5, compare.available_cpus(), Path(sys.executable))
    assert result["rate"] > 100
    assert "gymnasium" in result["versions"]


def test_a_measurement_that_fails_says_what_happened(compare):
    line = compare.Measurement(
        "us", "ours.py", "step_gray", {"env": "Png-v0", "n": 1, "workers": 0}
    )
    with pytest.raises(compare.BenchmarkError, match="us failed: .*Png-v0"):
        compare.measure(line, 0.1, [0], Path(sys.executable))


@pytest.fixture
def learning(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("learning")


def finished_run(path, mean, steps=1000, seconds=50.0):
    (path / "plots").mkdir(parents=True)
    (path / "plots" / "returns.png").write_bytes(b"image")
    (path / "evaluation.json").write_text(json.dumps({"mean": mean}))
    (path / "timings.csv").write_text(f"step,seconds\n500,20.0\n{steps},{seconds}\n")
    (path / "machine.txt").write_text("a machine, 2 CPUs")


def test_the_page_of_agents_is_written_from_the_runs(learning, monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "DOCS", tmp_path / "docs")
    (tmp_path / "docs" / "img").mkdir(parents=True)
    finished_run(tmp_path / "runs" / "lunarlander-dqn-0", 200.0)
    finished_run(tmp_path / "runs" / "lunarlander-dqn-1", 260.0, seconds=150.0)
    assert learning.main(["--write", "--runs", str(tmp_path / "runs")]) == 0
    page = (tmp_path / "docs" / "learning.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == 1  # no row for what was not trained
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    # Mean of 200 and 260, their deviation 60 / sqrt(2); 1000 steps in 100 s on average.
    assert cells[1:8] == ["1,000", "2", "230.0 ± 42.4", "200.0", "10", "1.7", "a machine, 2 CPUs"]
    assert (tmp_path / "docs" / "img" / "lunarlander-dqn.png").read_bytes() == b"image"
    assert "img/lunarlander-dqn.png" in page


def test_the_page_of_supervised_networks_is_written_from_the_runs(learning, monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "DOCS", tmp_path / "docs")
    (tmp_path / "docs" / "img").mkdir(parents=True)
    for seed, accuracy in enumerate((0.91, 0.93)):
        path = tmp_path / "runs" / f"mnist-logistic-{seed}"
        finished_run(path, 0.0, steps=30, seconds=90.0)
        (path / "plots" / "history.png").write_bytes(b"history")
        kept = {"metrics": {"loss": 0.25, "accuracy": accuracy}, "data": ["10,000 images"]}
        (path / "test.json").write_text(json.dumps(kept))
    assert learning.main(["--write", "--runs", str(tmp_path / "runs")]) == 0
    page = (tmp_path / "docs" / "supervised.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert cells[1:3] == ["2", "accuracy 0.92 ± 0.014, loss 0.25 ± 0"]
    assert cells[5:] == ["30", "1.5", "a machine, 2 CPUs"]
    assert "10,000 images" in page and "img/mnist-logistic.png" in page
    (tmp_path / "runs" / "mnist-logistic-0").rename(tmp_path / "runs" / "perceptron-0")
    (tmp_path / "runs" / "mnist-logistic-1").rename(tmp_path / "runs" / "mnist-mlp-0")
    assert learning.main(["--write", "--runs", str(tmp_path / "runs")]) == 0
    longer = (tmp_path / "docs" / "supervised.md").read_text().splitlines()
    # The row of a run that is not in this folder is kept.
    flags = [line.split("`")[1] for line in longer if line.startswith("| `")]
    names = ["mnist-logistic", "mnist-mlp", "perceptron"]
    assert flags == [f"--recipe {name}" for name in names]
    assert set(page.splitlines()) <= set(longer)


def test_every_row_has_valid_flags(learning):
    for work in learning.WORKS:
        words = work.flags.split()
        assert words[:4:2] == ["--env", "--algo"]
        assert agent_class(words[3]).name == words[3]
        given = make_parser(words[3], preset(words[3], words[1])).given(words)
        assert {"env", "algo"} <= given.keys()
    for work in (*learning.FITS, *learning.UNSUPERVISED):
        assert work.flags.split()[0] == "--recipe"
        assert find_recipe(work.flags.split()[1])


@pytest.mark.slow
def test_the_replay_benchmark_measures_every_kind(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    assert importlib.import_module("replay").main(["--capacity", "400"]) == 0
    lines = capsys.readouterr().out.splitlines()
    sizes = {line[:18].strip(): int(line[18:38].replace(",", "")) for line in lines[3:]}
    assert sizes["compressed"] < 1500 < sizes["uniform"] < 7300 + 28_224 * 8 / 400
