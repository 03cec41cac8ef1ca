"""What every net from sequences to sequences must do, whatever is inside."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

SOURCES = np.array([[5, 6, 7, 2, 0, 0], [8, 9, 10, 11, 12, 2]], np.int32)
TARGETS = np.array([[1, 4, 5, 6, 7], [1, 7, 8, 9, 4]], np.int32)


def built(net: Any) -> Any:
    """Give ``net`` weights that are all different from their initial ones."""
    net.build(((None, None), (None, None)))
    rng = np.random.default_rng(0)
    for weight in net.trainable_variables:
        weight.assign(np.asarray(weight) + rng.normal(0, 0.2, weight.shape))
    return net


def check_steps(net: Any) -> None:
    """See that the cached steps give the logits and weights of the whole target at once."""
    whole, weights = net((SOURCES, TARGETS)), net.attention((SOURCES, TARGETS))
    step, state = tf.function(net.step), tf.function(net.encode)(SOURCES)
    for time in range(TARGETS.shape[1]):
        logits, state, attended = step(TARGETS[:, time], state)
        np.testing.assert_allclose(logits, whole[:, time], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(attended, weights[:, time], rtol=1e-4, atol=1e-6)


def check_padding(net: Any) -> None:
    """See that padding has no weight and changes nothing, be it of the source or the target."""
    weights = np.asarray(net.attention((SOURCES, TARGETS)))
    assert weights.shape == (2, 5, 6)
    assert (weights[0, :, 4:] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
    padded = net((np.pad(SOURCES, ((0, 0), (0, 3))), np.pad(TARGETS, ((0, 0), (0, 2)))))
    np.testing.assert_allclose(padded[:, :5], net((SOURCES, TARGETS)), rtol=1e-4, atol=1e-5)


def check_future(net: Any) -> None:
    """See that no logits depend on later tokens of the target, but those after it do."""
    changed = TARGETS.copy()
    changed[:, 3] = 3
    before, after = np.asarray(net((SOURCES, TARGETS))), np.asarray(net((SOURCES, changed)))
    np.testing.assert_allclose(before[:, :3], after[:, :3], rtol=1e-5, atol=1e-6)
    assert (np.abs(before - after)[:, 3:].max(axis=2) > 1e-4).all()


def check_source(net: Any) -> None:
    """See that the first logits depend on every token of the source."""
    before = np.asarray(net((SOURCES, TARGETS)))[:, 0]
    for place in range(4):
        changed = SOURCES.copy()
        changed[:, place] = 3
        assert (np.abs(net((changed, TARGETS))[:, 0] - before).max(axis=1) > 1e-5).all()


def check_gradients(net: Any) -> None:
    """See that a loss reaches every weight."""
    with tf.GradientTape() as tape:
        logits = tf.function(lambda *ids: net(ids, training=True))(SOURCES, TARGETS)
        loss = tf.reduce_sum(tf.nn.log_softmax(logits)[:, :, 3])
    gradients = tape.gradient(loss, net.trainable_variables)
    for weight, gradient in zip(net.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), weight.path
        if "key_value/bias" not in weight.path:  # a bias of all keys moves all scores alike
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, weight.path


def check_file(net: Any, path: Any) -> None:
    """See that a Keras file gives the same net back."""
    net.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.get_config() == net.get_config()
    np.testing.assert_array_equal(loaded((SOURCES, TARGETS)), net((SOURCES, TARGETS)))


def check_precision(make: Callable[..., Any]) -> None:
    """See that bfloat16 computes nearly what float32 does, and gives float32 logits."""
    exact, rough = make(), make(dtype="mixed_bfloat16")
    logits = rough((SOURCES, TARGETS))
    assert logits.dtype == "float32"
    difference = np.abs(logits - exact((SOURCES, TARGETS))).max()
    assert 0 < difference < 0.1


def learn_to_copy(net: Any, steps: int = 150) -> float:
    """Train ``net`` to write its source, of ids 3 to 9, and return how much it gets right."""
    rng = np.random.default_rng(0)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(net.trainable_variables)

    @tf.function
    def step(sources: Any, shifted: Any) -> None:
        with tf.GradientTape() as tape:
            logits = net((sources, shifted), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(sources, logits))
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply(gradients, net.trainable_variables)

    def batch() -> tuple[Any, Any]:
        sources = rng.integers(3, 10, (32, 6)).astype(np.int32)
        return sources, np.pad(sources[:, :-1], ((0, 0), (1, 0)), constant_values=1)

    for _ in range(steps):
        step(*batch())
    sources, shifted = batch()
    said = np.asarray(net((sources, shifted))).argmax(axis=-1)
    return float((said == sources).mean())
