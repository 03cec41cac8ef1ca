import keras
import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces

from agentlab.agents.encoding import Encoding
from agentlab.errors import AgentlabError
from agentlab.nets import make_torso
from agentlab.nets.cnn import frames_last
from agentlab.nets.optimizers import make_optimizer
from agentlab.nets.policy_value import NumpyActor, PolicyValue, TensorFlowActor, make_actor
from agentlab.nets.sparse import sparse_rows

PARAMETERS = {  # of a torso on pictures [84, 84, 4], counted by hand from the papers' shapes
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
    pictures = np.random.default_rng(0).integers(0, 256, (3, 84, 84, 4), dtype=np.uint8)
    features = torso(pictures)
    assert features.shape == (3, torso.features)
    assert features.dtype == "float32"


def test_a_cnn_without_its_dense_layer_ends_in_the_last_convolutions_outputs():
    torso = make_torso("nature_cnn", (84, 84, 4), units=None)
    assert torso.features == 7 * 7 * 64
    assert torso(np.zeros((2, 84, 84, 4), np.uint8)).shape == (2, 7 * 7 * 64)


def test_bfloat16_computes_nearly_what_float32_does():
    exact = make_torso("small_cnn", (84, 84, 4), seed=1)
    rough = make_torso("small_cnn", (84, 84, 4), seed=1, dtype="mixed_bfloat16")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 84, 84, 4), dtype=np.uint8)
    features = rough(pictures)
    assert features.dtype == "bfloat16"
    difference = np.abs(features.numpy().astype(np.float32) - exact(pictures))
    assert 0 < difference.max() < 0.05


@pytest.mark.parametrize(("stack", "dtype"), [(4, "uint8"), (4, "int8"), (3, "uint8")])
def test_frames_are_put_last_whatever_their_number(stack, dtype):
    frames = np.random.default_rng(0).integers(0, 127, (2, stack, 5, 7)).astype(dtype)
    assert np.array_equal(frames_last(tf.constant(frames)), np.moveaxis(frames, 1, -1))


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_torso_survives_a_round_trip_through_a_keras_file(name, tmp_path):
    torso = make_torso(name, (84, 84, 4), seed=1)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 84, 84, 4), dtype=np.uint8)
    before = np.asarray(torso(pictures))
    torso.save(tmp_path / "torso.keras")
    loaded = keras.models.load_model(tmp_path / "torso.keras")
    np.testing.assert_array_equal(np.asarray(loaded(pictures)), before)


def test_a_seed_repeats_the_initial_weights():
    first, second = (make_torso("mlp", (4,), seed=3).get_weights() for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_the_torso_of_bytes_divides_by_its_scale():
    torso = make_torso("mlp", (6,), seed=0, scale=255.0, activation="linear", hidden=(5,))
    inputs = np.full((1, 6), 255, np.uint8)
    expected = np.ones((1, 6), np.float32) @ torso.get_weights()[0]
    np.testing.assert_allclose(torso(inputs), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("mpl", (4,), "did you mean 'mlp'"),
        ("nature_cnn", (4,), "needs pictures"),
        ("nature_cnn", (8, 8, 1), "does not fit inputs of the shape [8, 8, 1]"),
    ],
)
def test_a_torso_that_cannot_be_is_refused_in_words(name, shape, says):
    with pytest.raises(AgentlabError, match=says.replace("[", r"\[").replace("]", r"\]")):
        make_torso(name, shape)


def test_an_unknown_optimizer_is_refused_with_the_known_ones():
    with pytest.raises(AgentlabError, match="'adamm' is unknown; there are adadelta, .*rmsprop"):
        make_optimizer("adamm", 0.1)
    assert isinstance(make_optimizer("rmsprop", 0.1), keras.optimizers.RMSprop)


SPACES = {
    "floats": spaces.Box(-1, 1, (5,)),
    "bytes": spaces.Box(0, 255, (12, 12, 1), np.uint8),
    "pixels": spaces.Box(0, 1, (40, 40, 2), np.uint8),
    "changes": spaces.Box(-1, 1, (40, 40, 1), np.int8),
    "states": spaces.Discrete(7, start=2),
}


def some_inputs(space, encoding, n=4):
    space.seed(0)
    return encoding(np.stack([space.sample() for _ in range(n)]))


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("shared", [True, False])
def test_the_numpy_actor_computes_what_the_net_does(kind, activation, shared):
    encoding = Encoding(SPACES[kind])

    def torso(seed):
        signed = encoding.dtype == np.int8
        return make_torso(
            "mlp", encoding.shape, activation=activation, scale=encoding.scale, signed=signed,
            seed=seed, hidden=(32, 16),
        )  # fmt: skip

    net = PolicyValue(torso(0), 3, value_torso=None if shared else torso(1), seed=0)
    actor = make_actor(net, encoding.spec(None, sparse=False))
    assert isinstance(actor, NumpyActor)
    inputs = some_inputs(SPACES[kind], encoding)
    for mine, original in zip(actor(inputs), net(inputs), strict=True):
        np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)
    if encoding.sparse:
        for mine, original in zip(net.call(sparse_rows(inputs)), net(inputs), strict=True):
            np.testing.assert_allclose(mine, original, rtol=1e-4, atol=1e-5)


def test_only_wide_observations_of_zeros_and_ones_are_sparse():
    sparse = {kind for kind, space in SPACES.items() if Encoding(space).sparse}
    assert sparse == {"pixels", "changes"}


def test_an_actor_keeps_its_weights_until_it_is_updated():
    space = spaces.Box(0, 255, (36, 36, 1), np.uint8)
    encoding = Encoding(space)
    inputs = some_inputs(space, encoding)
    for name, kind in (("mlp", NumpyActor), ("small_cnn", TensorFlowActor)):
        net = PolicyValue(make_torso(name, encoding.shape, scale=255.0, seed=0), 3, seed=0)
        actor = make_actor(net, encoding.spec(None, sparse=False))
        assert isinstance(actor, kind)
        before = actor(inputs)[0]
        net.set_weights([w + 0.1 for w in net.get_weights()])
        np.testing.assert_array_equal(actor(inputs)[0], before)
        actor.update()
        np.testing.assert_allclose(actor(inputs)[0], net(inputs)[0], rtol=1e-4, atol=1e-5)


def test_a_policy_and_value_survive_a_round_trip_through_a_keras_file(tmp_path):
    net = PolicyValue(make_torso("mlp", (4,), seed=0), 2, gaussian=True, seed=0)
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    assert loaded.value_torso is loaded.torso
    inputs = np.ones((3, 4), np.float32)
    for mine, original in zip(loaded(inputs), net(inputs), strict=True):
        np.testing.assert_array_equal(mine, original)


def test_discrete_observations_become_one_hot():
    assert Encoding(spaces.Discrete(3, start=5))(np.array([5, 7])).tolist() == [
        [1, 0, 0],
        [0, 0, 1],
    ]


def test_a_space_without_arrays_is_refused():
    with pytest.raises(AgentlabError, match="neither Box, Discrete nor MultiBinary"):
        Encoding(spaces.Text(5))
