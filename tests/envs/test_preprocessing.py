import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from agentlab.envs import (
    AtariVector,
    LocalVector,
    Preprocessed,
    Preprocessing,
    WorkerVector,
    make_envs,
)
from agentlab.errors import AgentlabError


class Screen(gymnasium.Env):
    """Shows given frames one after the other; pays 3 a step; loses lives as given."""

    action_space = spaces.Discrete(3)

    def __init__(self, frames, lives=None):
        self.frames, self.lives = frames, lives or [1] * len(frames)
        self.observation_space = spaces.Box(0, 255, frames[0].shape, np.uint8)
        self.actions = []

    def get_action_meanings(self):
        return ["NOOP", "FIRE", "UP"]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.frames[0], {"lives": self.lives[0]}

    def step(self, action):
        self.actions.append(action)
        self.t += 1
        over = self.t == len(self.frames) - 1
        return self.frames[self.t], 3.0, over, False, {"lives": self.lives[self.t]}


def frames(*levels, shape=(2, 2)):
    return [np.full(shape, level, np.uint8) for level in levels]


def seen(screen, actions=0, **options):
    """All observations of one episode under a preprocessing with these options."""
    env = Preprocessed(Screen(screen), Preprocessing(grayscale=True, **options))
    observations = [env.reset()[0]]
    over = False
    while not over:
        observation, _, over, _, _ = env.step(actions)
        observations.append(observation)
    assert all(env.observation_space.contains(o) for o in observations)
    return observations


def test_grayscale_equals_the_emulators():
    red_green_blue = [np.eye(3, dtype=np.uint8)[None] * 255] * 2
    assert seen(red_green_blue)[0][0, :, 0].tolist() == [76, 150, 29]


def test_crop_and_stride_keep_the_given_rows_and_columns():
    frame = np.arange(48, dtype=np.uint8).reshape(8, 6)
    assert seen([frame] * 2, crop=(2, 6), stride=2)[0][..., 0].tolist() == [
        [12, 14, 16],
        [24, 26, 28],
    ]


def test_resize_averages_areas():
    frame = np.array([[0, 0, 90], [0, 0, 90], [30, 30, 30]], np.uint8)
    # A cell of two thirds of the side covers a pixel and half of the next.
    expected = [[0, 60], [20, 40]]
    assert seen([frame] * 2, resize=2)[0][..., 0].tolist() == expected


def test_background_and_binary():
    frame = np.array([[0, 87], [5, 200]], np.uint8)
    assert seen([frame] * 2, background=(87,))[0][..., 0].tolist() == [[0, 0], [5, 200]]
    binary = seen([frame] * 2, background=(87,), binary=True)[0]
    assert binary[..., 0].tolist() == [[0, 0], [1, 1]]
    assert binary.dtype == np.uint8


def test_differences_start_at_zero_and_are_signed():
    observations = seen(frames(10, 30, 5), difference=True)
    assert [int(o[0, 0, 0]) for o in observations] == [0, 20, -25]
    assert observations[0].dtype == np.int16
    binary = seen(frames(0, 9, 9, 0), difference=True, binary=True)
    assert [int(o[0, 0, 0]) for o in binary] == [0, 1, 0, -1]
    assert binary[0].dtype == np.int8


def test_a_stack_starts_with_the_first_frame_repeated():
    observations = seen(frames(1, 2, 3, 4), frame_stack=3)
    assert [o[0, 0].tolist() for o in observations] == [[1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4]]


def test_a_stack_never_holds_frames_of_two_episodes():
    env = Preprocessed(Screen(frames(1, 2, 3)), Preprocessing(grayscale=True, frame_stack=2))
    for _ in range(2):
        assert env.reset()[0][0, 0].tolist() == [1, 1]
        assert env.step(0)[0][0, 0].tolist() == [1, 2]


def test_an_observation_is_not_changed_by_later_steps():
    first, *_ = seen(frames(1, 2, 3, 4), frame_stack=2)
    assert first[0, 0].tolist() == [1, 1]


def test_frames_are_skipped_and_the_last_two_are_max_pooled():
    observations = seen(frames(9, 1, 7, 3, 2, 8, 4), frame_skip=3, max_pool=True)
    assert [int(o[0, 0, 0]) for o in observations] == [9, 7, 8]


def test_rewards_are_summed_over_skipped_frames_and_raw_rewards_stay_unclipped():
    env = Preprocessed(Screen(frames(*range(7))), Preprocessing(frame_skip=2, clip_rewards=True))
    env.reset()
    assert env.step(0)[1] == 1
    assert env.raw_reward == 6


