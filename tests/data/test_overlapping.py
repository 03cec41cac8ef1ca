import numpy as np
import pytest

from agentlab.data.overlapping import OverlappingImages
from agentlab.errors import InvalidArgument

LABELS = np.array([0, 1, 2, 0, 1, 0, 2])
IMAGES = np.arange(1, 8, dtype=np.uint8)[:, None, None, None] * np.full((1, 2, 3, 1), 20, np.uint8)


def pairs(seed=None, **options):
    return next(OverlappingImages(IMAGES, LABELS, **{"shift": 2, **options}).epoch(7, seed))


def test_both_images_stand_on_a_larger_canvas_and_are_added_up_to_white():
    batch = pairs(seed=0)
    labels, alone = batch.targets
    assert batch.inputs.shape == (7, 6, 7, 1) and alone.shape == (7, 2, 6, 7, 1)
    assert batch.inputs.dtype == alone.dtype == np.uint8
    sums = alone.astype(int).sum(1)
    np.testing.assert_array_equal(batch.inputs, sums.clip(0, 255))
    for i in range(7):
        for k in range(2):
            gray = alone[i, k].max()
            assert (alone[i, k] == gray).sum() == 6 and (alone[i, k] == 0).sum() == 36
            assert labels[i, k] == LABELS[gray // 20 - 1]


@pytest.mark.parametrize("seed", range(20))
def test_the_two_images_are_of_different_classes(seed):
    labels, _ = pairs(seed).targets
    assert (labels[:, 0] != labels[:, 1]).all()
    assert sorted(labels[:, 0]) == sorted(LABELS)  # each image is the first of one pair


def test_every_image_of_another_class_can_be_the_partner():
    partners = {
        int(alone[1].max()) // 20
        for seed in range(200)
        for label, alone in zip(*pairs(seed).targets, strict=True)
        if alone[0].max() == 20
    }
    assert partners == {2, 3, 5, 7}  # those of other classes than the first image's, 0


def test_every_shift_up_to_the_largest_occurs():
    corners = {
        tuple(int(side.min()) for side in np.nonzero(alone[0, ..., 0]))
        for seed in range(40)
        for alone in pairs(seed).targets[1]
    }
    assert corners == {(y, x) for y in range(5) for x in range(5)}


def test_epochs_differ_by_seed_and_evaluations_are_always_the_same():
    first, second = pairs(), pairs()
    assert np.array_equal(first.inputs, second.inputs)
    assert np.array_equal(first.targets[0][:, 0], LABELS)  # in order
    assert np.array_equal(pairs(3).inputs, pairs(3).inputs)
    assert not np.array_equal(pairs(3).inputs, pairs(4).inputs)


def test_batches_cover_an_epoch_once():
    data = OverlappingImages(IMAGES, LABELS, shift=0)
    sizes = [len(batch.weights) for batch in data.epoch(3, seed=1)]
    assert sizes == [3, 3, 1] and data.count(3) == 3


def test_images_of_one_class_are_refused():
    with pytest.raises(InvalidArgument, match="labels must have at least 2 classes"):
        OverlappingImages(IMAGES, np.zeros(7))
