from agentlab.nets.activations import FUNCTIONS
from agentlab.plots.activations import draw_activations


def test_the_image_has_a_panel_for_each_function_with_both_curves():
    figure = draw_activations()
    assert len(figure.axes) == len(FUNCTIONS)
    for axes, name in zip(figure.axes, FUNCTIONS, strict=True):
        assert axes.get_title(loc="left").startswith(name)
        assert [line.get_label() for line in axes.lines[:2]] == ["derivative", "function"]
