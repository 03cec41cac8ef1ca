"""Saving and loading of learners, and errors for damaged files."""

import json
import shutil
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf

import agentlab
from agentlab import learner as learners
from agentlab.config import Options, option
from agentlab.description import find_saved, read_description
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.estimator import Estimator
from agentlab.learner import Learner
from agentlab.testing.envs import Sign
from tests.forged import described, forge


@dataclass(frozen=True)
class ToyConfig(Options):
    """Options of ``Toy``."""

    units: int = option(3, "units of the layer", gt=0)
    widths: tuple[int, ...] = option((2, 1), "for the sake of a list")


class Counter:
    """An object with a state of its own."""

    def __init__(self):
        self.count = 0

    def state(self):
        return {"count": self.count, "powers": np.arange(self.count)}

    def restore(self, state):
        self.count = state["count"]
        assert state["powers"].tolist() == list(range(self.count))


class Heap:
    """A large component: it saves itself to a folder."""

    def __init__(self):
        self.text = ""

    def save(self, directory):
        directory.mkdir()
        (directory / "heap.txt").write_text(self.text)

    def load(self, directory):
        self.text = (directory / "heap.txt").read_text()


class Toy(Learner):
    """Has a component of every kind."""

    kind, name, Config = "agent", "toy", ToyConfig

    def __init__(self, config=None, seed=0):
        super().__init__(config, seed)
        self.net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(self.config.units)])
        self.optimizer = keras.optimizers.Adam(0.1)
        self.optimizer.build(self.net.trainable_variables)
        self.numbers = [tf.Variable([1.0, 2.0]), tf.Variable(3)]
        self.draws = np.random.default_rng(seed)
        self.counter, self.heap = Counter(), Heap()

    def components(self):
        return {
            "net": self.net,
            "optimizer": self.optimizer,
            "numbers": self.numbers,
            "draws": self.draws,
            "counter": self.counter,
            "heap": self.heap,
            "nothing": None,
        }

    def learn(self):
        """Change every component."""
        ones = [tf.ones(v.shape) for v in self.net.trainable_variables]
        self.optimizer.apply(ones, self.net.trainable_variables)
        self.numbers[0].assign_add([1.0, 1.0])
        self.numbers[1].assign_add(4)
        self.draws.random(5)
        self.rng.random(7)
        self.counter.count += 3
        self.heap.text += "learned"


def taught(folder, **options):
    toy = Toy(ToyConfig(units=4, **options), seed=5)
    toy.learn()
    toy.save(folder)
    return toy


def same(one, other):
    states = one.state(), other.state()
    values = [list(state.values()) for state in states]  # Keras numbers the names of layers
    return len(values[0]) == len(values[1]) and all(
        np.array_equal(a, b) for a, b in zip(*values, strict=True)
    )


def test_every_kind_of_component_is_taken_back(tmp_path):
    toy = taught(tmp_path / "toy", widths=(7, 8, 9))
    loaded = Toy.load(tmp_path / "toy")
    assert (loaded.config, loaded.seed) == (toy.config, 5)
    assert loaded.config.widths == (7, 8, 9)
    assert same(toy, loaded)
    assert loaded.numbers[1].numpy() == 7 and loaded.counter.count == 3
    assert loaded.draws.random() == toy.draws.random()
    assert loaded.rng.random() == toy.rng.random()
    assert loaded.heap.text == ""  # what is large waits until learning needs it
    # The moments of the optimizer are restored, too: equal steps lead to equal weights.
    for learner in (toy, loaded):
        learner.learn()
    assert same(toy, loaded)


def test_what_is_large_is_read_to_learn_on(tmp_path):
    taught(tmp_path / "toy")
    resumed = Toy(ToyConfig(units=4))
    resumed.restore_from(tmp_path / "toy")
    assert resumed.heap.text == "learned"
    loaded = Toy.load(tmp_path / "toy")
    assert loaded.read_left("heap", loaded.heap).text == "learned"
    loaded.heap.text = "more"
    assert loaded.read_left("heap", loaded.heap).text == "more"  # read once


def test_a_learner_that_is_loaded_and_saved_again_keeps_what_is_large(tmp_path):
    taught(tmp_path / "toy")
    loaded = Toy.load(tmp_path / "toy")
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "heap" / "heap.txt").read_text() == "learned"


def test_the_folder_holds_what_is_documented(tmp_path):
    taught(tmp_path / "toy")
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == [
        "arrays.npz",
        "heap",
        "learner.json",
    ]
    content = read_description(tmp_path / "toy")
    assert (content["format"], content["kind"], content["seed"]) == (2, "agent", 5)
    assert content["config"] == {"units": 4, "widths": [2, 1]}
    assert content["folders"] == ["heap"]
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]  # nothing temporary is left


def test_an_older_learner_is_replaced_and_other_files_are_not(tmp_path):
    toy = taught(tmp_path / "toy")
    toy.learn()
    toy.save(tmp_path / "toy")
    assert same(toy, Toy.load(tmp_path / "toy"))
    (tmp_path / "empty").mkdir()
    toy.save(tmp_path / "empty")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "file").write_text("something else")
    for name in ("thesis", "file"):
        with pytest.raises(InvalidArgument, match="contains other files; choose a new folder"):
            toy.save(tmp_path / name)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
    assert (tmp_path / "file").read_text() == "something else"


