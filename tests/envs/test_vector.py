"""Vectors of environments give the same steps wherever they run, and clean up after themselves."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.envs.failures import EnvFailure
from agentlab.envs.local_vector import LocalVector
from agentlab.envs.preprocessing import Preprocessing
from agentlab.envs.vector import Step
from agentlab.envs.worker_vector import WorkerVector
from agentlab.errors import AgentlabError, InvalidArgument

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
ENVIRON = {**os.environ, "PYTHONPATH": str(Path(agentlab.__file__).parents[1])}


class Count(gymnasium.Env):
    """Observes [a random number, steps taken]; ends after ``length`` steps or by ``risk``."""

    metadata = {"render_modes": ["rgb_array"]}
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, length=1000, risk=0.0, action_space=None, disaster=None):
        self.length, self.risk, self.disaster = length, risk, disaster
        self.action_space = action_space or spaces.Discrete(3)
        self.render_mode = "rgb_array"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._observation(), {}

    def step(self, action):
        if self.disaster:
            self.disaster()
        self.steps += 1
        reward = float(np.sum(action)) + self.np_random.normal()
        ended = self.steps == self.length or self.np_random.random() < self.risk
        return self._observation(), reward, ended, False, {}

    def render(self):
        return np.full((2, 3, 3), self.steps, np.uint8)

    def _observation(self):
        return np.array([self.np_random.normal(), self.steps], np.float32)


def limited(limit, **options):
    return gymnasium.wrappers.TimeLimit(Count(**options), limit)


def vectors(make, n=5):
    return LocalVector([make] * n, "count"), WorkerVector([make] * n, "count", workers=2)


def alive(pid):
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids, seconds=10):
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3), spaces.Box(-1, 1, (2,)), spaces.MultiDiscrete([2, 4])]
)
def test_local_and_worker_vectors_give_identical_steps(space):
    local, worker = vectors(partial(limited, 7, risk=0.1, action_space=space))
    space.seed(0)
    with local, worker:
        np.testing.assert_array_equal(local.reset(seed=3), worker.reset(seed=3))
        for _ in range(50):
            actions = np.array([space.sample() for _ in range(5)])
            mine, its = local.step(actions), worker.step(actions)
            for field in fields(Step):
                one, other = getattr(mine, field.name), getattr(its, field.name)
                if field.name == "extras":  # the agent's
                    assert one == other == {}
                    continue
                if field.name == "lost":  # only on a cluster
                    assert one is None and other is None
                    continue
                np.testing.assert_array_equal(one, other, err_msg=field.name)
                assert one.dtype == other.dtype


def test_each_environment_has_its_own_seed():
    with LocalVector([Count] * 4, "count") as envs:
        first = envs.reset(seed=0)
        assert len(np.unique(first[:, 0])) == 4
        np.testing.assert_array_equal(envs.reset(seed=0), first)
        assert not np.isin(envs.reset(seed=1)[:, 0], first[:, 0]).any()
        assert not np.isin(envs.reset()[:, 0], first[:, 0]).any()


@pytest.mark.parametrize("vector", range(2))
def test_environments_are_reset_within_the_step_that_ends_an_episode(vector):
    with vectors(partial(Count, length=3), n=2)[vector] as envs:
        envs.reset(seed=0)
        actions = np.zeros(2, np.int64)
        seen = []
        for _ in range(6):
            step = envs.step(actions)
            seen.append((step.observations[0, 1], step.next_observations[0, 1]))
            final = step.final_observations[:, 1].tolist()
            assert final == ([3, 3] if step.terminated.all() else [])
            assert (step.true_next_observations[:, 1] == step.observations[:, 1] + 1).all()
            assert step.ended.tolist() == np.flatnonzero(step.terminated).tolist()
        assert seen == [(0, 1), (1, 2), (2, 0)] * 2


@pytest.mark.parametrize("vector", range(2))
def test_a_time_limit_truncates_and_a_terminal_state_terminates(vector):
    with vectors(partial(limited, 4, length=1000), n=1)[vector] as envs:
        envs.reset(seed=0)
        steps = [envs.step(np.zeros(1, np.int64)) for _ in range(4)]
        assert [bool(step.truncated[0]) for step in steps] == [False] * 3 + [True]
        assert not any(step.terminated[0] for step in steps)
        assert steps[-1].episode_over[0]
    with vectors(partial(limited, 4, length=2), n=1)[vector] as envs:
        envs.reset(seed=0)
        steps = [envs.step(np.zeros(1, np.int64)) for _ in range(2)]
        assert [bool(step.terminated[0]) for step in steps] == [False, True]
        assert not any(step.truncated[0] for step in steps)


class Lives(Count):
    """Loses one of three lives in every second step."""

    def step(self, action):
        observation, reward, ended, truncated, _ = super().step(action)
        return observation, 10 * reward, ended, truncated, {"lives": 3 - self.steps // 2}


def test_a_lost_life_terminates_without_a_reset():
    lives = Preprocessing(life_loss=True)
    with agentlab.make_envs(Lives, preprocessing=lives) as envs:
        envs.reset(seed=0)
        envs.step(np.zeros(1, np.int64))
        step = envs.step(np.zeros(1, np.int64))
        assert step.terminated[0] and not step.episode_over[0]
        np.testing.assert_array_equal(step.final_observations, step.next_observations)
        assert envs.step(np.zeros(1, np.int64)).next_observations[0, 1] == 3


@pytest.mark.parametrize("workers", [0, 2])
def test_a_step_has_raw_rewards_and_rewards_to_learn_from(workers):
    clip = Preprocessing(clip_rewards=True)
    with agentlab.make_envs(Lives, 2, preprocessing=clip, workers=workers) as envs:
        envs.reset(seed=0)
        step = envs.step(np.array([0, 1]))
        np.testing.assert_array_equal(step.rewards, np.sign(step.raw_rewards))
        assert (np.abs(step.raw_rewards) > 1).any()
        assert (step.rewards.dtype, step.raw_rewards.dtype) == (np.float32, np.float64)


def test_info_of_an_environment_is_not_mistaken_for_ours():
    class Telling(Count):
        def step(self, action):
            *rest, _ = super().step(action)
            return *rest, {"raw_reward": 1e6, "episode_over": True, "lives": 0}

    with LocalVector([Telling], "telling") as envs:
        envs.reset(seed=0)
        step = envs.step(np.zeros(1, np.int64))
        np.testing.assert_array_equal(step.raw_rewards.astype(np.float32), step.rewards)
        assert not step.episode_over[0]
        assert envs.step(np.zeros(1, np.int64)).next_observations[0, 1] == 2


@pytest.mark.parametrize("vector", range(2))
def test_a_step_is_not_overwritten_by_the_next(vector):
    with vectors(Count, n=2)[vector] as envs:
        first = envs.reset(seed=0)
        step = envs.step(np.zeros(2, np.int64))
        names = [field.name for field in fields(Step) if field.name != "lost"]
        kept = {name: getattr(step, name).copy() for name in names}
        envs.step(np.ones(2, np.int64))
        for name, value in kept.items():
            np.testing.assert_array_equal(getattr(step, name), value)
        assert (first[:, 1] == 0).all()


@pytest.mark.parametrize("vector", range(2))
def test_render_shows_the_first_environment(vector):
    with vectors(Count, n=3)[vector] as envs:
        envs.reset(seed=0)
        envs.step(np.zeros(3, np.int64))
        np.testing.assert_array_equal(envs.render(), np.ones((2, 3, 3), np.uint8))


def test_observations_that_are_not_arrays_are_refused():
    class Pair(Count):
        observation_space = spaces.Tuple([spaces.Discrete(2)] * 2)

    with pytest.raises(AgentlabError, match="is not an array"):
        LocalVector([Pair], "pair")


def fall():
    raise RuntimeError("the floor gave way")


@pytest.mark.parametrize(
    ("disaster", "message"),
    [
        (
            fall,
            r"step 1 of an episode with seed \d+: step\(0\) raised RuntimeError: the floor gave ",
        ),
        (partial(sys.exit, 0), r"step\(0\) raised SystemExit: sys.exit\(0\) was called"),
        (partial(os._exit, 7), "the worker process of environment 1 died with exit code 7"),
        (partial(signal.raise_signal, 9), "died from signal SIGKILL, .* when memory runs out"),
    ],
)
def test_an_environment_that_crashes_in_a_worker_gives_one_error(disaster, message, capfd):
    envs = WorkerVector([Count, partial(Count, disaster=disaster)], "count", workers=2)
    pids = [worker.pid for worker in envs._workers]
    envs.reset(seed=0)
    with pytest.raises(EnvFailure, match=message) as raised:
        envs.step(np.zeros(2, np.int64))
    assert str(raised.value).startswith("env='count'") and "\n" not in str(raised.value)
    with pytest.raises(EnvFailure, match=message):  # and not the other worker's reply
        envs.reset()
    envs.close()
    wait_until_gone(pids)
    assert capfd.readouterr().err == ""


def test_an_environment_that_cannot_be_made_leaves_no_process():
    before = children()
    with pytest.raises(EnvFailure, match="'count' cannot be made: RuntimeError: the floor"):
        WorkerVector([Count, fall], "count", workers=2)
    wait_until_gone(children() - before)


def test_what_cannot_be_sent_to_workers_is_named():
    lock = threading.Lock()
    with pytest.raises(InvalidArgument, match=r"cannot be sent to worker processes \(TypeError: "):
        WorkerVector([lambda: Count(disaster=lock)], "count", workers=1)


def hang():
    import ctypes

    ctypes.PyDLL(None).sleep(1000)  # holds the interpreter's lock


def test_workers_that_hang_are_ended_with_their_vector(monkeypatch):
    monkeypatch.setattr("agentlab.envs.worker_vector.CLOSE_SECONDS", 0.1)
    envs = WorkerVector([partial(Count, disaster=hang)] * 2, "count", workers=2)
    pids = [worker.pid for worker in envs._workers]
    envs.reset(seed=0)
    with pytest.raises(KeyboardInterrupt), alarm(0.5):
        envs.step(np.zeros(2, np.int64))
    assert all(map(alive, pids))
    envs.close()
    wait_until_gone(pids, 1)


@contextmanager
def alarm(seconds):
    """Raises KeyboardInterrupt after so many seconds, as Ctrl-C does."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def children():
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True)
    return set(map(int, listed.stdout.split()))


