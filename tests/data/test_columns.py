"""The kinds of columns are inferred from the training split and used to encode all other rows."""

import json

import numpy as np
import pytest

from agentlab.data.columns import Columns
from agentlab.data.preprocessor_kinds import load_preprocessor
from agentlab.data.table import Table
from agentlab.errors import AgentlabError

ROWS = """age,city,member,since,id,one,note,y
30,Rome,yes,2020-01-01,a1,5,first,1.5
40,Oslo,no,2020-01-03,a2,5,second,2.5
,Rome,yes,2020-01-02,a3,5,third,3.25
50,,No,,a4,5,fourth,0.5
40,Rome,YES,2020-01-02,a5,5,fifth,2
"""


def write(folder, text, name="train.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fit(folder, text, target="y", **options):
    path = write(folder, text)
    return Table(path, target, validation=0, test=0, **options).columns


def rows_of(*columns, names, n=30):
    """Return a CSV; a column is a function of the row's number."""
    lines = [",".join(str(column(i)) for column in columns) for i in range(n)]
    return "\n".join([",".join(names), *lines]) + "\n"


def kinds(columns):
    return {column.name: column.kind for column in columns.columns}


def test_kinds_inputs_and_values_by_hand(tmp_path):
    columns = fit(tmp_path, ROWS, kinds={"note": "drop"})
    assert kinds(columns) == {
        "age": "number",
        "city": "category",
        "member": "boolean",
        "since": "date",
        "id": "dropped",
        "one": "dropped",
        "note": "dropped",
    }
    assert columns.inputs == (
        *("age", "age is missing"),
        *("city=Oslo", "city=Rome", "city is missing"),
        "member",
        *("since", "since is missing"),
    )
    # age: mean 40, deviation sqrt(200 / 4); since: mean 2nd January, deviation sqrt(2 / 4) days.
    a, d = 10 / np.sqrt(50), 1 / np.sqrt(0.5)
    expected = [
        [-a, 0, 0, 1, 0, 1, -d, 0],
        [0, 0, 1, 0, 0, 0, d, 0],
        [0, 1, 0, 1, 0, 1, 0, 0],
        [a, 0, 0, 1, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 1, 0, 0],
    ]
    inputs = columns.transform(columns.read(tmp_path / "train.csv"))
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs, expected, rtol=1e-6)


def test_rows_to_predict_may_lack_the_target_and_contain_unseen_categories(tmp_path):
    columns = fit(tmp_path, ROWS, kinds={"note": "drop"})
    path = write(
        tmp_path, "since,member,extra,city,age\n2020-01-02,no,9,Bonn,40\n\n,,,,\n  \n", "new.csv"
    )
    read = columns.transform(columns.read(path))
    np.testing.assert_allclose(
        read,
        [[0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 1, 1, 1, 0, 1]],  # blank lines are no rows
    )


def test_there_is_no_input_for_missing_cells_if_training_has_none(tmp_path):
    columns = fit(tmp_path, "a,b,y\n1,x,1.5\n3,y,2.5\n5,x,0\n")
    assert columns.inputs == ("a", "b=x", "b=y")
    read = columns.transform(columns.read(write(tmp_path, "a,b\n?,NA\n", "new.csv")))
    assert read.tolist() == [[0, 1, 0]]  # the mean, and the most frequent category


def test_to_json_and_from_json_restore_the_preprocessor(tmp_path):
    columns = fit(tmp_path, ROWS)
    described = json.loads(json.dumps(columns.to_json()))
    again = load_preprocessor("columns", described)
    assert isinstance(again, Columns)
    assert again.to_json() == columns.to_json()
    assert (again.inputs, again.task, again.classes) == (columns.inputs, "regression", ())
    path = tmp_path / "train.csv"
    assert np.array_equal(again.transform(again.read(path)), columns.transform(columns.read(path)))
    assert again.describe() == columns.describe()


@pytest.mark.parametrize(
    "damage", [{"columns": 3}, {"columns": [{"name": 3}]}, {"columns": [], "target": {}}, {}]
)
def test_a_damaged_description_raises_an_error(damage):
    with pytest.raises(AgentlabError):
        load_preprocessor("columns", damage)


def test_row_numbers_identifiers_and_constants_are_dropped(tmp_path):
    text = rows_of(
        lambda i: i + 1,
        lambda i: 1000 + 7 * i,
        lambda i: f"name {i}",
        lambda i: "same",
        lambda i: 3.0,
        lambda i: "",
        lambda i: i * i % 7,
        lambda i: i / 2,
        names=("row", "user_id", "name", "text", "number", "empty", "kept", "y"),
    )
    columns = fit(tmp_path, text)
    assert {c.name: c.note for c in columns.columns if c.kind == "dropped"} == {
        "row": "it counts the rows",
        "user_id": "it has 30 different values in 30 rows",
        "name": "it has 30 different values in 30 rows",
        "text": "it is the same everywhere",
        "number": "it is the same everywhere",
        "empty": "it is empty",
    }
    assert columns.inputs == ("kept",)


