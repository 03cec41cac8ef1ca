"""Episodes that never end: evaluations, plays and videos are limited, and report their cuts."""

import gymnasium
import numpy as np
import pytest

import agentlab
from agentlab.agents.agent import Agent
from agentlab.agents.recording import record
from agentlab.errors import AgentlabError


class Step(Agent):
    """Ends an episode of ``Door`` where the observation is even."""

    def act(self, observations, explore=True):
        return (observations[:, 0] % 2 == 0).astype(np.int64)


class Door(gymnasium.Env):
    """Action 1 ends an episode after three steps; action 0 never does. Each step has reward 1.

    The episodes' numbers are their observations, so that ``Step`` never ends every other one.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}
    observation_space = gymnasium.spaces.Box(-1, 1000, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, render_mode=None, ends=True):
        self.render_mode, self.number, self.ends = render_mode, -1, ends

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t, self.number = 0, self.number + (1 if self.ends else 2)
        return self.observe(), {}

    def observe(self):
        return np.array([self.number if self.ends else 1], np.float32)

    def step(self, action):
        self.t += 1
        return self.observe(), 1.0, bool(action == 1 and self.t >= 3), False, {}

    def render(self):
        return np.full((30, 40, 3), self.t % 256, np.uint8)


def made(n=1, **options):
    envs = agentlab.make_envs(Door, n, **options)
    return agentlab.make_agent(Step, envs), envs


@pytest.mark.parametrize("n", [1, 3])
def test_an_episode_that_does_not_end_is_cut_and_the_next_one_begins(n):
    agent, envs = made(n)
    played = agentlab.evaluate(agent, envs, 4 * n, max_steps=7)
    assert played.cut == 2 * n
    assert played.lengths.tolist() == [3, 7, 3, 7] * n
    assert played.returns.tolist() == [3.0, 7.0, 3.0, 7.0] * n
    assert (
        played.cut_note()
        == f"; {2 * n} of {4 * n} episodes did not end and were truncated after 7 steps"
    )


def test_after_ten_episodes_that_do_not_end_the_others_are_left_out():
    agent, envs = made(2, ends=False)
    played = agentlab.evaluate(agent, envs, 1000, max_steps=5)
    assert (len(played.lengths), played.cut) == (10, 10)
    agent, envs = made(1, ends=True)
    assert len(agentlab.evaluate(agent, envs, 40, max_steps=5).lengths) == 40


def test_an_evaluation_without_cut_episodes_mentions_none():
    with agentlab.make_envs("CartPole-v1") as envs:
        played = agentlab.evaluate(agentlab.make_agent("random", envs), envs, 3)
    assert (played.cut, played.cut_note()) == (0, "")


def test_atari_episodes_are_cut_too():
    frames = agentlab.Preprocessing(grayscale=True, resize=32, frame_stack=2)
    with agentlab.make_envs("ALE/Pong-v5", 2, preprocessing=frames, workers=1) as envs:
        assert type(envs).__name__ == "AtariVector"
        envs.reset(seed=0)
        for _ in range(30):
            before = envs.step(np.array([2, 2])).next_observations.copy()
        after = envs.cut(np.array([True, False]))
        assert np.array_equal(after[1], before[1])
        assert not np.array_equal(after[0], before[0])
        played = agentlab.evaluate(agentlab.make_agent("random", envs), envs, 4, max_steps=10)
        assert played.lengths.tolist() == [10] * 4
        assert np.array_equal(envs.step(np.array([0, 0])).observations.shape, (2, 32, 32, 2))


def test_evaluations_while_training_are_bounded():
    agent, envs = made()
    lines = []
    callback = agentlab.EvalCallback(
        agentlab.make_envs(Door), 5, 2, max_steps=6, report=lambda name, line: lines.append(line)
    )
    agentlab.train(agent, envs, 5, callbacks=[callback], quiet=True)
    assert callback.evaluations[0]["mean_length"] == 4.5
    assert lines[0].endswith("; 1 of 2 episodes did not end and were truncated after 6 steps")
    with pytest.raises(AgentlabError, match="max_steps=0 must be 1 or more"):
        agentlab.evaluate(agent, envs, max_steps=0)


def test_a_video_has_its_environments_frame_rate_and_several_short_episodes(tmp_path, monkeypatch):
    import imageio.v3

    monkeypatch.setattr("agentlab.runs.video.LONGEST", 15.0)

    agent, envs = made(render=True)
    assert envs.frame_rate == 5
    last = record(agent, envs, tmp_path / "door.mp4", max_steps=21)
    metadata = imageio.v3.immeta(tmp_path / "door.mp4")
    frames = imageio.v3.imread(tmp_path / "door.mp4")
    assert metadata["fps"] == 5
    assert len(frames) == 4 + 22 + 4 + 22  # at least ten seconds
    assert last.shape == (30, 40, 3)
    agent, envs = made(render=True, ends=False)
    record(agent, envs, tmp_path / "long.mp4", max_steps=200)
    assert imageio.v3.immeta(tmp_path / "long.mp4")["duration"] == 15


@pytest.mark.parametrize("workers", [0, 1])
def test_a_video_shows_the_first_and_the_last_state_of_each_episode(workers):
    agent, envs = made(render=True, workers=workers)
    with envs:
        frames = []
        agentlab.evaluate(agent, envs, 3, max_steps=5, video=frames)
        shown = [int(frame[0, 0, 0]) for frame in frames]
        assert shown == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("env", "options", "rate"),
    [
        ("CartPole-v1", {}, 50),
        ("FrozenLake-v1", {}, 4),
        ("ALE/Pong-v5", {}, 15),
        ("PongNoFrameskip-v4", {"preprocessing": agentlab.Preprocessing(frame_skip=4)}, 15),
        ("Pong-v0", {}, 20),
        (lambda: gymnasium.Env(), {}, 30),
    ],
)
def test_the_frame_rate_of_environments(env, options, rate):
    if callable(env):
        from agentlab.envs.rendering import frame_rate

        assert frame_rate(env()) == rate
        return
    with agentlab.make_envs(env, **options) as envs:
        assert envs.frame_rate == rate
