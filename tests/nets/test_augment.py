import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets.augment import augment

NINE = np.arange(1, 10, dtype=np.uint8).reshape(1, 3, 3)


@pytest.fixture
def chance(monkeypatch):
    """Decides all that is drawn: turn, mirror, size, and the moves by columns and by rows."""

    def decide(turn=0.0, mirror=1.0, size=0.0, columns=0.0, rows=0.0):
        drawn = tf.constant([[turn], [mirror], [size], [columns], [rows]], tf.float32)
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda *arguments: drawn)

    return decide


def moved(**moves):
    return augment(tf.constant(NINE), [0, 0], **moves).numpy()[0]


def test_without_options_images_are_unchanged():
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    same = augment(tf.constant(images), [1, 2])
    assert same.dtype == tf.float32
    np.testing.assert_array_equal(same, images)


def test_flipping_mirrors_half_of_the_images_exactly():
    images = np.random.default_rng(0).integers(0, 256, (1000, 4, 5, 3), dtype=np.uint8)
    flipped = augment(tf.constant(images), [1, 2], flip=True).numpy()
    as_before = (flipped == images).all((1, 2, 3))
    mirrored = (flipped == images[:, :, ::-1]).all((1, 2, 3))
    assert (as_before ^ mirrored).all()
    assert 0.45 < mirrored.mean() < 0.55


def test_a_rotation_of_90_degrees_by_hand(chance):
    chance(turn=1.0)
    np.testing.assert_allclose(moved(rotate=90), [[3, 6, 9], [2, 5, 8], [1, 4, 7]], atol=1e-4)
    chance(turn=-1.0)
    np.testing.assert_allclose(moved(rotate=90), [[7, 4, 1], [8, 5, 2], [9, 6, 3]], atol=1e-4)


def test_images_are_rotated_before_they_are_flipped(chance):
    chance(turn=1.0, mirror=-1.0)
    quarter_and_mirror = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]).T
    np.testing.assert_allclose(moved(rotate=90, flip=True), quarter_and_mirror, atol=1e-4)


def test_a_shift_by_hand_fills_with_zeros(chance):
    chance(columns=1.0)
    np.testing.assert_allclose(moved(shift=1 / 3), [[2, 3, 0], [5, 6, 0], [8, 9, 0]], atol=1e-5)
    chance(rows=-1.0)
    np.testing.assert_allclose(moved(shift=1 / 3), [[0, 0, 0], [1, 2, 3], [4, 5, 6]], atol=1e-5)
    chance(columns=0.5)
    np.testing.assert_allclose(moved(shift=1 / 3)[0], [1.5, 2.5, 1.5], atol=1e-5)


def test_a_zoom_by_hand(chance):
    chance(size=-1.0)  # twice as large: between the pixels lie their means
    larger = [[3, 3.5, 4], [4.5, 5, 5.5], [6, 6.5, 7]]
    np.testing.assert_allclose(moved(zoom=0.5), larger, atol=1e-5)


def test_rotations_and_shifts_are_bounded():
    one = np.zeros((500, 21, 21), np.float32)
    one[:, 10, 18] = 1  # 8 to the right of the middle
    where = np.arange(21) - 10
    turned = augment(tf.constant(one), [3, 4], rotate=30).numpy()
    rows, columns = (turned.sum(axis) @ where / turned.sum((1, 2)) for axis in (2, 1))
    angles = np.degrees(np.arctan2(rows, columns))
    assert 25 < angles.max() < 31 and -31 < angles.min() < -25
    one = np.zeros((500, 21, 21), np.float32)
    one[:, 10, 10] = 1
    shifted = augment(tf.constant(one), [3, 4], shift=0.2).numpy()
    columns = shifted.sum(1) @ where
    assert 3.9 < columns.max() <= 4.21 and -4.21 <= columns.min() < -3.9


def test_augmentation_depends_on_the_seed():
    images = tf.constant(np.random.default_rng(0).random((8, 9, 9, 1), np.float32))
    moves = {"flip": True, "rotate": 25, "shift": 0.1, "zoom": 0.1}
    first, again, other = (augment(images, [7, step], **moves).numpy() for step in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_channels_are_augmented_together_and_images_independently():
    gray = np.random.default_rng(0).random((1, 9, 9, 1), np.float32)
    same = np.broadcast_to(gray, (2, 9, 9, 3))
    result = augment(tf.constant(same), [7, 0], rotate=25).numpy()
    np.testing.assert_array_equal(result[..., 0], result[..., 2])
    assert not np.array_equal(result[0], result[1])


def test_it_can_be_compiled_for_any_number_of_images():
    spec = tf.TensorSpec((None, 3, 3), tf.uint8)
    step = tf.function(lambda images: augment(images, [0, 0], True, 10, 0.1), [spec])
    assert step(np.repeat(NINE, 4, axis=0)).shape == (4, 3, 3)
