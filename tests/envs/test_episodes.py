import gymnasium
import numpy as np
import pytest

from agentlab import make_envs
from agentlab.envs.episodes import ActionLog


class Drifting(gymnasium.Env):
    """Depends on how often it has been reset, whatever its seed."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    resets = 0

    def reset(self, seed=None, options=None):
        Drifting.resets += 1
        return np.full(1, Drifting.resets, np.float32), {}

    def step(self, action):
        return np.zeros(1, np.float32) + Drifting.resets, 1.0, False, False, {}


def same_steps(one, other, steps, rng):
    for _ in range(steps):
        actions = rng.integers(2, size=one.num_envs)
        a, b = one.step(actions), other.step(actions)
        for name in ("next_observations", "rewards", "terminated", "episode_over"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("workers", [0, 2])
def test_episodes_under_way_go_on_in_other_copies(workers):
    rng = np.random.default_rng(0)
    with make_envs("CartPole-v1", 3, workers=workers) as envs:
        envs.reset(7)
        for _ in range(100):
            envs.step(rng.integers(2, size=3))
        with make_envs("CartPole-v1", 3) as others:
            assert not others.restore(envs.state()).any()
            np.testing.assert_array_equal(others.observations, envs.observations)
            same_steps(envs, others, 200, rng)


def test_every_episode_has_a_seed_of_its_own():
    with make_envs("CartPole-v1", 2) as envs:
        firsts = [envs.reset(7).copy()]
        for _ in range(60):
            step = envs.step(np.zeros(2, np.int64))
            firsts += [step.next_observations[step.ended]] if len(step.ended) else []
        firsts = np.concatenate(firsts)
    assert len(np.unique(firsts, axis=0)) == len(firsts) > 4


def test_an_environment_that_does_not_repeat_is_found_out_and_begins_anew():
    with make_envs(Drifting, 2) as envs:
        envs.reset(0)
        envs.step(np.zeros(2, np.int64))
        state = envs.state()
        assert envs.restore(state).all()
        assert (envs.observations != state["observations"]).all()


class Fragile(Drifting):
    """Ends its n-th episode after n steps, and refuses further steps."""

    def reset(self, seed=None, options=None):
        self.left = 9 - Drifting.resets % 9
        return super().reset(seed, options)

    def step(self, action):
        assert self.left, "the episode is over"
        self.left -= 1
        observation, reward, *_ = super().step(action)
        return observation, reward, not self.left, False, {}


def test_a_replayed_episode_that_ends_early_is_detected_and_not_stepped_further():
    with make_envs(Fragile, 1) as envs:
        Drifting.resets = 0
        envs.reset(0)
        for _ in range(8):
            envs.step(np.zeros(1, np.int64))
        assert envs.restore(envs.state()).all()


def test_the_state_of_other_environments_is_refused():
    with make_envs("CartPole-v1", 2) as envs, make_envs("CartPole-v1", 3) as others:
        envs.reset(0)
        with pytest.raises(ValueError, match="another shape"):
            others.restore(envs.state())


def test_episodes_too_long_to_log_are_told_from_the_others(monkeypatch):
    monkeypatch.setattr("agentlab.envs.episodes.MAX_LOGGED", 1000)
    log, over = ActionLog(2), np.array([False, True])
    for t in range(2000):
        log.add(np.zeros(2, np.int64), over & (t % 10 == 9))
    state = log.state()
    assert state["complete"].tolist() == [False, True]
    assert len(state.get("actions", ())) == state["lengths"][1] == 0
