from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from agentlab.data import Arrays, Batch, split_indices
from agentlab.errors import AgentlabError
from agentlab.nets import make_net
from agentlab.supervised import Classifier
from tests.supervised.interruptions import Stream

RNG = np.random.default_rng(0)
X = RNG.normal(3, 2, (60, 5)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 6).astype(int)
WORDS = np.array(["no", "yes"])[Y]
BYTES = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)


def dense(*units: int) -> keras.Model:
    layers = [keras.layers.Dense(n, kernel_initializer="zeros") for n in units]
    return keras.Sequential(layers)


def bytes_of(trainer: Classifier) -> list[bytes]:
    return [weight.tobytes() for weight in trainer.net.get_weights()]


@pytest.fixture(scope="module")
def fitted() -> Classifier:
    return Classifier("mlp", hidden=(16,), epochs=5, learning_rate=0.01).fit(X, WORDS, quiet=True)


def test_it_learns_digits() -> None:
    x, y = load_digits(return_X_y=True)
    classifier = Classifier("mlp", hidden=(64,), epochs=15, learning_rate=3e-3)
    assert classifier.fit(x[:1300], y[:1300], quiet=True) is classifier
    score = classifier.score(x[1300:], y[1300:])
    assert type(score) is float
    assert score > 0.9
    assert score == np.mean(classifier.predict(x[1300:]) == y[1300:])
    assert classifier.evaluate(x[1300:], y[1300:])["accuracy"] == score


def test_predictions_are_labels_of_the_original_type(fitted: Classifier) -> None:
    assert fitted.classes == ["no", "yes"]
    assert set(fitted.predict(X).tolist()) == {"no", "yes"}
    assert fitted.score(X, WORDS) == np.mean(fitted.predict(X) == WORDS)
    probabilities = fitted.predict_proba(X)
    assert probabilities.dtype == np.float32 and probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    assert (fitted.predict(X) == np.array(["no", "yes"])[probabilities.argmax(1)]).all()


@pytest.mark.parametrize("labels", [[-3, 7], [0.5, 1.5], [False, True], ["b", "a"]])
def test_labels_may_be_of_any_kind(labels: list[Any]) -> None:
    y = np.array(labels)[Y]
    classifier = Classifier(dense(2), epochs=1).fit(X.tolist(), y.tolist(), quiet=True)
    assert classifier.classes == sorted(labels)
    assert set(classifier.predict(X).tolist()) <= set(labels)


def test_features_are_those_before_the_head(fitted: Classifier) -> None:
    features = fitted.embeddings(X)
    assert features.shape == (60, 16) and features.dtype == np.float32
    kernel, bias = fitted.net.head.get_weights()
    logits = np.log(fitted.predict_proba(X))
    expected = features @ kernel + bias
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected @ [-1, 1], atol=1e-4)


def test_the_classes_named_beforehand_are_saved_too(tmp_path: Path) -> None:
    classifier = Classifier(dense(3), epochs=1)
    classifier.fit(X, Y, classes=np.array(["low", "high", "none"]), quiet=True).save(tmp_path)
    loaded = Classifier.load(tmp_path)
    assert loaded.classes == ["low", "high", "none"]
    assert loaded.score(X, Y) == classifier.score(X, Y)
    assert set(loaded.predict(X).tolist()) <= {"low", "high", "none"}


def test_label_smoothing_by_hand() -> None:
    # Logits 2 and 0 have log-probabilities -0.126928 and -2.126928; targets become 0.9 and 0.1.
    net = keras.Sequential([keras.layers.Identity()])
    batch = Batch(tf.constant([[2.0, 0.0]]), tf.constant([0]), tf.ones(1))
    found = Classifier(net, label_smoothing=0.2).losses(batch, training=True)
    smoothed = 0.9 * 0.126928 + 0.1 * 2.126928
    np.testing.assert_allclose(found["objective"], [smoothed], rtol=1e-5)
    np.testing.assert_allclose(found["loss"], [0.126928], rtol=1e-5)
    plain = Classifier(net).losses(batch, training=True)
    assert "objective" not in plain
    np.testing.assert_allclose(plain["loss"], [0.126928], rtol=1e-5)


