import keras
import numpy as np
import pytest

from agentlab.nets import make_net, make_torso
from agentlab.nets.residual import ResidualBlock
from tests.nets.digits import accuracy_after


def trained_parameters(net):
    return sum(int(np.prod(weight.shape)) for weight in net.trainable_weights)


@pytest.mark.parametrize(
    ("name", "blocks", "trained"), [("resnet20", 3, 269_722), ("resnet32", 5, 464_154)]
)
def test_the_net_of_the_paper_has_its_golden_parameter_count(name, blocks, trained):
    net = make_net(name, (32, 32, 3), 10)
    stages = sum(
        9 * (before * n + (2 * blocks - 1) * n * n) for before, n in [(16, 16), (16, 32), (32, 64)]
    )
    norms = 2 * (16 + 2 * blocks * (16 + 32 + 64))
    assert 9 * 3 * 16 + stages + norms + 64 * 10 + 10 == trained
    assert trained_parameters(net) == trained
    assert net.count_params() == trained + norms  # and as many moving averages
    assert net.torso.features == 64


def test_every_stage_but_the_first_halves_the_image():
    torso = make_torso("resnet20", (32, 32, 3))
    shape, shapes = (None, 32, 32, 3), []
    for step in torso.steps[:-1]:
        shape = step.compute_output_shape(shape)
        shapes.append(shape[1:])
    blocks = shapes[3:]
    assert blocks == [(32, 32, 16)] * 3 + [(16, 16, 32)] * 3 + [(8, 8, 64)] * 3


def test_a_block_whose_convolutions_are_zero_passes_its_inputs_on():
    block = ResidualBlock(4, seed=0)
    inputs = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype(np.float32)
    block(inputs)
    for convolution in (block.conv_0, block.conv_1):
        convolution.set_weights([np.zeros_like(convolution.get_weights()[0])])
    np.testing.assert_allclose(block(inputs), np.maximum(inputs, 0), rtol=1e-6)


def test_a_block_that_halves_takes_every_second_pixel_and_pads_channels_with_zeros():
    block = ResidualBlock(4, stride=2, seed=0)
    inputs = np.random.default_rng(0).random((2, 5, 6, 2), dtype=np.float32)
    block(inputs)
    block.conv_1.set_weights([np.zeros_like(block.conv_1.get_weights()[0])])
    outputs = np.asarray(block(inputs))
    assert outputs.shape == (2, 3, 3, 4) == (2, *block.compute_output_shape((2, 5, 6, 2))[1:])
    np.testing.assert_allclose(outputs[..., 1:3], inputs[:, ::2, ::2], rtol=1e-6)
    assert not outputs[..., [0, 3]].any()


def test_a_block_survives_a_round_trip_through_a_keras_file(tmp_path):
    net = keras.Sequential([keras.Input((6, 6, 2)), ResidualBlock(4, 2, seed=1)])
    inputs = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
    net(inputs, training=True)
    net.save(tmp_path / "net.keras")
    assert np.array_equal(keras.saving.load_model(tmp_path / "net.keras")(inputs), net(inputs))


def test_a_small_residual_net_learns_digits():
    net = make_net("resnet20", (8, 8), 10, seed=0, depth=8, filters=(16, 32, 64), scale=16.0)
    assert accuracy_after(net, epochs=4) > 0.9
