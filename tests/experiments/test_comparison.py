"""Comparing runs: grouping by settings, interquartile means and bootstrap intervals."""

import csv
import json

import numpy as np
import pytest

from agentlab.cli.compare import run as compare_command
from agentlab.errors import AgentlabError
from agentlab.experiments import AgentPlan
from agentlab.experiments.comparison import compare, over_environments
from agentlab.plots.aggregates import bootstrap_interval, interquartile_mean


def make_run(folder, env="CartPole-v1", algo="ppo", final=None, slope=1.0, **settings):
    folder.mkdir()
    plan = AgentPlan.make(env, algo, **settings)
    (folder / "config.json").write_text(json.dumps(plan.to_json()))
    rows = [f"{step},{step * slope / 100}" for step in range(100, 1001, 100)]
    (folder / "metrics.csv").write_text("step,return/mean\n" + "\n".join(rows) + "\n")
    if final is not None:
        content = {"returns": [final] * 2, "lengths": [1, 1]}
        (folder / "evaluation.json").write_text(json.dumps(content))
    return folder


def test_the_interquartile_mean_drops_the_lowest_and_highest_quarter():
    # rliable: scipy.stats.trim_mean(scores, 0.25)
    assert interquartile_mean(np.array([9.0, 1, 2, 3, 4, 5, 6, 100])) == 4.5
    assert interquartile_mean(np.array([1.0, 2.0, 6.0])) == 3.0


def test_the_interval_covers_the_estimate_and_narrows_with_runs():
    rng = np.random.default_rng(0)
    few, many = (bootstrap_interval([rng.normal(5, 1, n)]) for n in (4, 400))
    for interval in (few, many):
        assert interval.low <= interval.estimate <= interval.high
    assert many.high - many.low < (few.high - few.low) / 3
    one = bootstrap_interval([np.array([7.0])])
    assert one.low == one.estimate == one.high == 7


def test_runs_are_drawn_within_each_task():
    # Drawn across tasks, the mean of 0 and 1 would vary; within each it cannot.
    interval = bootstrap_interval([np.zeros(4), np.ones(4)])
    assert interval.low == interval.estimate == interval.high == 0.5


def test_runs_that_differ_in_their_seeds_form_a_group(tmp_path):
    paths = [make_run(tmp_path / f"p{i}", final=90 + i, seed=i, slope=1 + i) for i in range(3)]
    paths.append(make_run(tmp_path / "q", seed=0, gamma=0.9))
    one, other = compare(paths)
    assert (len(one.paths), len(other.paths)) == (3, 1)
    assert (one.label, other.label) == ("ppo gamma=0.98", "ppo gamma=0.9")
    assert one.final.estimate == 91 and other.final.estimate == 10  # without an evaluation
    assert (one.steps[0], one.steps[-1]) == (100, 1000)
    assert one.curve.estimate[-1] == pytest.approx(20)  # the mean of 10, 20 and 30


def test_returns_in_several_environments_are_scaled_between_the_runs(tmp_path):
    paths = [
        make_run(tmp_path / f"{env}-{algo}-{i}", env, algo, final=final + i, seed=i)
        for env, algo, final in [
            ("CartPole-v1", "ppo", 10),
            ("CartPole-v1", "random", 0),
            ("Acrobot-v1", "ppo", -80),
            ("Acrobot-v1", "random", -500),
        ]
        for i in range(2)
    ]
    overall = over_environments(compare(paths))
    cartpole, acrobot = [10 / 11, 1], [420 / 421, 1]
    assert overall["ppo"].estimate == pytest.approx(np.sort([*cartpole, *acrobot])[1:3].mean())


def test_the_command_writes_a_table_curves_and_a_plot(tmp_path, capsys):
    paths = [make_run(tmp_path / f"r{i}", final=i, seed=i) for i in range(2)]
    assert compare_command([*map(str, paths), "--out", str(tmp_path / "out")]) == 0
    assert "0.5 (0 to 1)" in capsys.readouterr().out
    out = tmp_path / "out"
    rows = list(csv.DictReader((out / "summary.csv").open()))
    assert [(row["agent"], row["runs"], row["iqm"]) for row in rows] == [("ppo", "2", "0.5")]
    assert len(list(csv.DictReader((out / "curves.csv").open()))) == 100
    assert (out / "curves.png").stat().st_size > 10_000
    assert len(compare([*paths, out])) == 1  # as in runs/*: a comparison is skipped
    with pytest.raises(AgentlabError, match="only folders of comparisons"):
        compare([out])
    [group] = compare([*paths, out])  # as runs/* would name it
    assert group.paths == tuple(paths)


def test_a_run_without_returns_is_named(tmp_path):
    path = make_run(tmp_path / "r")
    (path / "metrics.csv").unlink()
    with pytest.raises(AgentlabError, match="no episode has ended"):
        compare([path])