def test_a_save_that_fails_leaves_the_older_one(tmp_path):
    toy = taught(tmp_path / "toy")

    def full(directory):
        raise OSError(28, "No space left on device")

    toy.learn()
    toy.heap.save = full
    with pytest.raises(OSError, match="No space left"):
        toy.save(tmp_path / "toy")
    assert Toy.load(tmp_path / "toy").counter.count == 3
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


class Keeper(Toy):
    """A learner whose network cannot be built from its configuration."""

    saves_models = True

    @classmethod
    def from_specification(cls, specification, config, seed, models):
        assert specification == {"note": [1, 2]}
        learner = cls(config, seed)
        learner.net = models["net"]
        return learner

    def specification(self):
        return {"note": (1, 2)}


def test_models_are_saved_whole_where_they_cannot_be_built(tmp_path):
    keeper = Keeper(ToyConfig(units=4))
    keeper.net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(6)])
    keeper.save(tmp_path / "keeper")
    assert (tmp_path / "keeper" / "net.keras").is_file()
    with np.load(tmp_path / "keeper" / "arrays.npz") as arrays:
        assert not any(name.startswith("net/") for name in arrays)
    loaded = Keeper.load(tmp_path / "keeper")
    x = np.ones((1, 2), np.float32)
    np.testing.assert_array_equal(loaded.net(x), keeper.net(x))
    (tmp_path / "keeper" / "net.keras").write_bytes(b"nothing")
    with pytest.raises(AgentlabError, match="net.keras is damaged: it is not the file"):
        Keeper.load(tmp_path / "keeper")


# Refusals


def refused(folder, load=Toy.load):
    with pytest.raises(AgentlabError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_refused(tmp_path):
    assert "holds no saved learner: there is no learner.json" in refused(tmp_path / "toy")


@pytest.mark.parametrize("name", ["learner.json", "arrays.npz"])
def test_damaged_files_raise_an_error_of_one_line(tmp_path, name):
    taught(tmp_path / "toy")
    file = tmp_path / "toy" / name
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for content in (whole[: len(whole) // 2], b"", b"[]", b"null", bytes(changed)):
        file.write_bytes(content)
        assert "is damaged" in refused(tmp_path / "toy")
    file.unlink()
    refused(tmp_path / "toy")
    file.mkdir()
    refused(tmp_path / "toy")


def test_a_folder_of_a_large_component_that_is_missing_is_refused_when_learning_goes_on(tmp_path):
    toy = taught(tmp_path / "toy")
    shutil.rmtree(tmp_path / "toy" / "heap")
    assert "holds no readable agent: FileNotFoundError" in refused(
        tmp_path / "toy", toy.restore_from
    )


def test_a_later_format_asks_for_an_upgrade(tmp_path):
    taught(tmp_path / "toy")
    forge(tmp_path / "toy", format=3)
    says = refused(tmp_path / "toy")
    assert "has format 3, but this version of agentlab reads formats up to 2" in says


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"units": -1}},
        {"config": {"unitz": 1}},
        {"config": {"units": "many"}},
        {"config": None},
        {"seed": "none"},
        {"state": {}},
        {"state": []},
        {"rng": {"bit_generator": "PCG64"}},
        {"rng": None},
        {"files": {"nowhere.npz": "0"}},
        {"files": None},
        {"folders": 3},
        {"format": "one"},
        {"kind": "cake"},
        {"kind": []},
        {"name": None},
    ],
    ids=str,
)
def test_forged_descriptions_are_refused_in_a_sentence(tmp_path, changes):
    taught(tmp_path / "toy")
    forge(tmp_path / "toy", **changes)
    with pytest.raises(AgentlabError) as caught:
        Toy.load(tmp_path / "toy")
    assert "\n" not in str(caught.value)
    with pytest.raises(AgentlabError):
        agentlab.load(tmp_path / "toy")


@pytest.mark.parametrize("key", ["config", "seed", "specification", "state", "rng", "files"])
def test_descriptions_with_parts_left_out_are_refused(tmp_path, key):
    folder = tmp_path / "toy"
    taught(folder)
    content = described(folder)
    del content[key]
    (folder / "learner.json").write_text(json.dumps(content))
    forge(folder, **({"files": {}} if key == "files" else {}))
    content = described(folder)
    if key == "files":
        content.pop("files")
        (folder / "learner.json").write_text(json.dumps(content))
    assert "is damaged" in refused(folder) or "holds no readable" in refused(folder)


def test_weights_of_another_form_are_refused(tmp_path):
    taught(tmp_path / "toy")
    other = Toy(ToyConfig(units=9))
    says = refused(tmp_path / "toy", other.restore_from)
    assert "holds no readable agent: ValueError: kernel has shape" in says
    more = Toy(ToyConfig(units=4))
    more.numbers.append(tf.Variable(0.0))
    says = refused(tmp_path / "toy", more.restore_from)
    assert "2 saved arrays do not match 3 variables" in says


