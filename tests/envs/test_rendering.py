"""What environments return from render() becomes an RGB image, or is refused in one sentence."""

import numpy as np
import pytest

from agentlab.envs.rendering import rgb_image
from agentlab.errors import AgentlabError

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


@pytest.mark.parametrize(
    "rendered",
    [
        RGB,
        RGB.astype(np.int64),
        np.concatenate([RGB, RGB[:, :, :1]], axis=2),
        [np.zeros((2, 3, 3), np.uint8), RGB],
    ],
)
def test_rgb_rgba_and_lists_of_images(rendered):
    image = rgb_image(rendered, "x")
    assert image.dtype == np.uint8
    assert np.array_equal(image, RGB)


@pytest.mark.parametrize("rendered", [RGB[:, :, 0], RGB[:, :, :1]])
def test_gray_images(rendered):
    assert np.array_equal(rgb_image(rendered, "x"), np.repeat(RGB[:, :, :1], 3, axis=2))


@pytest.mark.parametrize(
    ("rendered", "told"),
    [
        (None, "returned None"),
        (np.zeros((2, 3, 3)), r"returned float64 \(2, 3, 3\)"),
        (np.zeros((2, 3, 2), np.uint8), r"returned uint8 \(2, 3, 2\)"),
        (np.zeros(5, np.uint8), r"returned uint8 \(5,\)"),
        ("text", "it must return an image of uint8"),
        ([], "it must return an image of uint8"),
    ],
)
def test_anything_else_is_refused(rendered, told):
    with pytest.raises(AgentlabError, match=f"env='x' cannot be rendered.*{told}"):
        rgb_image(rendered, "x")