@pytest.mark.parametrize(("class_weights", "moved"), [("none", 0.25), ("balanced", 0.0)])
def test_class_weights_by_hand(class_weights: str, moved: float) -> None:
    # With equal logits the gradient is 0.5 for the wrong class and -0.5 for the right one. Three
    # examples against one leave 0.25; weighted by 4 / (2 x 3) and 4 / (2 x 1) they cancel out.
    one = keras.Sequential([keras.layers.Dense(2, use_bias=False, kernel_initializer="zeros")])
    options = {
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "validation_split": 0.0,
        "standardize": False,
    }
    classifier = Classifier(one, epochs=1, class_weights=class_weights, **options)
    classifier.fit(np.ones((4, 1)), [0, 0, 0, 1], quiet=True)
    np.testing.assert_allclose(one.get_weights()[0], [[moved, -moved]], atol=1e-7)


def test_only_the_training_split_decides_how_inputs_are_scaled() -> None:
    fractions = 0.75, 0.25
    rows, held = split_indices(60, fractions, seed=4)
    other = X.copy()
    other[held] = 1000 * other[held] + 7
    one, two = (
        Classifier(dense(2), epochs=1, validation_split=0.25, seed=4).fit(x, Y, quiet=True)
        for x in (X, other)
    )
    assert one.specification()["preprocessor"] == two.specification()["preprocessor"]
    assert bytes_of(one) == bytes_of(two)
    np.testing.assert_allclose(one.preprocessor.mean, X[rows].mean(0), rtol=1e-5)
    np.testing.assert_allclose(one.preprocessor.std, X[rows].std(0), rtol=1e-5)


def test_a_constant_column_does_not_divide_by_zero() -> None:
    x = np.column_stack([X, np.full(60, 0.1)])  # whose deviation is 1e-17, not 0
    classifier = Classifier(dense(2), epochs=1).fit(x, Y, quiet=True)
    assert classifier.preprocessor.std[-1] == 1.0
    x[:, -1] = 0.2
    assert np.abs(np.log(classifier.predict_proba(x))).max() < 20


def test_whole_numbers_are_numbers_for_a_net_of_numbers() -> None:
    corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    classifier = Classifier(
        "mlp", hidden=(16,), epochs=80, learning_rate=0.05, validation_split=0.0
    )
    classifier.fit(corners, [0, 1, 1, 0], quiet=True)
    assert classifier.predict(corners).tolist() == [0, 1, 1, 0]
    assert classifier.preprocessor.mean.tolist() == [0.5, 0.5]


def test_texts_are_read_as_words() -> None:
    texts = ["a fine movie", "a dull play"] * 30
    classifier = Classifier("text_cnn", epochs=3, length=5, max_grad_norm=1.0)
    classifier.fit(texts, ["good", "bad"] * 30, quiet=True)
    assert classifier.score(texts, ["good", "bad"] * 30) == 1.0
    assert classifier.predict(["fine"]).tolist() == ["good"]


def test_a_class_only_in_the_validation_split_is_still_a_class() -> None:
    _, held = split_indices(60, (0.9, 0.1), seed=0)
    labels = Y.copy()
    labels[held[0]] = 2
    classifier = Classifier(dense(3), epochs=1, seed=0).fit(X, labels, quiet=True)
    assert classifier.classes == [0, 1, 2]


