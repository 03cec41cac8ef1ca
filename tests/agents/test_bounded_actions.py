import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from agentlab.agents.bounded_actions import BoundedActions, squashed_gaussian, uniform
from agentlab.errors import AgentlabError

BOUNDS = BoundedActions(
    spaces.Box(np.array([-1, 0], np.float32), np.array([3, 10], np.float32)), ""
)


def test_asymmetric_bounds_are_scaled_to_one():
    ends = np.array([[-1, -1], [0, 0], [1, 1]], np.float32)
    given = BOUNDS.to_env(ends)
    assert given.tolist() == [[-1, 0], [1, 5], [3, 10]]
    assert np.array_equal(BOUNDS.from_env(given), ends)
    assert np.allclose(BOUNDS.to_env_tensor(ends), given)


@given(
    low=st.floats(-1e6, 1e6, width=32),
    width=st.floats(0, 1e6, width=32),
    action=st.floats(-1, 1, width=32),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_actions_never_leave_the_space(low, width, action, dtype):
    space = spaces.Box(np.full(2, low, dtype), np.full(2, low + width, dtype), dtype=dtype)
    bounds = BoundedActions(space, "sac")
    given = bounds.to_env(np.full((1, 2), action, np.float32))
    assert space.contains(given[0])
    assert np.isfinite(bounds.from_env(given)).all()
    assert np.allclose(bounds.to_env_tensor(np.full((1, 2), action, np.float32)), given)


@pytest.mark.parametrize(
    "space", [spaces.Box(-np.inf, np.inf, (1,)), spaces.Box(0, 9, (1,), np.int64)]
)
def test_other_spaces_are_refused(space):
    with pytest.raises(AgentlabError, match="algo='sac' needs a Box of floats with finite bounds"):
        BoundedActions(space, "sac")


def test_the_log_probability_is_corrected_for_the_squashing():
    mean, log_std, noise = 0.3, -0.5, 1.2
    actions, log_probs = squashed_gaussian(tf.constant([[mean, log_std]]), tf.constant([[noise]]))
    u = mean + np.exp(log_std) * noise
    gaussian = -0.5 * noise**2 - log_std - 0.5 * np.log(2 * np.pi)
    assert float(actions[0, 0]) == pytest.approx(np.tanh(u))
    assert float(log_probs[0]) == pytest.approx(gaussian - np.log(1 - np.tanh(u) ** 2))


def test_the_density_of_a_squashed_gaussian_integrates_to_one():
    noise = np.linspace(-8, 8, 4001, dtype=np.float32)[:, None]
    outputs = tf.tile([[0.4, -0.3]], (len(noise), 1))
    actions, log_probs = squashed_gaussian(outputs, tf.constant(noise))
    assert np.trapezoid(np.exp(log_probs), actions[:, 0]) == pytest.approx(1, abs=1e-3)


def test_the_components_of_an_action_are_independent():
    outputs, noise = tf.constant([[0.3, -1.0, -0.5, 0.2]]), tf.constant([[1.2, 0.1]])
    _, together = squashed_gaussian(outputs, noise)
    alone = [squashed_gaussian(outputs[:, i::2], noise[:, i : i + 1])[1] for i in range(2)]
    assert float(together[0]) == pytest.approx(float(alone[0][0] + alone[1][0]))


def test_saturated_actions_have_finite_log_probabilities_and_gradients():
    outputs = tf.Variable([[50.0, 2.0]])
    with tf.GradientTape() as tape:
        _, log_probs = squashed_gaussian(outputs, tf.constant([[3.0]]))
    assert np.isfinite(log_probs).all()
    assert np.isfinite(tape.gradient(log_probs, outputs)).all()


def test_the_distribution_function_of_normal_noise_is_uniform():
    drawn = uniform(np.random.default_rng(0).standard_normal((100_000, 1), np.float32))
    counts, _ = np.histogram(drawn, bins=10, range=(-1, 1))
    assert np.allclose(counts, 10_000, atol=400)
