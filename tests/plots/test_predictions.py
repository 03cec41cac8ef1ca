"""Images of what a net predicts: right numbers in them, and no text over another."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agentlab.plots import predictions
from agentlab.plots.style import CONTRAST
from tests.plots.figure_texts import LONG, assert_texts_are_apart, words

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", UserWarning
        )  # of texts that find no room, or of letters without shape
        yield


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (8, 8, 1), (8, 8, 4), (5, 40), (40, 5, 3)])
@pytest.mark.parametrize("n", [1, 10])
def test_example_images_of_any_shape(n: int, shape: tuple[int, ...]) -> None:
    images = RNG.integers(256, size=(n, *shape)).astype(np.uint8)
    figure = predictions.example_images(images, LONG[:n], [True] * n)
    assert_texts_are_apart(figure)
    assert sum(len(axes.images) for axes in figure.axes) == n
    shown = figure.axes[0].images[0].get_array()
    expected = images[0] / 255 if shape[-1] == 3 else (images / 255).reshape(n, *shape[:2], -1)[0]
    if shape[-1] != 3:
        expected = expected.mean(-1)
    np.testing.assert_allclose(shown, expected)


def test_wrong_predictions_are_marked() -> None:
    images = np.zeros((3, 4, 4))
    figure = predictions.example_images(images, ["7", "1, not 7", "3"], [True, False, True])
    colors = [axes.title.get_color() for axes in figure.axes[:3]]
    widths = [axes.spines["left"].get_linewidth() for axes in figure.axes[:3]]
    assert [color == CONTRAST for color in colors] == [False, True, False]
    assert widths[1] > 3 * widths[0] and widths[0] == widths[2]


def test_residuals_state_their_size() -> None:
    figure = predictions.residuals([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 6.0], "price ($1000 of $)")
    # Errors 0, 0, 0, -2: a mean square of 1, where the targets' is 5 / 4.
    assert "RMSE 1, R² 0.2" in words(figure)
    assert_texts_are_apart(figure)
    drawn = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(drawn, [[1, 0], [2, 0], [3, 0], [6, -2]])


def test_residuals_of_equal_targets_have_no_r2() -> None:
    assert "RMSE 0.5" in words(predictions.residuals([2.0, 2.0], [2.5, 1.5], "x"))


def test_many_points_are_subsampled() -> None:
    true = np.arange(1_000_000.0)
    figure = predictions.residuals(true, true, "x")
    drawn = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert len(drawn) == 20_000 and drawn[0, 0] == 0 and drawn[-1, 0] == 999_999


def test_a_forecast_is_compared_with_the_naive_one() -> None:
    past, true = np.arange(4.0), np.array([4.0, 5.0])
    figure = predictions.forecast(past, true, true + [0.0, 1.0], [3.0, 3.0])
    # Errors (0, 1) and (-1, -2): roots of 1 / 2 and of 5 / 2.
    assert {"forecast, RMSE 0.7071", "naive, RMSE 1.581"} <= set(words(figure))
    assert_texts_are_apart(figure)


def test_each_series_of_a_forecast_has_a_panel() -> None:
    past, after = RNG.normal(size=(40, 2)), RNG.normal(size=(1, 2))
    figure = predictions.forecast(past, after, after, after, ["USD", "EUR"])
    assert len(figure.axes) == 2 and {"USD", "EUR"} <= set(words(figure))
    assert_texts_are_apart(figure)


def test_an_embedding_has_a_color_for_each_class() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    figure = predictions.embedding_scatter(points, ["b", "a", "b"])
    groups = figure.axes[0].collections
    assert [group.get_label() for group in groups] == ["a", "b"]
    np.testing.assert_array_equal(groups[1].get_offsets(), [[0, 0], [2, 0]])
    assert (groups[0].get_facecolors() != groups[1].get_facecolors()).any()


@pytest.mark.parametrize("names", [["no", "yes"], LONG[:2], range(10), LONG[:20], LONG])
def test_names_of_classes_fit_beside_an_embedding(names: Any) -> None:
    labels = np.array([str(name) for name in names])[RNG.integers(len(names), size=2000)]
    assert_texts_are_apart(predictions.embedding_scatter(RNG.normal(size=(2000, 2)), labels))
