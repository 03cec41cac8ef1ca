"""Properties of all registered torsos, with a head and without."""

import keras
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets import TORSOS, make_net, make_torso
from agentlab.nets.headed import Headed

PARAMETERS = {  # with a head of 10 outputs, for the registered example of an input
    "mlp": (784 * 64 + 64) + (64 * 64 + 64) + (64 * 10 + 10),
    "nature_cnn": (8 * 8 * 4 * 32 + 32)
    + (4 * 4 * 32 * 64 + 64)
    + (3 * 3 * 64 * 64 + 64)
    + (7 * 7 * 64 * 512 + 512)
    + (512 * 10 + 10),
    "small_cnn": (8 * 8 * 4 * 16 + 16)
    + (4 * 4 * 16 * 32 + 32)
    + (9 * 9 * 32 * 256 + 256)
    + (256 * 10 + 10),
    "minatar_cnn": (3 * 3 * 4 * 16 + 16) + (8 * 8 * 16 * 128 + 128) + (128 * 10 + 10),
    "lenet": 3_274_634,
    "small_lenet": 208 + 3_216 + 100_480 + 1_290,
    "pooled_cnn": 288 + 9_216 + 2 * 128 + 15_690,
    "vgg": 2_159_114,
    "gan_mlp": (784 * 128 + 128) + 1_290,
    "dcgan": (4 * 4 * 1 * 64 + 64) + (4 * 4 * 64 * 128 + 128) + (6272 * 10 + 10),
    "resnet20": 269_722 + 1_376,  # trained ones, and moving averages
    "resnet32": 464_154 + 2_272,
    "text_cnn": 10_000 * 128 + 12 * 128 * 128 + 3 * 128 + (384 * 10 + 10),
    "simple_rnn": 128 + 128 * 128 + 128 + 1_290,
    "lstm": 4 * (128 + 128 * 128 + 128) + 1_290,
    "peephole": 4 * (128 + 128 * 128 + 128) + 3 * 128 + 1_290,
    "gru": 3 * (128 + 128 * 128 + 128) + 3 * 128 + 1_290,
}
SMALL = {  # an input's shape and arguments that make a net quick
    "mlp": ((5,), {}),
    "nature_cnn": ((36, 36, 2), {"scale": 1.0}),
    "small_cnn": ((20, 20, 2), {"scale": 1.0}),
    "minatar_cnn": ((5, 5, 2), {"units": 8, "scale": 1.0}),
    "lenet": ((8, 8, 1), {"filters": (4, 8), "units": 16, "scale": 1.0}),
    "small_lenet": ((8, 8, 1), {"scale": 1.0}),
    "pooled_cnn": ((8, 8, 1), {"filters": (4, 2), "scale": 1.0}),
    "vgg": ((8, 8, 3), {"filters": (4, 8), "units": (16,), "scale": 1.0}),
    "gan_mlp": ((5,), {"hidden": (8, 8)}),
    "dcgan": ((8, 8, 3), {"filters": 4, "scale": 1.0}),
    "resnet20": ((8, 8, 3), {"scale": 1.0}),
    "resnet32": ((8, 8, 3), {"scale": 1.0}),
    "text_cnn": ((9,), {"vocabulary": 30, "embedding": 8, "filters": 4}),
    "simple_rnn": ((6, 3), {"units": (8,)}),
    "lstm": ((6, 3), {"units": (8,)}),
    "peephole": ((6, 3), {"units": (8,)}),
    "gru": ((6, 3), {"units": (8,)}),
}
DISTINCT = [name for name in TORSOS if name != "resnet32"]  # resnet20 but for its length
IMAGES = [name for name in DISTINCT if TORSOS[name].takes == "images"]
DROPPING = ["lenet", "vgg", "text_cnn"]  # by themselves


def small(name, seed=1, **arguments):
    shape, own = SMALL[name]
    net = make_net(name, shape, 3, seed=seed, **{**own, **arguments})
    rng = np.random.default_rng(0)
    if TORSOS[name].takes == "ids":
        return net, rng.integers(0, 30, (4, *shape))
    return net, rng.normal(size=(4, *shape)).astype(np.float32)


def test_every_registered_net_is_tested():
    assert set(PARAMETERS) == set(SMALL) == set(TORSOS)


@pytest.mark.parametrize("name", TORSOS)
def test_every_net_has_its_golden_parameter_count(name):
    arguments = {"vocabulary": 10_000} if TORSOS[name].takes == "ids" else {}
    net = make_net(name, TORSOS[name].example, 10, **arguments)
    assert net.count_params() == PARAMETERS[name]


@pytest.mark.parametrize("name", DISTINCT)
def test_every_net_gives_a_row_of_outputs_for_each_input(name):
    net, inputs = small(name)
    features, outputs = net.torso(inputs), net(inputs)
    assert (features.shape, features.dtype) == ((4, net.torso.features), "float32")
    assert (outputs.shape, outputs.dtype) == ((4, 3), "float32")
    for i in range(4):  # each by itself, whatever else is in the batch
        np.testing.assert_allclose(net(inputs[i : i + 1])[0], outputs[i], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in DISTINCT if n != "mlp"])
def test_every_net_but_the_mlp_computes_in_bfloat16_and_returns_float32(name):
    exact, inputs = small(name)
    rough, _ = small(name, dtype="mixed_bfloat16")
    assert all(weight.dtype == "float32" for weight in rough.weights)
    assert rough.torso(inputs).dtype == "bfloat16"
    outputs, expected = rough(inputs), exact(inputs)
    assert outputs.dtype == "float32"
    difference = np.abs(outputs - expected).max()
    assert 0 < difference < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("name", DISTINCT)
