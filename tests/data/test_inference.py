"""The Keras model of a preprocessor gives the output of ``transform`` for raw inputs."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from agentlab.data.columns import Columns
from agentlab.data.images import Images
from agentlab.data.numbers import Numbers
from agentlab.data.text import Characters, Subwords, Words
from agentlab.data.token_ids import TokenIds

# Keras tells of columns whose names are not identifiers; see ``signature_names``.
pytestmark = pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict")

TEXTS = [
    "Don't say 'well-done_so' in 1978!",
    "a''b 'quoted' rock’n’roll   ÄÖ straße ΣΑΣ",
    "",
    "unknown words only, or say well done so say well done so say",
    "tab\tnew\nline\u00a0blank … end'",
]


def same(preprocessor, raw, x):
    """Compare a model with ``transform``, also in a compiled function."""
    inputs = preprocessor.inference_inputs()
    model = keras.Model(inputs, preprocessor.inference(inputs))
    expected = preprocessor.transform(x)
    outputs = model(raw)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6, atol=1e-6)
    assert outputs.dtype.name == expected.dtype.name == preprocessor.dtype
    assert model.output_shape == (None, *preprocessor.input_shape)
    compiled = tf.function(model)(raw)
    np.testing.assert_allclose(compiled, expected, rtol=1e-6, atol=1e-6)
    return model


@pytest.mark.parametrize("standardize", [True, False])
def test_numbers(standardize):
    x = np.random.default_rng(0).normal(1e5, [0.5, 3.0], (20, 2)).astype(np.float32)
    same(Numbers.fit(x, standardize), tf.constant(x), x)
    same(Numbers((None, 2)), tf.constant(x[:, None]), x[:, None])


def test_images():
    x = np.random.default_rng(0).integers(0, 256, (3, 8, 6), np.uint8)
    same(Images.fit(x), tf.constant(x[..., None]), x)
    x = (x / 255).astype(np.float32)
    same(Images.fit(x), tf.constant(x[..., None]), x)


@pytest.mark.parametrize("length", [4, None])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("punctuation", [True, False])
def test_words(length, lower, punctuation):
    words = Words.fit(TEXTS, 30, length, lower, punctuation)
    texts = [*TEXTS, "never seen: ___ SAY'S say"]
    same(words, tf.constant(texts), texts)


def test_characters():
    texts = ["a bé", "né", "", "zebra crossing"]
    same(Characters.fit("abé ", length=5, unknown=True), tf.constant(texts), texts)
    running = Characters.fit("abé ")
    model = same(running, tf.constant(["abé", "b a"]), ["abé", "b a"])
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not occur in the training text"):
        model(tf.constant(["xyz"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="different lengths"):
        model(tf.constant(["ab", "a"]))


def test_token_ids_and_subwords_take_ids():
    ids = np.array([[1, 2, 0], [3, 9, 4]])
    same(TokenIds(10, 3), tf.constant(ids, tf.int32), ids)
    subwords = Subwords.fit(["a dog runs", "two dogs run"], size=20, length=6)
    texts = ["a dog", "two"]
    same(subwords, tf.constant(subwords.transform(texts)), texts)


FRAME = pd.DataFrame(
    {
        "age in years": [30.0, np.nan, 50.0, 40.0],
        "a/b": ["Rome", "Oslo", None, "Rome"],
        "member": ["yes", "no", None, "yes"],
        "since": ["2020-02-29", "1969-12-31 23:59:30", None, "2100-03-01T12:30:15.5+01:30"],
        "gone": ["same"] * 4,
    }
)
CELLS = pd.DataFrame(
    {
        "age in years": [35.5, np.nan, 1e6, -1.0],
        "a/b": ["Bonn", "NA", "Oslo", ""],
        "member": [" YES", "No", "?", "yes"],
        "since": ["2000-02-29", "", "1900-03-01T00:00:00Z", "0400-12-31 01:02:03-0800"],
    }
)


def tensors(frame):
    columns = frame.drop(columns="gone", errors="ignore")
    raw = {name: columns[name].fillna("") for name in columns if name != "age in years"}
    raw["age in years"] = columns["age in years"].astype(np.float32)
    return {name: tf.constant(cells.to_numpy()) for name, cells in raw.items()}


def test_columns_with_missing_cells_and_unseen_categories():
    columns = Columns.fit(FRAME)
    assert [column.kind for column in columns.columns] == [
        *("number", "category", "boolean", "date", "dropped")
    ]
    same(columns, tensors(FRAME), FRAME)
    recent = CELLS.assign(since=CELLS["since"].mask(CELLS["since"].str.startswith("0")))
    same(columns, tensors(recent), recent)


def test_columns_without_missing_cells_in_training():
    full = FRAME.assign(city=["Rome", "Oslo", "Rome", "Oslo"], age=[1.0, 2.0, 3.0, 5.0])
    columns = Columns.fit(full[["city", "age"]])
    assert columns.inputs == ("city=Oslo", "city=Rome", "age")
    x = {"city": ["", "Bonn", "Oslo"], "age": [np.nan, 2.0, 3.0]}
    same(columns, {"city": tf.constant(x["city"]), "age": tf.constant(x["age"])}, x)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("since", "2021-02-29"),
        ("since", "2021-13-01"),
        ("since", "yesterday"),
        ("age in years", np.float32("inf")),
    ],
)
def test_a_cell_of_another_kind_stops_the_model(name, cell):
    columns = Columns.fit(FRAME)
    inputs = columns.inference_inputs()
    model = keras.Model(inputs, columns.inference(inputs))
    raw = {key: cells[:1] for key, cells in tensors(FRAME).items()}
    model(raw)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"column '{name}' is not"):
        model({**raw, name: tf.constant([cell])})


@pytest.mark.parametrize(
    ("preprocessor", "raw"),
    [
        (Words.fit(TEXTS, 30, 4), tf.constant(TEXTS)),
        (Characters.fit("abé ", length=5, unknown=True), tf.constant(TEXTS)),
        (Columns.fit(FRAME), tensors(FRAME)),
        (Numbers.fit([[1.0, 2.0], [3.0, 5.0]]), tf.constant([[1.0, 2.0]])),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_model_with_preprocessing_is_saved_and_exported(preprocessor, raw, tmp_path):
    inputs = preprocessor.inference_inputs()
    model = keras.Model(inputs, preprocessor.inference(inputs))
    expected = np.asarray(model(raw))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(raw), expected)
    model.export(str(tmp_path / "exported"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_array_equal(served.serve(raw), expected)


def test_mixed_precision_does_not_round_raw_numbers():
    x = np.array([[1000.0], [1001.0], [1002.0]], np.float32)
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        same(Numbers.fit(x), tf.constant(x), x)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
