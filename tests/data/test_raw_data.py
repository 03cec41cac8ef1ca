"""The kind of data is determined by ``fit``; later dtypes do not matter."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from agentlab.data import load_preprocessor, make_preprocessor
from agentlab.data.columns import Columns
from agentlab.data.images import Images
from agentlab.data.numbers import Numbers
from agentlab.data.text import Words
from agentlab.data.token_ids import TokenIds
from agentlab.errors import AgentlabError

ROWS = np.random.default_rng(0).integers(0, 200, (30, 4))
PIXELS = np.random.default_rng(1).integers(0, 256, (5, 8, 6), np.uint8)
DTYPES = ("float64", "float32", "int64", "int32", "int16", "uint16", "uint8", "object")


def refused(call, *parts):
    with pytest.raises(AgentlabError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


@pytest.mark.parametrize("fitted", DTYPES)
def test_rows_of_the_same_numbers_give_the_same_inputs_in_any_dtype(fitted):
    numbers = make_preprocessor(ROWS.astype(fitted))
    expected = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    for dtype in DTYPES:
        inputs = numbers.transform(ROWS.astype(dtype))
        assert inputs.dtype == np.float32
        np.testing.assert_allclose(inputs, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(numbers.transform(ROWS.tolist()), inputs)


def test_a_uint8_table_is_numbers_and_not_images():
    one_hot = np.eye(3, dtype=np.uint8)[[0, 1, 2, 0]]
    numbers = make_preprocessor(one_hot)
    assert isinstance(numbers, Numbers) and numbers.mean is not None
    assert np.array_equal(
        numbers.transform(one_hot), make_preprocessor(one_hot.astype(np.int64)).transform(one_hot)
    )


def test_a_model_fitted_on_float_images_accepts_uint8_images_as_numbers():
    images = make_preprocessor(PIXELS[..., None].astype(np.float32), takes="images")
    assert isinstance(images, Numbers) and images.scale == 1
    inputs = images.transform(PIXELS[..., None])
    assert inputs.dtype == np.float32 and np.array_equal(inputs, PIXELS[..., None])


@pytest.mark.parametrize("dtype", ["uint8", "float32", "int64", "object"])
def test_a_model_fitted_on_uint8_images_accepts_the_same_values_in_other_dtypes(dtype):
    images = make_preprocessor(PIXELS)
    assert isinstance(images, Images) and images.input_shape == (8, 6, 1) and images.scale == 255
    inputs = images.transform(PIXELS.astype(dtype))
    assert inputs.dtype == np.uint8 and np.array_equal(inputs[..., 0], PIXELS)


def test_a_model_fitted_on_uint8_images_rejects_other_values():
    images = make_preprocessor(PIXELS)
    refused(lambda: images.transform(PIXELS / 255.0), "float64", "uint8", "from 0 to 255")
    refused(lambda: images.transform(PIXELS.astype(int) + 1), "int64", "contains 256")
    refused(lambda: images.transform((PIXELS > 9) * 1.0), "only 0 and 1", "white is 255")
    refused(lambda: images.transform(PIXELS[:, :7]), "[5, 7, 6]", "[n, 8, 6, 1] or [n, 8, 6]")
    refused(lambda: images.transform(["a"]), "x contains the text 'a'")


def test_float_images_need_an_explicit_kind_and_cannot_be_read_from_files():
    images = make_preprocessor(PIXELS / 255, "images")
    assert images.scale == 1 and images.dtype == "float32"
    assert images.transform(PIXELS).max() > 1
    refused(lambda: images.read("a.png"), "a.png has uint8 pixels", "floats of unknown scale")


def test_the_error_for_a_wrong_shape_names_both_shapes():
    numbers = make_preprocessor(ROWS)
    refused(lambda: numbers.transform(ROWS[0]), "shape [4]", "[n, 4]")
    refused(lambda: numbers.transform(ROWS[:, :3]), "shape [30, 3]", "[n, 4]")
    refused(lambda: make_preprocessor(ROWS[:, 0]), "shape [30]", "x[:, None]")
    refused(lambda: make_preprocessor(np.empty((0, 3))), "[0, 3]")


def test_texts_and_numbers_are_not_confused():
    numbers, words = make_preprocessor(ROWS), make_preprocessor(["a b", "b"])
    assert isinstance(words, Words)
    refused(lambda: numbers.transform(["a b"]), "the text 'a b'", "numbers")
    refused(lambda: numbers.transform(np.array([["1", "2", "3", "4"]])), "the text '1'")
    refused(lambda: words.transform(ROWS), "x contains numbers (int64 [30, 4])", "texts")
    refused(lambda: words.transform(np.array(["a", None], object)), "x[1]=None must be a text")
    refused(lambda: words.transform(np.array([["a"]])), "[1, 1]", "flat list")
    for texts in (np.array(["a b"], object), pd.Series(["a b"]), ("a b",), "a b"):
        assert words.transform(texts).tolist() == [[3, 2]]


def test_arrays_that_are_not_numeric_raise_an_error_of_one_line():
    refused(lambda: make_preprocessor([[1.0, np.nan]]), "x[0, 1]=nan must be a finite number")
    refused(lambda: make_preprocessor([[1.0], [1.0, 2.0]]), "must be an array of numbers")
    refused(lambda: make_preprocessor(np.ones((2, 2), complex)), "complex128")
    refused(lambda: make_preprocessor(scipy.sparse.csr_array(ROWS)), "x.toarray()")


def test_whole_numbers_are_ids_only_if_the_network_takes_ids():
    assert isinstance(make_preprocessor(ROWS), Numbers)
    assert isinstance(make_preprocessor(ROWS, takes="numeric"), Numbers)
    ids = make_preprocessor(ROWS, takes="ids", vocabulary=200)
    assert isinstance(ids, TokenIds) and (ids.size, ids.length) == (200, 4)
    assert make_preprocessor(ROWS, takes="sequences").transform(ROWS[:, :2]).shape == (30, 2)
    assert np.array_equal(ids.transform(ROWS.astype(np.float64)), ROWS)
    refused(lambda: ids.transform(ROWS + 100), "vocabulary=200", "from 0 to 199")
    refused(lambda: ids.transform(ROWS + 0.5), "whole number")
    refused(lambda: make_preprocessor(ROWS, takes="ids", vocabulary=50), "from 0 to 49")
    refused(lambda: make_preprocessor(ROWS / 2, takes="ids"), "word ids")
    refused(lambda: make_preprocessor(["a"], takes="numeric"), "x contains texts", "text_cnn")


def test_sequences_of_numbers_may_have_any_length():
    x = np.zeros((3, 5, 2), np.uint8)
    numbers = make_preprocessor(x, takes="sequences")
    assert isinstance(numbers, Numbers) and numbers.input_shape == (None, 2)
    assert numbers.transform(np.zeros((1, 9, 2))).shape == (1, 9, 2)
    refused(lambda: numbers.transform(np.zeros((1, 9, 3))), "[1, 9, 3]", "[n, any, 2]")


def test_the_kind_can_be_set():
    assert make_preprocessor(pd.DataFrame(ROWS), "numbers").kind == "numbers"
    assert make_preprocessor(["abc", "a"], "characters").size == 4  # one for other characters
    assert make_preprocessor(["a dog runs"] * 3, "subwords", vocabulary=20).kind == "subwords"
    refused(lambda: make_preprocessor(ROWS, "number"), "kind='number' is unknown", "numbers")


def test_columns_of_a_frame_are_found_by_name():
    frame = pd.DataFrame({"rooms": [1, 2, 3, 6], "size": [20.0, 30.0, 50.0, 60.0]})
    columns = make_preprocessor(frame)
    assert isinstance(columns, Columns)
    expected = (frame - frame.mean()) / frame.std(ddof=0)
    for x in (frame, frame[["size", "rooms"]], frame.assign(more=1), dict(frame)):
        np.testing.assert_allclose(columns.transform(x), expected, rtol=1e-6)
    refused(lambda: columns.transform(frame.rename(columns={"rooms": "roms"})), "'rooms'", "roms")
    refused(lambda: columns.transform(frame.to_numpy()), "ndarray", "DataFrame")
    refused(lambda: columns.transform({"rooms": [1], "size": [1, 2]}), "equal length")
    refused(
        lambda: columns.transform({"rooms": [1, 2], "size": [5, "big"]}),
        "x, row 1, column 'size' contains 'big'",
    )


def mixed(dtype=None):
    return pd.DataFrame(
        {
            "age": [30, np.nan, 50, 40],
            "city": pd.Series(["Rome", "Oslo", None, "Rome"], dtype=dtype),
            "member": [True, False, True, True],
            "since": pd.to_datetime(["2020-01-01", "2020-01-03", None, "2020-01-02"]),
        }
    )


@pytest.mark.parametrize("dtype", [None, object, "category"])
def test_texts_booleans_dates_and_missing_cells_of_a_frame(dtype):
    columns = make_preprocessor(mixed(dtype))
    assert columns.inputs == (
        *("age", "age is missing", "city=Oslo", "city=Rome", "city is missing"),
        *("member", "since", "since is missing"),
    )
    s = np.sqrt(1.5)  # of -1, 0, 1
    expected = [
        [-s, 0, 0, 1, 0, 1, -s, 0],
        [0, 1, 1, 0, 0, 0, s, 0],
        [s, 0, 0, 1, 1, 1, 0, 1],
        [0, 0, 0, 1, 0, 1, 0, 0],
    ]
    np.testing.assert_allclose(columns.transform(mixed()), expected, rtol=1e-6)
    again = load_preprocessor("columns", json.loads(json.dumps(columns.to_json())))
    np.testing.assert_array_equal(again.transform(mixed()), columns.transform(mixed()))
    new = {"age": ["30"], "city": ["Bonn"], "member": [0], "since": ["2020-01-01T00:00:00"]}
    np.testing.assert_allclose(columns.transform(new), [[-s, 0, 0, 0, 0, 0, -s, 0]], rtol=1e-6)


def test_rows_of_a_csv_reader_are_encoded_like_the_file(tmp_path):
    rows = [{"a": "1", "b": "x"}, {"a": "3", "b": "y"}, {"a": "", "b": "x"}]
    columns = make_preprocessor(rows)
    assert columns.inputs == ("a", "a is missing", "b=x", "b=y")
    (tmp_path / "rows.csv").write_text("b,a\nx,1\ny,3\nx,\n")
    read = columns.read(tmp_path / "rows.csv")
    assert np.array_equal(columns.transform(read), columns.transform(rows))


def test_the_error_for_an_unusable_column_names_it():
    names = pd.DataFrame({"name": [f"name {i}" for i in range(50)]})
    refused(lambda: make_preprocessor(names), "column 'name' of x", "50 different", "drop it")
    refused(lambda: make_preprocessor({"a": ["x", "x"]}), "no usable column")
    refused(lambda: make_preprocessor({"a": [1.0, np.inf]}), "'a' of x contains an infinite number")
    two = pd.DataFrame([[1, 2]], columns=["a", "a"])
    refused(lambda: make_preprocessor(two), "two columns 'a'")


def test_columns_can_be_left_unscaled():
    columns = make_preprocessor({"a": [1.0, 5.0]}, standardize=False)
    assert columns.transform({"a": [3.0]}).tolist() == [[3.0]]
    assert make_preprocessor(ROWS, standardize=False).transform(ROWS).tolist() == ROWS.tolist()


def test_numbers_and_ids_are_read_from_files(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2.5\n3,4\n")
    numbers = Numbers.fit([[1.0, 2.0], [3.0, 5.0]])
    assert numbers.read(str(tmp_path / "rows.csv")).tolist() == [[1, 2.5], [3, 4]]
    (tmp_path / "rows.csv").write_text("a\n1\n")
    refused(lambda: numbers.read(str(tmp_path / "rows.csv")), "has 1 columns", "takes 2")
    (tmp_path / "ids.txt").write_text("1 2 3\n4\n")
    ids = TokenIds(5, 3)
    assert ids.read(str(tmp_path / "ids.txt")).tolist() == [[1, 2, 3], [4, 0, 0]]
    refused(lambda: ids.read("1 x"), "whole numbers")
