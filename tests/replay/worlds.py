"""Random episodes, and a plain buffer of whole transitions to compare a replay buffer with."""

from dataclasses import dataclass, field

import numpy as np
from gymnasium import spaces

from agentlab.envs.vector import Step

ACTIONS = spaces.Discrete(5)


class World:
    """Steps of ``n`` environments that show stacked random images and end at random."""

    def __init__(self, n=2, stack=3, channels=1, side=2, seed=0, risk=0.15):
        self.n, self.stack, self.risk = n, stack, risk
        self.rng = np.random.default_rng(seed)
        self.shape = (side, side, channels)
        self.observation_space = spaces.Box(0, 255, (side, side, channels * stack), np.uint8)
        self.reset()

    def image(self):
        return self.rng.integers(256, size=self.shape, dtype=np.uint8)

    def reset(self):
        self.observations = np.stack([self.first() for _ in range(self.n)])

    def first(self):
        return np.concatenate([self.image()] * self.stack, axis=-1)

    def step(self):
        rng, n = self.rng, self.n
        channels = self.shape[-1]
        images = np.stack([self.image() for _ in range(n)])
        observed_next = np.concatenate([self.observations[..., channels:], images], axis=-1)
        fate = rng.random(n)
        over = fate < self.risk
        lost_life = (fate >= self.risk) & (fate < 2 * self.risk)
        truncated = (fate > 1 - self.risk) | (over & (rng.random(n) < 0.2))
        terminated = over | lost_life
        ended = np.flatnonzero(terminated | truncated)
        following = observed_next.copy()
        for env in np.flatnonzero(over | truncated):
            following[env] = self.first()
        rewards = rng.normal(size=n).astype(np.float32)
        step = Step(
            self.observations,
            rng.integers(5, size=n),
            rewards,
            10 * rewards,
            following,
            terminated,
            truncated,
            ended,
            observed_next[ended],
            over | (truncated & (rng.random(n) < 0.5)),  # an outer time limit may not say it
        )
        self.observations = following
        return step


@dataclass
class Whole:
    """Every transition of every environment, whole; loops where a replay is vectorized."""

    n_step: int
    gamma: float
    steps: list = field(default_factory=list)
    cuts: set = field(default_factory=set)  # numbers of the rows after which all was cut

    def cut(self):
        if self.steps:
            self.cuts.add(len(self.steps) - 1)

    def transition(self, row, env):
        """(observation, action, return, next observation, discount) from row ``row`` on."""
        total = 0.0
        for m in range(self.n_step):
            step = self.steps[row + m]
            total += self.gamma**m * float(step.rewards[env])
            if step.terminated[env] or step.truncated[env] or row + m in self.cuts:
                break
        discount = 0.0 if step.terminated[env] else self.gamma ** (m + 1)
        first = self.steps[row]
        following = step.true_next_observations[env]
        return first.observations[env], first.actions[env], total, following, discount


def assert_faithful(replay, whole, batch):
    """Every transition of ``batch`` is the one that ``whole`` knows."""
    count, rows = len(whole.steps), replay._ring.rows
    for i, slot in enumerate(batch.indices):
        place, env = divmod(int(slot), replay.num_envs)
        row = place + (count - 1 - place) // rows * rows  # the latest that was written there
        oldest = 0 if count < rows else count - rows + replay.frame_stack - 1
        assert oldest <= row < count - replay.n_step
        observation, action, total, following, discount = whole.transition(row, env)
        np.testing.assert_array_equal(batch.observations[i], observation)
        assert batch.actions[i] == action
        np.testing.assert_allclose(batch.returns[i], total, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(batch.discounts[i], discount, rtol=1e-6)
        if discount:
            np.testing.assert_array_equal(batch.next_observations[i], following)


def assert_equal_batches(one, other):
    for name in one.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
        assert getattr(one, name).dtype == getattr(other, name).dtype
