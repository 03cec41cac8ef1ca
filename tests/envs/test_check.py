"""check_env names the rule that an environment breaks."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agentlab.envs.check import check_env
from agentlab.errors import AgentlabError


class Walk(gymnasium.Env):
    """A right environment; every test breaks one thing of it."""

    observation_space = spaces.Box(-100, 100, (2,), np.float32)
    action_space = spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self.steps = 0
        return self.state, {}

    def step(self, action):
        self.steps += 1
        self.state += np.float32(0.1 * (action - 1))  # in place, which is allowed
        return self.state, 1.0, self.steps == 7, False, {}


def test_a_correct_environment_passes():
    check_env(Walk())


@pytest.mark.parametrize("id", ["CartPole-v1", "Taxi-v4", "Blackjack-v1", "Pendulum-v1"])
def test_environments_of_gymnasium_pass(id):
    check_env(gymnasium.make(id))


def broken(**attributes):
    return type("Broken", (Walk,), attributes)()


def reset_giving(result):
    return broken(reset=lambda self, *, seed=None, options=None: result)


def step_giving(*result):
    return broken(step=lambda self, action: tuple(result))


def step_with(**changes):
    names = ("observation", "reward", "terminated", "truncated", "info")

    def step(self, action):
        result = dict(zip(names, Walk.step(self, action), strict=True))
        return tuple({**result, **changes}.values())

    return broken(step=step)


right = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (object(), "has no method reset()"),
        (broken(observation_space=None), "no observation_space: set self.observation_space in"),
        (broken(action_space=None), "no action_space"),
        (broken(action_space=3), "action_space=3 (int) is not a space of gymnasium.spaces"),
        (reset_giving(right), "reset() returned an array of float32 (2,); it must return the pair"),
        (reset_giving((right, {}, 1)), "reset() returned a tuple of 3 values"),
        (reset_giving((right, None)), "info of reset() is None (NoneType); it must be a dict"),
        (broken(reset=lambda self: (right, {})), "reset(seed=0) raised TypeError"),
        (
            reset_giving((np.zeros(2), {})),
            "the observation of reset() has dtype float64, but its space has float32",
        ),
        (
            reset_giving((np.zeros(3, np.float32), {})),
            "the observation of reset() has shape (3,), but its space has (2,)",
        ),
        (
            reset_giving(([0.0, 0.0], {})),
            "is [0.0, 0.0] (list); it must be a NumPy array of float32 (2,)",
        ),
        (
            step_with(observation=np.array([0, 101], np.float32)),
            "is 101.0 at index 1, outside the bounds of its space, -100.0 to 100.0",
        ),
        (
            step_with(observation=np.array([np.nan, 0], np.float32)),
            "the observation of step() is nan at index 0",
        ),
        (step_giving(right, 1.0, False, {}), "step() returned a tuple of 4 values"),
        (step_giving(right, 1.0, False, {}), "agentlab.envs.old_gym.adapt converts"),
        (step_with(reward="1"), "the reward of step() is '1' (str); it must be a number"),
        (step_with(reward=np.ones(1)), "the reward of step() is an array of float64 (1,)"),
        (step_with(reward=None), "the reward of step() is None"),
        (step_with(reward=float("nan")), "the reward of step() is nan; it must be finite"),
        (step_with(terminated=0), "terminated of step() is 0 (int); it must be True or False"),
        (step_with(truncated=None), "truncated of step() is None (NoneType)"),
        (step_with(info=[]), "info of step() is [] (list); it must be a dict"),
        (
            broken(action_space=spaces.Discrete(3, start=5), step=lambda self, a: [0, 1, 2][a]),
            "raised IndexError: list index out of range",
        ),
        (
            broken(observation_space=spaces.Discrete(4)),
            "is an array of float32 (2,), which is not an element of the space",
        ),
    ],
)
def test_the_violation_is_named(env, message):
    with pytest.raises(AgentlabError) as raised:
        check_env(env)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_seed_that_does_not_determine_the_first_observation_is_named():
    def reset(self, *, seed=None, options=None):
        Walk.reset(self, seed=seed)
        return np.random.uniform(-1, 1, 2).astype(np.float32), {}

    with pytest.raises(AgentlabError, match=r"reset\(seed=123\) called twice gave two different"):
        check_env(broken(reset=reset))


def test_a_seed_that_does_not_determine_the_steps_is_named():
    def step(self, action):
        return np.random.uniform(-1, 1, 2).astype(np.float32), 1.0, False, False, {}

    with pytest.raises(AgentlabError, match=r"after reset\(seed=123\) gave two different results"):
        check_env(broken(step=step))


def test_parts_of_a_dict_are_named():
    space = spaces.Dict(at=spaces.Box(0, 1, (1,)), pair=spaces.Tuple([spaces.Discrete(2)] * 2))
    observation = {"at": np.zeros(1, np.float32), "pair": (0, 2)}
    env = broken(
        observation_space=space,
        reset=lambda self, *, seed=None, options=None: (observation, {}),
    )
    with pytest.raises(AgentlabError, match=r"of reset\(\) at 'pair' at 1 is 2"):
        check_env(env)
    observation.pop("pair")
    with pytest.raises(AgentlabError, match=r"must have the keys \['at', 'pair'\]"):
        check_env(env)


@pytest.mark.parametrize("image", [None, np.zeros((4, 4)), np.zeros((4, 4), np.uint8)])
def test_a_wrong_image_is_named(image):
    env = broken(render_mode="rgb_array", render=lambda self: image)
    with pytest.raises(AgentlabError, match="must return an array of uint8"):
        check_env(env)


def test_a_space_of_gym_is_named():
    gym = pytest.importorskip("gym")
    env = broken(action_space=gym.spaces.Discrete(2))
    with pytest.raises(AgentlabError, match="agentlab.envs.old_gym.adapt converts it"):
        check_env(env)
