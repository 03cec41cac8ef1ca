"""Windows of series: the past, the future and their normalization."""

import numpy as np

from agentlab.data.windows import Windows

USUAL = np.array([7.0])


def only(windows: Windows) -> tuple[np.ndarray, ...]:
    """The inputs, future, last value and spread of all windows."""
    (batch,) = windows.epoch(1000)
    return (batch.inputs, *batch.targets)


def test_windows_cover_all_consecutive_rows() -> None:
    windows = Windows(np.arange(10.0)[:, None], 4, 3, USUAL)
    assert windows.size == 4 and windows.count(3) == 2
    np.testing.assert_array_equal(windows.rows([0, 3])[:, :, 0], [range(7), range(3, 10)])
    in_order = np.concatenate([batch.targets.spread for batch in windows.epoch(3)])
    assert in_order.shape == (4, 1)
    one, other = (list(windows.epoch(3, seed)) for seed in (1, 1))
    np.testing.assert_array_equal(one[0].inputs, other[0].inputs)


def test_a_window_is_normalized_by_hand() -> None:
    # The past 2, 4, 4, 6 has the mean 4 and the variance 2; the future is 4 and 4 + 3 * sqrt(2).
    values = np.array([2, 4, 4, 6, 4, 4 + 3 * np.sqrt(2)])[:, None]
    inputs, future, last, spread = only(Windows(values, 4, 2, USUAL))
    root = np.sqrt(2)
    np.testing.assert_allclose(inputs[0, :, 0], [-root, 0, 0, root], rtol=1e-6)
    np.testing.assert_allclose(future[0, :, 0], [0, 3], atol=1e-6)
    np.testing.assert_allclose(last, [[root]], rtol=1e-6)
    np.testing.assert_allclose(spread, [[root / 7]], rtol=1e-6)  # in units of 7


def test_inputs_do_not_depend_on_the_future() -> None:
    values = np.random.default_rng(0).normal(size=(30, 2)).cumsum(axis=0)
    other = values.copy()
    other[20:] = 1e6
    usual = np.array([1.0, 2.0])
    before, _, last, spread = only(Windows(values, 20, 10, usual))
    after, _, last_after, spread_after = only(Windows(other, 20, 10, usual))
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(last, last_after)
    np.testing.assert_array_equal(spread, spread_after)


def test_a_constant_past_is_normalized_to_zeros() -> None:
    values = np.array([0.1] * 40 + [7.1])[:, None]
    inputs, future, _, spread = only(Windows(values, 40, 1, USUAL))
    np.testing.assert_allclose(inputs, 0, atol=1e-12)
    np.testing.assert_allclose(future, 1, rtol=1e-6)
    np.testing.assert_array_equal(spread, 1)