def test_streamed_batches_train_like_arrays() -> None:
    arrays = Arrays(X, Y.astype(np.int64))
    options = {"epochs": 3, "batch_size": 8, "standardize": False, "seed": 2}
    x, held = X[:48], (X[48:], Y[48:])
    streamed = Classifier("mlp", hidden=(4,), **options)
    first, last = (Stream(Arrays(X[part], Y[part])) for part in (slice(48), slice(48, None)))
    streamed.fit(first, classes=[0, 1], validation_data=last, quiet=True)
    in_memory = Classifier("mlp", hidden=(4,), **options)
    in_memory.fit(x, Y[:48], validation_data=held, quiet=True)
    assert bytes_of(streamed) == bytes_of(in_memory)
    assert streamed.history == in_memory.history
    assert streamed.evaluate(arrays) == in_memory.evaluate(X, Y)
    np.testing.assert_array_equal(streamed.predict(arrays), in_memory.predict(X))


def functional() -> keras.Model:
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(4, "relu")(inputs)
    joined = keras.layers.Concatenate()([inputs, hidden])
    return keras.Model(inputs, keras.layers.Dense(2)(joined))


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs) - 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: dense(4, 2),
        functional,
        Subclassed,
        lambda: make_net("mlp", (5,), 2, hidden=(4,)),
        lambda: keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization()]),
    ],
)
def test_any_keras_model_can_be_the_net(make: Any) -> None:
    net = make()
    classifier = Classifier(net, epochs=2).fit(X, WORDS, quiet=True)
    assert classifier.net is net
    assert np.isfinite(classifier.history[-1]["train/loss"])
    assert classifier.predict_proba(X).shape == (60, 2)


@pytest.mark.parametrize("shape", [(60, 8, 8), (60, 8, 8, 1)])
def test_uint8_images_are_divided_by_255_for_any_net(shape: tuple[int, ...]) -> None:
    seen = []

    class Spy(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            tf.py_function(lambda x: seen.append(x.numpy()), [inputs], [])
            return self.dense(tf.reshape(inputs, (-1, 64)))

    classifier = Classifier(Spy(), epochs=1, batch_size=20, validation_split=0.0)
    classifier.fit(BYTES.reshape(shape), Y, quiet=True)
    seen = [x for x in seen if len(x) == 20]  # without those of checks of the net
    assert all(x.dtype == np.float32 and x.shape[1:] == (8, 8, 1) for x in seen)
    assert max(x.max() for x in seen) <= 1.0
    classifier.predict(BYTES.reshape(shape))
    np.testing.assert_allclose(seen[-1][..., 0], BYTES / 255, rtol=1e-6)


@pytest.mark.parametrize("net", ["mlp", "lenet"])
def test_images_can_be_augmented_for_every_net(net: str) -> None:
    options = {"hidden": (4,)} if net == "mlp" else {}
    classifier = Classifier(net, epochs=1, flip=True, rotate=10.0, shift=0.1, zoom=0.1, **options)
    classifier.fit(BYTES, Y, quiet=True)
    # Only in training: to predict, they stay where they are.
    np.testing.assert_array_equal(classifier.predict_proba(BYTES), classifier.predict_proba(BYTES))


@pytest.mark.parametrize("net", ["mlp", "lenet"])
def test_sixteen_bits_train_and_give_float32(net: str, tmp_path: Path) -> None:
    x = 255 * np.ones((60, 8, 8), np.uint8) * Y[:, None, None].astype(np.uint8)
    options: dict[str, Any] = {"hidden": (8,)} if net == "mlp" else {}
    classifier = Classifier(
        net, precision="bfloat16", epochs=5, batch_size=9, learning_rate=0.01, **options
    )
    classifier.fit(x, Y, quiet=True)
    assert classifier.net.torso.compute_dtype == "bfloat16"
    assert {str(weight.dtype) for weight in classifier.net.weights} == {"float32"}
    assert classifier.predict_proba(x).dtype == np.float32
    losses = [metrics["train/loss"] for metrics in classifier.history]
    assert losses[-1] < 0.7 * losses[0]
    assert keras.config.dtype_policy().name == "float32"  # again, for other nets
    classifier.save(tmp_path)
    loaded = Classifier.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(x), classifier.predict_proba(x))


