"""The net that forecasts: it starts naive, and is fed what it wrote itself."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets.forecast import Forecast

PAST = np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32)


def made(net: Forecast) -> Forecast:
    """Build a net, and give its last layer weights as after some training."""
    net.build((None, *PAST.shape[1:]))
    net.head.kernel.assign(np.random.default_rng(1).normal(size=net.head.kernel.shape))
    net.head.bias.assign([0.5, -0.25])
    return net


def test_an_untrained_net_gives_the_naive_forecast() -> None:
    net = Forecast(4, units=5, seed=0)
    net.build((None, None, 2))
    written = net(PAST).numpy()
    assert written.shape == (3, 4, 2) and written.dtype == np.float32
    np.testing.assert_array_equal(written, np.repeat(PAST[:, -1:], 4, axis=1))


def test_parameters_are_as_counted_by_hand() -> None:
    net = made(Forecast(4, units=5, seed=0))
    # GRU: 3 gates of 2 inputs, 5 units and 2 biases; twice. Head: 5 * 2 + 2.
    assert net.count_params() == 2 * 3 * 5 * (2 + 5 + 2) + 12


@pytest.mark.parametrize("cell", ["simple", "lstm", "peephole", "gru"])
def test_the_decoder_reads_its_own_last_prediction(cell: str) -> None:
    net = made(Forecast(4, cell, units=5, layers=2, seed=3))
    _, state = net.encoder.run(PAST, net.encoder.initial_state(3))
    last = value = PAST[:, -1]
    expected = []
    for _ in range(4):
        features, state = net.decoder.run(value[:, None], state)
        value = last + net.head(features[:, 0]).numpy()
        expected.append(value)
    compiled = tf.function(net)
    np.testing.assert_allclose(compiled(PAST), np.stack(expected, axis=1), rtol=1e-5, atol=1e-6)


def test_gradients_agree_with_finite_differences() -> None:
    net = made(Forecast(3, "lstm", units=4, seed=1, dtype="float32"))

    @tf.function
    def lost() -> tf.Tensor:
        return tf.reduce_sum(net(PAST) ** 2)

    with tf.GradientTape() as tape:
        loss = lost()
    variables = net.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        direction = gradient / tf.norm(gradient)
        variable.assign_add(1e-3 * direction)
        above = lost()
        variable.assign_sub(2e-3 * direction)
        slope = (above - lost()) / 2e-3
        variable.assign_add(1e-3 * direction)
        assert float(slope) == pytest.approx(float(tf.norm(gradient)), rel=2e-2), variable.path


def test_dropout_is_applied_in_training_only() -> None:
    net = made(Forecast(4, units=8, layers=2, dropout=0.5, seed=0))
    again = made(Forecast(4, units=8, layers=2, dropout=0.5, seed=0))
    np.testing.assert_array_equal(net(PAST), net(PAST))
    trained = net(PAST, training=True).numpy()
    assert np.abs(trained - net(PAST)).max() > 0.1
    np.testing.assert_array_equal(trained, again(PAST, training=True))


def test_a_net_survives_a_round_trip_through_a_keras_file(tmp_path: Path) -> None:
    net = made(Forecast(4, "peephole", units=5, layers=2, dropout=0.1, seed=3))
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
    assert loaded.get_config() == net.get_config()
    np.testing.assert_array_equal(loaded(PAST), net(PAST))


def test_bfloat16_returns_float32() -> None:
    net = made(Forecast(4, units=5, layers=2, seed=3, dtype="mixed_bfloat16"))
    exact = made(Forecast(4, units=5, layers=2, seed=3))
    written = net(PAST)
    assert written.dtype == tf.float32
    np.testing.assert_allclose(written, exact(PAST), atol=0.1)
