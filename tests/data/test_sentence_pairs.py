import numpy as np

from agentlab.data.sentence_pairs import SentencePairs


def padded(rows):
    ids = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
    return ids


def pairs(n=50, seed=0):
    """Make pairs of which each target begins with its own number."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, (n, 2))
    sources = [[*[9] * s, 2] for s, _ in lengths]
    targets = [[100 + i, *[9] * t, 2] for i, (_, t) in enumerate(lengths)]
    return SentencePairs(padded(sources), padded(targets))


def test_the_target_is_shifted_and_its_padding_has_weight_0():
    data = SentencePairs(padded([[5, 6, 2], [7, 2]]), padded([[8, 2], [9, 8, 7, 2]]))
    ((sources, shifted), targets, weights) = next(data.epoch(2))
    assert sources.tolist() == [[5, 6, 2], [7, 2, 0]]
    assert shifted.tolist() == [[1, 8, 2, 0], [1, 9, 8, 7]]
    assert targets.tolist() == [[8, 2, 0, 0], [9, 8, 7, 2]]
    assert weights.tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert weights.dtype == np.float32


def test_an_epoch_has_every_pair_once_and_count_batches():
    data = pairs()
    for seed in (None, 3):
        batches = list(data.epoch(8, seed))
        assert len(batches) == data.count(8) == 7
        numbers = np.concatenate([batch.targets[:, 0] for batch in batches])
        assert sorted(numbers) == list(range(100, 150))
        assert seed is not None or numbers.tolist() == list(range(100, 150))


def test_sources_stay_with_their_targets():
    data = pairs()
    length_of = dict(zip(data.targets[:, 0].tolist(), (data.sources != 0).sum(1), strict=True))
    for batch in data.epoch(8, 3):
        for source, target in zip(batch.inputs[0], batch.targets, strict=True):
            assert (source != 0).sum() == length_of[target[0]]


def test_shuffled_batches_have_targets_of_similar_length_and_little_padding():
    for batch in pairs(400).epoch(40, 1):
        assert batch.weights.mean() > 0.85
        assert batch.weights[:, -1].any()
        assert (batch.inputs[0][:, -1] != 0).any()


def test_equal_seeds_give_equal_orders_and_others_do_not():
    first, same, other = (
        [tuple(batch.targets[:, 0]) for batch in pairs().epoch(8, seed)] for seed in (1, 1, 2)
    )
    assert first == same != other
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in other}


def test_batches_do_not_come_in_the_order_of_their_lengths():
    lengths = [batch.targets.shape[1] for batch in pairs(400).epoch(20, 1)]
    assert lengths != sorted(lengths)


def test_pairs_sorted_by_length_begin_with_the_shortest():
    lengths = (pairs().by_length().targets != 0).sum(axis=1)
    assert lengths.tolist() == sorted(lengths)
