"""Seq2Seq: attention of three kinds, cached steps, padding, and counting weights."""

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets.seq2seq import Seq2Seq
from tests.nets import sequence_nets as nets

KINDS = ["luong", "bahdanau", "none"]
FORMS = [
    {"attention": "luong", "shared": True, "target_vocabulary": 20},
    {"attention": "bahdanau", "layers": 2, "cell": "lstm"},
    {"attention": "none", "bidirectional": False, "tied": False},
]


def make(**arguments):
    sizes = {"source_vocabulary": 20, "target_vocabulary": 15, "embedding": 8, "units": 12}
    return nets.built(Seq2Seq(**{**sizes, "seed": 1, **arguments}))


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: "-".join(map(str, form.values())))
def net(request):
    return make(**request.param)


def test_logits_are_float32_for_each_token_of_the_target(net):
    logits = net((nets.SOURCES, nets.TARGETS))
    assert logits.shape == (2, 5, net.target_vocabulary)
    assert logits.dtype == "float32"


def test_cached_steps_give_the_logits_of_the_whole_target(net):
    nets.check_steps(net)


def test_padding_has_no_attention_and_changes_nothing(net):
    if net.attend is None:
        assert (np.asarray(net.attention((nets.SOURCES, nets.TARGETS))) == 0).all()
    else:
        nets.check_padding(net)


def test_decoding_is_causal(net):
    nets.check_future(net)


def test_every_source_token_affects_the_logits(net):
    nets.check_source(net)


def test_every_weight_has_a_gradient(net):
    nets.check_gradients(net)


def test_a_net_survives_a_round_trip_through_a_keras_file(net, tmp_path):
    nets.check_file(net, tmp_path / "net.keras")


@pytest.mark.parametrize("attention", KINDS)
def test_the_number_of_weights_is_as_counted_by_hand(attention):
    net = make(attention=attention)
    embeddings = 20 * 8 + 15 * 8 + 15  # and the logits' bias
    half = 8 * 18 + 6 * 18 + 18 + 18  # a GRU of 6 units has 3 gates and two biases
    feeding = 12 if attention == "bahdanau" else 0
    decoder = (8 + feeding) * 36 + 12 * 36 + 36 + 36
    bridge = 12 * 12 + 12
    context = 0 if attention == "none" else 12
    vector = (12 + context) * 8 + 8
    scores = {"luong": 12 * 12 + 1, "bahdanau": 2 * 12 * 12 + 12 + 12, "none": 0}[attention]
    assert net.count_params() == embeddings + 2 * half + decoder + bridge + vector + scores


def test_bfloat16_approximates_float32():
    nets.check_precision(make)


def test_weights_depend_on_the_seed():
    one, same, other = (
        Seq2Seq(20, 20, embedding=8, units=4, seed=seed)((nets.SOURCES, nets.TARGETS))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_dropout_is_applied_in_training_only():
    net = make(dropout=0.5)
    inputs = (nets.SOURCES, nets.TARGETS)
    np.testing.assert_array_equal(net(inputs), net(inputs))
    assert np.abs(net(inputs) - net(inputs, training=True)).max() > 1e-3


@pytest.mark.parametrize("attention", ["luong", "bahdanau"])
def test_attention_learns_to_copy(attention):
    net = Seq2Seq(10, 10, embedding=16, units=32, attention=attention, dropout=0.0, seed=0)
    net.build(None)
    assert nets.learn_to_copy(net) > 0.95


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"attention": "loung"}, "attention='loung' must be luong, bahdanau or none"),
        ({"units": 7}, "units=7 must be even"),
        ({"shared": True}, "source_vocabulary=20 and target_vocabulary=15 must be equal"),
        ({"cell": "gur"}, "did you mean 'gru'"),
    ],
)
def test_invalid_arguments_are_refused(arguments, says):
    with pytest.raises(AgentlabError, match=says):
        make(**arguments)
