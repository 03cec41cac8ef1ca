import gymnasium
import numpy as np

import agentlab


def test_cartpole_without_velocities_keeps_positions_and_dynamics():
    hidden, whole = (agentlab.make_env(id) for id in ("CartPoleNoVel-v1", "CartPole-v1"))
    assert hidden.observation_space.shape == (2,)
    assert hidden.spec.max_episode_steps == 500
    one, other = (env.reset(seed=3)[0] for env in (hidden, whole))
    np.testing.assert_array_equal(one, other[[0, 2]])
    for action in (0, 1, 1):
        one, other = (env.step(action)[0] for env in (hidden, whole))
        np.testing.assert_array_equal(one, other[[0, 2]])
    assert hidden.observation_space.contains(one)


def test_gymnasium_makes_it_too():
    assert gymnasium.make("CartPoleNoVel-v1").observation_space.shape == (2,)
