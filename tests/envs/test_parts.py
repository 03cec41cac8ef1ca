import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.envs import Preprocessing
from agentlab.envs.parts import Parts, as_parts, has_channels_first
from agentlab.envs.spaces import space_from_json, space_to_json
from agentlab.errors import AgentlabError


class Robot(gymnasium.Env):
    """A nested observation whose parts all contain the number of steps so far."""

    def __init__(self, **spaces_of_robot):
        self.observation_space = spaces.Dict(
            camera=spaces.Box(0, 255, (6, 5, 3), np.uint8),
            arm=spaces.Tuple([spaces.Discrete(9, start=1), spaces.Box(-9, 9, (2,), np.float64)]),
            **spaces_of_robot,
        )
        self.action_space = spaces.Discrete(3)

    def see(self):
        image = np.full((6, 5, 3), self.t, np.uint8)
        arm = (self.t + 1, np.array([self.t, -self.t], np.float64))
        others = set(self.observation_space) - {"camera", "arm"}
        return {"camera": image, "arm": arm, **dict.fromkeys(others, "go")}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.see(), {"action_mask": np.array([1, 0, 1], np.int8)}

    def step(self, action):
        self.t += 1
        mask = np.array([self.t % 2 == 0, 1, self.t % 2], np.int8)
        return self.see(), 1.0, self.t == 3, False, {"action_mask": mask}


@pytest.mark.parametrize("workers", [0, 2])
def test_parts_are_read_by_name(workers):
    with agentlab.make_envs(Robot, 2, workers=workers) as envs:
        assert set(envs.observation_space) == {"arm/0", "arm/1", "camera"}
        observations = envs.reset(seed=0)
        assert observations["camera"].shape == (2, 6, 5, 3)
        step = envs.step(np.array([0, 2]))
        assert step.next_observations["arm/0"].tolist() == [2, 2]
        assert step.next_observations["arm/1"].tolist() == [[1, -1], [1, -1]]
        assert step.next_observations["arm/1"].dtype == np.float64
        assert (step.next_observations["camera"] == 1).all()
        assert (step.next_observations.min(), step.next_observations.max()) == (-1, 2)
        for _ in range(2):
            step = envs.step(np.array([0, 2]))
        assert step.final_observations["arm/0"].tolist() == [4, 4]
        assert step.true_next_observations["arm/0"].tolist() == [4, 4]
        assert step.next_observations["arm/0"].tolist() == [1, 1]


def test_unfinished_episodes_with_parts_are_replayed():
    with agentlab.make_envs(Robot, 2) as envs, agentlab.make_envs(Robot, 2) as others:
        envs.reset(seed=0)
        step = envs.step(np.array([0, 2]))
        assert not others.restore(envs.state()).any()
        assert np.array_equal(others.observations, step.next_observations)


def test_a_part_that_is_not_an_array_is_left_out_with_a_warning(capsys):
    with agentlab.make_envs(lambda: Robot(mission=spaces.Text(9)), 2) as envs:
        assert set(envs.observation_space) == {"arm/0", "arm/1", "camera"}
        envs.reset(seed=0)
    said = capsys.readouterr().err
    assert said.count("the part 'mission' of the observations is left out") == 1


def test_an_observation_without_arrays_is_refused():
    env = gymnasium.make("CartPole-v1")
    env.observation_space = spaces.Dict(text=spaces.Text(5))
    with pytest.raises(AgentlabError, match="no part that is an array: write a wrapper"):
        agentlab.make_envs(lambda: env)


def test_info_with_an_action_mask_becomes_a_part():
    masks = Preprocessing(action_masks=True)
    with agentlab.make_envs(Robot, 2, preprocessing=masks) as envs:
        assert envs.reset(seed=0)["action_mask"].tolist() == [[1, 0, 1]] * 2
        step = envs.step(np.array([0, 2]))
        assert step.next_observations["action_mask"].tolist() == [[0, 1, 1]] * 2
    with (
        agentlab.make_envs("CartPole-v1", preprocessing=masks) as envs,
        pytest.raises(AgentlabError, match="action_masks=True, but info of .* no 'action_mask'"),
    ):
        envs.reset()
    with pytest.raises(
        AgentlabError, match="masks need Discrete or MultiDiscrete actions, not Box"
    ):
        agentlab.make_envs("Pendulum-v1", preprocessing=masks)


def test_a_missing_part_or_a_part_of_another_shape_is_named():
    parts = Parts({"x": spaces.Box(-1, 1, (2,)), "n": spaces.Discrete(3)})
    with pytest.raises(AgentlabError, match=r"the part 'x' .* is float32 \(3,\), but .* \(2,\)"):
        parts.row({"x": np.zeros(3, np.float32), "n": 1})
    with pytest.raises(AgentlabError, match="the part 'n' .* is float64"):
        parts.row({"x": np.zeros(2, np.float32), "n": 0.5})


@pytest.mark.parametrize(
    ("shape", "first"),
    [
        ((4, 84, 84), True),
        ((3, 64, 48), True),
        ((1, 28, 28), True),
        ((16, 64, 64), True),
        ((84, 84, 4), False),
        ((7, 7, 3), False),
        ((84, 84, 84), False),
        ((2, 200, 3), False),
        ((84, 84), False),
    ],
)
def test_channels_first_are_recognized_by_the_shape(shape, first):
    assert has_channels_first(shape) is first


class Camera(gymnasium.Env):
    observation_space = spaces.Box(0, 255, (3, 8, 6), np.uint8)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.arange(3 * 8 * 6, dtype=np.uint8).reshape(3, 8, 6), {}


def test_channels_first_are_moved_last_on_request():
    with agentlab.make_envs(Camera, preprocessing=Preprocessing(channels_first=True)) as envs:
        assert envs.observation_space == spaces.Box(0, 255, (8, 6, 3), np.uint8)
        assert np.array_equal(envs.reset()[0], np.moveaxis(Camera().reset()[0], 0, -1))
    inside = lambda: gymnasium.wrappers.TransformObservation(  # noqa: E731
        Camera(), lambda image: {"image": image}, spaces.Dict(image=Camera.observation_space)
    )
    with agentlab.make_envs(inside, preprocessing=Preprocessing(channels_first=True)) as envs:
        assert envs.reset()["image"].shape == (1, 8, 6, 3)
    with pytest.raises(AgentlabError, match="channels_first=True needs images"):
        agentlab.make_envs("CartPole-v1", preprocessing=Preprocessing(channels_first=True))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(5, start=-2, dtype=np.int32),
        spaces.MultiDiscrete([[3, 2], [4, 5]], start=[[1, -4], [0, 0]], dtype=np.int32),
        spaces.MultiBinary([2, 3]),
        spaces.Box(-1, 1, (2,), np.float64),
        as_parts(spaces.Dict(a=spaces.Tuple([spaces.Discrete(3, start=2)]), b=spaces.Box(0, 1))),
    ],
)
def test_a_saved_space_keeps_its_start_and_its_dtype(space):
    loaded = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert loaded == space and loaded.dtype == space.dtype
    assert np.array_equal(getattr(loaded, "start", 0), getattr(space, "start", 0))


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (
            {str(i): {"type": "Box", "shape": [1 << 14, 1 << 9]} for i in range(9)},
            "75,497,472 elem",
        ),
        ({"a": {"type": "Parts", "parts": {}}}, "parts in parts"),
        ({"a": {"type": "Text"}}, "'Text' is unknown"),
    ],
)
def test_a_saved_space_that_is_too_large_or_unknown_is_refused(parts, says):
    with pytest.raises(AgentlabError, match=says):
        space_from_json({"type": "Parts", "parts": parts})
