import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.agents.policies import make_policy, masked, masked_tensor
from agentlab.errors import AgentlabError

SPACES = {
    "MultiDiscrete": spaces.MultiDiscrete([3, 2, 4], start=[5, 0, -1], dtype=np.int32),
    "matrix": spaces.MultiDiscrete([[2, 3]]),
    "MultiBinary": spaces.MultiBinary((2, 2)),
    "Discrete": spaces.Discrete(4, start=2),
}


@pytest.mark.parametrize("kind", SPACES)
def test_log_probabilities_of_samples_are_those_of_the_loss(kind):
    space, rng = SPACES[kind], np.random.default_rng(0)
    policy = make_policy(space)
    parameters = rng.normal(size=(50, policy.outputs)).astype(np.float32) * 3
    actions, log_probs = policy.sample(parameters, None, rng)
    again, _ = policy.log_prob_and_entropy(parameters, None, actions)
    np.testing.assert_allclose(log_probs, again, rtol=1e-4, atol=1e-6)
    for made in (policy.to_env(actions), policy.to_env(policy.best(parameters))):
        assert made.shape == (50, *space.shape)
        assert all(space.contains(action) for action in made.astype(space.dtype))
    best = np.asarray(policy.best_for_env(parameters))
    np.testing.assert_array_equal(best, policy.to_env(policy.best(parameters)))
    most, _ = policy.log_prob_and_entropy(parameters, None, policy.best(parameters))
    assert (np.asarray(most) >= log_probs - 1e-4).all()


def test_entropies_are_those_of_independent_choices():
    even = np.zeros((1, 5), np.float32)
    _, entropy = make_policy(spaces.MultiDiscrete([3, 2])).log_prob_and_entropy(
        even, None, np.array([[0, 0]])
    )
    np.testing.assert_allclose(entropy, [np.log(3) + np.log(2)], rtol=1e-6)
    bits = make_policy(spaces.MultiBinary(2))
    logits = np.log(np.array([[0.25 / 0.75, 1.0]], np.float32))  # probabilities 0.25 and 0.5
    log_prob, entropy = bits.log_prob_and_entropy(logits, None, np.array([[1, 0]]))
    np.testing.assert_allclose(log_prob, [np.log(0.25) + np.log(0.5)], rtol=1e-5)
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75)) + np.log(2)
    np.testing.assert_allclose(entropy, [expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [
        (-1, 1, (-1, 0, 1)),
        (10, 20, (10, 15, 20)),
        (0, 1000, (0, 500, 1000)),
        (-0.001, 0.003, (-0.001, 0.001, 0.003)),
        (-np.inf, np.inf, (-1, 0, 1)),
        (3, np.inf, (3, 4, 5)),
        (-np.inf, 3, (1, 2, 3)),
        (np.finfo(np.float32).min, np.finfo(np.float32).max, (-1, 0, 1)),
    ],
)
def test_continuous_actions_are_scaled_to_their_bounds(low, high, ends):
    policy = make_policy(spaces.Box(low, high, (1,), np.float32))
    units = np.float32([[-1], [0], [1]])
    np.testing.assert_allclose(policy.to_env(units)[:, 0], ends, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(policy.best_for_env(units), policy.to_env(units), rtol=1e-6)
    assert all(policy.space.contains(action) for action in policy.to_env(1e3 * units))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_masked_actions_are_never_chosen(data):
    n, rng = 40, np.random.default_rng(data.draw(st.integers(0, 10**6)))
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    space = spaces.MultiDiscrete(sizes) if len(sizes) > 1 else spaces.Discrete(sizes[0])
    policy, parts = make_policy(space), np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    mask = rng.random((n, sum(sizes))) < data.draw(st.floats(0, 1))
    for part in parts:
        mask[np.arange(n), rng.choice(part, n)] = True
    scale = data.draw(st.sampled_from([0, 1, 100, 1e5]))
    parameters = (scale * rng.normal(size=mask.shape)).astype(np.float32)
    logits = masked(parameters, mask)
    for actions in (policy.sample(logits, None, rng)[0], policy.best(logits)):
        columns = actions.reshape(n, -1) + np.array([part[0] for part in parts])
        assert np.take_along_axis(mask, columns, 1).all()
    chosen = policy.sample(logits, None, rng)[0]
    log_probs, entropy = policy.log_prob_and_entropy(masked_tensor(parameters, mask), None, chosen)
    assert np.isfinite(log_probs).all() and np.isfinite(entropy).all()


def test_integer_boxes_are_refused():
    with pytest.raises(
        AgentlabError, match="must be Discrete, MultiDiscrete, MultiBinary or a Box"
    ):
        make_policy(spaces.Box(0, 5, (2,), np.int32))
