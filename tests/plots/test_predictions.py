"""Pictures of what a net does: right numbers in them, and no text over another."""

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from agentlab.runs.plots import CONTRAST, figure_to_array
from agentlab.supervised import pictures

RNG = np.random.default_rng(0)
LONG = [f"a class with a very long name, $number$ {i} of very many" for i in range(100)]


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", UserWarning
        )  # of texts that find no room, or of letters without shape
        yield


def texts(figure: Figure) -> list[Text]:
    """The texts that are drawn in a figure."""
    drawn = []

    def draw(text: Text, *arguments: Any) -> None:
        drawn.append(text)
        original(text, *arguments)

    original = Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure_to_array(figure)
    return [text for text in drawn if text.get_visible() and text.get_text().strip()]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def assert_texts_are_apart(figure: Figure) -> None:
    """No text may touch another, or reach beyond the figure."""
    boxes = [(t.get_text(), t.get_window_extent().shrunk(0.9, 0.9)) for t in texts(figure)]
    width, height = figure.bbox.size
    for text, box in boxes:
        assert box.x0 > 0 and box.y0 > 0 and box.x1 < width and box.y1 < height, text
    for (text, box), (other, other_box) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other_box), (text, other)


def test_a_confusion_matrix_counts() -> None:
    figure = pictures.confusion_matrix([0, 0, 0, 1], [0, 0, 1, 1], ["no", "yes"])
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, [[2 / 3, 1 / 3], [0, 1]])
    assert [t.get_text() for t in figure.axes[0].texts] == ["2", "1", "0", "1"]
    assert "75.0% of 4 right" in words(figure)


@pytest.mark.parametrize("names", [["no", "yes"], LONG[:2], range(10), LONG[:20], LONG])
def test_names_of_classes_have_room(names: Any) -> None:
    true, predicted = RNG.integers(len(names), size=(2, 2000))
    assert_texts_are_apart(pictures.confusion_matrix(true, predicted, names))
    labels = np.array([str(name) for name in names])[true]
    assert_texts_are_apart(pictures.embedding_scatter(RNG.normal(size=(2000, 2)), labels))


def test_a_class_that_never_occurs_leaves_an_empty_row() -> None:
    figure = pictures.confusion_matrix([0], [0], ["a", "b"])
    assert figure.axes[0].images[0].get_array().tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (8, 8, 1), (8, 8, 4), (5, 40), (40, 5, 3)])
@pytest.mark.parametrize("n", [1, 10])
def test_example_pictures_of_any_shape(n: int, shape: tuple[int, ...]) -> None:
    images = RNG.integers(256, size=(n, *shape)).astype(np.uint8)
    figure = pictures.example_pictures(images, LONG[:n], [True] * n)
    assert_texts_are_apart(figure)
    assert sum(len(axes.images) for axes in figure.axes) == n
    shown = figure.axes[0].images[0].get_array()
    expected = images[0] / 255 if shape[-1] == 3 else (images / 255).reshape(n, *shape[:2], -1)[0]
    if shape[-1] != 3:
        expected = expected.mean(-1)
    np.testing.assert_allclose(shown, expected)


def test_wrong_examples_are_marked_and_right_ones_are_not() -> None:
    images = np.zeros((3, 4, 4))
    figure = pictures.example_pictures(images, ["7", "1, not 7", "3"], [True, False, True])
    colours = [axes.title.get_color() for axes in figure.axes[:3]]
    widths = [axes.spines["left"].get_linewidth() for axes in figure.axes[:3]]
    assert [colour == CONTRAST for colour in colours] == [False, True, False]
    assert widths[1] > 3 * widths[0] and widths[0] == widths[2]


def test_residuals_state_their_size() -> None:
    figure = pictures.residuals([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 6.0], "price ($1000 of $)")
    # Errors 0, 0, 0, -2: a mean square of 1, where the targets' is 5 / 4.
    assert "RMSE 1, R² 0.2" in words(figure)
    assert_texts_are_apart(figure)
    drawn = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(drawn, [[1, 0], [2, 0], [3, 0], [6, -2]])


