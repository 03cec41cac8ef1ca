import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.nets import GENERATORS, make_torso
from agentlab.nets.discriminators import Discriminator
from agentlab.unsupervised.adversarial import (
    AdversarialStep,
    discriminator_loss,
    generator_loss,
)

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(6, 3)).astype(np.float32)
CODES = RNG.normal(size=(6, 2)).astype(np.float32)


def networks():
    generator = GENERATORS.load("gan_mlp")(2, (3,), (5,), pixels=False, seed=1)
    return generator, Discriminator(make_torso("gan_mlp", (3,), hidden=(4,), seed=2), seed=3)


def make_step(generator, discriminator, loss, smoothing=0.0, penalty=0.0):
    optimizers = [keras.optimizers.SGD(1.0) for _ in range(2)]  # a step subtracts the gradient
    spec = tf.TensorSpec((None, 3), tf.float32)
    networks = generator, discriminator
    return AdversarialStep(
        *networks, optimizers, tf.identity, loss, smoothing, penalty, None, spec, 0
    )


@pytest.mark.parametrize(
    ("loss", "smoothing"),
    [("non-saturating", 0.0), ("non-saturating", 0.1), ("wasserstein", 0.0), ("hinge", 0.0)],
)
def test_one_evaluation_gives_the_gradients_of_both_losses(loss, smoothing):
    generator, discriminator = networks()
    nets = generator, discriminator
    before = [[np.asarray(v) for v in net.trainable_variables] for net in nets]
    with tf.GradientTape(persistent=True) as tape:
        generated = generator(CODES, training=True)
        logits = discriminator(INPUTS), discriminator(generated)
        losses = generator_loss(loss, logits[1]), discriminator_loss(loss, *logits, smoothing)
    expected = [
        tape.gradient(lost, net.trainable_variables) for lost, net in zip(losses, nets, strict=True)
    ]
    metrics = make_step(generator, discriminator, loss, smoothing)(INPUTS, CODES).numpy()
    for net, old, gradients in zip(nets, before, expected, strict=True):
        for variable, was, gradient in zip(net.trainable_variables, old, gradients, strict=True):
            np.testing.assert_allclose(was - variable, gradient, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(metrics[:2], losses[::-1], rtol=1e-5)


def test_the_losses_are_those_of_the_papers():
    real, generated = tf.constant([2.0, -1.0]), tf.constant([0.0, 1.0])
    softplus = lambda x: np.log1p(np.exp(x))  # noqa: E731
    usual = (softplus(-2) + softplus(1)) / 2 + (softplus(0) + softplus(1)) / 2

    def found(loss, smoothing=0.0):
        return float(discriminator_loss(loss, real, generated, smoothing))

    assert found("non-saturating") == pytest.approx(usual)
    # A target of 0.9 adds 0.1 times the difference softplus(x) - softplus(-x) = x.
    smoothed = usual + 0.1 * (2 - 1) / 2
    assert found("non-saturating", 0.1) == pytest.approx(smoothed)
    assert found("hinge") == pytest.approx(2 / 2 + 3 / 2)
    assert found("wasserstein") == pytest.approx(0.5 - 0.5)
    fooled = (softplus(0) + softplus(-1)) / 2
    assert float(generator_loss("non-saturating", generated)) == pytest.approx(fooled)
    assert generator_loss("hinge", generated) == generator_loss("wasserstein", generated) == -0.5


def test_a_step_of_one_network_leaves_the_other_as_it_is():
    generator, discriminator = networks()
    step = make_step(generator, discriminator, "hinge")
    nets = generator, discriminator
    first, second = ([np.asarray(v) for v in net.trainable_variables] for net in nets)
    step(INPUTS, CODES, generator=False)
    assert all(map(np.array_equal, first, generator.trainable_variables))
    assert not all(map(np.array_equal, second, discriminator.trainable_variables))
    second = [np.asarray(v) for v in discriminator.trainable_variables]
    step.train_generator(CODES)
    assert not all(map(np.array_equal, first, generator.trainable_variables))
    assert all(map(np.array_equal, second, discriminator.trainable_variables))


def test_the_gradient_penalty_pulls_the_slope_of_the_critic_to_one():
    generator, _ = networks()
    linear = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    linear.layers[0].kernel.assign([[0.0], [3.0], [4.0]])
    critic = keras.Model(linear.inputs, linear.outputs[0][:, 0])
    step = make_step(generator, critic, "wasserstein", penalty=0.1)
    real = np.asarray(generator(CODES, training=True))  # the loss itself is 0
    step(real, CODES, generator=False)
    # 0.1 (|w| - 1)^2 has the gradient 0.2 (|w| - 1) w / |w| = 0.8 (0, 0.6, 0.8), |w| = 5.
    expected = np.array([0.0, 3 - 0.8 * 0.6, 4 - 0.8 * 0.8])
    np.testing.assert_allclose(
        np.asarray(linear.layers[0].kernel)[:, 0], expected, rtol=1e-4, atol=1e-6
    )


def test_very_confident_discriminators_give_finite_gradients():
    generator, discriminator = networks()
    discriminator.head.bias.assign([-200.0])
    step = make_step(generator, discriminator, "non-saturating")
    step(INPUTS, CODES)
    assert all(np.isfinite(v).all() for v in generator.trainable_variables)
