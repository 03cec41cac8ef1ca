"""What all trainers share, shown on the smallest: y = w x + b by squared error."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import agentlab.supervised as supervised
from agentlab.data import Arrays, Batch, Batches
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.registry import trainer_class
from agentlab.supervised import ESTIMATORS, TRAINERS, Classifier, Regressor
from agentlab.training.trainer import Trainer


class Line(Trainer):
    """A custom trainer is a loss and a net."""

    name = "line"

    def build(self, data: Batches) -> None:
        self.net = line()

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        errors = self.forward(batch.inputs, training)[:, 0] - batch.targets
        return {"loss": tf.square(errors), "near": tf.abs(errors) < 1}


def line(**arguments: Any) -> keras.Model:
    """w = [1, -2] and b = 0.5, so that [1, 2] gives -2.5."""
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, **arguments)])
    net.set_weights([np.array([[1.0], [-2.0]]), np.array([0.5])])
    return net


ONE = Arrays(np.array([[1.0, 2.0]], np.float32), np.array([3.0], np.float32))
ERROR = -2.5 - 3
WHOLE: dict[str, Any] = {"validation_split": 0.0}


def step(net: Any = None, data: Batches = ONE, **options: Any) -> list[float]:
    """Make one step of SGD and return w and b."""
    options = {"optimizer": "sgd", "learning_rate": 0.01, "epochs": 1, **options}
    trainer = Line(line() if net is None else net, **options, **WHOLE).fit(data, quiet=True)
    return np.concatenate([part.ravel() for part in trainer.net.get_weights()]).tolist()


def test_one_step_by_hand() -> None:
    # The loss' gradient is 2 x -5.5 x [1, 2], and 2 x -5.5 for b.
    assert step() == pytest.approx([1 + 0.11, -2 + 0.22, 0.5 + 0.11])


def test_penalties_by_hand() -> None:
    # L1 adds its weight times the sign, L2 twice its weight times the kernel; b has no penalty.
    assert step(l1=0.1) == pytest.approx([1.11 - 0.01 * 0.1, -1.78 + 0.01 * 0.1, 0.61])
    assert step(l2=0.3) == pytest.approx([1.11 - 0.01 * 0.6, -1.78 + 0.01 * 1.2, 0.61])
    both = [1.11 - 0.001 - 0.006, -1.78 + 0.001 + 0.012, 0.61]
    assert step(l1=0.1, l2=0.3) == pytest.approx(both)


def test_a_nets_own_penalties_count_beside_those_asked_for() -> None:
    net = line(kernel_regularizer=keras.regularizers.L2(0.3))
    assert step(net, l1=0.1) == pytest.approx([1.11 - 0.007, -1.78 + 0.013, 0.61])
    # Nor do those asked for once stay with the net.
    net.set_weights(line().get_weights())
    assert step(net) == pytest.approx([1.11 - 0.006, -1.78 + 0.012, 0.61])


def test_penalties_are_no_part_of_the_loss_that_is_reported() -> None:
    trainer = Line(line(), l2=10.0, epochs=1, **WHOLE).fit(ONE, quiet=True)
    assert trainer.history == [{"train/loss": ERROR**2, "train/near": 0.0}]


def test_weights_say_what_each_example_counts_for() -> None:
    twice = Arrays(
        np.array([[1, 2], [1, 2], [9, 9]], np.float32),
        np.array([3, -2.5, 7], np.float32),
        np.array([3, 1, 0], np.float32),
    )
    # Three quarters of the first's gradient: the second has no error, the third no weight.
    assert step(data=twice) == pytest.approx([1 + 0.0825, -2 + 0.165, 0.5 + 0.0825])
    trainer = Line(line(), epochs=1, **WHOLE)
    assert trainer.fit(twice, quiet=True).history[0]["train/loss"] == pytest.approx(0.75 * ERROR**2)
    assert trainer.history[0]["train/near"] == pytest.approx(0.25)


def test_an_update_is_bounded_in_its_norm() -> None:
    # The gradient 11 x [1, 2, 1] has the norm 11 x sqrt(6).
    unit = np.array([1, 2, 1]) / np.sqrt(6)
    moved = np.array([1, -2, 0.5]) + 0.01 * 2 * unit
    assert step(max_grad_norm=2.0) == pytest.approx(moved.tolist())


def test_momentum_reaches_the_optimizer() -> None:
    # Of two steps on a net that only has b, by 0.01 x 11 = 0.11 first.
    first, second = step(epochs=1)[2], step(epochs=2)[2]
    with_momentum = step(epochs=2, momentum=0.9)[2]
    assert with_momentum - second == pytest.approx(0.9 * (first - 0.5))
    assert step(momentum=0.9, nesterov=True)[2] - 0.5 == pytest.approx(1.9 * 0.11)


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"schedule": "linear"}, [0.01, 0.0075, 0.005, 0.0025]),
        ({"schedule": "linear", "warmup_steps": 2}, [0.005, 0.01, 0.01, 0.005]),
        ({"warmup_steps": 3}, [0.01 / 3, 0.02 / 3, 0.01, 0.01]),
    ],
)
def test_the_schedule_spans_all_updates(options: dict[str, Any], rates: list[float]) -> None:
    # Two batches in each of two epochs; the inputs are 0, so that only b learns.
    nothing = Arrays(np.zeros((2, 2), np.float32), np.zeros(2, np.float32))
    expected = 0.5 * np.prod(1 - 2 * np.array(rates))
    assert step(data=nothing, batch_size=1, epochs=2, **options)[2] == pytest.approx(expected)


def test_means_are_those_of_all_examples_also_where_the_last_batch_is_smaller() -> None:
    x = np.zeros((300, 2), np.float32)
    y = np.arange(300, dtype=np.float32)
    trainer = Line(line(), batch_size=7)
    assert trainer.evaluate(Arrays(x, y))["loss"] == pytest.approx(np.square(y - 0.5).mean())
    assert trainer.score(Arrays(x, y)) == trainer.evaluate(Arrays(x, y))["loss"]
    np.testing.assert_array_equal(trainer.predict(x), np.full((300, 1), 0.5))


def test_equal_seeds_give_equal_nets_and_others_another() -> None:
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)

    def weights(seed: int) -> list[bytes]:
        trainer = Classifier(
            "mlp", hidden=(8,), dropout=0.3, epochs=2, batch_size=8, validation_split=0.0, seed=seed
        )
        return [w.tobytes() for w in trainer.fit(x, y, quiet=True).net.get_weights()]

    assert weights(1) == weights(1) != weights(2)


def test_a_second_fit_begins_anew_but_a_net_that_was_given_learns_on() -> None:
    x = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    data = Arrays(x, x[:, 0])
    trainer = Line(epochs=1, optimizer="sgd", **WHOLE)
    first = trainer.fit(data, quiet=True).net.get_weights()
    second = trainer.fit(data, quiet=True).net.get_weights()
    np.testing.assert_array_equal(first[0], second[0])
    assert len(trainer.history) == 1
    given = Line(line(), epochs=1, optimizer="sgd", **WHOLE)
    loss = given.fit(data, quiet=True).history[0]["train/loss"]
    assert given.fit(data, quiet=True).history[0]["train/loss"] < loss


def test_keras_own_fit_still_works_beside_a_trainer() -> None:
    Line(line())
    net = line()
    net.compile("sgd", "mse")
    net.fit(np.zeros((8, 2)), np.zeros(8), verbose=0)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Classifier]:
    x = np.random.default_rng(0).normal(5, 3, (40, 2)).astype(np.float32)
    labels = np.array(["no", "yes"])[(x[:, 0] > 5).astype(int)]
    trainer = Classifier(keras.Sequential([keras.layers.Dense(2)]), epochs=2, seed=3)
    trainer.fit(x, labels, quiet=True)
    path = tmp_path_factory.mktemp("saved") / "trainer"
    trainer.save(path)
    return path, trainer


def copied(saved: tuple[Path, Classifier], folder: Path) -> Path:
    for file in saved[0].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_trainer_is_found_by_what_its_file_says(saved: tuple[Path, Classifier]) -> None:
    loaded = load(saved[0])
    assert type(loaded) is Classifier
    assert loaded.config == saved[1].config
    assert loaded.seed == 3
    assert loaded.history == saved[1].history
    x = np.random.default_rng(1).normal(5, 3, (9, 2)).astype(np.float32)
    assert loaded.predict(x).tolist() == saved[1].predict(x).tolist()


@pytest.mark.parametrize("file", ["net.keras", "learner.json"])
@pytest.mark.parametrize("place", [0.05, 0.5, 0.95])
def test_a_file_altered_by_one_byte_is_refused_in_one_sentence(
    saved: tuple[Path, Classifier], tmp_path: Path, file: str, place: float
) -> None:
    altered = copied(saved, tmp_path) / file
    content = bytearray(altered.read_bytes())
    content[int(len(content) * place)] ^= 1
    altered.write_bytes(content)
    with pytest.raises(AgentlabError) as caught:
        load(tmp_path)
    # The byte may be the number of the format, which is checked first.
    says = "is damaged", "upgrade agentlab"
    assert str(altered) in str(caught.value) and any(one in str(caught.value) for one in says)
    assert "\n" not in str(caught.value)


def test_another_digit_in_what_was_fitted_is_refused(
    saved: tuple[Path, Classifier], tmp_path: Path
) -> None:
    file = copied(saved, tmp_path) / "learner.json"
    described = json.loads(file.read_text())
    described["specification"]["preprocessor"]["numbers"]["mean"][0] += 1
    file.write_text(json.dumps(described))
    with pytest.raises(AgentlabError, match=r"learner\.json is damaged: it is not the file that"):
        Classifier.load(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "null", '{"kind": "trainer"}', "\xff"])
def test_a_description_that_is_none_is_refused(
    saved: tuple[Path, Classifier], tmp_path: Path, content: str
) -> None:
    (copied(saved, tmp_path) / "learner.json").write_text(content, encoding="latin-1")
    with pytest.raises(AgentlabError, match=r"learner\.json is damaged"):
        load(tmp_path)


def test_missing_files_are_named(saved: tuple[Path, Classifier], tmp_path: Path) -> None:
    with pytest.raises(AgentlabError, match="is not a run folder: there is no such folder"):
        load(tmp_path / "nothing")
    (copied(saved, tmp_path) / "net.keras").unlink()
    with pytest.raises(AgentlabError, match=r"net\.keras cannot be read: No such file"):
        load(tmp_path)


def test_a_trainer_of_another_kind_is_refused(saved: tuple[Path, Classifier]) -> None:
    with pytest.raises(AgentlabError, match="holds the trainer 'classifier', not 'regressor'"):
        Regressor.load(saved[0])


@pytest.mark.parametrize("name", [*TRAINERS, *ESTIMATORS])
def test_every_trainer_is_found_under_its_name(name: str) -> None:
    cls = trainer_class(name)
    assert cls.name == name
    assert getattr(supervised, cls.__name__) is cls


def test_an_unknown_trainer_is_refused() -> None:
    with pytest.raises(AgentlabError, match="trainer='regresor' is unknown; did you mean 'regres"):
        trainer_class("regresor")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epoch": 3}, "has no option 'epoch'; did you mean 'epochs'"),
        ({"epochs": 0}, "epochs=0 must be 1 or more"),
        ({"epochs": "3"}, "epochs='3' is not an integer"),
        ({"batch_size": -1}, "batch_size=-1 must be 1 or more"),
        ({"learning_rate": 0}, "learning_rate=0.0 must be more than 0"),
        ({"schedule": "sawtooth"}, "schedule='sawtooth' is not one of constant"),
        ({"warmup_steps": -1}, "warmup_steps=-1 must be 0 or more"),
        ({"momentum": 1.0}, "momentum=1.0 must be at least 0 and less than 1"),
        ({"nesterov": True}, "nesterov=True needs momentum greater than 0"),
        ({"l2": -0.1}, "l2=-0.1 must be 0 or more"),
        ({"max_grad_norm": 0.0}, "max_grad_norm=0.0 must be more than 0, or none"),
        ({"patience": 0}, "patience=0 must be 1 or more, or none"),
        ({"precision": "int8"}, "precision='int8' is not one of float32, bfloat16"),
        ({"validation_split": 1.0}, "validation_split=1.0 must be at least 0 and less than 1"),
        ({"net": 5}, "net=5 must be a network's name or a Keras model"),
        ({"config": Line.Config(), "epochs": 2}, "pass either config or epochs, not both"),
    ],
)
def test_an_unfit_option_is_refused_by_name(options: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentlabError) as caught:
        Line(**options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"optimizer": "slide"}, "optimizer='slide' is unknown; choose from adadelta"),
        ({"momentum": 0.9}, "optimizer='adam' has no argument 'momentum'"),
        ({"warmup_steps": 9}, "warmup_steps=9 must be less than the 2 updates of the training"),
    ],
)
def test_what_only_a_training_can_tell_is_refused_then(options: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentlabError, match=says):
        Line(line(), epochs=2, **options, **WHOLE).fit(ONE, quiet=True)
