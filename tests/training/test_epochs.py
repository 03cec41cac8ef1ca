"""Epochs, checkpoints, resuming and stopping."""

import csv
import gc
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from agentlab.data import Arrays
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.supervised import Classifier, Regressor
from tests.supervised.interruptions import BATCH, CLASSES, PER_EPOCH, Stream, images, learn

ROOT = Path(__file__).parents[2]
MEMORY = Path("/proc/self/statm")


def weights(trainer: Any) -> list[bytes]:
    return [np.asarray(variable).tobytes() for variable in trainer.net.weights]


def metrics(run: Run) -> bytes:
    return (run.path / "metrics.csv").read_bytes()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Classifier]:
    """A training that nothing cut short."""
    run = Run.create(tmp_path_factory.mktemp("runs"), "whole", {})
    return run, learn(run)


def assert_equal(run: Run, trainer: Classifier, whole: tuple[Run, Classifier]) -> None:
    assert metrics(run) == metrics(whole[0])
    assert weights(trainer) == weights(whole[1])
    assert trainer.history == whole[1].history
    assert len(trainer.history) == 4


def test_a_run_killed_in_mid_epoch_and_resumed_equals_an_unbroken_one_bit_for_bit(
    tmp_path: Path, whole: tuple[Run, Classifier]
) -> None:
    command = [sys.executable, "-m", "tests.supervised.interruptions", str(tmp_path / "broken")]
    killed = subprocess.run([*command, str(2 * PER_EPOCH + 4)], cwd=ROOT, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    run = Run.open(tmp_path / "broken")
    kept = run.latest_checkpoint()
    assert kept is not None and (kept.state["epoch"], kept.state["batches"]) == (2, 0)
    assert_equal(run, learn(run), whole)


def test_ctrl_c_saves_within_an_epoch_and_the_run_goes_on_from_there(
    tmp_path: Path, whole: tuple[Run, Classifier]
) -> None:
    run = Run.create(tmp_path, "broken", {})
    for at, epochs in ((3, 0), (PER_EPOCH, 1), (PER_EPOCH + 2, 2)):  # counted from each beginning
        stopped = learn(run, at, interrupt)
        assert stopped.interrupted
        kept = run.latest_checkpoint()
        assert kept is not None and kept.state["epoch"] == epochs == len(stopped.history)
        assert 0 < kept.state["batches"] < PER_EPOCH
        run.close()
    trainer = learn(run)
    assert not trainer.interrupted
    assert_equal(run, trainer, whole)


def test_a_net_compiled_by_xla_is_gone_on_with_bit_for_bit_too(tmp_path: Path) -> None:
    options = {"hidden": (8,), "dropout": 0.5, "epochs": 2, "batch_size": BATCH, "l2": 0.01}
    momentum = {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "max_grad_norm": 1.0}

    def fit(run: Run, at: int = -1) -> Classifier:
        train = Stream(images(0, BATCH * PER_EPOCH), at, interrupt)
        classifier = Classifier("mlp", **options, **momentum)
        return classifier.fit(train, classes=CLASSES, run=run, quiet=True)

    whole, broken = (Run.create(tmp_path, name, {}) for name in ("whole", "broken"))
    expected = fit(whole)
    assert fit(broken, PER_EPOCH + 3).interrupted
    assert weights(fit(broken)) == weights(expected)
    assert metrics(broken) == metrics(whole)


def test_a_run_broken_off_before_its_first_checkpoint_begins_again(
    tmp_path: Path, whole: tuple[Run, Classifier]
) -> None:
    class PowerCut(Exception):
        pass

    def cut() -> None:
        raise PowerCut

    run = Run.create(tmp_path, "broken", {})
    with pytest.raises(PowerCut):
        learn(run, 5, cut)
    assert run.latest_checkpoint() is None
    assert_equal(run, learn(run), whole)


def test_a_checkpoint_altered_by_one_byte_is_passed_over(
    tmp_path: Path, whole: tuple[Run, Classifier], capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.create(tmp_path, "altered", {})
    learn(run, 2 * PER_EPOCH + 3, interrupt)
    newest = run.latest_checkpoint()
    assert newest is not None
    alter(newest.path / "training.npz")
    trainer = learn(run)
    said = capsys.readouterr().err
    assert "training.npz has been altered; resuming from checkpoint" in said
    assert_equal(run, trainer, whole)
    for path in (run.path / "checkpoints").iterdir():
        alter(path / "learner" / "net.keras")
    with pytest.raises(AgentlabError, match="no older one is intact; start a new run"):
        learn(run)


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_keeping_a_run_changes_no_number(whole: tuple[Run, Classifier]) -> None:
    trainer = learn(None)
    assert trainer.history == whole[1].history
    assert weights(trainer) == weights(whole[1])


def test_a_finished_run_stays_as_it_is(whole: tuple[Run, Classifier]) -> None:
    run, trainer = whole
    before = {path: path.read_bytes() for path in run.path.rglob("*.csv")}
    checkpoint = run.latest_checkpoint()
    again = learn(run)
    assert {path: path.read_bytes() for path in run.path.rglob("*.csv")} == before
    assert run.latest_checkpoint() == checkpoint
    assert weights(again) == weights(trainer) and again.history == trainer.history


def test_the_history_is_what_was_logged(whole: tuple[Run, Classifier]) -> None:
    run, trainer = whole
    rows = list(csv.DictReader(metrics(run).decode().splitlines()))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    for row, epoch_metrics in zip(rows, trainer.history, strict=True):
        assert list(epoch_metrics) == [
            f"{part}/{name}" for part in ("train", "validation") for name in ("loss", "accuracy")
        ]
        assert {name: float(row[name]) for name in epoch_metrics} == epoch_metrics
        assert float(row["grad_norm"]) > 0
    assert float(rows[0]["learning_rate"]) > float(rows[-1]["learning_rate"])


def test_the_newest_checkpoint_holds_the_trainer_with_the_best_weights(
    whole: tuple[Run, Classifier],
) -> None:
    run, trainer = whole
    kept = run.latest_checkpoint()
    assert kept is not None
    loaded = Classifier.load(kept.path / "learner")
    assert weights(loaded) == weights(trainer)
    held_out = images(1, 20)
    best = max(epoch_metrics["validation/accuracy"] for epoch_metrics in trainer.history)
    assert loaded.evaluate(held_out)["accuracy"] == best
    assert weights(Classifier.load(run.path / "best")) == weights(trainer)


ROWS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
SUMS = ROWS.sum(1)


def linear() -> keras.Model:
    return keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])


