"""Options have the same effect on arrays, batches and files; rare classes; checks of nets."""

import copy
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from agentlab.data import Arrays
from agentlab.data.table import Table
from agentlab.errors import AgentlabError
from agentlab.nets.files import check_loadable, load_net
from agentlab.supervised import Classifier, Regressor
from agentlab.supervised.confusion import balanced_metrics, say_confusion

RNG = np.random.default_rng(0)
RARE = 20
X = np.concatenate([RNG.normal(0, 1, (380, 2)), RNG.normal(1.5, 1, (RARE, 2))]).astype(np.float32)
Y = np.r_[np.zeros(380, np.int32), np.ones(RARE, np.int32)]
OPTIONS = {"hidden": (8,), "epochs": 3, "learning_rate": 0.02, "validation_split": 0.0}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The same examples as arrays, batches, and tables in memory and streamed."""
    path = tmp_path_factory.mktemp("rare") / "rare.csv"
    rows = "".join(
        f"{a!r},{b!r},{['no', 'yes'][y]}\n" for (a, b), y in zip(X.tolist(), Y, strict=True)
    )
    path.write_text("a,b,y\n" + rows)
    options = {"standardize": False, "validation": 0.0, "test": 0.0}
    kept, streamed = (Table(path, "y", memory_budget=m, **options) for m in (10**8, 0))
    assert np.allclose(kept.train.inputs, X)
    return {"batches": Arrays(X, Y), "file": kept.train, "stream": streamed.train}


def fitted_on(x, y=None, **more):
    """Return the probabilities of a classifier fitted on arrays, or on batches of class indices."""
    classifier = Classifier("mlp", **OPTIONS, standardize=False, **more)
    classifier.fit(x, y, quiet=True, **({} if y is not None else {"classes": [0, 1]}))
    return classifier.predict_proba(X)


@pytest.fixture(scope="module")
def plain():
    return fitted_on(X, Y)


@pytest.mark.parametrize("option", [{"class_weights": "balanced"}, {"l2": 0.1}])
def test_an_option_has_the_same_effect_on_arrays_batches_and_files(sources, plain, option):
    acting = fitted_on(X, Y, **option)
    assert np.abs(plain - acting).max() > 1e-3
    for name in ("batches", "file"):
        np.testing.assert_allclose(fitted_on(sources[name], **option), acting, atol=1e-5)


def test_balanced_class_weights_apply_to_a_streamed_file(sources, plain):
    balanced = fitted_on(sources["stream"], class_weights="balanced")
    assert balanced[-RARE:, 1].mean() > plain[-RARE:, 1].mean() + 0.1


def test_with_rare_classes_balanced_accuracy_selects_the_epoch():
    classifier = Classifier("mlp", **{**OPTIONS, "epochs": 2}).fit(
        X, Y, validation_data=(X, Y), quiet=True
    )
    assert classifier.monitor == ("balanced_accuracy", "max")
    assert "validation/balanced_accuracy" in classifier.history[0]
    metrics = classifier.evaluate(X, Y)
    right = classifier.predict(X) == Y
    recall = [right[k == Y].mean() for k in (0, 1)]
    assert metrics["balanced_accuracy"] == pytest.approx(np.mean(recall))
    report = classifier.report(X, Y)
    assert report[1].split()[0] == "0" and report[1].split()[2] == f"{recall[0]:.3f}"
    even = Classifier("mlp", **{**OPTIONS, "epochs": 1}).fit(X[-40:], Y[-40:], quiet=True)
    assert even.monitor == ("accuracy", "max")


def test_precision_recall_and_f1_by_hand():
    matrix = np.array([[8, 2], [1, 4]])
    assert balanced_metrics(matrix)["balanced_accuracy"] == pytest.approx((0.8 + 0.8) / 2)
    assert balanced_metrics(matrix)["f1"] == pytest.approx((16 / 19 + 8 / 11) / 2)
    lines = say_confusion(matrix, ["cat", "dog"])
    assert lines[1].split() == ["cat", "0.889", "0.800", "0.842", "10"]
    assert lines[-1].split() == ["dog", "1", "4"]


def test_examples_of_weight_0_have_no_effect():
    weights = np.r_[np.ones(200), np.zeros(200)]
    options = {"hidden": (8,), "epochs": 2}
    for cls, y in ((Classifier, (X[:, 0] > 0).astype(int)), (Regressor, X[:, 0] * 2)):
        whole = cls("mlp", **options).fit(X, y, sample_weight=weights, quiet=True)
        part = cls("mlp", **options).fit(X[:200], y[:200], quiet=True)
        assert np.array_equal(whole.predict(X), part.predict(X))
    with pytest.raises(
        AgentlabError, match=r"sample_weight has the shape \[3\]; it must be \[400\]"
    ):
        Classifier("mlp").fit(X, Y, sample_weight=[1, 1, 1], quiet=True)


def model(end):
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    logits = keras.layers.Dense(2)(hidden)
    if end == "nested":
        inner = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2, activation="softmax")])
        return keras.Model(inputs, inner(hidden))
    ends = {
        "ops": keras.ops.softmax,
        "layer": keras.layers.Softmax(),
        "sigmoids": keras.ops.sigmoid,
        "logits": lambda tensor: tensor,
        "log": keras.ops.log_softmax,
    }
    return keras.Model(inputs, ends[end](logits))


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("ops", "ends in softmax"),
        ("layer", "ends in softmax"),
        ("nested", "ends in softmax"),
        ("sigmoids", "returns only values from 0 to 1"),
        ("logits", None),
        ("log", None),
    ],
)
def test_a_net_that_ends_in_probabilities_is_refused_wherever_they_hide(end, told):
    classifier = Classifier(model(end), epochs=1)
    if told is None:
        classifier.fit(X[:64], Y[-64:], quiet=True)
        return
    with pytest.raises(AgentlabError, match=told):
        classifier.fit(X[:64], Y[-64:], quiet=True)


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


@keras.saving.register_keras_serializable("tests")
class Doubled(Unregistered):
    pass


def twice(inputs):
    return inputs * 2


class Tenths(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, 0.1)

    def get_config(self):
        return {}


class OfScript(Unregistered):
    """A layer defined in the script that the user runs."""


OfScript.__module__ = "__main__"
DENSE = keras.layers.Dense


def images_to(end):
    inputs = keras.Input((4, 4, 1))
    return keras.Model(inputs, DENSE(2, activation=end)(keras.layers.Flatten()(inputs)))


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_a_net_of_images_that_ends_in_probabilities_is_refused(end):
    pixels = RNG.integers(0, 256, (64, 4, 4, 1), dtype=np.uint8)
    with pytest.raises(AgentlabError, match="remove the last activation"):
        Classifier(images_to(end), epochs=1).fit(pixels, Y[-64:], quiet=True)


@pytest.mark.parametrize("end", ["softmax", "sigmoid", "relu"])
def test_a_net_for_regression_must_return_numbers_of_both_signs(end):
    keras.utils.set_random_seed(0)  # a ReLU that is 0 everywhere is not refused
    net = keras.Sequential([keras.Input((2,)), DENSE(8, "relu"), DENSE(1, activation=end)])
    with pytest.raises(AgentlabError, match="the targets are standardized"):
        Regressor(net, epochs=1).fit(X[:64], X[:64, 0], quiet=True)


def test_a_keras_model_of_word_ids_takes_whole_numbers():
    inputs = keras.Input((5,), dtype="int32")
    hidden = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(50, 4)(inputs))
    net = keras.Model(inputs, DENSE(2)(hidden))
    classifier = Classifier(net, epochs=1, vocabulary=50)
    classifier.fit(RNG.integers(1, 50, (64, 5)), Y[-64:], quiet=True)
    assert classifier.preprocessor.kind == "token_ids"


CANNOT = [
    (lambda: [Unregistered()], "uses the class 'Unregistered', which is not registered"),
    (lambda: [OfScript()], "uses the class 'OfScript', which is not registered"),
    (lambda: [keras.Sequential([OfScript()])], "uses the class 'OfScript'"),
    (lambda: [DENSE(2, activation=twice)], "uses the function 'twice', which is not registered"),
    (lambda: [DENSE(2, activation=lambda x: x)], "has a lambda function"),
    (lambda: [DENSE(2, kernel_initializer=Tenths())], "uses the class 'Tenths'"),
    (lambda: [DENSE(2, kernel_initializer=lambda s, dtype=None: keras.ops.ones(s))], "a lambda"),
    (lambda: [keras.layers.Lambda(lambda x: 2 * x)], "Lambda layer .*; write a layer instead"),
    (lambda: [Doubled(), DENSE(2, activation="tanh", kernel_regularizer="l2")], ""),
]


@pytest.mark.parametrize(("layers", "told"), CANNOT)
def test_what_cannot_be_loaded_again_is_refused_when_it_is_saved(tmp_path, layers, told):
    net = keras.Sequential([keras.Input((2,)), *layers(), keras.layers.Dense(2)])
    if not told:
        check_loadable("net", net)
        net.save(tmp_path / "net.keras")
        assert np.array_equal(
            load_net(tmp_path / "net.keras").predict(X, verbose=0), net.predict(X, verbose=0)
        )
        return
    with pytest.raises(AgentlabError, match=f"the net 'net' could not be loaded again: .*{told}"):
        check_loadable("net", net)


def test_a_net_that_cannot_be_loaded_again_is_not_saved(tmp_path):
    net = keras.Sequential([keras.Input((2,)), OfScript(), keras.layers.Dense(2)])
    classifier = Classifier(net, epochs=1).fit(X[:64], Y[-64:], quiet=True)
    with pytest.raises(AgentlabError, match="could not be loaded again"):
        classifier.save(tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_data_that_cannot_be_read_twice_are_refused_in_one_sentence():
    for x in (tf.data.Dataset.from_tensor_slices((X, Y)), iter([1])):
        with pytest.raises(AgentlabError, match="pass arrays, or an object with the methods of"):
            Classifier("mlp").fit(x, quiet=True)


def test_the_tools_of_scikit_learn_work():
    made = Classifier("mlp", hidden=(8,), epochs=2, seed=3)
    assert clone(made).get_params() == made.get_params()
    assert clone(made).set_params(epochs=5).config.epochs == 5
    with pytest.raises(AgentlabError, match="Classifier has no parameter 'epoch'; did you mean"):
        made.set_params(epoch=5)
    assert repr(made) == "Classifier(epochs=2, hidden=(8,), seed=3)"
    y = (X[:, 0] > 0).astype(int)
    assert cross_val_score(made, X, y, cv=2, params={}).shape == (2,)
    search = GridSearchCV(made, {"hidden": [(4,)]}, cv=2).fit(X, y)
    assert search.best_params_ == {"hidden": (4,)}
    fitted = search.best_estimator_
    assert fitted.classes_.tolist() == [0, 1] and fitted.n_features_in_ == 2
    for again in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
        assert again.n_features_in_ == 2
    assert clone(Classifier(model("logits"))).given_net
    assert copy.deepcopy(made).get_params() == made.get_params()
