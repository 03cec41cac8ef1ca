import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets import make_torso
from agentlab.nets.siamese import Siamese, contrastive_loss, euclidean_distances
from agentlab.testing.gradient_check import check_gradients
from tests.nets.digits import digits


def small(seed=1, **arguments):
    torso = make_torso(
        "lenet", (8, 8), filters=(4, 8), units=16, dropout=0.0, seed=seed, scale=16.0
    )
    return Siamese(torso, seed=seed, **arguments)


def pair():
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 17, (5, 8, 8), dtype=np.uint8) for _ in range(2))


def test_both_branches_share_the_weights_of_one_torso():
    torso = make_torso("lenet", (28, 28, 1))
    assert Siamese(torso).count_params() == 3_264_384 + 1024 * 2 + 2


def test_the_distance_is_that_of_the_two_embeddings():
    net, (a, b) = small(embedding=3), pair()
    left, right = np.asarray(net.embed(a)), np.asarray(net.embed(b))
    assert left.shape == (5, 3)
    distances = net((a, b))
    assert (distances.shape, distances.dtype) == ((5,), "float32")
    np.testing.assert_allclose(distances, np.linalg.norm(left - right, axis=1), rtol=1e-4)
    np.testing.assert_allclose(net((b, a)), distances, rtol=1e-4)
    np.testing.assert_allclose(net((a, a)), np.zeros(5))


def test_a_net_survives_a_round_trip_through_a_keras_file(tmp_path):
    net, inputs = small(embedding=3), pair()
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(again(inputs), net(inputs))


def test_equal_seeds_give_equal_weights():
    first, second, third = (small(seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[-2], third[-2])


@pytest.mark.parametrize(
    ("distance", "same", "margin", "loss"),
    [
        (0.0, 1, 1.0, 0.0),
        (0.6, 1, 1.0, 0.18),  # 0.6 ** 2 / 2
        (0.6, 0, 1.0, 0.08),  # 0.4 ** 2 / 2
        (1.0, 0, 1.0, 0.0),
        (3.0, 0, 1.0, 0.0),
        (1.0, 0, 3.0, 2.0),  # 2 ** 2 / 2
        (0.0, 0, 1.0, 0.5),
    ],
)
def test_the_contrastive_loss_is_equation_4_of_the_paper(distance, same, margin, loss):
    distances = tf.constant([distance])
    assert float(contrastive_loss(distances, [same], margin)[0]) == pytest.approx(loss)


def test_the_loss_is_per_pair():
    losses = contrastive_loss(tf.constant([0.6, 0.6]), np.array([True, False]))
    np.testing.assert_allclose(losses, [0.18, 0.08], rtol=1e-6)


@pytest.mark.parametrize("same", [0, 1])
def test_equal_inputs_have_a_gradient_of_zero_not_nan(same):
    a = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        distances = euclidean_distances(a, tf.constant([[1.0, 2.0], [3.0, 4.3]]))
        loss = tf.reduce_sum(contrastive_loss(distances, [same, same]))
    gradient = tf.convert_to_tensor(tape.gradient(loss, a)).numpy()
    # Of the pair at distance 0.3: d itself where alike, d - margin where not, towards the other.
    np.testing.assert_allclose(gradient, [[0, 0], [0, -0.3 if same else 0.7]], atol=1e-5)


def test_gradients_are_right():
    inputs = tuple(half.astype(np.float32) for half in pair())
    same = np.array([1, 0, 1, 0, 0])
    report = check_gradients(
        small(), inputs, same, lambda same, d: contrastive_loss(d, same), samples=4
    )
    assert report.passed, report
    assert {"input 0", "input 1"} < set(report.errors)


def test_it_learns_to_tell_digits_apart():
    (images, labels), (unseen, unseen_labels) = digits()
    rng = np.random.default_rng(0)
    a, b = rng.permutation(1300), rng.permutation(1300)
    alike = np.array([rng.choice(np.flatnonzero(labels == label)) for label in labels])
    a, b = np.concatenate([a, np.arange(1300)]), np.concatenate([b, alike])
    arguments = {"filters": (16, 32), "kernel": 3, "units": 64, "dropout": 0.0, "scale": 16.0}
    torso = make_torso("lenet", (8, 8), seed=1, **arguments)
    net = Siamese(torso, embedding=4, seed=1)
    net.compile(keras.optimizers.Adam(3e-3), lambda same, d: contrastive_loss(d, same))
    data = tf.data.Dataset.from_tensor_slices(
        ((images[a], images[b]), (labels[a] == labels[b]).astype(np.float32))
    )
    net.fit(data.shuffle(3000, seed=0).batch(64), epochs=8, shuffle=False, verbose=0)
    embed = tf.function(net.embed)
    known, new = embed(images).numpy(), embed(unseen).numpy()
    nearest = np.linalg.norm(new[:, None] - known[None], axis=-1).argmin(1)
    assert (labels[nearest] == unseen_labels).mean() > 0.85