class Scripted(Regressor):
    """Learns as ever, but its held-out metrics are those of a script."""

    script = (3.0, 2.0, 1.0, 2.0, 1.5, 1.0, 0.5)
    scripted_losses = (1.0,) * 7

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        self.seen = [*getattr(self, "seen", []), weights(self)]
        self.measured = [*getattr(self, "measured", []), self.evaluate(ROWS, SUMS)["rmse"]]
        return {
            "validation/rmse": self.script[epoch - 1],
            "validation/loss": self.scripted_losses[epoch - 1],
        }


def test_early_stopping_stops_and_the_best_weights_come_back() -> None:
    trainer = Scripted(linear(), epochs=7, batch_size=10, patience=2, optimizer="sgd")
    trainer.fit(ROWS, SUMS, quiet=True)
    assert [epoch_metrics["validation/rmse"] for epoch_metrics in trainer.history] == [
        3,
        2,
        1,
        2,
        1.5,
    ]
    assert weights(trainer) == trainer.seen[2]
    assert trainer.seen[2] != trainer.seen[4]
    assert not trainer.interrupted
    # What is then measured on other data is measured with the weights of the best epoch.
    assert trainer.evaluate(ROWS, SUMS)["rmse"] == trainer.measured[2]


@pytest.mark.parametrize(("last_loss", "best"), [(1.0, 2), (1.5, 2), (0.5, 5)])
def test_of_equally_good_epochs_the_one_with_the_least_loss_is_the_best(
    monkeypatch: pytest.MonkeyPatch, last_loss: float, best: int
) -> None:
    monkeypatch.setattr(Scripted, "scripted_losses", (1.0,) * 5 + (last_loss,))
    trainer = Scripted(linear(), epochs=6, batch_size=10, optimizer="sgd")
    trainer.fit(ROWS, SUMS, quiet=True)
    assert len(trainer.history) == 6  # without patience all are made
    assert weights(trainer) == trainer.seen[best]


def test_an_undefined_figure_is_never_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scripted, "script", (float("nan"), 2.0, float("nan")))
    trainer = Scripted(linear(), epochs=3, optimizer="sgd").fit(ROWS, SUMS, quiet=True)
    assert weights(trainer) == trainer.seen[1]


