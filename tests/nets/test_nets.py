import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.cnn import frames_last
from agentlab.nets.policy_value import PolicyValue

PARAMETERS = {  # of a torso on images [84, 84, 4], counted by hand from the papers' shapes
    "mlp": 84 * 84 * 4 * 64 + 64 + 64 * 64 + 64,
    "small_cnn": 8 * 8 * 4 * 16 + 16 + 4 * 4 * 16 * 32 + 32 + 9 * 9 * 32 * 256 + 256,
    "nature_cnn": 8 * 8 * 4 * 32
    + 32
    + 4 * 4 * 32 * 64
    + 64
    + 3 * 3 * 64 * 64
    + 64
    + 7 * 7 * 64 * 512
    + 512,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_torso_has_its_golden_parameter_count_and_output_shape(name):
    torso = make_torso(name, (84, 84, 4))
    assert torso.count_params() == PARAMETERS[name]
    images = np.random.default_rng(0).integers(0, 256, (3, 84, 84, 4), dtype=np.uint8)
    features = torso(images)
    assert features.shape == (3, torso.features)
    assert features.dtype == "float32"


def test_a_cnn_without_its_dense_layer_ends_in_the_last_convolutions_outputs():
    torso = make_torso("nature_cnn", (84, 84, 4), units=None)
    assert torso.features == 7 * 7 * 64
    assert torso(np.zeros((2, 84, 84, 4), np.uint8)).shape == (2, 7 * 7 * 64)


def test_bfloat16_approximates_float32():
    exact = make_torso("small_cnn", (84, 84, 4), seed=1)
    rough = make_torso("small_cnn", (84, 84, 4), seed=1, dtype="mixed_bfloat16")
    images = np.random.default_rng(0).integers(0, 256, (2, 84, 84, 4), dtype=np.uint8)
    features = rough(images)
    assert features.dtype == "bfloat16"
    difference = np.abs(features.numpy().astype(np.float32) - exact(images))
    assert 0 < difference.max() < 0.05


@pytest.mark.parametrize(("stack", "dtype"), [(4, "uint8"), (4, "int8"), (3, "uint8")])
def test_frames_are_put_last_whatever_their_number(stack, dtype):
    frames = np.random.default_rng(0).integers(0, 127, (2, stack, 5, 7)).astype(dtype)
    assert np.array_equal(frames_last(tf.constant(frames)), np.moveaxis(frames, 1, -1))


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_torso_survives_a_round_trip_through_a_keras_file(name, tmp_path):
    torso = make_torso(name, (84, 84, 4), seed=1)
    images = np.random.default_rng(0).integers(0, 256, (2, 84, 84, 4), dtype=np.uint8)
    before = np.asarray(torso(images))
    torso.save(tmp_path / "torso.keras")
    loaded = keras.models.load_model(tmp_path / "torso.keras")
    np.testing.assert_array_equal(np.asarray(loaded(images)), before)


def test_a_seed_repeats_the_initial_weights():
    first, second = (make_torso("mlp", (4,), seed=3).get_weights() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_a_torso_divides_bytes_by_its_scale():
    torso = make_torso("mlp", (6,), seed=0, scale=255.0, activation="linear", hidden=(5,))
    inputs = np.full((1, 6), 255, np.uint8)
    expected = np.ones((1, 6), np.float32) @ torso.get_weights()[0]
    np.testing.assert_allclose(torso(inputs), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("mpl", (4,), "did you mean 'mlp'"),
        ("nature_cnn", (4,), "needs images"),
        ("nature_cnn", (8, 8, 1), "does not fit inputs of the shape [8, 8, 1]"),
    ],
)
def test_invalid_torsos_are_refused(name, shape, says):
    with pytest.raises(AgentlabError, match=says.replace("[", r"\[").replace("]", r"\]")):
        make_torso(name, shape)


def test_a_policy_and_value_survive_a_round_trip_through_a_keras_file(tmp_path):
    net = PolicyValue(make_torso("mlp", (4,), seed=0), 2, gaussian=True, seed=0)
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    assert loaded.value_torso is loaded.torso
    inputs = np.ones((3, 4), np.float32)
    for mine, original in zip(loaded(inputs), net(inputs), strict=True):
        np.testing.assert_array_equal(mine, original)
