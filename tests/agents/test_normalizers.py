import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

import agentlab
from agentlab.agents.encoding import Encoding
from agentlab.agents.normalizers import ObservationNormalizer, ReturnNormalizer, RunningStatistics
from agentlab.envs.parts import as_parts
from agentlab.testing.agents import act
from agentlab.testing.envs import Sign

numbers = st.floats(-1e6, 1e6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(numbers, min_size=1, max_size=5), min_size=1, max_size=6))
def test_statistics_equal_those_of_all_rows_at_once(batches):
    statistics = RunningStatistics(1)
    for batch in batches:
        statistics.add(np.array(batch)[:, None])
    rows = np.concatenate([np.array(batch) for batch in batches])
    scale = max(1.0, np.abs(rows).max())
    assert statistics.count == len(rows)
    np.testing.assert_allclose(statistics.mean[0], rows.mean(), atol=1e-12 * scale)
    np.testing.assert_allclose(statistics.variance[0], rows.var(), atol=1e-10 * scale**2)


def test_statistics_are_exact_far_from_zero():
    rows = 1.7e9 + np.random.default_rng(0).normal(size=(10_000, 1))  # seconds since 1970
    statistics = RunningStatistics(1)
    for batch in np.split(rows, 1250):
        statistics.add(batch)
    np.testing.assert_allclose(statistics.variance, rows.var(0), rtol=1e-6)


def normalizer(keep=(False, False), on=True):
    return ObservationNormalizer((len(keep),), np.array(keep), on)


def test_inputs_are_shifted_scaled_and_clipped():
    made = normalizer((False, True))
    made.observe(np.array([[0.0, 7], [4, 7]]), np.array([[2.0, 7], [2, 9]]))
    # Mean 2 and variance (4 + 4) / 4 = 2 of the first input; the second is kept.
    inputs = made(np.array([[2.0, 7], [2 + np.sqrt(2), 99], [1e6, 0]]))
    np.testing.assert_allclose(inputs, [[0, 7], [1, 99], [10, 0]], rtol=1e-6)
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(made.tensor(np.array([[3.0, 7]])), made(np.array([[3.0, 7]])))


def test_a_constant_input_becomes_zero():
    made = normalizer()
    for _ in range(100):
        made.observe(np.full((3, 2), 0.1), np.full((3, 2), 0.1))
    np.testing.assert_allclose(made(np.full((1, 2), 0.1)), 0, atol=1e-6)


def test_only_large_first_observations_are_normalized_by_default(capsys):
    for first, on in ((99.0, False), (101.0, True)):
        made = normalizer(on=None)
        made.observe(np.full((1, 2), first), np.full((1, 2), 1e5))
        assert made.on is on
    assert capsys.readouterr().err.count("observations reach 101") == 1
    kept = normalizer((True, True), on=None)
    kept.observe(np.full((1, 2), 1e9), np.zeros((1, 2)))
    assert kept.on is False


def test_one_hot_inputs_and_bytes_are_not_normalized():
    space = spaces.Dict(
        image=spaces.Box(0, 255, (2, 2, 1), np.uint8),
        speed=spaces.Box(-1e6, 1e6, (1,)),
        level=spaces.Discrete(2),
    )
    row = as_parts(space).row(
        {"image": np.full((2, 2, 1), 255, np.uint8), "speed": np.float32([5000]), "level": 1}
    )
    for normalize in (None, True):
        encoding = Encoding(space, normalize)
        encoding.observe(row[None], row[None])
        assert encoding(row[None]).tolist() == [[1, 1, 1, 1, 0, 0, 1]]
    assert Encoding(spaces.Discrete(3), normalize=True).normalizer is None
    assert Encoding(spaces.Box(0, 255, (4,), np.uint8), normalize=None).normalizer is None
    assert Encoding(spaces.Box(0, 255, (4,), np.uint8), normalize=True).dtype == np.float32


def test_returns_are_discounted_within_episodes():
    made, running, seen = ReturnNormalizer(2, gamma=0.5), np.zeros(2), []
    rng = np.random.default_rng(0)
    for t in range(20):
        rewards, ended = rng.normal(3, 2, size=2), np.array([t % 3 == 2, False])
        made.observe(rewards, ended)
        running = 0.5 * running + rewards
        seen.append(running.copy())
        running[ended] = 0
    np.testing.assert_allclose(made.statistics.variance[0], np.var(seen))
    np.testing.assert_allclose(made(np.array([1.0, -1e9])), [1 / np.std(seen), -10], rtol=1e-6)


@pytest.fixture(scope="module", params=["pg", "dqn"])
def trained(request):
    small = {"pg": {"rollout_length": 100}, "dqn": {"learning_starts": 100, "buffer_size": 400}}
    options = {"hidden": (8,), "normalize_observations": True, "normalize_returns": True}
    with agentlab.make_envs(lambda: Sign(scale=100.0), 2) as envs:
        agent = agentlab.make_agent(request.param, envs, **options, **small[request.param])
        agentlab.train(agent, envs, 96, quiet=True)
        yield agent, envs


def test_statistics_are_frozen_in_evaluation(trained):
    agent, envs = trained
    before = agent.encoding.state(), agent.return_normalizer.state()
    agentlab.evaluate(agent, envs, 3)
    agentlab.evaluate(agent, envs, 3, explore=True)
    np.testing.assert_equal((agent.encoding.state(), agent.return_normalizer.state()), before)


def test_copied_saved_and_exported_agents_normalize_alike(trained, tmp_path):
    agent, envs = trained
    observations = 5 * np.random.default_rng(0).normal(size=(7, 1)).astype(np.float32)
    expected = act(agent, observations).tolist()
    agent.save(tmp_path / "saved")
    loaded = agentlab.load(tmp_path / "saved")
    assert act(loaded, observations).tolist() == expected
    assert act(agent.evaluation_copy(7, seed=1), observations).tolist() == expected
    assert np.asarray(agent.inference_model()(observations)["actions"]).tolist() == expected
    assert loaded.encoding.normalizer.statistics.count == 98  # the first and 48 steps of 2
    np.testing.assert_equal(loaded.return_normalizer.state(), agent.return_normalizer.state())


def test_large_returns_turn_their_normalization_on_and_say_so(capsys):
    normalizer = ReturnNormalizer(2, 0.5, None)
    for _ in range(3):
        normalizer.observe(np.array([1.0, -60.0]), np.array([False, False]))
    # The returns are -60, -90 and -105.
    assert normalizer.on is True
    assert "discounted returns reach -105, so rewards are divided" in capsys.readouterr().err
    returns = [1, -60, 1.5, -90, 1.75, -105]
    np.testing.assert_allclose(normalizer(np.array([2.0])), 2 / np.std(returns), rtol=1e-6)
    other = ReturnNormalizer(2, 0.5, None)
    other.restore(normalizer.state())
    assert other.on is True


def test_small_first_returns_turn_it_off_for_good(capsys):
    normalizer = ReturnNormalizer(2, 0.5, None)
    for _ in range(200):
        normalizer.observe(np.array([1.0, 2.0]), np.array([False, True]))
        np.testing.assert_array_equal(normalizer(np.array([7.0])), [7.0])
    assert normalizer.on is False
    normalizer.observe(np.array([1e6, 1e6]), np.array([False, False]))
    assert normalizer.on is False and capsys.readouterr().err == ""
    other = ReturnNormalizer(2, 0.5, None)
    other.restore(normalizer.state())
    assert other.on is False and "return_normalizer" in other.components()