def test_patience_is_kept_over_a_resumption(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    options = {"epochs": 7, "batch_size": BATCH, "patience": 2, "optimizer": "sgd"}

    def fit(at: int) -> Scripted:
        train = Stream(Arrays(ROWS, SUMS), at, interrupt)
        held_out = Arrays(ROWS, SUMS)
        trainer = Scripted(linear(), **options)
        return trainer.fit(train, validation_data=held_out, run=run, quiet=True)

    assert fit(4 * 5 + 2).interrupted
    resumed = fit(-1)
    assert [epoch_metrics["validation/rmse"] for epoch_metrics in resumed.history] == [
        3,
        2,
        1,
        2,
        1.5,
    ]


def test_a_diverged_training_names_the_last_good_checkpoint(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    arrays = Arrays(ROWS.copy(), SUMS)

    def spoil() -> None:
        arrays.inputs[:] = np.nan  # type: ignore[call-overload]

    trainer = Regressor(linear(), epochs=3, batch_size=BATCH)
    with pytest.raises(AgentlabError) as caught:
        trainer.fit(Stream(arrays, 7, spoil), run=run, quiet=True)
    assert "training diverged in epoch 2, batch " in str(caught.value)
    assert f"the last good checkpoint is {run.path / 'checkpoints' / '000001'}" in str(caught.value)
    kept = run.latest_checkpoint()
    assert kept is not None and kept.number == 1
    loaded = Regressor.load(kept.path / "learner")
    assert all(np.isfinite(weight).all() for weight in loaded.net.get_weights())


def test_a_training_that_diverges_at_once_says_that_nothing_was_saved() -> None:
    trainer = Regressor(linear(), optimizer="sgd", learning_rate=1e30, epochs=50)
    with pytest.raises(AgentlabError, match=r"no checkpoint was saved; try a smaller learning"):
        trainer.fit(ROWS, SUMS, quiet=True)


def test_data_that_give_fewer_batches_than_they_say_are_refused() -> None:
    class Short(Stream):
        def count(self, batch: int) -> int:
            return super().count(batch) + 1

    with pytest.raises(
        AgentlabError, match=r"yielded 5 batches in an epoch, but count\(\) returned 6"
    ):
        Regressor(linear(), batch_size=BATCH).fit(Short(Arrays(ROWS, SUMS)), quiet=True)


@pytest.mark.parametrize(
    ("options", "rows", "says"),
    [
        ({}, 32, "the data have changed since the run was started"),
        ({"optimizer": "sgd"}, 40, "does not match this network"),
    ],
)
def test_a_run_of_other_data_or_another_net_is_not_gone_on_with(
    tmp_path: Path, options: dict[str, Any], rows: int, says: str
) -> None:
    run = Run.create(tmp_path, "run", {})
    Regressor(linear(), batch_size=8, epochs=1).fit(Arrays(ROWS, SUMS), run=run, quiet=True)
    trainer = Regressor(linear(), batch_size=8, epochs=2, **options)
    with pytest.raises(AgentlabError, match=says):
        trainer.fit(Arrays(ROWS[:rows], SUMS[:rows]), run=run, quiet=True)
    wider = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    with pytest.raises(AgentlabError, match="does not match this network"):
        Regressor(wider, batch_size=8, epochs=2).fit(Arrays(ROWS, SUMS), run=run, quiet=True)


def test_an_error_in_the_data_reaches_the_user() -> None:
    def fail() -> None:
        raise AgentlabError("row 12 is damaged")

    with pytest.raises(AgentlabError, match="row 12 is damaged"):
        Regressor(linear(), batch_size=BATCH).fit(Stream(Arrays(ROWS, SUMS), 3, fail), quiet=True)


def test_each_epoch_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = Regressor(linear(), epochs=2).fit(ROWS, SUMS)
    said = capsys.readouterr().out
    for epoch, epoch_metrics in enumerate(trainer.history, 1):
        assert f"epoch {epoch}" in said
        for name in ("train/rmse", "validation/rmse"):
            assert f"rmse {epoch_metrics[name]:.4g}" in said


@pytest.mark.skipif(not MEMORY.exists(), reason="only Linux tells what memory is used now")
def test_memory_stays_flat_over_epochs(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    objects, pages = [], []

    class Watched(Regressor):
        def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
            if epoch in (10, 40):  # the collection is slow if many tests ran before
                gc.collect()
                objects.append(len(gc.get_objects()))
            pages.append(int(MEMORY.read_text().split()[1]))
            return {}

    Watched(linear(), epochs=40, batch_size=8).fit(ROWS, SUMS, run=run, quiet=True)
    assert len(pages) == 40
    # An epoch keeps its row of metrics; a graph has thousands of objects, and arrays have pages.
    assert objects[1] - objects[0] < 1_000
    assert (pages[-1] - pages[9]) * resource.getpagesize() < 16_000_000
