"""Measure the replay buffer: bytes per transition, and milliseconds to sample a batch of 32.

    python benchmarks/replay.py [--capacity 1000000] [--batch-size 32]

The frames, 84 x 84 with a stack of 4, are from Pong with random actions, and are added repeatedly
until the buffer is full. One million transitions take 7 GB.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from statistics import median

import numpy as np
from compare import machine

import agentlab
from agentlab.envs import Preprocessing, Step
from agentlab.replay import ReplayBuffer

NUM_ENVS = 8
PREPROCESSING = Preprocessing(
    frame_skip=4,
    max_pool=True,
    grayscale=True,
    resize=84,
    frame_stack=4,
    noop_max=30,
    clip_rewards=True,
)
KINDS = {
    "uniform": {},
    "uniform, 3 steps": {"n_step": 3},
    "prioritized": {"alpha": 0.6},
    "compressed": {"compress": True},
}


def main(words: list[str] | None = None) -> int:
    """Measure every kind of buffer, print a table and return the exit code."""
    parser = argparse.ArgumentParser("replay.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--capacity", type=int, default=1_000_000, help="transitions")
    parser.add_argument("--batch-size", type=int, default=32, help="transitions per batch")
    options = parser.parse_args(words)
    print(machine(), end="\n\n")
    print(f"{'':<18}{'bytes/transition':>20}{'ms/batch':>12}{'us to add':>12}")
    with agentlab.make_envs("PongNoFrameskip-v4", NUM_ENVS, preprocessing=PREPROCESSING) as envs:
        envs.reset(0)
        rng = np.random.default_rng(0)
        steps = [envs.step(rng.integers(6, size=NUM_ENVS)) for _ in range(2000)]
        for name, arguments in KINDS.items():
            replay = ReplayBuffer(
                envs.observation_space,
                envs.action_space,
                options.capacity,
                NUM_ENVS,
                frame_stack=4,
                **arguments,
            )
            added = fill(replay, steps, options.capacity)
            sampled = median(time_to_sample(replay, options.batch_size, rng) for _ in range(1000))
            size = replay.nbytes / options.capacity
            print(f"{name:<18}{size:>20,.0f}{1e3 * sampled:>12.2f}{1e6 * added:>12.1f}", flush=True)
    return 0


def fill(replay: ReplayBuffer, steps: list[Step], capacity: int) -> float:
    """Fill ``replay`` with ``steps`` repeatedly; return seconds per transition."""
    start = time.perf_counter()
    for step in itertools.islice(itertools.cycle(steps), capacity // NUM_ENVS):
        replay.add(step)
    return (time.perf_counter() - start) / capacity


def time_to_sample(replay: ReplayBuffer, batch: int, rng: np.random.Generator) -> float:
    """Return the seconds that sampling a batch takes."""
    start = time.perf_counter()
    replay.sample(batch, rng)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
