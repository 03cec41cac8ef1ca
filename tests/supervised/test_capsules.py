import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.nets import make_net
from agentlab.nets.augment import shift_pixels
from agentlab.supervised import CapsuleClassifier, OverlappingCapsules
from agentlab.supervised.capsules import margin_loss
from agentlab.testing.learner_case import CAPSULES

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
BARS = np.zeros((60, 6, 6), np.uint8)
BARS[np.arange(60), 2 * LABELS + 1] = 255
NAMES = np.array(["low", "mid", "top"])[LABELS]
OPTIONS = {**CAPSULES, "epochs": 20, "batch_size": 10, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def fitted():
    return CapsuleClassifier(**{**OPTIONS, "shift_pixels": 0}).fit(BARS, NAMES, quiet=True)


@pytest.fixture(scope="module")
def overlapping():
    return OverlappingCapsules(**OPTIONS).fit(BARS, NAMES, quiet=True)


def test_the_margin_loss_is_equation_4_of_the_paper():
    found = tf.constant([[0.8, 0.3, 0.05], [1.0, 0.0, 0.2]])
    present = tf.constant([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    # (0.9 - 0.8)^2 + 0.5 (0.3 - 0.1)^2, and (0.9 - 0)^2 + 0.5 (0.2 - 0.1)^2 with two labels.
    np.testing.assert_allclose(margin_loss(found, present), [0.03, 0.815], rtol=1e-5)


def test_the_reconstruction_is_weighted_by_its_sum_over_the_pixels(fitted):
    metrics = fitted.evaluate(BARS, NAMES)
    weighted = metrics["margin_loss"] + 5e-4 * 36 * metrics["reconstruction_mse"]
    assert metrics["loss"] == pytest.approx(weighted, rel=1e-4)


def test_it_learns_and_predicts_labels(fitted):
    assert fitted.score(BARS, NAMES) > 0.9
    assert fitted.predict(BARS[:3]).tolist() == ["low", "mid", "top"]
    probabilities = fitted.predict_proba(BARS[:3])
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_a_prediction_does_not_depend_on_the_rest_of_the_batch(fitted):
    alone = fitted.predict_proba(BARS[:1])
    mates = RNG.integers(0, 256, (9, 6, 6), dtype=np.uint8)
    among = fitted.predict_proba(np.concatenate([BARS[:1], mates]))
    np.testing.assert_allclose(among[:1], alone, rtol=1e-4)


def test_reconstructions_are_of_the_predicted_class_unless_one_is_given(fitted):
    guessed = fitted.reconstruct(BARS[:3])
    assert (guessed.shape, guessed.dtype) == ((3, 6, 6, 1), "uint8")
    decoded = fitted.decode_capsules(fitted.capsules(BARS[:3]), np.arange(3))
    np.testing.assert_array_equal(guessed, np.rint(255 * decoded))
    np.testing.assert_array_equal(guessed, fitted.reconstruct(BARS[:3], [0, 1, 2]))
    assert not np.array_equal(guessed, fitted.reconstruct(BARS[:3], [1, 2, 0]))


def test_each_dimension_of_the_capsules_is_varied_in_a_plot(fitted):
    plots = fitted.plots(BARS, NAMES)
    assert {"confusion", "examples", "reconstructions", "capsule_dimensions"} == set(plots)
    titles = [axes.get_title() for axes in plots["capsule_dimensions"].axes]
    assert titles == ["low", "mid", "top"]
    rows = [text.get_text() for text in plots["capsule_dimensions"].axes[0].get_yticklabels()]
    assert rows == ["1", "2", "3", "4"]


def test_images_are_shifted_by_whole_pixels_up_to_the_largest_shift():
    image = np.zeros((1, 7, 7, 1), np.float32)
    image[0, 3, 3] = 1
    moved = np.asarray(shift_pixels(tf.constant(np.repeat(image, 400, 0)), [0, 1], 2))
    assert set(np.unique(moved)) == {0.0, 1.0}
    places = set(zip(*(side.tolist() for side in np.nonzero(moved[..., 0])[1:]), strict=True))
    assert places == {(y, x) for y in range(1, 6) for x in range(1, 6)}


def test_other_nets_and_kernels_too_large_are_refused():
    with pytest.raises(AgentlabError, match="the net must be an agentlab.nets.capsnet.CapsNet"):
        net = make_net("mlp", (6, 6), 3)
        CapsuleClassifier(net, epochs=1, shift_pixels=0).fit(BARS, NAMES, quiet=True)
    with pytest.raises(InvalidArgument, match="kernel_size=9 does not fit images of the shape"):
        CapsuleClassifier(epochs=1).fit(BARS, NAMES, quiet=True)


def test_both_overlapping_images_are_recognized(overlapping):
    assert overlapping.score(BARS, NAMES) > 0.45  # a third by chance
    images = np.zeros((1, 8, 8), np.uint8)
    images[0, 2, 1:7] = images[0, 6, 1:7] = 255
    assert set(overlapping.predict(images)[0]) <= {"low", "mid", "top"}
    assert overlapping.predict(images).shape == (1, 2)


def test_both_of_two_overlapping_images_are_plotted(overlapping):
    (figure,) = overlapping.plots(BARS, NAMES).values()
    rows = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert rows == ["image", "first", "second"]