def test_consecutive_years_are_not_row_numbers(tmp_path):
    text = rows_of(lambda i: 1950 + i, lambda i: i / 2, names=("year", "y"))
    assert fit(tmp_path, text).inputs == ("year",)


def test_few_identifiers_are_categories(tmp_path):
    text = rows_of(lambda i: i % 3, lambda i: i / 2, names=("store_id", "y"))
    assert fit(tmp_path, text).inputs == ("store_id=0", "store_id=1", "store_id=2")


def test_kinds_can_be_set(tmp_path):
    text = rows_of(lambda i: i, lambda i: i % 4, lambda i: i / 2, names=("row", "zip", "y"))
    columns = fit(tmp_path, text, kinds={"row": "number", "zip": "category"})
    assert columns.inputs == ("row", "zip=0", "zip=1", "zip=2", "zip=3")


def test_boolean_words_are_case_insensitive(tmp_path):
    text = rows_of(lambda i: ("True", "FALSE", "true")[i % 3], lambda i: i / 2, names=("b", "y"))
    columns = fit(tmp_path, text)
    assert columns.inputs == ("b",)
    read = columns.read(write(tmp_path, "b\nfalse\nTRUE\n", "new.csv"))
    assert columns.transform(read).tolist() == [[0], [1]]


def test_a_few_numbers_among_texts_are_categories(tmp_path):
    text = rows_of(lambda i: ("0", "1", "2", "3+")[i % 4], lambda i: i / 2, names=("n", "y"))
    assert fit(tmp_path, text).inputs == ("n=0", "n=1", "n=2", "n=3+")


def test_one_text_among_many_numbers_is_a_mistake(tmp_path):
    text = rows_of(
        lambda i: "12O" if i == 20 else i * i, lambda i: i / 2, names=("size", "y"), n=60
    )
    said = r"train.csv, row 22, column 'size' contains '12O', but nearly all others are numbers"
    with pytest.raises(AgentlabError, match=said):
        fit(tmp_path, text)
    assert kinds(fit(tmp_path, text, kinds={"size": "category"})) == {"size": "category"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("old,Rome,yes,2020-01-01", "row 3, column 'age' contains 'old', which is not a number"),
        (
            "inf,Rome,yes,2020-01-01",
            "row 3, column 'age' contains 'inf', which is not a finite number",
        ),
        ("1,Rome,yes,yesterday", "row 3, column 'since' contains 'yesterday', which is not a date"),
        ("1,Rome,yes,2020-01-01,9", "row 3 has more cells than the header"),
    ],
)
def test_cells_of_another_kind_are_named_with_file_row_and_column(tmp_path, row, said):
    columns = fit(tmp_path, ROWS, kinds={"note": "drop"})
    path = write(tmp_path, f"age,city,member,since\n1,Rome,yes,2020-01-01\n{row}\n", "new.csv")
    with pytest.raises(AgentlabError, match=f"new.csv, {said}") as caught:
        columns.read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_required_column_raises_an_error(tmp_path):
    columns = fit(tmp_path, ROWS)
    path = write(tmp_path, "age,town,member,since\n1,Rome,yes,2020-01-01\n", "new.csv")
    with pytest.raises(AgentlabError, match="new.csv has no column 'city'"):
        columns.read(path)
    with pytest.raises(AgentlabError, match="new.csv has no rows below its header"):
        columns.read(write(tmp_path, "age,city,member,since,id,note\n", "new.csv"))


def test_the_table_shown_to_the_user(tmp_path):
    shown = fit(tmp_path, ROWS, kinds={"id": "drop"}).describe().splitlines()
    assert [line.split()[0] for line in shown] == [
        *("column", "age", "city", "member", "since", "id", "one", "note", "y")
    ]
    assert shown[1].split() == [
        *("age", "number", "1", "30,", "40,", "50", "standardized:", "mean", "40,"),
        *("deviation", "7.071;", "one", "more", "input", "for", "missing", "cells"),
    ]
    assert shown[5].endswith("dropped: as requested")
    assert shown[6].endswith("dropped: it is the same everywhere")
    assert shown[8].endswith("the number to predict: mean 1.95")


def test_the_mean_of_many_chunks_is_that_of_all_numbers(tmp_path):
    values = np.random.default_rng(0).normal(1e6, 1.0, 70_000)
    text = "x,y\n" + "".join(f"{value!r},0.5\n" for value in values.tolist())
    text += "1000000,1.5\n"
    (column,) = fit(tmp_path, text).columns
    values = np.append(values, 1e6)
    np.testing.assert_allclose([column.mean, column.deviation], [values.mean(), values.std()], 1e-9)
