"""Siamese training: correct pairs, and an embedding whose neighbors predict classes."""

from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.runs import Run
from agentlab.supervised.siamese import Pairs, SiameseTrainer

NUMBERS = np.array([0, 1, 1, 2, 0, 1, 2, 2, 1, 0, 3])  # 3 has one example only
DIGITS, LABELS = load_digits(return_X_y=True)
HELD_OUT = np.arange(len(LABELS)) % 5 == 0


def all_pairs(pairs: Pairs, batch: int, seed: int | None) -> np.ndarray:
    """One epoch as rows (first, second, same)."""
    parts = [[*batch.inputs, batch.targets] for batch in pairs.epoch(batch, seed)]
    return np.concatenate(parts, axis=1).T


def test_each_example_occurs_once_and_half_of_the_pairs_are_of_the_same_class() -> None:
    pairs = Pairs(np.arange(11), NUMBERS)
    rows = all_pairs(pairs, 4, seed=5)
    assert pairs.count(4) == 3 and len(rows) == pairs.size == 11
    assert sorted(rows[:, 0]) == list(range(11))
    assert rows[:, 2].sum() == 5
    for first, second, same in rows:
        assert (NUMBERS[first] == NUMBERS[second]) == same
        assert first != second or NUMBERS[first] == 3


def test_partners_are_sampled_uniformly() -> None:
    pairs = Pairs(np.arange(11), NUMBERS)
    rows = np.concatenate([all_pairs(pairs, 11, seed) for seed in range(600)])
    alike = rows[(rows[:, 0] == 1) & (rows[:, 2] == 1), 1]
    unlike = rows[(rows[:, 0] == 1) & (rows[:, 2] == 0), 1]
    # Of about 270 and 330: 90 each of 3 partners, and 47 each of 7.
    assert set(alike) == {2, 5, 8} and np.bincount(alike)[[2, 5, 8]].min() > 60
    others = [0, 3, 4, 6, 7, 9, 10]
    assert set(unlike) == set(others) and np.bincount(unlike)[others].min() > 25


def test_pairs_change_each_epoch_and_are_reproducible() -> None:
    pairs = Pairs(np.arange(11), NUMBERS, seed=3)
    np.testing.assert_array_equal(all_pairs(pairs, 4, 1), all_pairs(pairs, 4, 1))
    assert (all_pairs(pairs, 4, 1) != all_pairs(pairs, 4, 2)).any()
    np.testing.assert_array_equal(all_pairs(pairs, 4, None), all_pairs(pairs, 11, None))


@pytest.fixture(scope="module")
def digits() -> SiameseTrainer:
    trainer = SiameseTrainer(hidden=(128, 64), epochs=25, learning_rate=3e-3, schedule="cosine")
    return trainer.fit(DIGITS[~HELD_OUT], LABELS[~HELD_OUT], quiet=True)


def test_nearest_neighbors_classify_digits(digits: SiameseTrainer) -> None:
    metrics = digits.evaluate(DIGITS[HELD_OUT], LABELS[HELD_OUT])
    assert metrics["knn_accuracy"] > 0.85 and metrics["pair_accuracy"] > 0.85
    assert digits.score(DIGITS[HELD_OUT], LABELS[HELD_OUT]) == metrics["knn_accuracy"]
    said = digits.classify(DIGITS[HELD_OUT])
    assert np.mean(said == LABELS[HELD_OUT]) == pytest.approx(metrics["knn_accuracy"])
    assert digits.predict(DIGITS[HELD_OUT]).shape == (360, 2)
    assert digits.history[-1]["validation/knn_accuracy"] > 0.85
    assert digits.history[-1]["train/loss"] < 0.3 * digits.history[0]["train/loss"]