def test_residuals_of_equal_targets_have_no_r2() -> None:
    assert "RMSE 0.5" in words(pictures.residuals([2.0, 2.0], [2.5, 1.5], "x"))


def test_of_very_many_points_some_are_drawn() -> None:
    true = np.arange(1_000_000.0)
    figure = pictures.residuals(true, true, "x")
    drawn = np.asarray(figure.axes[0].collections[0].get_offsets())
    assert len(drawn) == 20_000 and drawn[0, 0] == 0 and drawn[-1, 0] == 999_999


@pytest.mark.parametrize(("source", "target"), [(1, 1), (8, 7), (60, 50), (3, 40)])
def test_an_attention_map_names_its_tokens(source: int, target: int) -> None:
    tokens = ["a", "man", "$", "cleans", "Donaudampfschifffahrtsgesellschaftsfenster", "."] * 10
    weights = RNG.dirichlet(np.ones(source + 4), target + 2)  # with padding
    figure = pictures.attention_map(weights, tokens[:source], tokens[:target])
    assert_texts_are_apart(figure)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, weights[:target, :source])


def test_a_forecast_is_measured_beside_the_naive_one() -> None:
    past, true = np.arange(4.0), np.array([4.0, 5.0])
    figure = pictures.forecast(past, true, true + [0.0, 1.0], [3.0, 3.0])
    # Errors (0, 1) and (-1, -2): roots of 1 / 2 and of 5 / 2.
    assert {"forecast, RMSE 0.7071", "naive, RMSE 1.581"} <= set(words(figure))
    assert_texts_are_apart(figure)


def test_each_series_of_a_forecast_has_a_panel() -> None:
    past, after = RNG.normal(size=(40, 2)), RNG.normal(size=(1, 2))
    figure = pictures.forecast(past, after, after, after, ["USD", "EUR"])
    assert len(figure.axes) == 2 and {"USD", "EUR"} <= set(words(figure))
    assert_texts_are_apart(figure)


def test_an_embedding_has_a_colour_for_each_class() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    figure = pictures.embedding_scatter(points, ["b", "a", "b"])
    groups = figure.axes[0].collections
    assert [group.get_label() for group in groups] == ["a", "b"]
    np.testing.assert_array_equal(groups[1].get_offsets(), [[0, 0], [2, 0]])
    assert (groups[0].get_facecolors() != groups[1].get_facecolors()).any()


def test_correlations_are_those_of_the_columns() -> None:
    x = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 5.0], [3.0, 1.0, 5.0]])
    figure = pictures.correlations(x, np.array([2.0, 4.0, 6.0]), ["up", "down", "still"], "y")
    matrix = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(matrix[:2, :2], [[1, -1], [-1, 1]])
    assert words(figure).count("–") == 5  # a column that never changes goes with none
    widths = {
        label.get_text(): bar.get_width()
        for label, bar in zip(figure.axes[1].get_yticklabels(), figure.axes[1].patches, strict=True)
    }
    assert widths == pytest.approx({"up": 1, "down": -1, "still": 0})


@pytest.mark.parametrize("names", [["a", "b"], LONG[:13], LONG])
def test_names_of_inputs_have_room(names: list[str]) -> None:
    x = RNG.normal(size=(50, len(names)))
    assert_texts_are_apart(pictures.correlations(x, x[:, 0], names))
    assert_texts_are_apart(pictures.coefficients(names, x[0], np.abs(x[1]), "unit"))


def test_the_largest_coefficients_come_first() -> None:
    figure = pictures.coefficients(["a", "b", "c"], np.array([0.5, -3.0, 1.0]))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["b", "c", "a"]
    figure = pictures.coefficients(LONG, np.arange(100.0))
    assert len(figure.axes[0].patches) == 40
    assert "coefficients, the largest 40 of 100" in words(figure)
