"""Autoencoders: shapes of mirrored decoders, tied weights, greedy layers, saving."""

import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import InvalidArgument
from agentlab.nets import make_torso
from agentlab.nets.autoencoder import EncoderDecoder
from agentlab.nets.decoders import Upsampling
from agentlab.nets.files import load_net
from agentlab.nets.mirroring import feature_maps
from agentlab.nets.variational import Sampling, Variational

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype(np.uint8)


def autoencoder(net, shape=(28, 28, 1), code_size=None, tied=False, **arguments):
    torso = make_torso(net, shape, seed=0, **arguments)
    return EncoderDecoder(torso, shape, code_size, tied=tied, seed=0)


@pytest.mark.parametrize(
    ("net", "shape", "code_size", "parameters"),
    [
        ("mlp", (784,), 256, 784 * 256 + 256 + 256 * 784 + 784),
        # one convolution from 1 to 32 channels and three from 32 to 32, normalized; one to 1
        ("pooled_cnn", (28, 28, 1), None, 288 + 3 * 9_216 + 4 * 128 + 289),
        ("nature_cnn", (84, 84, 4), 64, None),
        ("vgg", (32, 32, 3), 64, None),
        ("resnet20", (32, 32, 3), 8, None),
        ("lenet", (28, 28), 16, None),
    ],
)
def test_a_decoder_returns_the_shape_of_the_inputs(net, shape, code_size, parameters):
    arguments = {"hidden": ()} if net == "mlp" else {}
    model = autoencoder(net, shape, code_size, **arguments)
    assert model(np.zeros((2, *shape), np.float32)).shape == (2, *shape)
    assert model.encode(np.zeros((2, *shape), np.float32)).shape == (2, model.code_size)
    assert parameters is None or model.count_params() == parameters


def test_feature_maps_round_up_and_upsampling_returns_to_the_same_sizes():
    torso = make_torso("pooled_cnn", (28, 28, 1), filters=(32, 32, 16))
    assert feature_maps(torso, (28, 28, 1)) == [(14, 14, 32), (7, 7, 32), (4, 4, 16)]
    maps = np.arange(4.0, dtype=np.float32).reshape(1, 1, 4, 1)
    # 7 columns from 4: the nearest are 0, 0, 1, 1, 2, 2, 3
    assert Upsampling(1, 7)(maps).numpy().ravel().tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert Upsampling(1, 8)(maps).numpy().ravel().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_tied_weights_are_shared_and_not_copied():
    model = autoencoder("mlp", (6,), 2, tied=True, hidden=(3,))
    kernels = [w for w in model.weights if len(w.shape) == 2]
    assert [tuple(k.shape) for k in kernels] == [(6, 3), (3, 2)]
    x = np.eye(6, dtype=np.float32)
    before = model(x).numpy()
    kernels[0].assign(kernels[0] * 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model.decode(tf.ones((1, 2))))
    assert np.abs(model(x).numpy() - before).max() > 0
    assert tape.gradient(loss, kernels[0].value) is not None


@pytest.mark.parametrize("tied", [True, False])
def test_a_net_computes_the_same_after_saving_and_loading(tmp_path, tied):
    model = autoencoder("mlp", (28, 28, 1), 5, tied, hidden=(9,), scale=255.0)
    model.save(tmp_path / "net.keras")
    loaded = load_net(tmp_path / "net.keras")
    np.testing.assert_array_equal(loaded(IMAGES), model(IMAGES))
    assert len(loaded.weights) == len(model.weights)


@pytest.mark.parametrize(
    ("net", "code_size", "depth"),
    [("mlp", 4, 3), ("mlp", 5, 1), ("pooled_cnn", None, 2), ("pooled_cnn", 4, 3)],
)
def test_each_layer_reconstructs_its_own_inputs(net, code_size, depth):
    hidden = {"hidden": (16, 8)[: depth - 1]} if net == "mlp" else {}
    model = autoencoder(net, code_size=code_size, **hidden)
    assert model.depth == depth
    x = tf.cast(IMAGES, tf.float32) / 255
    names = [name for i in range(depth) for name in model.layer_names(i)]
    assert len(names) == len(set(names))
    trained = {n for n in names if n.startswith(("dense", "conv", "norm", "code", "decoder_"))}
    assert {w.path.split("/")[-2] for w in model.weights} <= trained
    for i in range(depth):
        wanted, outputs = model.layer_reconstruction(x, i, lambda x: x)
        assert outputs.shape == wanted.shape


def test_nets_that_no_decoder_mirrors_are_refused():
    with pytest.raises(InvalidArgument, match="takes sequences, and no decoder mirrors it"):
        autoencoder("lstm", (5, 2), 3)
    with pytest.raises(InvalidArgument, match="tied=True needs net='mlp'"):
        autoencoder("pooled_cnn", code_size=3, tied=True)
    assert autoencoder("resnet20", (32, 32, 3), 8).depth == 0


def test_samples_have_the_given_mean_and_variance():
    means, log_variances = tf.fill((20_000, 1), 2.0), tf.fill((20_000, 1), np.log(9.0))
    log_variances = tf.cast(log_variances, tf.float32)
    drawn = Sampling()(means, log_variances, tf.constant([0, 1])).numpy()
    assert abs(drawn.mean() - 2) < 0.1 and abs(drawn.std() - 3) < 0.1
    same = Sampling()(means, log_variances, tf.constant([0, 1])).numpy()
    np.testing.assert_array_equal(drawn, same)


def test_a_variational_net_computes_the_same_after_saving_and_loading(tmp_path):
    torso = make_torso("mlp", (28, 28, 1), hidden=(9,), scale=255.0, seed=0)
    net = Variational(torso, (28, 28, 1), 2, seed=0)
    assert net.distribution(IMAGES)[1].shape == (4, 2)
    net.save(tmp_path / "net.keras")
    np.testing.assert_array_equal(load_net(tmp_path / "net.keras")(IMAGES), net(IMAGES))
