"""Grids of images, of samples and of weights."""

import numpy as np

from agentlab.plots.images import as_pixels, image_grid, image_sheet, labeled_rows


def test_bytes_are_shown_as_they_are_and_floats_by_their_own_range():
    gray = np.full((1, 2, 2), 7, np.uint8)
    assert (as_pixels(gray) == 7).all() and as_pixels(gray).shape == (1, 2, 2, 3)
    # each image by its own range: 0 to 2, and 10 to 12
    both = as_pixels(np.array([[[0.0, 1, 2]], [[10.0, 11, 12]]]))
    assert both[..., 0].tolist() == [[[0, 128, 255]], [[0, 128, 255]]]


def test_weights_of_zero_are_mid_gray_whatever_the_others_are():
    shown = as_pixels(np.array([[[0.0, 1.0, -0.5, 0.0]]]), symmetric=True)[0, 0, :, 0]
    assert shown[0] == shown[3] == 128
    assert shown[1] == 255 and 50 < shown[2] < 70


def test_a_grid_fills_rows_from_the_left_with_gaps_between():
    images = np.arange(5, dtype=np.uint8)[:, None, None].repeat(3, 1).repeat(3, 2)
    grid = image_grid(images, columns=2)
    assert grid.shape == (2 + 3 * 5, 2 + 2 * 5, 3)
    assert [grid[2, 2, 0], grid[2, 7, 0], grid[7, 2, 0], grid[12, 2, 0]] == [0, 1, 2, 4]
    assert grid[12, 7, 0] == grid[0, 0, 0] == 255  # paper


def test_rows_of_images_have_labels():
    rows = [np.zeros((3, 4, 4), np.uint8)] * 2
    figure = labeled_rows(rows, ["input", "reconstruction"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["input", "reconstruction"]
    assert image_sheet(rows[0], "samples").axes[0].get_title("left") == "samples"
