"""Seeds: equal ones give equal numbers, different ones different numbers."""

import random
import subprocess
import sys

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import derive_seed, seed_everything


def test_derived_seeds_differ_and_are_stable() -> None:
    keys = [(), (0,), (1,), (1, 0), (0, 1), (1, 0, 0), (2**40, 1)]
    seeds = [derive_seed(*key) for key in keys]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seeds == [derive_seed(*key) for key in keys]
    assert derive_seed(1, 2) == 1473111560  # a resumed run of an older version must find the same


def test_python_and_numpy_are_seeded() -> None:
    def draw() -> tuple[float, float]:
        seed_everything(3)
        return random.random(), float(np.random.random())

    assert draw() == draw()


def test_tensorflow_is_seeded_only_if_it_is_loaded() -> None:
    code = """
import sys
from agentlab.runs import seed_everything
seed_everything(1)
assert "tensorflow" not in sys.modules
import tensorflow as tf
def draw():
    seed_everything(1)
    return float(tf.random.uniform([]))
assert draw() == draw()
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_invalid_seeds_are_refused() -> None:
    with pytest.raises(AgentlabError, match="seed=-1"):
        seed_everything(-1)
    with pytest.raises(AgentlabError, match="seed=-2 is negative"):
        derive_seed(1, -2)
