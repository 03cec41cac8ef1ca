"""The texts of figures, for tests."""

import itertools
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from agentlab.plots.style import figure_to_array

LONG = [f"a class with a very long name, $number$ {i} of very many" for i in range(100)]


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
