"""Environments and processes on a real Ray cluster on this machine."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import agentlab
from agentlab.envs import make_envs
from agentlab.scale.ray_cluster import RayCluster
from agentlab.scale.ray_process import RayProcess
from agentlab.scale.ray_vector import RayVector

pytestmark = pytest.mark.slow
pytest.importorskip("ray")


def processes(word):
    """The processes whose command line contains a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def megabytes(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Killer(agentlab.Callback):
    """Kills a random actor every few steps."""

    def __init__(self):
        self.killed, self.random = 0, random.Random(0)

    def on_step(self, step):
        if step % 4000 == 0 and self.killed < 20:
            os.kill(self.random.choice(processes("_RemoteEnvs.serve")), signal.SIGKILL)
            self.killed += 1


def trained(vector, callbacks=()):
    with make_envs("CartPole-v1", 8, vector=vector) as envs:
        agent = agentlab.make_agent("pg", envs, hidden=(16,))
        agentlab.train(agent, envs, steps=90_000, callbacks=callbacks, quiet=True)
        return [np.array(weight) for weight in agent.net.weights]


def test_twenty_killed_actors_change_nothing():
    told, killer = [], Killer()

    def remote(*given):
        return RayVector(*given, actors=2, report=told.append)

    expected, found = trained(None), trained(remote, [killer])
    assert killer.killed == 20 and len(told) == 20
    assert all((a == b).all() for a, b in zip(expected, found, strict=True))


def test_an_actor_is_small_and_is_back_soon():
    with make_envs("CartPole-v1", 2, vector=lambda *g: RayVector(*g, actors=1)) as envs:
        envs.reset(seed=0)
        (pid,) = processes("_RemoteEnvs.serve")
        assert megabytes(pid) < 250
        os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        envs.step(np.zeros(2, np.int64))
        print("seconds until it is back", time.monotonic() - start)
        (pid,) = processes("_RemoteEnvs.serve")
        assert os.getpriority(os.PRIO_PROCESS, pid) == 0


def test_actors_import_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "gymnasium.py").write_text("raise SystemExit('imported')")
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with make_envs("CartPole-v1", 2, vector=lambda *g: RayVector(*g, actors=1)) as envs:
        assert envs.reset(seed=0).shape == (2, 4)


def test_a_process_ends_with_its_supervisor(tmp_path):
    cluster = RayCluster("local", 2)
    try:
        code = "import sys, time; print('begun', sys.argv[1], flush=True); time.sleep(1000)"
        process = RayProcess(code, ["word"], tmp_path / "log.txt")
        while not (tmp_path / "log.txt").exists() or not (tmp_path / "log.txt").read_text():
            assert process.poll() is None
            time.sleep(0.1)
        assert (tmp_path / "log.txt").read_text() == "begun word\n"
        (pid,) = processes("Supervisor")
        os.kill(pid, signal.SIGKILL)
        while process.poll() is None:
            time.sleep(0.1)
        assert process.lost and process.poll() == -signal.SIGKILL
        assert not processes("time.sleep(1000)")
        done = RayProcess("import sys; sys.exit(3)", [], tmp_path / "log.txt")
        while done.poll() is None:
            time.sleep(0.1)
        assert done.poll() == 3 and not done.lost
        stopped = RayProcess(code, ["again"], tmp_path / "log.txt")
        while "again" not in (tmp_path / "log.txt").read_text():
            time.sleep(0.1)
        stopped.terminate()
        while stopped.poll() is None:
            time.sleep(0.1)
        assert stopped.poll() == -signal.SIGTERM and not stopped.lost
    finally:
        cluster.close()
