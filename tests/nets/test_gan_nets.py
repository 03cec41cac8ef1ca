import keras
import numpy as np
import pytest

from agentlab.errors import InvalidArgument
from agentlab.nets import GENERATORS, make_torso
from agentlab.nets.discriminators import Discriminator
from agentlab.nets.generators import dcgan_depth
from agentlab.nets.spectral import SpectralNorm

RNG = np.random.default_rng(0)


def generator_parameters(base, depth, channels, filters=64, latent=100):
    wide = filters * 2 ** (depth - 1)
    total = latent * base**2 * wide + 4 * wide  # without biases, and batch normalization
    for i in range(1, depth):
        total += 16 * (wide >> (i - 1)) * (wide >> i) + 4 * (wide >> i)
    return total + 16 * filters * channels + channels


@pytest.mark.parametrize(
    ("size", "channels", "base", "depth", "parameters"),
    [(28, 1, 7, 2, 760_065), (48, 1, 6, 3, 1_579_777), (64, 3, 4, 4, 3_578_627)],
)
def test_dcgans_of_28_48_and_64_pixels_have_their_golden_parameter_counts(
    size, channels, base, depth, parameters
):
    shape = (size, size, channels)
    assert dcgan_depth(shape) == depth
    generator = GENERATORS.load("dcgan")(100, shape)
    assert generator.count_params() == parameters == generator_parameters(base, depth, channels)
    images = generator(np.zeros((2, 100), np.float32))
    assert (images.shape, images.dtype) == ((2, *shape), "float32")
    net = Discriminator(make_torso("dcgan", shape, depth=depth))
    convolutions = 16 * channels * 64 + 64
    for i in range(1, depth):
        convolutions += 16 * (64 << (i - 1)) * (64 << i) + (64 << i)
    head = base**2 * (64 << (depth - 1)) + 1
    assert net.count_params() == convolutions + head
    assert net(images).shape == (2,)


def test_the_dense_gan_has_its_golden_parameter_count():
    generator = GENERATORS.load("gan_mlp")(100, (28, 28, 1))
    assert generator.count_params() == 100 * 128 + 4 * 128 + 128 * 784 + 784
    net = Discriminator(make_torso("gan_mlp", (28, 28, 1)))
    assert net.count_params() == 784 * 128 + 128 + 129


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("pixels", [True, False])
def test_generators_return_pixels_from_0_to_1_or_numbers(name, pixels):
    generator = GENERATORS.load(name)(4, (8, 8, 1), pixels=pixels, seed=0)
    bias = generator.steps[-1].bias
    bias.assign(np.full(bias.shape, 3.0))
    codes = RNG.normal(size=(5, 4)).astype(np.float32)
    made = np.asarray(generator(codes))
    assert (made.min() >= 0 and made.max() <= 1) if pixels else made.max() > 1
    for i in range(5):  # each by itself, whatever else is in the batch
        np.testing.assert_allclose(
            np.asarray(generator(codes[i : i + 1]))[0], made[i], rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_survive_a_round_trip_through_a_keras_file(name, tmp_path):
    generator = GENERATORS.load(name)(4, (8, 8, 1), seed=0)
    codes = RNG.normal(size=(5, 4)).astype(np.float32)
    generator(codes, training=True)  # changes the statistics of batch normalization
    generator.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(again(codes), generator(codes))


@pytest.mark.parametrize("spectral_norm", [False, True])
def test_discriminators_survive_a_round_trip_through_a_keras_file(spectral_norm, tmp_path):
    torso = make_torso("dcgan", (8, 8, 1), filters=4, spectral_norm=spectral_norm, seed=0)
    net, images = Discriminator(torso, spectral_norm, 1), RNG.random((3, 8, 8, 1))
    net(images, training=True)
    net.save(tmp_path / "net.keras")
    assert np.array_equal(keras.saving.load_model(tmp_path / "net.keras")(images), net(images))


@pytest.mark.parametrize("size", [(28, 28), (30, 30), (7, 7), (28, 56), (5,), (0, 0), (3000, 3000)])
def test_sizes_that_a_dcgan_cannot_generate_are_refused_in_one_sentence(size):
    if size == (28, 28):
        assert dcgan_depth(size) == 2
        return
    with pytest.raises(InvalidArgument, match="a DCGAN cannot generate images of size .*28, 32"):
        dcgan_depth(size)


def test_oblong_images_can_be_generated_if_both_sides_are_multiples_of_one_power_of_2():
    assert dcgan_depth((32, 48)) == 3  # 4 and 6 times 8
    assert GENERATORS.load("dcgan")(4, (32, 48, 3), 2)(np.zeros((1, 4))).shape == (1, 32, 48, 3)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: keras.layers.Dense(6, name="inner"), (9,)),
        (lambda: keras.layers.Conv2D(6, 3, 2, padding="same", name="inner"), (8, 8, 2)),
    ],
)
def test_spectral_norm_divides_the_kernel_by_its_largest_singular_value(layer, shape):
    inner = layer()
    normed, x = SpectralNorm(inner), RNG.normal(size=(4, *shape)).astype(np.float32)
    for _ in range(30):
        normed(x, training=True)
    kernel = np.asarray(inner.kernel)
    largest = np.linalg.svd(kernel.reshape(-1, 6), compute_uv=False)[0]
    expected = (np.asarray(inner(x)) - np.asarray(inner.bias)) / largest
    np.testing.assert_allclose(normed(x), expected, rtol=1e-3, atol=1e-5)


def test_the_estimate_of_the_singular_value_changes_in_training_only():
    normed = SpectralNorm(keras.layers.Dense(6))
    x = RNG.normal(size=(4, 9)).astype(np.float32)
    first = np.asarray(normed(x))
    assert np.array_equal(normed(x), first)
    normed(x, training=True)
    assert not np.array_equal(normed(x), first)
