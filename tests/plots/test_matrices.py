"""Matrices and bars: right numbers in them, and no text over another."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agentlab.plots import matrices
from tests.plots.figure_texts import LONG, assert_texts_are_apart, words

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", UserWarning
        )  # of texts that find no room, or of letters without shape
        yield


def test_a_confusion_matrix_counts() -> None:
    figure = matrices.confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], ["no", "yes"])
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, [[2 / 3, 1 / 3], [0, 1]])
    assert [t.get_text() for t in figure.axes[0].texts] == ["2", "1", "0", "1"]
    assert "75.0% of 4 correct" in words(figure)


@pytest.mark.parametrize("names", [["no", "yes"], LONG[:2], range(10), LONG[:20], LONG])
def test_names_of_classes_do_not_overlap(names: Any) -> None:
    true, predicted = RNG.integers(len(names), size=(2, 2000))
    assert_texts_are_apart(matrices.confusion_matrix(true, predicted, names))


def test_a_class_that_never_occurs_leaves_an_empty_row() -> None:
    figure = matrices.confusion_matrix([0], [0], ["a", "b"])
    assert figure.axes[0].images[0].get_array().tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(("source", "target"), [(1, 1), (8, 7), (60, 50), (3, 40)])
def test_an_attention_map_names_its_tokens(source: int, target: int) -> None:
    tokens = ["a", "man", "$", "cleans", "Donaudampfschifffahrtsgesellschaftsfenster", "."] * 10
    weights = RNG.dirichlet(np.ones(source + 4), target + 2)  # with padding
    figure = matrices.attention_map(weights, tokens[:source], tokens[:target])
    assert_texts_are_apart(figure)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, weights[:target, :source])


def test_correlations_are_those_of_the_columns() -> None:
    x = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 5.0], [3.0, 1.0, 5.0]])
    figure = matrices.correlations(x, np.array([2.0, 4.0, 6.0]), ["up", "down", "still"], "y")
    matrix = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(matrix[:2, :2], [[1, -1], [-1, 1]])
    assert words(figure).count("–") == 5  # a column that never changes goes with none
    widths = {
        label.get_text(): bar.get_width()
        for label, bar in zip(figure.axes[1].get_yticklabels(), figure.axes[1].patches, strict=True)
    }
    assert widths == pytest.approx({"up": 1, "down": -1, "still": 0})


@pytest.mark.parametrize("names", [["a", "b"], LONG[:13], LONG])
def test_names_of_inputs_do_not_overlap(names: list[str]) -> None:
    x = RNG.normal(size=(50, len(names)))
    assert_texts_are_apart(matrices.correlations(x, x[:, 0], names))
    assert_texts_are_apart(matrices.coefficients(names, x[0], np.abs(x[1]), "unit"))


def test_the_largest_coefficients_come_first() -> None:
    figure = matrices.coefficients(["a", "b", "c"], np.array([0.5, -3.0, 1.0]))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["b", "c", "a"]
    figure = matrices.coefficients(LONG, np.arange(100.0))
    assert len(figure.axes[0].patches) == 40
    assert "coefficients, the largest 40 of 100" in words(figure)
