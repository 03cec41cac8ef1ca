"""ale-py's threads give the same games as one emulator at a time, and ids keep their meaning."""

import dataclasses
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from agentlab.envs import LocalVector, Preprocessed, Preprocessing, make_env
from agentlab.envs.atari_vector import AtariVector, supports
from agentlab.errors import AgentlabError

SPECS = gymnasium.registry
USUAL = Preprocessing(grayscale=True, resize=84, frame_stack=4)
DEEPMIND = Preprocessing(grayscale=True, resize=84, frame_stack=4, frame_skip=4, max_pool=True)


def changed(preprocessing=USUAL, **changes):
    return dataclasses.replace(preprocessing, **changes)


@pytest.mark.parametrize(
    ("id", "preprocessing", "kwargs", "expected"),
    [
        ("ALE/Pong-v5", USUAL, {}, True),
        ("ALE/Pong-v5", USUAL, {"obs_type": "grayscale"}, True),
        ("ALE/Pong-v5", USUAL, {"full_action_space": True}, True),
        ("PongNoFrameskip-v4", DEEPMIND, {}, True),
        ("PongNoFrameskip-v0", changed(DEEPMIND, noop_max=30, life_loss=True), {}, True),
        ("ALE/Pong-v5", changed(clip_rewards=True, frame_stack=1), {}, True),
        # What its options cannot express:
        ("Pong-v0", USUAL, {}, False),  # a random frame skip
        ("CartPole-v1", USUAL, {}, False),
        ("ALE/Pong-v5", Preprocessing(), {}, False),
        ("ALE/Pong-v5", Preprocessing(grayscale=True), {}, False),
        ("ALE/Pong-v5", changed(crop=(34, 194)), {}, False),
        ("ALE/Pong-v5", changed(stride=2), {}, False),
        ("ALE/Pong-v5", changed(background=(87,)), {}, False),
        ("ALE/Pong-v5", changed(binary=True), {}, False),
        ("ALE/Pong-v5", changed(difference=True), {}, False),
        ("ALE/Pong-v5", changed(fire_reset=True), {}, False),
        ("ALE/Pong-v5", changed(noop_max=30), {}, False),  # no-ops of 4 frames
        ("ALE/Pong-v5", changed(max_pool=True), {}, False),  # over frames 4 apart
        ("PongNoFrameskip-v4", changed(DEEPMIND, frame_skip=1), {}, False),
        ("ALE/Pong-v5", USUAL, {"mode": 1}, False),
        ("ALE/Pong-v5", USUAL, {"obs_type": "ram"}, False),
        ("ALE/Pong-v5", USUAL, {"continuous": True}, False),
        ("ALE/Pong-v5", USUAL, {"frameskip": (2, 5)}, False),
        ("ALE/Pong-v5", USUAL, {"max_num_frames_per_episode": 1001}, False),
    ],
)
def test_supports_accepts_only_what_ale_py_implements(id, preprocessing, kwargs, expected):
    assert supports(SPECS[id], preprocessing, **kwargs) is expected


@pytest.mark.parametrize(
    ("id", "preprocessing", "kwargs", "steps"),
    [
        (
            "ALE/Pong-v5",
            changed(clip_rewards=True),
            {"repeat_action_probability": 0.0, "max_num_frames_per_episode": 400},
            120,
        ),
        ("BreakoutNoFrameskip-v4", changed(DEEPMIND, life_loss=True), {}, 250),
        (
            "ALE/Breakout-v5",
            changed(resize=80, frame_stack=3),
            {"repeat_action_probability": 0.0, "max_num_frames_per_episode": 200},
            120,
        ),
        (
            "ALE/MsPacman-v5",
            changed(life_loss=True),
            {"repeat_action_probability": 0.0, "full_action_space": True},
            200,
        ),
    ],
)
def test_steps_equal_those_of_one_emulator(id, preprocessing, kwargs, steps):
    """Without sticky actions a game follows from its actions, so both must play the same one."""

    def make():
        env = make_env(id, obs_type="grayscale", **kwargs)
        return Preprocessed(env, preprocessing)

    vector = AtariVector(SPECS[id], 2, preprocessing, **kwargs)
    local = LocalVector([make], id)
    assert vector.observation_space == local.observation_space
    assert vector.action_space == local.action_space
    rng = np.random.default_rng(0)
    ends = 0
    with vector, local:
        assert differ(vector.reset(0)[:1], local.reset(0)) <= 1
        for _ in range(steps):
            actions = rng.integers(vector.action_space.n, size=1)
            mine, its = vector.step(actions.repeat(2)), local.step(actions)
            for name in ("rewards", "raw_rewards", "terminated", "truncated", "episode_over"):
                one, other = getattr(mine, name), getattr(its, name)
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other.repeat(2), err_msg=name)
            assert differ(mine.next_observations[:1], its.next_observations) <= 1
            assert mine.next_observations.dtype == its.next_observations.dtype
            if len(its.ended):
                ends += 1
                assert mine.ended.tolist() == [0, 1]
                over = mine.terminated[0] and mine.episode_over[0]
                # ale-py keeps the last frame of a game to itself: see AtariVector.
                seen = slice(None, -1) if over else slice(None)
                ours = mine.final_observations[:1, ..., seen]
                assert differ(ours, its.final_observations[..., seen]) <= 1
    assert ends


