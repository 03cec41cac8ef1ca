"""The bars that the algorithms must pass, by the commands of the README; minutes each."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "train_agent.py"
pytestmark = pytest.mark.slow


def trained(folder, words):
    """Train by the command line and return what the evaluation found."""
    command = [sys.executable, str(SCRIPT), *words.split(), "--no-video", "--name", "run"]
    subprocess.run(command, cwd=folder, check=True)
    evaluation = json.loads((folder / "runs" / "run" / "evaluation.json").read_text())
    assert evaluation["episodes"] == 100
    return evaluation["mean"]


@pytest.mark.parametrize("seed", range(5))
def test_cartpole_is_solved_on_every_seed(tmp_path, seed):
    assert trained(tmp_path, f"--env CartPole-v1 --algo pg --seed {seed}") >= 475


def test_the_first_command_beats_pongs_built_in_player(tmp_path):
    assert trained(tmp_path, "--env Pong-v0 --algo pg") > 0
