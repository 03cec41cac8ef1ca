from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.data import Arrays, Batch, split_indices
from agentlab.errors import AgentlabError
from agentlab.supervised import Regressor
from tests.supervised.interruptions import Stream

RNG = np.random.default_rng(0)
X = RNG.normal(20, 5, (80, 3)).astype(np.float32)
Y = X @ [2, -1, 3] + 1000


def dense(units: int = 1) -> keras.Model:
    return keras.Sequential([keras.layers.Dense(units, kernel_initializer="zeros")])


@pytest.fixture(scope="module")
def fitted() -> Regressor:
    return Regressor("mlp", hidden=(16,), epochs=60, batch_size=8, learning_rate=0.01).fit(
        X, Y, quiet=True
    )


def test_predictions_are_in_the_units_of_the_targets(fitted: Regressor) -> None:
    score = fitted.score(X, Y)
    assert type(score) is float
    assert score > 0.99
    said = fitted.predict(X)
    assert said.dtype == np.float32 and said.shape == (80,)
    metrics = fitted.evaluate(X, Y)
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean((said - Y) ** 2)), rel=1e-3)
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(said - Y)), rel=1e-3)
    assert metrics["r2"] == score == pytest.approx(1 - np.mean((said - Y) ** 2) / Y.var(), rel=1e-3)
    assert metrics["rmse"] < 0.1 * Y.std()


def test_an_untrained_net_predicts_the_mean_of_the_training_targets() -> None:
    regressor = Regressor(dense(), epochs=1, learning_rate=1e-30, validation_split=0.0)
    assert regressor.fit(X, Y, quiet=True) is regressor
    np.testing.assert_allclose(regressor.predict(X), Y.mean(), rtol=1e-6)
    assert regressor.history[0]["train/rmse"] == pytest.approx(Y.std(), rel=1e-5)
    assert regressor.score(X, Y) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("squared", [0.25, 9.0]), ("absolute", [0.5, 3.0]), ("huber", [0.125, 2.5])],
)
def test_losses_of_standardized_errors_by_hand(loss: str, expected: list[float]) -> None:
    # Targets 8 and 26 are -0.5 and 4 deviations from the mean 10; the net gives 0 and 1.
    regressor = Regressor(keras.Sequential([keras.layers.Identity()]), loss=loss)
    assert regressor.learn_targets(None, [6.0, 14.0]) == 1
    batch = Batch(tf.constant([[0.0], [1.0]]), tf.constant([8.0, 26.0]), tf.ones(2))
    metrics = regressor.losses(batch, training=False)
    np.testing.assert_allclose(metrics["loss"], expected)
    np.testing.assert_allclose(metrics["mae"], [2, 12])
    np.testing.assert_allclose(metrics["rmse"], [4, 144])
    assert regressor.reduce_metrics({"loss": 1.0, "rmse": 74.0})["rmse"] == pytest.approx(74**0.5)


def test_several_targets_are_scaled_separately() -> None:
    y = np.column_stack([Y, X[:, 0] / 1000, np.full(80, 7.0)])
    options = {"epochs": 60, "batch_size": 8, "learning_rate": 0.02}
    regressor = Regressor(dense(3), **options).fit(X, y, quiet=True)
    said = regressor.predict(X)
    assert said.shape == (80, 3)
    errors = np.sqrt(np.mean((said - y) ** 2, axis=0))
    assert (errors < 0.1 * np.array([Y.std(), X[:, 0].std() / 1000, 1])).all()


def test_only_the_training_split_decides_how_targets_are_scaled() -> None:
    rows, held = split_indices(80, (0.75, 0.25), seed=4)
    other = Y.copy()
    other[held] = 1000 * other[held] - 7
    one, two = (
        Regressor(dense(), epochs=1, validation_split=0.25, seed=4).fit(X, y, quiet=True)
        for y in (Y, other)
    )
    assert one.specification()["target_mean"] == two.specification()["target_mean"]
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    np.testing.assert_allclose(one.specification()["target_mean"], [Y[rows].mean()], rtol=1e-6)
    np.testing.assert_allclose(one.specification()["target_std"], [Y[rows].std()], rtol=1e-6)