def test_the_learner_of_another_class_is_refused(tmp_path):
    taught(tmp_path / "toy")
    says = refused(tmp_path / "toy", Keeper.load)
    assert "holds the agent 'tests.test_learner:Toy', not 'tests.test_learner:Keeper'" in says


def test_a_file_cannot_name_code_to_import(tmp_path, monkeypatch):
    taught(tmp_path / "toy")
    forge(tmp_path / "toy", name="planted:Toy")
    (tmp_path / "planted.py").write_text("raise SystemExit('ran')")
    monkeypatch.chdir(tmp_path)
    says = refused(tmp_path / "toy", agentlab.load)
    assert "pass cls='planted:Toy' to run its code" in says


def test_a_class_of_ones_own_is_named_to_load_it(tmp_path):
    toy = taught(tmp_path / "toy")
    for cls in (Toy, "tests.test_learner:Toy"):
        assert same(agentlab.load(tmp_path / "toy", cls), toy)
    for cls, says in (
        ("no_such_module:Toy", "cls='no_such_module:Toy' cannot be loaded: ModuleNotFoundError"),
        ("tests.test_learner:Nobody", "cannot be loaded: AttributeError"),
        ("tests.test_learner:Counter", "is not a subclass of Learner"),
    ):
        with pytest.raises(InvalidArgument, match=says):
            agentlab.load(tmp_path / "toy", cls)


# Where a learner is found


def test_a_learner_is_found_in_a_run_a_checkpoint_and_a_folder(tmp_path):
    envs = agentlab.make_envs(Sign, 2)
    agent = agentlab.make_agent("random_search", envs, candidates=2, episodes_per_candidate=90)
    with agentlab.Run.create(tmp_path, "run", {}) as run:
        agentlab.train(agent, envs, 40, run=run, checkpoint_every=20, quiet=True)
    agent.save(tmp_path / "saved")
    checkpoints = tmp_path / "run" / "checkpoints"
    newest = checkpoints / "000002" / "learner"
    for path, folder in (
        (tmp_path / "run", newest),
        (newest.parent, newest),
        (newest, newest),
        (tmp_path / "saved", tmp_path / "saved"),
    ):
        assert find_saved(path) == folder
        loaded = agentlab.load(path, num_envs=1)
        assert loaded.num_envs == 1
        assert loaded.scores == agent.scores
    assert find_saved(str(tmp_path / "saved")) == tmp_path / "saved"


def test_a_run_that_has_saved_nothing_is_refused(tmp_path):
    agentlab.Run.create(tmp_path, "run", {}).close()
    with pytest.raises(AgentlabError, match=r"run='.*run' has saved nothing yet"):
        agentlab.load(tmp_path / "run")
    with pytest.raises(AgentlabError):
        agentlab.load(tmp_path / "nowhere")


def test_a_learner_without_a_network_makes_no_inference_model():
    toy = Toy()
    with pytest.raises(AgentlabError, match="agent 'toy' has no network to export"):
        toy.inference_model()


# Estimators


@dataclass(frozen=True)
class MeanConfig(Options):
    """Options of ``Mean``."""

    weight: float = option(1.0, "what the mean is multiplied by", gt=0)


class Mean(Estimator):
    """Keeps the mean of what it was fitted on."""

    name, Config = "mean", MeanConfig

    def fit(self, x):
        self.mean_ = np.mean(x, axis=0) * self.config.weight
        return self

    def predict(self, x):
        return np.broadcast_to(self.mean_, np.shape(x))


def test_an_estimator_knows_whether_it_is_fitted(tmp_path):
    mean = Mean(weight=2.0)
    assert not mean.fitted
    with pytest.raises(AgentlabError, match="this Mean has not been fitted; call fit first"):
        mean.check_fitted()
    assert mean.fit(np.array([[1.0, 2.0], [3.0, 6.0]])) is mean
    mean.check_fitted()
    mean.save(tmp_path / "mean")
    loaded = Mean.load(tmp_path / "mean")
    assert loaded.fitted and loaded.mean_.tolist() == [4, 8]
    assert loaded.config == MeanConfig(2.0)


def test_options_of_an_estimator_are_checked_by_name():
    with pytest.raises(InvalidArgument, match="weight=0.0 must be more than 0"):
        Mean(weight=0)
    with pytest.raises(InvalidArgument, match="did you mean 'weight'"):
        Mean(wieght=1.0)
    with pytest.raises(InvalidArgument, match="pass either config or weight, not both"):
        Mean(MeanConfig(), weight=1.0)


def test_registered_learners_go_by_their_names():
    assert learners.class_name(agentlab.agents.agent_class("pg")) == "pg"
    assert learners.class_name(Toy) == "tests.test_learner:Toy"


@pytest.mark.parametrize("value", [[], "x" * 9, None, 3])
@pytest.mark.parametrize("name", ["config", "specification"])
def test_parts_of_another_type_are_refused(tmp_path, name, value):
    taught(tmp_path / "toy")
    forge(tmp_path / "toy", **{name: value})
    assert f"{name} must be a dict" in refused(tmp_path / "toy")