def test_the_confusion_matrix_and_examples_are_drawn() -> None:
    classifier = Classifier("mlp", hidden=(4,), epochs=1).fit(BYTES, WORDS, quiet=True)
    drawn = classifier.plots(BYTES, WORDS)
    assert list(drawn) == ["confusion", "examples"]


NAN = X.copy()
NAN[3, 2] = np.nan
TWO_HEADS = keras.Input((5,))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((X, 0 * Y), "there is only one class, 0; at least 2 are needed"),
        ((NAN, Y), "x[3, 2]=nan must be a finite number"),
        ((X[:9], Y), "x has 9 rows and y has 60; they must match"),
        ((5, Y), "x has no rows and y has 60"),
        ((X, np.eye(2)[Y]), "y has the shape [60, 2], but labels must be [n]"),
        ((X, [None, *WORDS[1:]]), "y contains None or NaN"),
        ((X, [1, *WORDS[1:].tolist()]), "y contains the class"),
        ((X, np.array([1, *WORDS[1:].tolist()], object)), "y contains strings and numbers"),
        (([[1, 2], [3]], [0, 1]), "x must be an array of numbers"),
        (([["a", 2.0]] * 60, Y), "texts must be a flat list"),
        ((WORDS, Y), "x contains texts, but the network takes numeric inputs"),
        ((Stream(Arrays(X, Y)),), "classes=None must be the names of the classes if x is Batches"),
    ],
)
def test_invalid_training_data_raise_an_error_of_one_line(data: tuple[Any, ...], says: str) -> None:
    if says == "y contains the class":  # NumPy has made texts of all labels, also of the number
        assert len(Classifier(dense(3), epochs=1).fit(*data, quiet=True).classes) == 3
        return
    with pytest.raises(AgentlabError) as caught:
        Classifier(epochs=1).fit(*data, quiet=True)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: keras.Sequential([keras.layers.Dense(2, "softmax")]),
            "the net ends in softmax, but must return logits",
        ),
        (lambda: keras.Sequential([keras.layers.Softmax()]), "the net ends in softmax"),
        (
            lambda: keras.Sequential([keras.layers.Activation("softmax")]),
            "the net ends in softmax",
        ),
        (lambda: dense(3), "has the shape [1, 3], but must have the shape [1, 2]"),
        (
            lambda: keras.Model(TWO_HEADS, [keras.layers.Dense(2)(TWO_HEADS)] * 2),
            "the output of the net for one example has several tensors",
        ),
        (
            lambda: keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)]),
            "the network cannot be called with examples of shape [5]",
        ),
    ],
)
def test_an_incompatible_net_raises_an_error_of_one_line(make: Any, says: str) -> None:
    with pytest.raises(AgentlabError) as caught:
        Classifier(make()).fit(X, Y, quiet=True)
    assert says in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda c, x: c.predict(x),
        lambda c, x: c.predict_proba(x),
        lambda c, x: c.embeddings(x),
        lambda c, x: c.score(x, Y[: len(x)]),
    ],
)
def test_images_of_another_size_raise_an_error_of_one_line(call: Any) -> None:
    classifier = Classifier("mlp", hidden=(4,), epochs=1).fit(BYTES, Y, quiet=True)
    with pytest.raises(AgentlabError) as caught:
        call(classifier, np.zeros((3, 9, 9), np.uint8))
    message = str(caught.value)
    assert (
        message == "x has the shape [3, 9, 9], but the model takes images [n, 8, 8, 1] or [n, 8, 8]"
    )


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda c: c.score(X, np.where(Y, "perhaps", "no")),
            "y contains the class 'perhaps', which",
        ),
        (lambda c: c.score(X, Y), "y contains the class 0, which must be one of no, yes"),
        (lambda c: c.score(X, WORDS[:9]), "targets has 9 rows, but inputs has 60"),
        (lambda c: c.predict(NAN), "x[3, 2]=nan must be a finite number"),
        (lambda c: c.predict(X[:, :3]), "x has the shape [60, 3], but the model takes [n, 5]"),
        (lambda c: c.predict(X[:0]), "there are no examples"),
        (lambda c: c.predict(["a text"]), "x contains the text 'a text'"),
    ],
)
def test_invalid_test_data_raise_an_error(fitted: Classifier, call: Any, says: str) -> None:
    with pytest.raises(AgentlabError) as caught:
        call(fitted)
    assert says in str(caught.value)