def test_closing_leaves_no_processes():
    envs = WorkerVector([Count] * 3, "count", workers=3)
    pids = [worker.pid for worker in envs._workers]
    assert len(pids) == 3 and all(map(alive, pids))
    envs.close()
    assert not any(map(alive, pids))
    envs.close()  # once more does no harm


SCRIPT = """
import gymnasium
import numpy as np
import agentlab

class Game(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 1, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(2, np.float32), {}

    def step(self, action):
        return np.ones(2, np.float32), float(action), False, False, {}

gymnasium.register("Game-v0", entry_point="__main__:Game")
gymnasium.register("Pole-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv")
agentlab.make_envs("Pole-v0", 2, workers=2).close()
envs = agentlab.make_envs("Game-v0", 2, workers=2)
envs.reset(seed=0)
print(*envs.step(np.array([0, 1])).rewards, *[worker.pid for worker in envs._workers], flush=True)
"""


def test_workers_know_what_a_script_registers_without_a_main_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    result = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stderr == ""
    first, second, *pids = result.stdout.split()
    assert (first, second) == ("0.0", "1.0")
    wait_until_gone(pids)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT + "\nwhile True:\n    envs.step(np.array([0, 1]))")
    with subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, env=ENVIRON, stdout=subprocess.PIPE, text=True
    ) as script:
        assert script.stdout is not None
        pids = script.stdout.readline().split()[2:]
        assert len(pids) == 2 and all(map(alive, pids))
        script.send_signal(signal.SIGKILL)
        wait_until_gone(pids)
