import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.training.optimizers import SCHEDULES, compiled_apply, make_optimizer, make_schedule

OPTIMIZERS = [
    *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"),
    *("Muon", "Nadam", "RMSprop", "ScheduleFreeAdamW", "SGD"),
]


def weights(*values):
    return [keras.Variable(np.asarray(value, np.float32)) for value in values]


def stepper(optimizer, variables, max_norm=None, xla=False):
    """Return what applies gradients, given as arrays."""
    optimizer.build(variables)
    apply = compiled_apply(optimizer, variables, max_norm, xla)
    return lambda *gradients: apply([tf.constant(g, tf.float32) for g in gradients]).numpy()


def test_these_are_all_optimizers_of_keras_but_those_that_wrap_others():
    with pytest.raises(AgentlabError) as caught:
        make_optimizer("slide", 0.1)
    names = ", ".join(sorted(name.lower() for name in OPTIMIZERS))
    assert str(caught.value) == f"optimizer='slide' is unknown; choose from {names}"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_keras_steps_downhill(name):
    kernel, bias = variables = weights(np.ones((2, 3)), np.ones(3))
    step = stepper(make_optimizer(name, 0.01), variables)
    for _ in range(2):
        step(np.full((2, 3), 2.0), np.full(3, 2.0))
    assert (kernel.numpy() < 1).all() and (bias.numpy() < 1).all()


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_step_is_as_long_as_the_schedule_says(name, xla):
    schedule = make_schedule(name, 0.5, steps=7, warmup_steps=2)
    variables = weights([0.0])
    step = stepper(make_optimizer("sgd", schedule), variables, xla=xla)
    for done in range(7):
        before = variables[0].numpy()
        step([1.0])
        np.testing.assert_allclose(before - variables[0].numpy(), schedule(done), atol=1e-6)


def test_momentum_by_hand():
    variables = weights([0.0])
    step = stepper(make_optimizer("sgd", 0.1, momentum=0.9), variables)
    step([1.0])  # velocity -0.1
    np.testing.assert_allclose(variables[0], [-0.1])
    step([1.0])  # velocity -0.9 x 0.1 - 0.1 = -0.19
    np.testing.assert_allclose(variables[0], [-0.29])


def test_nesterovs_momentum_by_hand():
    variables = weights([0.0])
    step = stepper(make_optimizer("sgd", 0.1, momentum=0.9, nesterov=True), variables)
    step([1.0])  # velocity -0.1, step 0.9 x -0.1 - 0.1
    np.testing.assert_allclose(variables[0], [-0.19])
    step([1.0])  # velocity -0.19, step 0.9 x -0.19 - 0.1
    np.testing.assert_allclose(variables[0], [-0.461], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "argument"), [("adam", {"momentum": 0.9}), ("rmsprop", {"nesterov": True})]
)
def test_an_argument_that_an_optimizer_does_not_take_is_refused(name, argument):
    with pytest.raises(AgentlabError, match=f"optimizer='{name}' has no argument"):
        make_optimizer(name, 0.1, **argument)


@pytest.mark.parametrize("rate", [0.01, make_schedule("cosine", 0.01, 30, warmup_steps=5)])
@pytest.mark.parametrize("xla", [False, True])
def test_adam_equals_that_of_keras_step_for_step(rate, xla):
    rng = np.random.default_rng(0)
    ours, theirs = (weights(np.ones((3, 4)), np.ones(4), np.ones((2, 2, 3))) for _ in range(2))
    optimizer = make_optimizer("adam", rate)
    step = stepper(optimizer, ours, xla=xla)
    reference = keras.optimizers.Adam(rate)
    reference.build(theirs)
    for _ in range(25):
        gradients = [rng.normal(size=v.shape).astype(np.float32) for v in ours]
        step(*gradients)
        reference.apply([tf.constant(gradient) for gradient in gradients])
        for variable, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(variable, expected, rtol=2e-6)
    assert int(optimizer.iterations) == 25
    for variable, expected in zip(optimizer.variables, reference.variables, strict=True):
        np.testing.assert_allclose(variable, expected, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("arguments", [{"amsgrad": True}, {"weight_decay": 0.1}, {"beta_1": 0.5}])
def test_adams_variants_equal_those_of_keras(arguments):
    rng = np.random.default_rng(0)
    ours, theirs = weights(np.ones((3, 4))), weights(np.ones((3, 4)))
    step = stepper(make_optimizer("adam", 0.01, **arguments), ours)
    reference = keras.optimizers.Adam(0.01, **arguments)
    reference.build(theirs)
    for _ in range(5):
        gradient = rng.normal(size=(3, 4)).astype(np.float32)
        step(gradient)
        reference.apply([tf.constant(gradient)])
    np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_gradients_are_bounded_in_their_norm_together(xla):
    first, second = variables = weights([[0.0]], [0.0, 0.0])
    step = stepper(make_optimizer("sgd", 1.0), variables, max_norm=1.0, xla=xla)
    assert step([[2.0]], [4.0, 4.0]) == pytest.approx(6.0)  # the norm before it is bounded
    np.testing.assert_allclose(first, [[-2 / 6]], rtol=1e-6)
    np.testing.assert_allclose(second, [-4 / 6, -4 / 6], rtol=1e-6)


def test_gradients_within_the_bound_stay():
    variables = weights([0.0, 0.0])
    step = stepper(make_optimizer("sgd", 1.0), variables, max_norm=6.0)
    assert step([3.0, 4.0]) == pytest.approx(5.0)
    np.testing.assert_array_equal(variables[0], [-3.0, -4.0])


def test_an_unknown_optimizer_is_refused_with_the_known_ones():
    with pytest.raises(AgentlabError, match="'nothing' is unknown; choose from adadelta, .*rmspro"):
        make_optimizer("nothing", 0.1)
    assert isinstance(make_optimizer("rmsprop", 0.1), keras.optimizers.RMSprop)


def updated(xla, max_norm, optimizer="adam"):
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(3)
    layer.build((None, 5))
    layer.kernel.assign(np.ones((5, 3)))
    made = make_optimizer(optimizer, 0.01)
    made.build(layer.trainable_variables)
    apply = compiled_apply(made, layer.trainable_variables, max_norm, xla)
    for _ in range(20):
        gradients = [tf.constant(rng.normal(size=v.shape), tf.float32) for v in layer.weights]
        norm = apply(gradients)
    expected = np.sqrt(sum(np.square(gradient).sum() for gradient in gradients))
    assert float(norm) == pytest.approx(expected, rel=1e-5)
    return [variable.numpy() for variable in (*layer.weights, *made.variables)]


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_the_kernel_of_tensorflow_makes_the_steps_of_keras_adam(max_norm):
    for fused, plain in zip(updated(False, max_norm), updated(True, max_norm), strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-4, atol=1e-6)


def test_a_gradient_longer_than_the_bound_is_shortened_to_it():
    layer = keras.layers.Dense(1, use_bias=False)
    layer.build((None, 2))
    layer.kernel.assign([[0.0], [0.0]])
    sgd = make_optimizer("sgd", 1.0)
    sgd.build(layer.trainable_variables)
    apply = compiled_apply(sgd, layer.trainable_variables, 1.0)
    assert float(apply([tf.constant([[3.0], [4.0]])])) == pytest.approx(5.0)
    np.testing.assert_allclose(layer.kernel, [[-0.6], [-0.8]], rtol=1e-6)
