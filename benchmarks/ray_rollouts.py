"""Measure rollouts on Ray actors of this machine against rollouts in one process.

    python benchmarks/ray_rollouts.py [--actors 2] [--rounds 5] [--only Pong-v0]

A rollout alternates between acting with the network of `pg` and stepping the environments. The
rates are steps per second of CPU time of all processes, including Ray's own, so that other load on
the machine has little effect. The memory of an actor, and the time from killing one to the next
completed step, are measured too. Linux is required.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from functools import partial
from pathlib import Path
from statistics import median

from compare import machine

import agentlab
from agentlab.experiments.agent_run import AgentPlan
from agentlab.scale import RayVector

ROWS = (
    ("CartPole-v1", 8),
    ("CartPole-v1", 128),
    ("CartPole-v1", 2048),
    ("Pong-v0", 8),
    ("Pong-v0", 32),
)
SECONDS = 2.0  # of each measurement


def descendants(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [p for word in children.read_text().split() for p in descendants(int(word))]
    return found


def cpu_seconds() -> float:
    """CPU time of this process and its descendants."""
    total = 0
    for pid in descendants(os.getpid()):
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(path.read_text().split()[0])
    return total / 1e9


def actors() -> list[int]:
    found = []
    for pid in descendants(os.getpid()):
        if b"_RemoteEnvs" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found.append(pid)
    return found


def megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Rollout:
    """Acts in a vector of environments."""

    def __init__(self, agent: agentlab.Agent, envs: agentlab.envs.VectorEnv) -> None:
        self.agent, self.envs = agent, envs
        self.observations = envs.reset(seed=0)
        self.steps = self.run(SECONDS / 4)

    def run(self, seconds: float) -> int:
        """Make steps for some seconds; return how many."""
        end, steps = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            actions, _ = self.agent.act(self.observations)
            self.observations = self.envs.step(actions).next_observations
            steps += self.envs.num_envs
        return steps

    def rate(self) -> float:
        """Return steps per second of CPU time."""
        start = cpu_seconds()
        return self.run(SECONDS) / (cpu_seconds() - start)


def measure(env: str, n: int, count: int, rounds: int) -> str:
    plan = AgentPlan.make(env, "pg", n_envs=n)
    make = partial(agentlab.make_envs, env, n, preprocessing=plan.preprocessing)
    with make(workers=0) as local, make(vector=partial(RayVector, actors=count)) as remote:
        agent = plan.make_agent(local)
        here, there = Rollout(agent, local), Rollout(agent, remote)
        rates = [(here.rate(), there.rate()) for _ in range(rounds)]
        memory = max(megabytes(pid) for pid in actors())
        os.kill(actors()[0], signal.SIGKILL)
        start = time.monotonic()
        there.run(0.001)
        back = time.monotonic() - start
    mean_local, mean_ray = (median(column) for column in zip(*rates, strict=True))
    ratio = median(b / a for a, b in rates)
    return (
        f"| {env} | {n} | {mean_local:,.0f} | {mean_ray:,.0f} | {ratio:.0%} | {memory:.0f} MB | "
        f"{back:.1f} s |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    print(machine())
    print("| environment | copies | local | on Ray | ratio | memory per actor | recovery |")
    print("|---|---|---|---|---|---|---|")
    for env, n in ROWS:
        if arguments.only in env:
            print(measure(env, n, arguments.actors, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