def test_predicting_before_fit_raises_an_error(tmp_path: Path) -> None:
    for call in (lambda c: c.predict(X), lambda c: c.score(X, Y), lambda c: c.save(tmp_path)):
        with pytest.raises(AgentlabError, match="this Classifier has not been fitted; call fit"):
            call(Classifier())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"net": "mpl"}, "net='mpl' is unknown; did you mean 'mlp'"),
        ({"net": "lenet"}, "net='lenet' needs images"),
        ({"flip": True}, "flip, rotate, shift and zoom need images, but an example has"),
    ],
)
def test_an_option_that_does_not_match_the_data_raises_an_error(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(AgentlabError) as caught:
        Classifier(**options).fit(X, Y, quiet=True)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"dropout": 1.0}, {"label_smoothing": 1.0}, {"zoom": 1.0}, {"class_weights": "some"}],
)
def test_an_invalid_option_raises_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(AgentlabError, match=f"{next(iter(options))}="):
        Classifier(**options)


@pytest.mark.parametrize("y", [Y + 1, Y - 1, WORDS])
def test_labels_beyond_the_named_classes_raise_an_error(y: Any) -> None:
    with pytest.raises(AgentlabError, match="which must be one of 0, 1"):
        Classifier(dense(2)).fit(X, y, classes=["low", "high"], quiet=True)


IDS = RNG.integers(0, 20, (60, 6))
PHRASES = [" ".join(f"word{i}" for i in row) for row in IDS]
TABLE = {"size": X[:, 0].astype(float), "city": np.array(["Oslo", "Rome"])[Y]}


@pytest.mark.parametrize(
    ("options", "x"),
    [
        ({"net": "mlp"}, X),
        ({"net": "mlp", "standardize": False}, X),
        ({"net": "mlp"}, BYTES),
        ({"net": "small_lenet"}, np.repeat(np.repeat(BYTES, 4, 1), 4, 2)),
        ({"net": keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])}, BYTES),
        ({"net": "text_cnn", "length": 8}, PHRASES),
        ({"net": "text_cnn", "vocabulary": 20}, IDS),
        ({"net": "mlp"}, TABLE),
    ],
)
def test_its_keras_model_predicts_the_same_from_raw_inputs(options: Any, x: Any) -> None:
    classifier = Classifier(epochs=1, **options)  # net is a name or a Keras model
    classifier.fit(x, WORDS, quiet=True)
    model = classifier.inference_model()
    if isinstance(x, dict):
        raw: Any = {name: tf.constant(column.tolist()) for name, column in x.items()}
    else:
        raw = tf.constant(x)
    found = model(raw)
    assert set(found) == {"probabilities", "classes"}
    np.testing.assert_allclose(found["probabilities"], classifier.predict_proba(x), atol=1e-5)
    assert found["classes"].dtype == tf.int32
    assert np.array(["no", "yes"])[found["classes"]].tolist() == classifier.predict(x).tolist()


def test_a_model_of_numbers_accepts_uint8() -> None:
    rows = RNG.integers(0, 200, (60, 4)).astype(np.float32)
    classifier = Classifier("mlp", hidden=(4,), epochs=1).fit(rows, Y, quiet=True)
    expected = classifier.predict_proba(rows)
    np.testing.assert_array_equal(classifier.predict_proba(rows.astype(np.uint8)), expected)
