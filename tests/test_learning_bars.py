"""The bars that the algorithms must pass, by the commands of the README; minutes each."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "train_agent.py"
pytestmark = pytest.mark.slow


def trained(folder, words):
    """Train by the command line and return the run's folder."""
    command = [sys.executable, str(SCRIPT), *words.split(), "--no-video", "--name", "run"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "runs" / "run"


def mean_return(run, episodes=100):
    """Return what the evaluation at the end of a run found."""
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert evaluation["episodes"] == episodes
    return evaluation["mean"]


def last(path):
    """Return the last row of a CSV file."""
    with path.open(newline="") as file:
        *_, row = csv.DictReader(file)
    return {name: float(value) for name, value in row.items() if value}


@pytest.mark.parametrize("seed", range(5))
def test_cartpole_is_solved_on_every_seed(tmp_path, seed):
    assert mean_return(trained(tmp_path, f"--env CartPole-v1 --algo pg --seed {seed}")) >= 475


def test_the_first_command_beats_pongs_built_in_player(tmp_path):
    assert mean_return(trained(tmp_path, "--env Pong-v0 --algo pg")) > 0


@pytest.mark.parametrize("seed", range(5))
def test_dqn_solves_cartpole_on_every_seed(tmp_path, seed):
    assert mean_return(trained(tmp_path, f"--env CartPole-v1 --algo dqn --seed {seed}")) >= 475


@pytest.mark.parametrize("seed", range(5))
def test_q_linear_solves_cartpole_within_300_episodes(tmp_path, seed):
    run = trained(tmp_path, f"--env CartPole-v0 --algo q_linear --seed {seed}")
    assert mean_return(run) >= 195
    assert last(run / "metrics.csv")["episodes"] < 300


@pytest.mark.parametrize("seed", range(5))
def test_q_table_crosses_the_frozen_lake(tmp_path, seed):
    run = trained(tmp_path, f"--env FrozenLake-v1 --algo q_table --seed {seed}")
    assert mean_return(run, episodes=1000) >= 0.70


def test_dqn_lands_on_the_moon(tmp_path):
    assert mean_return(trained(tmp_path, "--env LunarLander-v3 --algo dqn")) >= 200


def test_dqn_wins_at_pong(tmp_path):
    assert mean_return(trained(tmp_path, "--env PongNoFrameskip-v4 --algo dqn")) >= 18
