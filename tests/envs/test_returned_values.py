"""What environments return is checked at every step, and invalid values are reported."""

import sys

import cloudpickle
import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.envs.check import check_env
from agentlab.envs.failures import EnvFailure
from agentlab.envs.preprocessing import Preprocessing
from agentlab.errors import AgentlabError, InvalidArgument

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this file
UNIT = spaces.Box(-1, 1, (2,), np.float32)


class Scripted(gymnasium.Env):
    """Returns ``wrong`` values in step ``at`` of an episode of 20 steps, valid ones before."""

    action_space = spaces.Discrete(2)

    def __init__(self, space=UNIT, right=None, at=3, **wrong):
        self.observation_space, self.at, self.wrong = space, at, wrong
        self.right = np.zeros(space.shape, space.dtype) if right is None else right

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.wrong.get("observation", self.right) if self.at == 0 else self.right, {}

    def step(self, action):
        self.t += 1
        wrong = self.wrong if self.t == self.at else {}
        result = {
            "observation": self.right,
            "reward": 1.0,
            "terminated": False,
            "truncated": self.t == 20,
            "info": {},
        }
        return wrong.get("result") or tuple({**result, **wrong}.values())


def stepped(steps=10, n=1, workers=0, preprocessing=None, **options):
    """Steps a vector of scripted environments."""
    options = {"at": 3, **options}
    with agentlab.make_envs(
        lambda: Scripted(**options), n, workers=workers, preprocessing=preprocessing
    ) as envs:
        envs.reset(5)
        return [envs.step(np.zeros(n, np.int64)) for _ in range(steps)]


NAN = np.array([0, np.nan], np.float32)
PIXELS = spaces.Box(0, 255, (4,), np.uint8)
OFFENCES = [
    ({"reward": float("nan")}, "the reward of step() is nan; it must be finite"),
    ({"reward": np.float32("inf")}, "the reward of step() is inf; it must be finite"),
    ({"reward": None}, "the reward of step() is None (NoneType); it must be a number"),
    ({"reward": "1"}, "the reward of step() is '1' (str); it must be a number"),
    ({"reward": np.ones(1)}, "the reward of step() is an array of float64 (1,)"),
    ({"reward": 1e39}, "the reward of step() is 1e+39; it must be at most 3.4e+38"),
    ({"observation": NAN}, "the observation of step() is nan at index 1; it must be finite"),
    ({"observation": None}, "is None (NoneType); it must be a NumPy array of float32 (2,)"),
    ({"observation": np.zeros(1, np.float32)}, "has shape (1,), but its space has (2,)"),
    ({"observation": np.float32(0)}, "has shape (), but its space has (2,)"),
    ({"observation": [[0.0], [0.0, 1.0]]}, "it must be a NumPy array of float32 (2,)"),
    ({"observation": np.array([0, 2], np.float32)}, "is 2.0 at index 1, outside the bounds"),
    ({"terminated": None}, "terminated of step() is None (NoneType); it must be True or False"),
    ({"truncated": {}}, "truncated of step() is {} (dict); it must be True or False"),
    ({"info": None}, "info of step() is None (NoneType); it must be a dict"),
    ({"result": (np.zeros(2, np.float32), 1.0, False, {})}, "step() returned a tuple of 4 values"),
    ({"result": 7}, "step() returned 7 (int); it must return the 5 values"),
    ({"space": PIXELS, "observation": np.full(4, 0.5, np.float32)}, "has dtype float32, but"),
    ({"space": PIXELS, "observation": np.full(4, 300)}, "is 300 at index 0, outside the bounds"),
    ({"space": PIXELS, "observation": np.full(4, -1, np.int8)}, "is -1 at index 0, outside"),
    ({"space": spaces.Discrete(5), "observation": 5}, "is 5 (int64), which is not an element"),
    ({"space": spaces.Discrete(5), "observation": 2.0}, "is 2.0 (float), which is not an element"),
    ({"space": spaces.Discrete(5), "observation": 10**30}, "which is not an element of the space"),
    (
        {"space": spaces.MultiDiscrete([3, 3]), "observation": np.array([0, 3])},
        "is 3 at index 1, outside the bounds of its space, 0 to 2",
    ),
    (
        {"space": spaces.Box(0, 9, (2,), np.int16), "observation": np.array([0, 10], np.int16)},
        "is 10 at index 1, outside the bounds of its space, 0 to 9",
    ),
]


