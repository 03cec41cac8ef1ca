"""Training in several processes on this machine."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.scale.launch import addresses, launch

FIT = (
    "fit --csv data.csv --target y --task classification --hidden 16 --batch-size 20 "
    "--epochs 25 --validation-split 0.1"
)


def test_addresses_differ():
    found = addresses({"worker": 3, "ps": 2})
    assert [len(hosts) for hosts in found.values()] == [3, 2]
    assert len({host for hosts in found.values() for host in hosts}) == 5


def scripted(monkeypatch, **behavior):
    """Make each task run its own Python code instead of agentlab."""
    choose = "import json, os, sys, time\ntask = json.loads(os.environ['TF_CONFIG'])['task']\n"
    code = choose + f"exec({behavior!r}[task['type'] + str(task['index'])])"
    monkeypatch.setattr(
        "agentlab.scale.launch.python_command", lambda *_: [sys.executable, "-c", code]
    )


def test_the_exit_code_is_the_chiefs_and_the_others_exit_with_it(monkeypatch):
    scripted(monkeypatch, worker0="sys.exit(3)", worker1="time.sleep(100)")
    start = time.monotonic()
    assert launch(["fit"], 2) == 3
    assert time.monotonic() - start < 50


def test_a_killed_worker_stops_training_with_one_sentence(monkeypatch):
    monkeypatch.setattr("agentlab.scale.launch.PATIENCE", 0.5)
    scripted(monkeypatch, worker0="time.sleep(100)", worker1="os.kill(os.getpid(), 9)")
    with pytest.raises(AgentlabError, match="worker 1 was killed by SIGKILL, so training stopped"):
        launch(["fit"], 2)


def test_with_parameter_servers_one_worker_is_enough(monkeypatch):
    die, sleep, told = "os.kill(os.getpid(), 9)", "time.sleep(100)", []
    scripted(monkeypatch, chief0="time.sleep(2)", worker0=die, worker1=sleep, ps0=sleep)
    assert launch(["fit"], 2, 1, told.append) == 0
    assert told == ["worker 0 was killed by SIGKILL; the other workers take over"]
    scripted(monkeypatch, chief0=sleep, worker0=die, worker1=die, ps0=sleep)
    with pytest.raises(AgentlabError, match="all workers exited"):
        launch(["fit"], 2, 1)
    scripted(monkeypatch, chief0=sleep, worker0=sleep, worker1=sleep, ps0=die)
    monkeypatch.setattr("agentlab.scale.launch.PATIENCE", 0.5)
    with pytest.raises(AgentlabError, match="ps 0 was killed by SIGKILL"):
        launch(["fit"], 2, 1)


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    with (tmp_path / "data.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "c", "y"])
        for values in rng.normal(size=(400, 3)):
            rows.writerow([*(f"{value:.3f}" for value in values), int(values.sum() > 0)])
    return tmp_path


def start(folder, words):
    """Start a command; its output goes to a log file."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    log = (folder / "log.txt").open("a")
    command = [sys.executable, "-m", "agentlab", *shlex.split(words)]
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)


def weights_of(run):
    from agentlab import load

    return [np.array(weight) for weight in load(run).net.weights]


def launched(name, more=""):
    return f"launch --workers 2 -- {FIT} --strategy multiworker --name {name} {more}"


@pytest.mark.slow
def test_two_processes_equal_one_and_themselves(table):
    for words in (f"{FIT} --name one", launched("two"), launched("again")):
        assert start(table, words).wait(900) == 0, (table / "log.txt").read_text()
    runs = table / "runs"
    assert (runs / "two/metrics.csv").read_bytes() == (runs / "again/metrics.csv").read_bytes()
    one, two, again = (weights_of(runs / name) for name in ("one", "two", "again"))
    largest = max(np.abs(a - b).max() for a, b in zip(one, two, strict=True))
    print("largest difference", largest)
    assert largest < 1e-6
    assert all((a == b).all() for a, b in zip(two, again, strict=True))
    assert sorted(path.name for path in runs.iterdir()) == ["again", "one", "two"]


def children(pid):
    """The processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def wait_for(path, process):
    while not path.exists():
        assert process.poll() is None, "it ended too early"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_after_a_killed_worker_the_resumed_run_equals_an_uninterrupted_one(table, victim):
    assert start(table, launched("whole")).wait(900) == 0, (table / "log.txt").read_text()
    (table / "log.txt").unlink()
    process = start(table, launched("broken"))
    wait_for(table / "runs/broken/checkpoints/000003", process)
    os.kill(children(process.pid)[victim], signal.SIGKILL)
    killed = time.monotonic()
    assert process.wait(60) == 2
    print("seconds", time.monotonic() - killed)
    assert time.monotonic() - killed < 30
    log = (table / "log.txt").read_text()
    assert "was killed by SIGKILL" in log and "Traceback" not in log
    resumed = "launch --workers 2 -- fit --resume runs/broken"
    assert start(table, resumed).wait(900) == 0, (table / "log.txt").read_text()
    whole, broken = (table / "runs" / name / "metrics.csv" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()


@pytest.mark.slow
def test_sigterm_saves_and_the_resumed_run_equals_an_uninterrupted_one(table):
    assert start(table, launched("whole")).wait(900) == 0
    process = start(table, launched("broken"))
    wait_for(table / "runs/broken/checkpoints/000003", process)
    process.terminate()
    assert process.wait(60) == 130, (table / "log.txt").read_text()
    assert start(table, "launch -- fit --resume runs/broken").wait(900) == 0
    whole, broken = (table / "runs" / name / "metrics.csv" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()


@pytest.mark.slow
def test_parameter_servers_survive_a_killed_worker(table):
    words = f"launch --workers 2 --ps 1 -- {FIT} --strategy ps --name"
    assert start(table, f"{words} whole").wait(900) == 0, (table / "log.txt").read_text()
    process = start(table, f"{words} broken")
    wait_for(table / "runs/broken/checkpoints/000003", process)
    os.kill(children(process.pid)[1], signal.SIGKILL)  # the chief is the first
    assert process.wait(900) == 0, (table / "log.txt").read_text()
    whole, broken = (table / "runs" / name / "metrics.csv" for name in ("whole", "broken"))
    assert whole.read_bytes() == broken.read_bytes()
    assert json.loads((table / "runs/broken/config.json").read_text())["finished"]


MIRRORED = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import agentlab
from agentlab.scale import distributed

def train(algo, strategy, **options):
    devices = None if strategy is None else ("CPU:0", "CPU:1")
    with distributed(strategy, devices), agentlab.make_envs("CartPole-v1", 4) as envs:
        agent = agentlab.make_agent(algo, envs, hidden=(16,), **options)
        agentlab.train(agent, envs, steps=400, quiet=True)
    return [np.array(weight) for weight in agent.net.weights]

ppo = {"rollout_length": 32, "n_minibatches": 2, "normalize_advantage": False}
for algo, options in (("dqn", {"learning_starts": 128, "batch_size": 16}), ("ppo", ppo)):
    one, two, again = (train(algo, s, **options) for s in (None, "mirrored", "mirrored"))
    largest = max(np.abs(a - b).max() for a, b in zip(one, two))
    print(algo, largest)
    assert largest < 1e-5, largest
    assert all((a == b).all() for a, b in zip(two, again))
"""


@pytest.mark.slow
def test_dqn_and_ppo_learn_the_same_on_two_mirrored_devices(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