def test_every_net_survives_a_round_trip_through_a_keras_file(name, tmp_path):
    net, inputs = small(name)
    net.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    assert np.array_equal(again(inputs), net(inputs))
    dropped = net(inputs, training=True)  # the state of dropout comes along
    assert np.array_equal(again(inputs, training=True), dropped)


@pytest.mark.parametrize("name", DISTINCT)
def test_weights_depend_on_the_seed(name):
    first, second, third = (small(name, seed)[0].get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    kernels = [(a, b) for a, b in zip(first, third, strict=True) if a.ndim > 1 and a.any()]
    assert kernels
    assert not any(np.array_equal(a, b) for a, b in kernels)


@pytest.mark.parametrize("name", DISTINCT)
def test_layers_of_one_shape_start_from_different_weights(name):
    kernels = [weight for weight in small(name)[0].get_weights() if weight.ndim > 1]
    for i, kernel in enumerate(kernels):
        assert not any(np.array_equal(kernel, other) for other in kernels[:i] if other.any())


@pytest.mark.parametrize("name", DROPPING)
def test_dropout_is_applied_in_training_only_and_depends_on_the_seed(name):
    net, inputs = small(name)
    quiet = net(inputs)
    assert np.array_equal(net(inputs), quiet)
    dropped = net(inputs, training=True)
    assert not np.array_equal(dropped, quiet)
    assert np.array_equal(small(name)[0](inputs, training=True), dropped)


@pytest.mark.parametrize("name", IMAGES)
def test_nets_for_images_take_grayscale_images_without_a_channel(name):
    shape, own = SMALL[name]
    side = shape[0]
    flat = make_torso(name, (side, side), seed=1, **own)
    deep = make_torso(name, (side, side, 1), seed=1, **own)
    images = np.random.default_rng(0).integers(0, 256, (2, side, side), dtype=np.uint8)
    assert np.array_equal(flat(images), deep(images[..., None]))


@pytest.mark.parametrize("name", IMAGES)
def test_nets_for_images_divide_by_their_scale(name):
    shape, own = SMALL[name]
    bytes_ = make_torso(name, shape, seed=1, **{**own, "scale": 255.0})
    ones = make_torso(name, shape, seed=1, **{**own, "scale": 1.0})
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), dtype=np.uint8)
    np.testing.assert_allclose(bytes_(images), ones(images / 255), rtol=1e-3, atol=1e-5)


def test_a_head_computes_in_float32_on_features_in_16_bits():
    net, inputs = small("lenet", dtype="mixed_bfloat16")
    kernel, bias = net.head.get_weights()
    features = np.asarray(net.torso(inputs)).astype(np.float32)
    np.testing.assert_allclose(net(inputs), features @ kernel + bias, rtol=1e-5, atol=1e-6)


def test_dropout_of_a_head_is_applied_in_training_only():
    torso = make_torso("mlp", (5,), seed=0)
    net, inputs = Headed(torso, 2, dropout=0.5, seed=0), np.ones((3, 5), np.float32)
    kernel, bias = net.head.get_weights()
    np.testing.assert_allclose(net(inputs), torso(inputs) @ kernel + bias, rtol=1e-5)
    assert not np.allclose(net(inputs, training=True), net(inputs))


def test_dropout_is_the_torsos_if_it_has_dropout_and_the_heads_otherwise():
    lenet = make_net("lenet", (8, 8), 2, dropout=0.25)
    assert (lenet.torso.dropout, lenet.dropout) == (0.25, 0)
    mlp = make_net("mlp", (4,), 2, dropout=0.25)
    assert mlp.dropout == 0.25
    assert make_net("lenet", (8, 8), 2).torso.dropout == 0.5


def test_a_torso_that_returns_sequences_gives_outputs_for_every_step():
    net = make_net("gru", (6, 3), 2, return_sequences=True)
    assert net(np.zeros((4, 6, 3), np.float32)).shape == (4, 6, 2)


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "says"),
    [
        ("lent", (4,), {}, "net='lent' is unknown; did you mean 'lenet'"),
        ("lenet", (4,), {}, "needs images [height, width, channels] or [height, width], but"),
        ("lenet", (2, 2), {}, "net='lenet' does not fit inputs of the shape [2, 2]: "),
        ("vgg", (3, 3, 1), {}, "net='vgg' does not fit inputs of the shape [3, 3, 1]: "),
        ("text_cnn", (4, 4), {"vocabulary": 9}, "needs ids [length], but inputs have the shape"),
        ("text_cnn", (4,), {}, "net='text_cnn' needs the argument vocabulary"),
        ("lstm", (4,), {}, "needs sequences [time, features], or with vocabulary=N ids [time]"),
        ("lstm", (4, 2), {"vocabulary": 9}, "needs ids [length], but inputs have the shape [4, 2]"),
        ("lenet", (8, 8), {"kernl": 3}, "has no argument 'kernl'; did you mean 'kernel'"),
        ("vgg", (8, 8), {"filters": (4,)}, "convolutions=(1, 2) must have one number for each"),
        ("resnet20", (8, 8), {"depth": 21}, "depth=21 must be 2 more than a multiple of 6"),
        ("resnet20", (8, 8), {"filters": (9, 8, 9)}, "filters=(9, 8, 9) must not decrease"),
    ],
)
def test_invalid_arguments_are_refused(name, shape, arguments, says):
    with pytest.raises(AgentlabError) as refusal:
        make_net(name, shape, 2, **arguments)
    assert says in str(refusal.value)