@pytest.mark.parametrize(("options", "message"), OFFENCES)
def test_the_first_invalid_value_is_reported_with_its_step(options, message):
    with pytest.raises(EnvFailure) as raised:
        stepped(**options)
    text = str(raised.value)
    assert message in text
    assert text.startswith("env='stepped.<locals>.<lambda>', in step 3 of an episode with seed ")
    assert "\n" not in text


@pytest.mark.parametrize(("options", "message"), OFFENCES)
def test_check_env_has_the_same_messages(options, message):
    with pytest.raises(AgentlabError) as strict:
        check_env(Scripted(**{"at": 3, **options}))
    with pytest.raises(EnvFailure) as raised:
        stepped(**options)
    subject = str(strict.value).partition(" is ")[0].partition(" has ")[0]
    assert subject in str(raised.value)  # of the same value; check_env may object to its dtype


@pytest.mark.parametrize("where", [0, 1])
def test_invalid_values_of_reset_are_reported(where):
    space = [UNIT, spaces.Discrete(5)][where]
    with pytest.raises(EnvFailure, match=r"at the start of an episode .* observation of reset\(\)"):
        stepped(0, space=space, at=0, observation=[NAN, 9][where])
    with pytest.raises(EnvFailure, match=r"the observation of reset\(\) has shape \(3,\)"):
        stepped(0, at=0, observation=np.zeros(3, np.float32))


def test_the_last_observation_of_an_episode_is_checked():
    with pytest.raises(EnvFailure, match="in step 3 .* is nan at index 1"):
        stepped(observation=NAN, terminated=True)


def test_workers_check_as_well():
    with pytest.raises(EnvFailure, match="in step 3 of an episode .* is nan at index 1"):
        stepped(n=2, workers=1, observation=NAN)


@pytest.mark.parametrize(
    ("options", "stored"),
    [
        ({"observation": np.array([0.5, -0.5])}, [0.5, -0.5]),
        ({"observation": [0.5, -0.5]}, [0.5, -0.5]),
        ({"observation": np.array([True, False])}, [1, 0]),
        ({"observation": np.array([1 + 1e-7, -1], np.float32)}, [1, -1]),
        ({"space": PIXELS, "observation": np.array([0, 1, 254, 255])}, [0, 1, 254, 255]),
        ({"space": spaces.Discrete(5), "observation": np.int32(4)}, 4),
        ({"space": spaces.Discrete(3, start=-1), "observation": -1}, -1),
        ({"reward": np.bool_(True)}, [0, 0]),
        ({"reward": np.array(1.0), "terminated": 0, "truncated": np.bool_(False)}, [0, 0]),
    ],
)
def test_lossless_conversions_are_accepted(options, stored):
    step = stepped(3, **options)[-1]
    np.testing.assert_allclose(step.next_observations[0], stored, atol=1e-6)
    assert step.rewards[0] == 1


def test_floats_that_leave_the_bounds_later_are_reported_once(capsys):
    # As Gymnasium's LunarLander does: an error would end a training that is not harmed.
    steps = stepped(19, at=12, observation=np.full(2, 3, np.float32), n=2)
    assert (steps[11].next_observations == 3).all()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "in step 12 of an episode" in lines[0] and "is 3.0 at index 0, outside" in lines[0]
    with pytest.raises(EnvFailure, match="in step 12 .* is nan"):
        stepped(19, at=12, observation=NAN)


