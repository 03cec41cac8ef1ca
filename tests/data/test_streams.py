"""Streams: windows that continue from batch to batch."""

import numpy as np
import pytest

from agentlab.data.streams import Streams
from agentlab.errors import AgentlabError

IDS = np.arange(103, dtype=np.int32)


def test_a_row_continues_the_same_row_of_the_previous_batch() -> None:
    streams = Streams(IDS, streams=3, length=8)
    batches = list(streams.epoch(3, seed=0))
    # (103 - 1 - 8) // (3 * 8) = 3 windows, of 3 streams each.
    assert len(batches) == streams.count(3) == 3
    assert streams.size == 9
    rows = np.concatenate([batch.inputs[0] for batch in batches], axis=1)
    assert (np.diff(rows, axis=1) == 1).all()
    begins = np.concatenate([batch.inputs[1] for batch in batches], axis=1)
    assert begins[:, 0].all() and not begins[:, 1:].any()


def test_targets_are_the_next_ids() -> None:
    for seed in (None, 1):
        for batch in Streams(IDS, 3, 8).epoch(3, seed):
            counted = batch.weights > 0
            assert (batch.targets[counted] == batch.inputs[0][counted] + 1).all()


def test_in_order_every_id_but_the_first_is_a_target_once() -> None:
    targets = [batch.targets[batch.weights > 0].tolist() for batch in Streams(IDS, 4, 8).epoch(4)]
    assert sorted(sum(targets, [])) == list(range(1, 103))


def test_the_seed_shifts_the_windows() -> None:
    streams = Streams(IDS, 3, 8)
    firsts = {int(next(iter(streams.epoch(3, seed))).inputs[0][0, 0]) for seed in range(20)}
    assert len(firsts) > 3 and firsts <= set(range(9))
    again = [next(iter(streams.epoch(3, 5))).inputs[0] for _ in range(2)]
    assert (again[0] == again[1]).all()


def test_a_short_sequence_has_fewer_streams_or_raises_an_error() -> None:
    assert Streams(IDS[:30], streams=64, length=8).streams == 2
    with pytest.raises(AgentlabError, match="10 tokens, but length=8 needs 17"):
        Streams(IDS[:10], 4, 8)
