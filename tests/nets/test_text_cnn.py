import keras
import numpy as np
import pytest

from agentlab.agents.acting.copies import clone
from agentlab.errors import AgentlabError
from agentlab.nets import make_net, make_torso
from agentlab.nets.headed import Headed
from agentlab.nets.text_cnn import TextCNN

VECTORS = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


def small(**arguments):
    defaults = {"vocabulary": 20, "embedding": 6, "filters": 4, "seed": 1}
    return make_torso("text_cnn", (7,), **{**defaults, **arguments})


def texts(*words, length=7):
    return np.array([[*text, *[0] * (length - len(text))] for text in words])


def test_the_net_of_the_paper_has_its_golden_parameter_count():
    net = make_net("text_cnn", (100,), 1, vocabulary=10_000)
    convolutions = sum(width * 128 * 128 + 128 for width in (3, 4, 5))
    assert 10_000 * 128 + convolutions + (384 + 1) == 1_477_377
    assert net.count_params() == 1_477_377


def test_features_are_the_maximum_of_each_filter_computed_by_hand():
    torso = small(vocabulary=4, embedding=1, widths=(2,), filters=1, dropout=0.0)
    table = np.array([[9.0], [1.0], [2.0], [-3.0]])  # that of padding counts as 0
    torso.set_weights([table, np.array([[[1.0]], [[2.0]]]), np.array([0.5])])
    # Windows of 1, 2, 3: 1 + 4, 2 - 6, -3 + 0; and 0.5 to each.
    np.testing.assert_allclose(torso(texts([1, 2, 3])), [[5.5]])
    # The bias alone would win where no window begins, but there only 0 counts.
    np.testing.assert_allclose(torso(texts([3, 3])), [[0.0]])
    np.testing.assert_allclose(torso(texts([])), [[0.0]])


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("after", [0, 1, 9])
def test_padding_on_either_side_changes_nothing(before, after):
    torso = small()
    ids = np.random.default_rng(0).integers(1, 20, (3, 6))
    padded = np.pad(ids, [(0, 0), (before, after)])
    np.testing.assert_allclose(torso(padded), torso(ids), rtol=1e-5, atol=1e-6)


def test_texts_shorter_than_the_widest_filter_have_features():
    assert np.asarray(small()(np.array([[3], [4]]))).any(axis=1).all()


@pytest.mark.parametrize(
    ("mode", "embeddings", "moving"),
    [("trained", 20 * 6, 1), ("static", 20 * 6, 0), ("two_channel", 2 * 20 * 6, 1)],
)
def test_modes_decide_which_embeddings_are_trained(mode, embeddings, moving):
    torso = small(embedding_mode=mode, vectors=VECTORS)
    channels = 2 if mode == "two_channel" else 1
    convolutions = sum(width * 6 * channels * 4 + 4 for width in (3, 4, 5))
    assert torso.count_params() == embeddings + convolutions
    assert len(torso.trainable_weights) == 2 * 3 + moving
    for embedding in torso.embeddings:
        assert np.array_equal(embedding.get_weights()[0], VECTORS)


def test_training_leaves_static_vectors_as_they_were():
    net = make_net("text_cnn", (7,), 2, seed=0, vocabulary=20, embedding=6,
                   embedding_mode="two_channel", vectors=VECTORS)  # fmt: skip
    net.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids = np.random.default_rng(0).integers(1, 20, (16, 7))
    net.fit(ids, ids[:, 0] % 2, epochs=1, verbose=0)
    trained, static = (e.get_weights()[0] for e in net.torso.embeddings)
    assert np.array_equal(static, VECTORS)
    assert not np.array_equal(trained, VECTORS)


@pytest.mark.parametrize("mode", ["trained", "static", "two_channel"])
def test_vectors_are_saved_with_the_weights(mode, tmp_path):
    torso = small(embedding_mode=mode, vectors=VECTORS)
    ids = texts([1, 2, 3, 4, 5], [6])
    torso.save(tmp_path / "torso.keras")
    for again in (keras.saving.load_model(tmp_path / "torso.keras"), clone(Headed(torso, 2)).torso):
        assert np.array_equal(again(ids), torso(ids))
        assert len(again.trainable_weights) == len(torso.trainable_weights)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            {"embedding_mode": "frozen"},
            "embedding_mode='frozen' must be one of trained, static, two",
        ),
        ({"embedding_mode": "static"}, "needs vectors, an array of the shape [20, 6]"),
        (
            {"vectors": VECTORS[:3]},
            "vectors have the shape [3, 6]; it must be [vocabulary, embedding]",
        ),
    ],
)
def test_invalid_arguments_are_refused(arguments, says):
    with pytest.raises(AgentlabError) as refusal:
        TextCNN(20, 6, **arguments)
    assert says in str(refusal.value)


def test_it_learns_whether_three_words_follow_one_another():
    rng = np.random.default_rng(0)
    ids = rng.integers(4, 20, (600, 12))
    said = rng.random(600) < 0.5
    for text, places in zip(
        ids, rng.permuted(np.tile(np.arange(9), (600, 1)), axis=1), strict=True
    ):
        text[places[0] : places[0] + 3] = [1, 2, 3]
    ids[~said] = [rng.permutation(text) for text in ids[~said]]  # the same words, out of order
    net = make_net("text_cnn", (12,), 1, seed=0, vocabulary=20, embedding=16, filters=16)
    net.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True))
    keras.utils.set_random_seed(0)
    net.fit(ids[:400], said[:400], epochs=12, verbose=0)
    right = (net.predict(ids[400:], verbose=0)[:, 0] > 0) == said[400:]
    assert right.mean() > 0.93