def test_a_loaded_trainer_has_the_same_neighbors(digits: SiameseTrainer, tmp_path: Path) -> None:
    digits.save(tmp_path)
    loaded = load(tmp_path)
    assert isinstance(loaded, SiameseTrainer)
    assert loaded.evaluate(DIGITS[HELD_OUT], LABELS[HELD_OUT]) == digits.evaluate(
        DIGITS[HELD_OUT], LABELS[HELD_OUT]
    )
    loaded.save(tmp_path / "again")
    again = load(tmp_path / "again").classify(DIGITS[HELD_OUT])
    np.testing.assert_array_equal(again, digits.classify(DIGITS[HELD_OUT]))


def test_the_majority_of_the_nearest_neighbors_decides() -> None:
    trainer = SiameseTrainer(neighbors=3)
    trainer.classes, trainer._numbers = ["a", "b"], np.array([0, 0, 1, 1, 1])
    trainer._points = np.array([[0, 0], [0, 1], [0, 2], [5, 5], [6, 6]], np.float32)
    said = trainer._vote(np.array([[0, 0.4], [5, 5], [0, 3]], np.float32))
    assert said.tolist() == [0, 1, 0]  # of the last: b at 1, a at 2 and at 3


def test_a_class_not_in_the_training_data_counts_as_wrong(digits: SiameseTrainer) -> None:
    labels = np.full(HELD_OUT.sum(), 12)
    assert digits.evaluate(DIGITS[HELD_OUT], labels)["knn_accuracy"] == 0


def test_data_of_one_class_can_be_evaluated(digits: SiameseTrainer) -> None:
    sevens = DIGITS[LABELS == 7]
    assert digits.evaluate(sevens, np.full(len(sevens), 7))["knn_accuracy"] > 0.9


def test_names_of_classes_and_a_run(tmp_path: Path) -> None:
    names = np.array(["cat", "dog"])[np.arange(60) % 2]
    x = np.random.default_rng(0).normal(size=(60, 3)) + 4 * (np.arange(60) % 2)[:, None]
    with Run.create(tmp_path, "run", {}) as run:
        trainer = SiameseTrainer(hidden=(8,), epochs=5, batch_size=16, embedding=3)
        trainer.fit(x, names, validation_data=(x[:10], names[:10]), run=run, quiet=True)
        checkpoint = run.latest_checkpoint()
    assert set(trainer.classify(x)) == {"cat", "dog"}
    head = (run.path / "metrics.csv").read_text().splitlines()[0]
    assert "validation/knn_accuracy" in head and "train/pair_accuracy" in head
    assert checkpoint is not None
    loaded = load(checkpoint.path / "learner")
    assert set(loaded.classify(x)) == {"cat", "dog"}
    axes = trainer.plots(x, names)["embedding"].axes[0]
    assert [group.get_label() for group in axes.collections] == ["cat", "dog"]


def test_invalid_training_data_raise_an_error() -> None:
    with pytest.raises(AgentlabError, match="there is only one class, 3"):
        SiameseTrainer().fit(np.zeros((4, 2)), [3, 3, 3, 3])
    with pytest.raises(AgentlabError, match="x has 4 rows and y has 3"):
        SiameseTrainer().fit(np.zeros((4, 2)), [3, 3, 2])
    with pytest.raises(AgentlabError, match="x is Batches, but must be arrays"):
        SiameseTrainer().fit(Pairs(np.arange(11), NUMBERS), None)
    with pytest.raises(AgentlabError, match="the net must be an agentlab.nets.siamese.Siamese"):
        SiameseTrainer(keras.Sequential([keras.layers.Dense(2)])).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(AgentlabError, match="SiameseConfig has no option 'flip'"):
        SiameseTrainer(flip=True)
    with pytest.raises(AgentlabError, match="margin=0"):
        SiameseTrainer(margin=0)
    with pytest.raises(AgentlabError, match="has not been fitted"):
        SiameseTrainer().predict(np.zeros((4, 2)))


def test_its_keras_model_embeds_the_same_from_raw_inputs() -> None:
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    trainer = SiameseTrainer(hidden=(8,), epochs=1).fit(x, y, quiet=True)
    found = trainer.inference_model()(x.astype(np.float32))["embeddings"]
    np.testing.assert_allclose(found, trainer.predict(x), atol=1e-5)
