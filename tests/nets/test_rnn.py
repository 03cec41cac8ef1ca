import keras
import numpy as np
import pytest
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.nets.recurrence import CELLS
from agentlab.nets.rnn import RNN

KERAS = {"simple": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def built(shape, **arguments):
    net = RNN(**{"seed": 1, **arguments})
    net.build((None, *shape))
    return net


def randomized(net, seed=5):
    """Give every weight a value that is not its initial one, so that none can be forgotten."""
    for i, variable in enumerate(net.trainable_variables):
        variable.assign(0.3 * numbers(*variable.shape, seed=seed + i))
    return net


def keras_twin(recurrent, **arguments):
    twin = KERAS[recurrent.cell](recurrent.units, **arguments)
    twin.build((None, None, recurrent.kernel.shape[0]))
    kernel, recurrent_kernel, bias, *extra = recurrent.get_weights()
    if extra:
        bias = np.stack([bias, extra[0].reshape(-1)])
    twin.set_weights([kernel, recurrent_kernel, bias])
    return twin


@pytest.mark.parametrize("cell", KERAS)
@pytest.mark.parametrize("backwards", [False, True])
def test_outputs_and_gradients_agree_with_keras(cell, backwards):
    net = randomized(built((7, 3), cell=cell, units=(4,), return_sequences=True))
    recurrent = net.recurrents[0][0]
    recurrent.backwards = backwards
    twin = keras_twin(recurrent, return_sequences=True, go_backwards=backwards)
    inputs, weights = tf.constant(numbers(5, 7, 3)), numbers(5, 7, 4, seed=9)

    def gradients(call, variables):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = call()
            loss = tf.reduce_sum(weights * outputs**2)
        return outputs, tape.gradient(loss, [inputs, *variables])

    ours, (d_inputs, *d_ours) = gradients(lambda: net(inputs), net.trainable_variables)
    theirs, (d_inputs_twin, *d_theirs) = gradients(
        # Keras leaves the outputs of a backward layer in the order of its own steps.
        lambda: twin(inputs)[:, :: -1 if backwards else 1],
        twin.trainable_variables,
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(d_inputs, d_inputs_twin, rtol=1e-3, atol=1e-4)
    if cell == "gru":
        kernel, recurrent_kernel, bias, extra = d_ours
        d_ours = [kernel, recurrent_kernel, np.stack([bias, np.reshape(extra, -1)])]
    for own, other in zip(d_ours, d_theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-3, atol=1e-4)


def test_a_peephole_lstm_agrees_with_numpy():
    """One unit, one input, two steps, all weights written out (Gers & Schmidhuber 2000)."""
    net = built((2, 1), cell="peephole", units=(1,), return_sequences=True)
    net.set_weights(
        [
            np.array([[0.5, -0.3, 1.0, 0.2]]),  # input, forget, candidate, output
            np.array([[0.1, 0.4, -0.5, 0.3]]),
            np.array([0.0, 1.0, 0.1, -0.1]),
            np.array([[0.7], [-0.6], [0.9]]),  # input, forget, output
        ]
    )
    # Step 1, x = 1, h = c = 0: i = s(.5) = .622459, g = tanh(1.1) = .800499, c = i g = .498278;
    # o = s(.1 + .9 c) = s(.548450) = .633776, h = o tanh(c) = .633776 * .460762 = .292020.
    # Step 2, x = -2: i = s(-1 + .1 h + .7 c) = s(-.622003) = .349326;
    # f = s(1.6 + .4 h - .6 c) = s(1.417841) = .805000; g = tanh(-1.9 - .5 h) = -.967138;
    # c = .401114 - .337846 = .063267; o = s(-.5 + .3 h + .9 c) = s(-.355453) = .412061;
    # h = o tanh(c) = .412061 * .063183 = .026035.
    outputs = net(np.array([[[1.0], [-2.0]]], np.float32))
    np.testing.assert_allclose(outputs[0, :, 0], [0.292020, 0.026035], atol=2e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_agree_with_finite_differences(cell):
    """Over two layers, with states forgotten on the way and with padding."""
    arguments = {"vocabulary": 4, "embedding": 2, "mask_zero": True}
    net = randomized(built((6,), cell=cell, units=(3, 2), **arguments))
    ids = np.random.default_rng(0).integers(0, 4, (3, 6))
    resets = np.random.default_rng(1).random((3, 6)) < 0.3
    state = [tf.constant(0.1 * numbers(3, *s.shape[1:])) for s in net.initial_state(3)]
    weights = numbers(3, 6, 2, seed=2)

    @tf.function
    def loss(state):
        outputs, last = net.run(ids, state, resets)
        return tf.reduce_sum(weights * outputs) + tf.add_n([tf.reduce_sum(s**2) for s in last])

    with tf.GradientTape() as tape:
        tape.watch(state)
        value = loss(state)
    gradients = tape.gradient(value, [*net.trainable_variables, *state])
    random = np.random.default_rng(3)
    for variable, gradient in zip(net.trainable_variables, gradients, strict=False):
        direction = random.normal(size=variable.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        start, step = variable.numpy(), 1e-2
        values = []
        for sign in (1, -1):
            variable.assign(start + sign * step * direction)
            values.append(float(loss(state)))
        variable.assign(start)
        expected = (values[0] - values[1]) / (2 * step)
        found = np.sum(tf.convert_to_tensor(gradient) * direction)
        assert found == pytest.approx(expected, rel=5e-3, abs=5e-3), variable.path
    for i, gradient in enumerate(gradients[len(net.trainable_variables) :]):
        moved = [[s + sign * 1e-2 * (i == j) for j, s in enumerate(state)] for sign in (1, -1)]
        expected = (float(loss(moved[0])) - float(loss(moved[1]))) / 2e-2
        assert np.sum(gradient) == pytest.approx(expected, rel=5e-3, abs=5e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_in_chunks_gives_the_outputs_of_the_whole(cell):
    net = randomized(built((None, 3), cell=cell, units=(4, 5), return_sequences=True))
    inputs = numbers(2, 9, 3)
    state, pieces = net.initial_state(2), []
    for start, stop in [(0, 1), (1, 5), (5, 9)]:
        features, state = net.run(inputs[:, start:stop], state)
        pieces.append(features)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), net(inputs), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_resets_zero_the_state_only_where_they_are(cell):
    net = randomized(built((None, 3), cell=cell, units=(4,), return_sequences=True))
    inputs, state = numbers(2, 6, 3), [s + 0.5 for s in net.initial_state(2)]
    resets = np.zeros((2, 6), bool)
    resets[0, 2] = True
    features, last = net.run(inputs, state, resets)
    untouched, last_untouched = net.run(inputs, state)
    np.testing.assert_allclose(features[1], untouched[1], atol=1e-6)
    np.testing.assert_allclose(features[0, :2], untouched[0, :2], atol=1e-6)
    np.testing.assert_allclose(features[0, 2:], net(inputs[:1, 2:])[0], atol=1e-6)
    for ours, other in zip(last, last_untouched, strict=True):
        np.testing.assert_allclose(ours[1], other[1], atol=1e-6)
        assert np.abs(ours[0] - other[0]).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_one_to_one_one_to_many_many_to_one_and_many_to_many(cell):
    arguments = {"cell": cell, "units": (4,)}
    one = randomized(built((1, 3), **arguments))
    assert one(numbers(2, 1, 3)).shape == (2, 4)
    many = randomized(built((None, 3), return_sequences=True, **arguments))
    assert many(numbers(2, 5, 3)).shape == (2, 5, 4)
    last = randomized(built((None, 3), **arguments))
    np.testing.assert_array_equal(last(numbers(2, 5, 3)), many(numbers(2, 5, 3))[:, -1])
    repeated = randomized(built((3,), repeat=5, return_sequences=True, **arguments))
    shown = np.repeat(numbers(2, 1, 3), 5, axis=1)
    np.testing.assert_allclose(repeated(shown[:, 0]), many(shown), atol=1e-6)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_a_bidirectional_net_agrees_with_keras(return_sequences):
    net = randomized(
        built((7, 3), units=(4,), bidirectional=True, return_sequences=return_sequences)
    )
    forwards, backwards = net.recurrents[0]
    twin = keras.layers.Bidirectional(
        keras_twin(forwards, return_sequences=return_sequences),
        backward_layer=keras_twin(backwards, return_sequences=return_sequences, go_backwards=True),
    )
    inputs = numbers(2, 7, 3)
    # Keras puts wrapped layers' weights back when it builds them, so these are set again.
    twin.build(inputs.shape)
    twin.set_weights([*forwards.get_weights(), *backwards.get_weights()])
    np.testing.assert_allclose(net(inputs), twin(inputs), atol=1e-5)
    assert net.features == 8


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(cell, bidirectional):
    net = randomized(
        built((None,), cell=cell, units=(4, 3), vocabulary=9, mask_zero=True,
              bidirectional=bidirectional)
    )  # fmt: skip
    short = np.array([[3, 1, 8]])
    padded = np.array([[3, 1, 8, 0, 0]])
    np.testing.assert_allclose(net(short), net(padded), atol=1e-6)
    unmasked = randomized(built((None,), cell=cell, units=(4, 3), vocabulary=9))
    assert np.abs(unmasked(short) - unmasked(padded)).max() > 1e-3


@pytest.mark.parametrize(
    ("cell", "parameters"),
    [
        ("simple", 10 * 16 + 16 * 16 + 16),
        ("lstm", 4 * (10 * 16 + 16 * 16 + 16)),
        ("peephole", 4 * (10 * 16 + 16 * 16 + 16) + 3 * 16),
        ("gru", 3 * (10 * 16 + 16 * 16 + 2 * 16)),
    ],
)
def test_every_cell_has_its_golden_parameter_count(cell, parameters):
    assert built((None, 10), cell=cell, units=(16,)).count_params() == parameters
    assert built((None, 10), cell=cell, units=(16,), bidirectional=True).count_params() == (
        2 * parameters
    )
    words = built((None,), cell=cell, units=(16,), vocabulary=50, embedding=10)
    assert words.count_params() == 50 * 10 + parameters


def test_an_lstms_forget_gate_has_a_bias_of_one():
    net = built((None, 3), units=(2,))
    bias = net.recurrents[0][0].bias.numpy()
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])


@pytest.mark.parametrize("cell", CELLS)
def test_a_net_survives_a_round_trip_through_a_keras_file(cell, tmp_path):
    net = randomized(
        built((None,), cell=cell, units=(4, 3), vocabulary=9, dropout=0.2, bidirectional=True)
    )
    ids = np.array([[3, 1, 8]])
    net.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(loaded(ids), net(ids))


def test_dropout_is_applied_in_training_only_and_depends_on_the_seed():
    first, second = (built((None, 3), units=(8, 8), dropout=0.5, seed=4) for _ in range(2))
    inputs = numbers(2, 5, 3)
    np.testing.assert_array_equal(first(inputs), second(inputs))
    dropped = first(inputs, training=True).numpy()
    np.testing.assert_array_equal(dropped, second(inputs, training=True))
    assert np.abs(dropped - first(inputs)).max() > 1e-3
    assert np.abs(dropped - first(inputs, training=True)).max() > 1e-3  # not the same every time


@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_approximates_float32(cell):
    exact, rough = (
        randomized(built((None, 3), cell=cell, units=(4, 4), dtype=dtype))
        for dtype in ("float32", "mixed_bfloat16")
    )
    inputs = numbers(2, 5, 3)
    features = rough(inputs)
    assert features.dtype == "bfloat16"
    difference = np.abs(features.numpy().astype(np.float32) - exact(inputs))
    assert 0 < difference.max() < 0.03
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(rough(inputs), tf.float32))
    assert all(g.dtype == "float32" for g in tape.gradient(loss, rough.trainable_variables))


def test_inputs_are_divided_by_the_scale():
    net = randomized(built((None, 3), units=(4,), scale=255.0))
    plain = randomized(built((None, 3), units=(4,)))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 3), dtype=np.uint8)
    np.testing.assert_allclose(net(pixels), plain(pixels / np.float32(255)), atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"cell": "lstmm"}, "cell='lstmm' is unknown; did you mean 'lstm'"),
        ({"units": ()}, r"units=\(\) is empty"),
        ({"units": (8, 0)}, r"units=\(8, 0\) must all be 1 or more"),
    ],
)
def test_invalid_arguments_are_refused(arguments, says):
    with pytest.raises(AgentlabError, match=says):
        RNN(**arguments)


def test_a_bidirectional_net_cannot_run_from_a_given_state():
    net = built((None, 3), units=(4,), bidirectional=True)
    with pytest.raises(AgentlabError, match="bidirectional=True cannot run from a given state"):
        net.run(numbers(2, 5, 3), net.initial_state(2))
