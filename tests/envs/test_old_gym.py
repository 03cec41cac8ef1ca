"""Environments of gym 0.26 and of older interfaces run as Gymnasium's."""

import subprocess
import sys
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest

from agentlab.envs import old_gym
from agentlab.envs.catalog import make_env
from agentlab.envs.check import check_env
from agentlab.errors import AgentlabError

gym = pytest.importorskip("gym", reason='pip install "gym==0.26.2"')


class OldWalk:
    """A random walk of the interface before gym 0.22: seed(), reset() -> obs, 4 values a step."""

    metadata = {"render.modes": ["rgb_array"]}
    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, limit=5):
        self.limit = limit
        self.rng = np.random.RandomState()

    def seed(self, seed=None):
        self.rng = np.random.RandomState(seed)
        return [seed]

    def reset(self):
        self.steps, self.position = 0, self.rng.normal()
        return self._observation()

    def step(self, action):
        self.steps += 1
        self.position += self.rng.normal() + 2 * action
        cut = self.steps >= self.limit
        done = cut or self.position > 6
        info = {"TimeLimit.truncated": self.position <= 6} if cut else {}
        return self._observation(), self.position, done, info

    def render(self, mode="human"):
        assert mode == "rgb_array"
        return np.full((4, 6, 3), self.steps, np.uint8)

    def _observation(self):
        return np.array([self.position], np.float32)


class MiddleWalk(OldWalk):
    """The same of gym 0.22 to 0.25: reset(seed=...) -> obs."""

    def reset(self, seed=None, return_info=False, options=None):
        if seed is not None:
            super().seed(seed)
        return super().reset()


def test_a_gym_environment_passes_the_checker():
    env = make_env("gym:CartPole-v1")
    check_env(env)
    assert isinstance(env.observation_space, gymnasium.spaces.Box)
    assert env.action_space == gymnasium.spaces.Discrete(2)


def test_a_gym_environment_behaves_like_its_gymnasium_version():
    old, new = make_env("gym:CartPole-v1"), gymnasium.make("CartPole-v1")
    first, expected = old.reset(seed=7)[0], new.reset(seed=7)[0]
    np.testing.assert_array_equal(first, expected)
    for step in range(500):
        action = step % 2
        mine, its = old.step(action), new.step(action)
        np.testing.assert_allclose(mine[0], its[0], rtol=1e-6)
        assert mine[1:4] == its[1:4]
        if mine[2]:
            break
    assert mine[2]


def test_gyms_time_limit_truncates():
    env = make_env("gym:MountainCar-v0")
    env.reset(seed=0)
    flags = [env.step(1)[2:4] for _ in range(200)]
    assert flags[:-1] == [(False, False)] * 199
    assert flags[-1] == (False, True)


def test_importing_gym_prints_nothing():
    script = (
        "from agentlab.envs.catalog import make_env\n"
        "env = make_env('gym:CartPole-v0'); env.reset(seed=0); env.step(0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("make", [OldWalk, MiddleWalk])
def test_environments_of_older_apis_pass_the_checker(make):
    check_env(old_gym.adapt(make()))


def test_truncation_is_distinguished_from_termination():
    env = old_gym.adapt(OldWalk())
    env.reset(seed=1)  # stays low
    flags = [env.step(0)[2:4] for _ in range(5)]
    assert flags == [(False, False)] * 4 + [(False, True)]
    env.reset(seed=0)  # climbs
    while not any(step := env.step(1)[2:4]):
        pass
    assert step == (True, False)


def test_a_seed_repeats_episodes_and_no_seed_does_not():
    env = old_gym.adapt(OldWalk())
    once, again = env.reset(seed=3)[0], env.reset(seed=3)[0]
    assert once == again
    assert env.reset()[0] != again


def test_render_mode_works_with_both_rendering_apis():
    env = old_gym.adapt(OldWalk(), render_mode="rgb_array")
    env.reset(seed=0)
    env.step(0)
    np.testing.assert_array_equal(env.render(), np.ones((4, 6, 3), np.uint8))


def test_a_registered_environment_of_an_older_api_gets_its_time_limit():
    gym.register("OldWalk-v3", entry_point=OldWalk, max_episode_steps=3, kwargs={"limit": 100})
    try:
        env = make_env("gym:OldWalk-v3", render_mode="rgb_array")
        env.reset(seed=0)
        assert [env.step(0)[2:4] for _ in range(3)] == [(False, False)] * 2 + [(False, True)]
        assert env.render().shape == (4, 6, 3)
    finally:
        del gym.envs.registry["OldWalk-v3"]


def test_spaces_are_converted():
    old = gym.spaces.Dict(
        a=gym.spaces.Tuple([gym.spaces.Discrete(3, start=1), gym.spaces.MultiBinary(4)]),
        b=gym.spaces.MultiDiscrete([2, 5]),
        c=gym.spaces.Box(0, 255, (2, 2), np.uint8),
    )
    env = OldWalk()
    env.observation_space = old
    new = gymnasium.spaces
    assert old_gym.adapt(env).observation_space == new.Dict(
        a=new.Tuple([new.Discrete(3, start=1), new.MultiBinary(4)]),
        b=new.MultiDiscrete([2, 5]),
        c=new.Box(0, 255, (2, 2), np.uint8),
    )


def test_a_space_without_equivalent_is_named():
    env = OldWalk()
    env.action_space = SimpleNamespace()
    with pytest.raises(AgentlabError, match=r"space namespace\(\) of an old environment"):
        old_gym.adapt(env)


def test_a_step_result_of_the_wrong_length_is_named():
    env = OldWalk()
    env.step = lambda action: (0, 1, True)
    adapted = old_gym.adapt(env)
    adapted.reset()
    with pytest.raises(AgentlabError, match="returned 3 values; it must return 4"):
        adapted.step(0)


def test_without_gym_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AgentlabError, match=r'pip install "gym==0.26.2"'):
        make_env("gym:CartPole-v1")


def test_an_unknown_id_suggests_similar_ones():
    with pytest.raises(AgentlabError, match="did you mean 'gym:CartPole-v1'"):
        make_env("gym:CartPol-v1")
    with pytest.raises(AgentlabError, match="Gymnasium has 'Pong-v0'"):
        make_env("gym:Pong-v0")
