"""The Transformer: positions, cached steps, padding, and counting weights."""

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets.transformer import Transformer, sinusoids
from tests.nets import sequence_nets as nets

FORMS = [{"tied": False}, {"shared": True, "target_vocabulary": 20}]


def make(**arguments):
    sizes = {"source_vocabulary": 20, "target_vocabulary": 15, "width": 8, "feed_forward": 12}
    return nets.built(Transformer(**{**sizes, "layers": 2, "heads": 2, "seed": 1, **arguments}))


@pytest.fixture(scope="module", params=FORMS, ids=["untied", "shared"])
def net(request):
    return make(**request.param)


def test_positional_encodings_are_sines_and_cosines_of_growing_wavelengths():
    # 10000 ** (2 / 4) = 100
    expected = [[np.sin(t), np.sin(t / 100), np.cos(t), np.cos(t / 100)] for t in range(3)]
    np.testing.assert_allclose(sinusoids(3, 4), expected, rtol=1e-6)


def test_logits_are_float32_for_each_token_of_the_target(net):
    logits = net((nets.SOURCES, nets.TARGETS))
    assert logits.shape == (2, 5, net.target_vocabulary)
    assert logits.dtype == "float32"


def test_cached_steps_give_the_logits_of_the_whole_target(net):
    nets.check_steps(net)


def test_padding_has_no_attention_and_changes_nothing(net):
    nets.check_padding(net)


def test_decoding_is_causal(net):
    nets.check_future(net)


def test_every_source_token_affects_the_logits(net):
    nets.check_source(net)


def test_the_order_of_the_source_counts(net):
    swapped = nets.SOURCES[:, [1, 0, 2, 3, 4, 5]]
    before, after = (net((sources, nets.TARGETS)) for sources in (nets.SOURCES, swapped))
    assert np.abs(before - after).max() > 1e-4


def test_every_weight_has_a_gradient(net):
    nets.check_gradients(net)


def test_a_net_survives_a_round_trip_through_a_keras_file(net, tmp_path):
    nets.check_file(net, tmp_path / "net.keras")


def test_the_number_of_weights_is_as_counted_by_hand():
    embeddings = 20 * 8 + 15 * 8 + 15  # and the logits' bias
    attention, norm = 4 * (8 * 8 + 8), 2 * 8
    dense = 8 * 12 + 12 + 12 * 8 + 8
    encoder = attention + dense + 2 * norm
    decoder = 2 * attention + dense + 3 * norm
    assert make().count_params() == embeddings + 2 * (encoder + decoder) + 2 * norm
    assert make(tied=False).count_params() == make().count_params() + 15 * 8


def test_bfloat16_approximates_float32():
    nets.check_precision(make)


def test_weights_depend_on_the_seed():
    one, same, other = (
        Transformer(20, 20, 8, 1, 2, 8, seed=seed)((nets.SOURCES, nets.TARGETS))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_dropout_is_applied_in_training_only():
    net = make(dropout=0.5)
    inputs = (nets.SOURCES, nets.TARGETS)
    np.testing.assert_array_equal(net(inputs), net(inputs))
    assert np.abs(net(inputs) - net(inputs, training=True)).max() > 1e-3


def test_it_learns_to_copy():
    net = Transformer(10, 10, width=32, layers=1, heads=2, feed_forward=64, dropout=0.0, seed=0)
    net.build(None)
    assert nets.learn_to_copy(net) > 0.95


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"width": 9, "heads": 3}, "width=9 must be even"),
        ({"width": 8, "heads": 3}, "width=8 must be even and a multiple of heads=3"),
        ({"shared": True}, "source_vocabulary=20 and target_vocabulary=15 must be equal"),
    ],
)
def test_invalid_arguments_are_refused(arguments, says):
    with pytest.raises(AgentlabError, match=says):
        make(**arguments)


@pytest.mark.parametrize("long", ["source", "target"])
def test_a_sequence_over_the_limit_is_refused(long):
    net = make(limit=6)
    ids = np.ones((1, 7), np.int32)
    inputs = (ids, nets.TARGETS[:1]) if long == "source" else (nets.SOURCES[:1], ids)
    with pytest.raises(AgentlabError, match="a sequence of 7 tokens exceeds limit=6"):
        net(inputs)
