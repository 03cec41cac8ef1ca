"""A run that is killed repeatedly ends with the metrics of an uninterrupted one."""

import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

KILLS = 20
SCRIPT = Path(__file__).parents[1] / "scripts" / "train_agent.py"
START = shlex.split(
    "--env CartPole-v1 --algo pg --steps 600000 --n-envs 8 --workers 2 --rollout-length 16 "
    "--n-epochs 2 --checkpoint-every 10000 --log-every 2500 --eval-episodes 0 --no-video --seed 7"
)


def start(folder, *words):
    command = [sys.executable, str(SCRIPT), *words]
    log = (folder / "log.txt").open("a")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def checkpoints(run):
    return sorted(int(path.name) for path in (run / "checkpoints").glob("[0-9]*"))


def kill_at_a_random_moment(process, run, rng):
    """Kill it while it starts, or some checkpoints later; return whether it still ran."""
    if rng.random() < 0.3:
        time.sleep(rng.uniform(0, 6))
    else:
        goal = max(checkpoints(run), default=0) + rng.randint(1, 2)
        while max(checkpoints(run), default=0) < goal and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_twenty_times_equals_an_unbroken_one_bit_for_bit(tmp_path):
    rng = random.Random(0)
    whole, broken = tmp_path / "runs" / "whole", tmp_path / "runs" / "broken"
    assert start(tmp_path, *START, "--name", "whole").wait() == 0
    process = start(tmp_path, *START, "--name", "broken")
    while not (broken / "config.json").exists():  # before that there is no run to resume
        time.sleep(0.05)
    for kill in range(KILLS):
        assert kill_at_a_random_moment(process, broken, rng), f"it had ended before kill {kill}"
        process = start(tmp_path, "--resume", str(broken))
    assert process.wait() == 0
    assert (broken / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
    with np.load(whole / "learner/arrays.npz") as a, np.load(broken / "learner/arrays.npz") as b:
        assert sorted(a) == sorted(b)
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
    described = [(run / "learner/learner.json").read_bytes() for run in (whole, broken)]
    assert described[0] == described[1]