def test_frames_are_checked_before_they_are_preprocessed():
    screen = spaces.Box(0, 255, (4, 4, 3), np.uint8)
    stack = Preprocessing(grayscale=True, frame_stack=2, frame_skip=2)
    for wrong, message in (
        (np.full((4, 4, 3), 0.5), "has dtype float64, but its space has uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"has shape \(4, 4, 4\), but its space has \(4, 4, 3\)"),
    ):
        with pytest.raises(EnvFailure, match=message):
            stepped(space=screen, observation=wrong, preprocessing=stack)
    with pytest.raises(EnvFailure, match="reward of step.. is None"):
        stepped(reward=None, preprocessing=Preprocessing(clip_rewards=True))


def test_one_object_as_several_copies_is_refused():
    env = gymnasium.make("CartPole-v1")
    with pytest.raises(EnvFailure, match=r"gives the same object more than once \(1 for 3 env"):
        agentlab.make_envs(lambda: env, 3)
    with pytest.raises(EnvFailure, match="gives the same object more than once"):
        agentlab.make_envs(lambda: gymnasium.wrappers.TimeLimit(env, 9), 2)
    with agentlab.make_envs(lambda: env) as envs:  # a single one is fine
        envs.reset(0)


def test_copies_with_other_spaces_are_refused():
    sizes = iter([2, 2, 3])
    with pytest.raises(EnvFailure, match="has copies with different observation_spaces: Discrete"):
        agentlab.make_envs(lambda: Scripted(spaces.Discrete(next(sizes))), 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_action_that_is_changed_in_place_stays_as_it_was_chosen(workers):
    class Scales(Scripted):
        action_space = UNIT

        def step(self, action):
            action *= 100
            return super().step(0)

    chosen = np.full((2, 2), 0.5, np.float32)
    with agentlab.make_envs(Scales, 2, workers=workers) as envs:
        envs.reset(0)
        for _ in range(5):
            step = envs.step(chosen)
        assert (chosen == 0.5).all() and (step.actions == 0.5).all()
        state = envs.state()
        assert not envs.restore(state).any()
        assert (state["actions"] == 0.5).all()


@pytest.mark.parametrize("space", [spaces.Dict(a=UNIT), spaces.Tuple([UNIT, UNIT])])
@pytest.mark.parametrize("workers", [0, 1])
def test_actions_of_several_parts_are_refused_before_anything_starts(space, workers):
    class Parts(Scripted):
        action_space = space

    with pytest.raises(InvalidArgument, match=r"has actions in the space .* is not an array"):
        agentlab.make_envs(Parts, workers=workers)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (gymnasium.make("CartPole-v1"), "pass .* such as lambda: gymnasium.make\\('CartPole-v1'"),
        (Scripted(), "is one environment; pass .* such as lambda: Scripted\\(\\)"),
        (gymnasium.make_vec("CartPole-v1", 2), "is one environment; pass an id or a function"),
        (["CartPole-v1"], "env=\\['CartPole-v1'\\] \\(list\\) must be an id"),
        (lambda: None, "returned None \\(NoneType\\); it must return a gymnasium.Env"),
        (lambda: Scripted, "returned <class .* it must return a gymnasium.Env"),
    ],
)
def test_what_is_not_an_id_or_a_function_is_explained(env, message):
    with pytest.raises(AgentlabError, match=message):
        agentlab.make_envs(env, 2)


def test_a_plain_environment_instead_of_a_vector_is_explained():
    env = gymnasium.make("CartPole-v1")
    envs = agentlab.make_envs("CartPole-v1")
    agent = agentlab.make_agent("random", envs)
    for call in (
        lambda: agentlab.make_agent("random", env),
        lambda: agentlab.train(agent, env, 10),
        lambda: agentlab.evaluate(agent, env),
    ):
        with pytest.raises(InvalidArgument, match=r"is not a vector .* agentlab.make_envs\("):
            call()


def test_check_env_explains_what_is_not_an_environment():
    for env in (Scripted, "CartPole-v1", lambda: Scripted()):
        with pytest.raises(InvalidArgument, match="is not an environment; pass gymnasium.make"):
            check_env(env)
