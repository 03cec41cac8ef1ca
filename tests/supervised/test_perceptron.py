"""The perceptron: it learns separable classes, and proves that others are not separable."""

from pathlib import Path

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.supervised.perceptron import Perceptron
from agentlab.supervised.separability import common_point

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
AND, XOR = np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0])


@pytest.mark.parametrize("number", range(1, 15))
def test_every_boolean_function_of_two_inputs_is_learned_or_raises_an_error(number: int) -> None:
    outputs = np.array([number >> i & 1 for i in range(4)])
    perceptron = Perceptron(seed=number)
    if number in (0b0110, 0b1001):  # XOR and its opposite
        with pytest.raises(AgentlabError, match="the classes are not linearly separable"):
            perceptron.fit(INPUTS, outputs, quiet=True)
        return
    perceptron.fit(INPUTS, outputs, quiet=True)
    assert perceptron.predict(INPUTS).tolist() == outputs.tolist()
    assert perceptron.score(INPUTS, outputs) == 1
    errors = [epoch["train/errors"] for epoch in perceptron.history]
    assert errors[-1] == 0 and 0 not in errors[:-1]  # it stops when it has converged
    says = INPUTS @ perceptron.coef_ + perceptron.intercept_ > 0
    assert says.tolist() == outputs.astype(bool).tolist()


def test_a_misclassified_example_changes_the_weights_by_eta() -> None:
    perceptron = Perceptron(learning_rate=0.4)
    weights = np.array([0.1, -0.3, 0.05])
    rows = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    # The first gives -0.15, should be 1: add 0.4 of (1, 1, 1). The second gives 0.55, should be 0:
    # take 0.4 of (0, 1, 1) away. The third gives 0.55, and should be 1.
    assert perceptron.pass_over(weights, rows, np.array([1, 0, 1])) == 2
    np.testing.assert_allclose(weights, [0.5, -0.3, 0.05])


def test_the_error_for_xor_names_a_point_in_both_convex_hulls() -> None:
    perceptron = Perceptron(epochs=20)
    with pytest.raises(AgentlabError) as refusal:
        perceptron.fit(INPUTS, XOR, quiet=True)
    message = str(refusal.value)
    assert "inside 2 examples of class 0 at (0, 0) and (1, 1)" in message
    assert "and 2 examples of class 1 at (0, 1) and (1, 0)" in message
    assert len(perceptron.history) == 20
    with pytest.raises(AgentlabError, match="has not been fitted"):
        perceptron.predict(INPUTS)


def test_the_proof_holds_in_many_dimensions() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 7)) * [1, 10, 100, 1e3, 1e4, 1e5, 1e6] + 1e4
    y = rng.integers(2, size=200)
    shares = common_point(x, y)
    assert shares is not None and (shares >= 0).all()
    np.testing.assert_allclose([shares[y == 0].sum(), shares[y == 1].sum()], 1)
    np.testing.assert_allclose(shares[y == 0] @ x[y == 0], shares[y == 1] @ x[y == 1])
    assert common_point(x, x @ [1, 0.1, 0, 0, 0, 0, 0] > 1e4) is None


def test_an_example_of_both_classes_is_the_common_point() -> None:
    shares = common_point(np.array([[0.0], [3.0], [3.0], [9.0]]), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(shares, [0, 1, 1, 0])


def test_too_few_epochs_are_distinguished_from_inseparable_data() -> None:
    x = np.linspace(0, 1, 200)[:, None]
    y = x[:, 0] > 0.9321
    with pytest.raises(AgentlabError, match="epochs=1 is too small: .* of 200 examples"):
        Perceptron(epochs=1).fit(x, y, quiet=True)
    assert Perceptron(epochs=3000).fit(x, y, quiet=True).score(x, y) == 1


def test_real_data_with_names_of_classes() -> None:
    from sklearn.datasets import load_iris

    iris = load_iris()
    names = iris.target_names[iris.target]
    x, y = iris.data[:100], names[:100]
    perceptron = Perceptron(validation_split=0.2).fit(x, y, quiet=True)
    assert perceptron.score(x, y) > 0.95
    assert set(perceptron.predict(x)) == {"setosa", "versicolor"}
    assert perceptron.predict_proba(x[:1]).tolist() == [[1, 0]]
    assert perceptron.history[-1]["validation/accuracy"] > 0.9
    with pytest.raises(AgentlabError, match="not linearly separable.* 'versicolor'.* 'virginica'"):
        Perceptron(epochs=50).fit(iris.data[50:], names[50:], quiet=True)
    with pytest.raises(AgentlabError, match="there are 3 classes.* needs exactly 2"):
        Perceptron().fit(iris.data, names)


def test_a_run_records_each_epoch(tmp_path: Path) -> None:
    with Run.create(tmp_path, "run", {}) as run:
        perceptron = Perceptron().fit(INPUTS, AND, run=run, quiet=True)
        perceptron.fit(INPUTS, AND, run=run, quiet=True)  # as a resumed run does
    lines = (run.path / "metrics.csv").read_text().splitlines()
    assert lines[0] == "step,train/errors,train/accuracy"
    assert len(lines) == len(perceptron.history) + 1 and lines[-1].endswith(",0,1.0")


def test_the_decision_boundary_is_plotted() -> None:
    perceptron = Perceptron().fit(INPUTS, AND, quiet=True)
    metrics = perceptron.plots(INPUTS, AND)
    assert set(metrics) == {"confusion", "line"}
    (line,) = metrics["line"].axes[0].lines
    for point in (line.get_xy1(), line.get_xy2()):
        assert point @ perceptron.coef_ + perceptron.intercept_ == pytest.approx(0, abs=1e-9)


def test_its_keras_model_predicts_the_same_from_raw_inputs() -> None:
    perceptron = Perceptron().fit(INPUTS, AND, quiet=True)
    classes = perceptron.inference_model()(INPUTS.astype(np.float32))["classes"]
    assert np.asarray(classes).tolist() == AND.tolist()
