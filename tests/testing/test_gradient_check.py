import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets import TORSOS
from agentlab.testing.gradient_check import check_gradients
from tests.nets.test_registry import DISTINCT, small

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", DISTINCT)
def test_every_registered_net_has_correct_gradients(name):
    net, inputs = small(name)
    report = check_gradients(net, inputs, samples=1 if name == "resnet20" else 3)
    assert report.passed, report
    assert len(report.errors) == len(net.trainable_weights) + (TORSOS[name].takes != "ids")
    assert len(report.where) > 0


@pytest.mark.parametrize("name", ["vgg", "resnet20"])
def test_batch_norm_has_correct_gradients_in_training(name):
    arguments = {"batch_norm": True, "dropout": 0.0} if name == "vgg" else {"depth": 8}
    net, inputs = small(name, **arguments)
    report = check_gradients(net, inputs, samples=2, training=True)
    assert report.passed, report


def classes(n, k):
    return np.eye(k)[RNG.integers(0, k, n)]


LOSSES = {
    "binary_crossentropy": (RNG.uniform(0.1, 0.9, (4, 3)), RNG.integers(0, 2, (4, 3))),
    "categorical_crossentropy": (RNG.dirichlet(np.ones(4), 3), classes(3, 4)),
    "sparse_categorical_crossentropy": (RNG.dirichlet(np.ones(4), 3), np.array([0, 3, 1])),
    "mean_squared_error": (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))),
    "mean_absolute_error": (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))),
    "huber": (3 * RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))),
    "log_cosh": (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))),
    "hinge": (RNG.normal(size=(4, 3)), RNG.integers(0, 2, (4, 3))),
    "kl_divergence": (RNG.dirichlet(np.ones(4), 3), RNG.dirichlet(np.ones(4), 3)),
    "cosine_similarity": (RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))),
    "poisson": (RNG.uniform(0.5, 2, (4, 3)), RNG.integers(0, 5, (4, 3))),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_keras_have_correct_gradients(name):
    outputs, targets = LOSSES[name]
    by_name = check_gradients(lambda outputs: outputs, outputs, targets, name)
    as_object = check_gradients(keras.losses.get(name), outputs, targets) if (
        isinstance(keras.losses.get(name), keras.losses.Loss)
    ) else by_name  # fmt: skip
    assert by_name.passed, by_name
    assert as_object.passed, as_object


def test_a_loss_may_be_checked_by_itself_and_together_with_a_net():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = np.array([0, 2, 1, 1])
    assert check_gradients(loss, RNG.normal(size=(4, 3)), labels).passed
    net, inputs = small("mlp")
    assert check_gradients(net, inputs, labels, loss).passed


def test_a_wrong_gradient_is_found_and_named():
    @tf.custom_gradient
    def square(x):
        return x * x, lambda upstream: upstream * 2.001 * x

    report = check_gradients(square, np.array([1.0, 2.0, 3.0]))
    assert not report.passed
    assert report.largest == pytest.approx(0.0005, rel=0.01)
    assert "gradients are wrong" in str(report)
    assert report.where.startswith("input")


def test_a_wrong_gradient_of_one_element_of_a_layer_is_found_and_named():
    @keras.saving.register_keras_serializable("tests")
    class Wrong(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(3, 2), name="kernel")
            self.built = True

        def call(self, inputs):
            @tf.custom_gradient
            def product(inputs, kernel):
                def gradient(upstream):
                    right = tf.matmul(inputs, upstream, transpose_a=True)
                    wrong = right + tf.constant([[0.0, 0.0], [0.0, 0.1], [0.0, 0.0]], right.dtype)
                    return tf.matmul(upstream, kernel, transpose_b=True), wrong

                return inputs @ kernel, gradient

            return product(inputs, tf.convert_to_tensor(self.kernel))

    report = check_gradients(Wrong(), RNG.normal(size=(4, 3)))
    assert not report.passed
    assert report.where.endswith("kernel[1, 1]")
    assert report.given - report.measured == pytest.approx(0.1, abs=1e-4)
    assert report.errors["input"] < 1e-6


def test_a_gradient_that_is_missing_is_found():
    report = check_gradients(lambda x: tf.stop_gradient(x) ** 2, np.array([1.0, 2.0]))
    assert not report.passed
    assert (report.given, report.measured) == (0.0, pytest.approx(report.measured))


def test_a_wrong_element_among_many_shows_along_a_random_direction():
    x = RNG.normal(size=2000)

    @tf.custom_gradient
    def sum_of_squares(x):
        flaw = tf.one_hot(1234, 2000, dtype=x.dtype)
        return tf.reduce_sum(x * x), lambda upstream: upstream * (2 * x + flaw)

    report = check_gradients(sum_of_squares, x, samples=1)
    assert not report.passed
    assert report.where == "input along a random direction"