def test_streamed_targets_are_scaled_like_arrays() -> None:
    options: dict[str, Any] = {"epochs": 2, "batch_size": 8, "standardize": False}
    streamed = Regressor(dense(), **options).fit(Stream(Arrays(X, Y)), quiet=True)
    in_memory = Regressor(dense(), validation_split=0.0, **options).fit(X, Y, quiet=True)
    np.testing.assert_array_equal(streamed.predict(X), in_memory.predict(X))
    assert streamed.score(Stream(Arrays(X, Y))) == pytest.approx(in_memory.score(X, Y), abs=1e-6)


@pytest.mark.parametrize("parts", [1, 3])
def test_scaling_is_exact_also_far_from_zero(parts: int) -> None:
    y = 1e9 + np.arange(9000.0)  # squares of 1e18 would leave no digit of the deviation

    class Parts(Stream):
        def epoch(self, batch: int, seed: int | None = None) -> Any:
            return super().epoch(-(-9000 // parts), seed)

    regressor = Regressor(dense())
    assert regressor.learn_targets(Parts(Arrays(np.zeros((9000, 1)), y)), None) == 1
    learned = regressor.specification()
    np.testing.assert_allclose(learned["target_std"], [y.std()], rtol=1e-6)
    np.testing.assert_allclose(learned["target_mean"], [y.mean()], rtol=1e-6)


def test_a_constant_target_is_not_scaled() -> None:
    regressor = Regressor(dense(), epochs=1, learning_rate=1e-3).fit(
        X, np.full(80, 0.1), quiet=True
    )
    assert regressor.specification()["target_std"] == [1.0]
    assert np.isnan(regressor.score(X, np.full(80, 0.1)))  # there is no variance to explain


def test_residuals_are_drawn(fitted: Regressor) -> None:
    assert list(fitted.plots(X, Y)) == ["residuals"]


BAD = Y.copy()
BAD[5] = np.inf


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (["low"] * 80, "y contains 'low'; every target must be a finite number"),
        ([*Y[1:].tolist(), None], "y contains None; every target must be a finite number"),
        (BAD, "y contains inf; every target must be a finite number"),
        (Y[:7], "x has 80 rows and y has 7; they must match"),
    ],
)
def test_invalid_targets_raise_an_error(y: Any, says: str) -> None:
    with pytest.raises(AgentlabError, match=says):
        Regressor(epochs=1).fit(X, y, quiet=True)


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (["low"] * 80, "y contains 'low'; every target must be a finite number"),
        (np.column_stack([Y, Y]), "y has 2 numbers per example, but the net predicts 1"),
        (Y[:7], "targets has 7 rows, but inputs has 80"),
    ],
)
def test_invalid_test_targets_raise_an_error(fitted: Regressor, y: Any, says: str) -> None:
    with pytest.raises(AgentlabError, match=says):
        fitted.score(X, y)


def test_object_arrays_of_numbers_are_numbers() -> None:
    regressor = Regressor(dense(), epochs=1)
    regressor.fit(X.astype(object), Y.astype(object), quiet=True)
    assert regressor.predict(X.astype(object)).shape == (80,)


def test_a_net_with_a_wrong_number_of_outputs_raises_an_error() -> None:
    with pytest.raises(AgentlabError, match=r"for one example has the shape \[1, 2\]"):
        Regressor(dense(2)).fit(X, Y, quiet=True)


@pytest.mark.parametrize("y", [Y, np.column_stack([Y, X[:, 0]])])
def test_its_keras_model_predicts_the_same_from_raw_inputs(y: Any) -> None:
    regressor = Regressor("mlp", hidden=(8,), epochs=1).fit(X, y, quiet=True)
    found = regressor.inference_model()(X.astype(np.float32))["predictions"]
    np.testing.assert_allclose(found, regressor.predict(X), rtol=1e-4)