def test_a_lost_life_terminates_without_ending_the_game():
    lives = [3, 3, 2, 2, 1, 0]
    env = Preprocessed(Screen(frames(*range(6)), lives), Preprocessing(life_loss=True))
    env.reset()
    ends = [(env.step(0)[2], env.episode_over) for _ in range(5)]
    expected = [(False, False), (True, False), (False, False), (True, False), (True, True)]
    assert ends == expected


def test_a_vector_does_not_reset_after_a_lost_life_and_reports_whole_episodes():
    lives = [2, 2, 1, 1]
    envs = make_envs(
        lambda: Screen(frames(0, 1, 2, 3), lives), preprocessing=Preprocessing(life_loss=True)
    )
    envs.reset(0)
    steps = [envs.step(np.zeros(1, np.int64)) for _ in range(3)]
    assert [bool(s.terminated[0]) for s in steps] == [False, True, True]
    assert [bool(s.episode_over[0]) for s in steps] == [False, False, True]
    assert int(steps[1].next_observations[0, 0, 0]) == 2  # no reset: the game goes on


def test_fire_is_pressed_at_the_start_and_after_a_lost_life():
    screen = Screen(frames(*range(9)), [3, 3, 3, 2, 2, 2, 2, 2, 2])
    env = Preprocessed(screen, Preprocessing(fire_reset=True))
    env.reset()
    for _ in range(3):
        env.step(2)
    assert screen.actions == [1, 2, 2, 1, 2]


def test_no_ops_at_the_start_depend_on_the_seed():
    def played(seed):
        screen = Screen(frames(*range(40)))
        Preprocessed(screen, Preprocessing(noop_max=30)).reset(seed=seed)
        return screen.actions

    assert played(1) == played(1)
    assert set(played(1)) <= {0}
    assert len({len(played(seed)) for seed in range(9)}) > 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"stride": 0}, "stride=0 must be 1 or more"),
        ({"noop_max": -1}, "noop_max=-1 must be 0 or more"),
        ({"grayscale": True, "resize": 0}, "resize=0 must be 1 or more, or none"),
        ({"grayscale": True, "crop": (9, 3)}, r"crop=\(9, 3\) must be two rows"),
        ({"binary": True}, "binary=True needs grayscale frames: set grayscale"),
    ],
)
def test_invalid_options_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        Preprocessing(**options)


def test_preprocessing_that_does_not_fit_the_environment_is_refused():
    for options, says in [
        ({"grayscale": True}, "not images"),
        ({"fire_reset": True}, "has no FIRE action"),
    ]:
        with pytest.raises(AgentlabError, match=says):
            make_envs("CartPole-v1", preprocessing=Preprocessing(**options))
    with pytest.raises(AgentlabError, match="exceeds the 210 rows of a frame"):
        make_envs("Pong-v0", preprocessing=Preprocessing(grayscale=True, crop=(0, 300)))


def test_pong_v0_keeps_its_frame_skip_under_preprocessing():
    arguments = gymnasium.spec("Pong-v0").kwargs
    assert arguments["frameskip"] == (2, 5)  # drawn from 2, 3, 4
    assert arguments["repeat_action_probability"] == 0.25
    with make_envs("Pong-v0", 1) as raw:
        assert raw.observation_space.shape == (210, 160, 3)
        env = raw._envs[0].unwrapped
        frames_before, steps = env.ale.getFrameNumber(), []
        raw.reset(0)
        for _ in range(40):
            frames_before = env.ale.getFrameNumber()
            raw.step(np.zeros(1, np.int64))
            steps.append(env.ale.getFrameNumber() - frames_before)
    assert set(steps) == {2, 3, 4}


def test_the_fastest_vector_that_supports_an_environment_is_chosen():
    pong = Preprocessing(grayscale=True, crop=(34, 194), stride=2, binary=True)
    square = Preprocessing(grayscale=True, resize=84, frame_stack=4)
    for env, n, preprocessing, workers, kind in [
        ("CartPole-v1", 2, None, None, LocalVector),
        ("CartPole-v1", 2, None, 1, WorkerVector),
        ("Pong-v0", 2, pong, None, WorkerVector),  # a random frame skip
        ("Pong-v0", 2, pong, 0, LocalVector),
        ("ALE/Pong-v5", 2, square, None, AtariVector),
        ("ALE/Pong-v5", 2, square, 0, LocalVector),
    ]:
        with make_envs(env, n, preprocessing=preprocessing, workers=workers) as envs:
            assert type(envs) is kind, env
            assert envs.id == env