@pytest.mark.parametrize(
    "function",
    [tf.nn.relu, tf.abs, lambda x: tf.reduce_max(x, axis=-1), lambda x: tf.nn.leaky_relu(x, 0.2)],
)
@pytest.mark.parametrize("distance", [0.0, 3e-8, 3e-7, 3e-6, 3e-5])
def test_kinks_cause_no_false_alarm(function, distance):
    x = np.array([[0.0, distance, -distance, 1.0], [distance, distance, -2.0, distance]])
    report = check_gradients(function, x)
    assert report.passed, report


def test_a_point_at_a_kink_is_reported():
    assert (
        check_gradients(tf.nn.relu, np.array([0.0, 1.0])).kinks == 2
    )  # the element, the direction
    assert check_gradients(tf.nn.relu, np.array([0.5, 1.0])).kinks == 0


def test_a_gradient_beyond_both_slopes_of_a_kink_is_wrong():
    @tf.custom_gradient
    def relu(x):
        return tf.nn.relu(x), lambda upstream: upstream * 1.5

    assert not check_gradients(lambda x: tf.reduce_sum(relu(x)), np.array([0.0])).passed


def test_blank_images_and_zero_biases_cause_no_false_alarm():
    net, _ = small("lenet", scale=255.0)
    images = np.zeros((2, 8, 8, 1), np.float32)
    images[:, 3] = 255
    report = check_gradients(net, images, samples=5)
    assert report.passed, report


def backpropagation(x, w1, b1, w2, b2, y):
    """Gradients of half the squared error of 784-30-10 sigmoid units, written out by hand."""
    hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
    outputs = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    d2 = (outputs - y) * outputs * (1 - outputs)
    d1 = d2 @ w2.T * hidden * (1 - hidden)
    return [d1 @ w1.T, x.T @ d1, d1.sum(0), hidden.T @ d2, d2.sum(0), y - outputs]


def squared_error(x, w1, b1, w2, b2, y):
    hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
    outputs = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    return np.square(outputs - y).sum() / 2


@pytest.mark.parametrize("flaw", [False, True])
def test_backpropagation_written_by_hand_is_checked(flaw):
    shapes = [(5, 784), (784, 30), (30,), (30, 10), (10,), (5, 10)]
    inputs = tuple(RNG.normal(size=shape) * 0.1 for shape in shapes)

    def by_hand(*inputs):
        gradients = backpropagation(*inputs)
        if flaw:
            gradients[2] = gradients[2] * 0.99
        return gradients

    report = check_gradients(squared_error, inputs, gradients=by_hand)
    assert report.passed is not flaw
    if flaw:
        assert report.where.startswith("input 2")
        assert report.largest == pytest.approx(0.01, rel=0.1)


def test_layers_of_several_arguments_are_called_with_all_of_them():
    inputs = (RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 5, 4)))
    report = check_gradients(keras.layers.MultiHeadAttention(2, 2), inputs, samples=3)
    assert report.passed, report
    assert {"input 0", "input 1"} < set(report.errors)


def test_the_checked_layer_is_not_modified():
    net, inputs = small("mlp")
    before, outputs = net.get_weights(), np.asarray(net(inputs))
    check_gradients(net, inputs)
    assert all(np.array_equal(a, b) for a, b in zip(before, net.get_weights(), strict=True))
    assert net(inputs).dtype == "float32"
    assert np.array_equal(net(inputs), outputs)
    assert keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"
    assert keras.layers.Dense(2).dtype == "float32"


def test_an_equal_seed_gives_an_equal_report():
    net, inputs = small("mlp")
    assert check_gradients(net, inputs, seed=3) == check_gradients(net, inputs, seed=3)


def test_random_functions_raise_an_error():
    net, inputs = small("lenet")
    with pytest.raises(AgentlabError, match="return different values; disable dropout"):
        check_gradients(net, inputs, training=True)


def test_functions_that_cast_to_float32_raise_an_error():
    with pytest.raises(AgentlabError, match="has the dtype float32, but must be float64"):
        check_gradients(lambda x: tf.cast(x, tf.float32), np.ones(3))


def test_hand_written_gradients_of_another_shape_raise_an_error():
    with pytest.raises(AgentlabError, match=r"gradients have the shapes \[\[2\]\], but must have"):
        check_gradients(lambda x: (x * x).sum(), np.ones(3), gradients=lambda x: np.ones(2))
