"""Linear regression in closed form, compared with scikit-learn and gradient descent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model
from sklearn.datasets import load_diabetes

from agentlab.data import Arrays, Batch
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.supervised.linear import LinearRegression
from agentlab.supervised.regressor import Regressor

X, Y = load_diabetes(return_X_y=True, scaled=False)


def test_a_line_through_three_points_by_hand() -> None:
    # Means 2 and 4; slope (1 * 2.5 + 1 * 1.5) / 2 = 2; residuals 0.5, -1, 0.5, so that the
    # slope's variance is (0.25 + 1 + 0.25) / 1 / 2.
    regression = LinearRegression().fit([[1.0], [2.0], [3.0]], [2.5, 3.0, 6.5], quiet=True)
    assert regression.coef_ == pytest.approx([2], rel=1e-6)
    assert regression.intercept_ == pytest.approx(0, abs=1e-6)
    assert regression.errors_ == pytest.approx([np.sqrt(0.75)], rel=1e-6)
    assert regression.predict([[4.0]]) == pytest.approx([8], rel=1e-6)
    metrics = regression.evaluate([[1.0], [2.0], [3.0]], [2.5, 3.0, 6.5])
    assert metrics["rmse"] == pytest.approx(np.sqrt(0.5), rel=1e-5)
    assert metrics["r2"] == pytest.approx(1 - 1.5 / 9.5, rel=1e-5)


@pytest.mark.parametrize("standardize", [True, False])
def test_it_agrees_with_scikit_learn(standardize: bool) -> None:
    ours = LinearRegression(standardize=standardize).fit(X, Y, quiet=True)
    theirs = linear_model.LinearRegression().fit(X, Y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, rel=1e-4)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)
    assert ours.score(X, Y) == pytest.approx(theirs.score(X, Y), rel=1e-5)


def test_standard_errors_are_those_of_the_textbook() -> None:
    ours = LinearRegression().fit(X, Y, quiet=True)
    design = np.column_stack([X, np.ones(len(X))])
    residuals = Y - design @ np.linalg.lstsq(design, Y)[0]
    variance = residuals @ residuals / (len(X) - 11)
    expected = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))[:-1]
    np.testing.assert_allclose(ours.errors_, expected, rtol=1e-5)


def test_several_targets_at_once() -> None:
    both = np.column_stack([Y, X[:, 0] - 3 * X[:, 2] + 7])
    ours = LinearRegression().fit(X, both, quiet=True)
    theirs = linear_model.LinearRegression().fit(X, both)
    assert ours.coef_.shape == ours.errors_.shape == (2, 10)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-4)


def test_the_penalty_is_that_of_ridge_regression() -> None:
    ours = LinearRegression(l2=0.3).fit(X, Y, quiet=True)
    scaled, target = (X - X.mean(0)) / X.std(0), (Y - Y.mean()) / Y.std()
    theirs = linear_model.Ridge(alpha=0.3 * len(X)).fit(scaled, target)
    np.testing.assert_allclose(ours.coef_ * X.std(0) / Y.std(), theirs.coef_, rtol=1e-4)
    assert ours.errors_ is None


class Patient(Regressor):
    """Keeps the weights of the last epoch rather than those of the smallest error."""

    monitor = ("epoch", "max")

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        return {"epoch": epoch}


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_gradient_descent_converges_to_the_same_solution(l2: float) -> None:
    x = X[:, [2, 3, 8]]
    options: dict[str, Any] = {"validation_split": 0.0, "l2": l2}
    ours = LinearRegression(**options).fit(x, Y, quiet=True)
    theirs = Patient(
        hidden=(), optimizer="sgd", learning_rate=0.2, batch_size=len(x), epochs=200, **options
    ).fit(x, Y, quiet=True)
    np.testing.assert_allclose(theirs.predict(x), ours.predict(x), rtol=1e-5)
    assert theirs.evaluate(x, Y)["rmse"] == pytest.approx(ours.evaluate(x, Y)["rmse"], rel=1e-5)


def test_stochastic_gradient_descent_comes_close() -> None:
    x = X[:, [2, 3, 8]]
    ours = LinearRegression().fit(x, Y, quiet=True)
    theirs = Regressor(
        hidden=(),
        optimizer="sgd",
        learning_rate=0.05,
        schedule="cosine",
        epochs=40,
        validation_split=0.0,
    ).fit(x, Y, quiet=True)
    least = ours.evaluate(x, Y)["rmse"]
    assert least <= theirs.evaluate(x, Y)["rmse"] < 1.001 * least


class Stream:
    """Batches without arrays to look into."""

    size, ragged = len(X), False

    def count(self, batch: int) -> int:
        return -(-len(X) // batch)

    def epoch(self, batch: int, seed: int | None = None) -> Iterator[Batch]:
        yield from Arrays(X.astype(np.float32), Y.astype(np.float32)).epoch(min(batch, 50), seed)


def test_streamed_data_give_the_same_solution() -> None:
    streamed = LinearRegression().fit(Stream(), quiet=True)
    at_once = LinearRegression(standardize=False).fit(X, Y, quiet=True)
    np.testing.assert_allclose(streamed.coef_, at_once.coef_, rtol=1e-4)
    np.testing.assert_allclose(streamed.errors_, at_once.errors_, rtol=1e-4)


def test_linearly_dependent_inputs_have_no_standard_errors_but_predict() -> None:
    doubled = np.column_stack([X, X[:, 0] * 2, np.ones(len(X))])
    ours = LinearRegression().fit(doubled, Y, quiet=True)
    assert ours.errors_ is None
    expected = linear_model.LinearRegression().fit(X, Y).predict(X)
    np.testing.assert_allclose(ours.predict(doubled), expected, rtol=1e-4)


def test_fewer_rows_than_inputs_are_fitted_exactly() -> None:
    ours = LinearRegression().fit(X[:5], Y[:5], quiet=True)
    assert ours.errors_ is None
    np.testing.assert_allclose(ours.predict(X[:5]), Y[:5], rtol=1e-4)


def test_whole_numbers_are_numbers() -> None:
    ours = LinearRegression().fit([[0], [1], [2]], [1, 3, 5], quiet=True)
    assert ours.coef_ == pytest.approx([2], rel=1e-6)
    assert ours.predict([[10]]) == pytest.approx([21], rel=1e-6)


def test_a_run_records_training_and_validation_metrics(tmp_path: Path) -> None:
    with Run.create(tmp_path, "run", {}) as run:
        for _ in range(2):  # the second as a resumed run does
            ours = LinearRegression(validation_split=0.2).fit(X, Y, run=run, quiet=True)
    head, *rows = (run.path / "metrics.csv").read_text().splitlines()
    assert {"train/rmse", "validation/rmse"} <= set(head.split(",")) and len(rows) == 1
    assert ours.history[0]["train/rmse"] == pytest.approx(53.5, abs=3)


def test_residuals_and_coefficients_are_drawn() -> None:
    ours = LinearRegression().fit(X, Y, quiet=True)
    metrics = ours.plots(X, Y)
    assert set(metrics) == {"residuals", "coefficients"}
    widths = [bar.get_width() for bar in metrics["coefficients"].axes[0].patches]
    expected = ours.coef_ * X.std(0)
    np.testing.assert_allclose(widths, expected[np.argsort(-abs(expected))], rtol=1e-5)


def test_options_of_gradient_descent_do_not_exist() -> None:
    with pytest.raises(AgentlabError, match="LinearRegressionConfig has no option 'epochs'"):
        LinearRegression(epochs=3)


def test_its_keras_model_predicts_the_same_from_raw_inputs() -> None:
    for standardize in (True, False):
        ours = LinearRegression(standardize=standardize).fit(X, Y, quiet=True)
        predictions = ours.inference_model()(X.astype(np.float32))["predictions"]
        np.testing.assert_allclose(predictions, ours.predict(X), rtol=1e-4)