def differ(one, other):
    """The largest difference of two images; 1 is a matter of rounding after resizing."""
    return np.abs(one.astype(np.int16) - other).max()


def test_environments_are_reset_within_the_step_that_ends_an_episode():
    kwargs = {"repeat_action_probability": 0.0, "max_num_frames_per_episode": 40}
    with AtariVector(SPECS["ALE/Pong-v5"], 2, USUAL, **kwargs) as envs:
        first = envs.reset(seed=0)
        for step in range(1, 31):
            result = envs.step(np.full(2, 2))
            np.testing.assert_array_equal(
                result.true_next_observations[..., :-1], result.observations[..., 1:]
            )
            assert result.truncated.all() == (step % 10 == 0)
            if result.truncated.all():
                np.testing.assert_array_equal(result.next_observations, first)
                assert (result.final_observations != first).any()


def test_environments_are_reset_independently():
    with AtariVector(SPECS["ALE/Breakout-v5"], 3, USUAL) as envs:
        envs.reset(seed=1)
        rng = np.random.default_rng(1)
        alone = 0
        for _ in range(600):
            step = envs.step(rng.integers(4, size=3))
            assert len(step.final_observations) == len(step.ended)
            running = ~step.episode_over
            np.testing.assert_array_equal(
                step.next_observations[running, ..., :-1], step.observations[running, ..., 1:]
            )
            begun = step.next_observations[step.episode_over]
            assert (begun == begun[..., :1]).all()
            alone += len(step.ended) == 1
        assert alone


def test_seeds_reproduce_games_and_differ_between_environments():
    preprocessing = changed(DEEPMIND, noop_max=30)

    def play(envs, seed):
        rng = np.random.default_rng(0)
        seen = [envs.reset(seed)]
        return np.stack(
            seen + [envs.step(rng.integers(6, size=4)).true_next_observations for _ in range(30)]
        )

    with AtariVector(SPECS["PongNoFrameskip-v0"], 4, preprocessing) as envs:
        once, again, other = play(envs, 5), play(envs, 5), play(envs, 6)
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    assert all((once[:, 0] != once[:, i]).any() for i in range(1, 4))


def test_no_ops_number_0_to_noop_max():
    with AtariVector(SPECS["PongNoFrameskip-v4"], 8, changed(DEEPMIND, noop_max=3)) as envs:
        envs.reset(seed=0)
        resets = [envs._env.reset()[1] for _ in range(8)]
        numbers = np.stack([info["episode_frame_number"] for info in resets])
        assert set(numbers.ravel().tolist()) == {0, 1, 2, 3}


def test_rewards_are_clipped_and_raw_rewards_are_not():
    with AtariVector(SPECS["ALE/MsPacman-v5"], 2, changed(clip_rewards=True)) as envs:
        envs.reset(seed=0)
        steps = [envs.step(np.full(2, 3)) for _ in range(100)]
        rewards = np.stack([step.rewards for step in steps])
        raw_rewards = np.stack([step.raw_rewards for step in steps])
        np.testing.assert_array_equal(rewards, np.sign(raw_rewards))
        assert raw_rewards.max() == 10
        assert (rewards.dtype, raw_rewards.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("actions", [[0, 6], [-1, 0], [0], [0, 0, 0]])
def test_an_invalid_action_is_an_error_not_a_deadlock(actions):
    with AtariVector(SPECS["ALE/Pong-v5"], 2, USUAL) as envs:
        envs.reset(seed=0)
        with pytest.raises(AgentlabError, match="must be 2 whole numbers from 0 to 5"):
            envs.step(np.array(actions))


def test_unsupported_preprocessing_is_refused():
    with pytest.raises(
        AgentlabError, match="env='Pong-v0' with .* is not supported by AtariVectorEnv"
    ):
        AtariVector(SPECS["Pong-v0"], 2, USUAL)


def test_render_shows_what_the_first_environment_observes():
    with AtariVector(SPECS["ALE/Pong-v5"], 2, USUAL) as envs:
        observations = envs.reset(seed=0)
        image = envs.render()
        assert (image.shape, image.dtype) == ((84, 84, 3), np.uint8)
        np.testing.assert_array_equal(image[..., 0], observations[0, ..., -1])


def test_making_prints_nothing():
    script = (
        "import gymnasium; from agentlab.envs import Preprocessing\n"
        "from agentlab.envs.atari_vector import AtariVector\n"
        "p = Preprocessing(grayscale=True, resize=84)\n"
        "AtariVector(gymnasium.registry['ALE/Pong-v5'], 2, p).reset(seed=0)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
