from __future__ import annotations

import numpy as np
import pytest

from agentlab.data.series import read_series, split_series
from agentlab.errors import AgentlabError


def write(tmp_path, text):
    path = tmp_path / "series.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_of_numbers_are_read_in_the_files_order(tmp_path):
    path = write(tmp_path, "Date,usd,note,eur\n2024-02,2,b,20.5\n2024-01,1,a,-1e1\n\n")
    values, names = read_series(path)
    assert names == ["usd", "eur"]
    assert values.dtype == np.float64
    assert values.tolist() == [[2, 20.5], [1, -10]]


def test_requested_columns_are_read_in_the_requested_order(tmp_path):
    path = write(tmp_path, "a;b;c\n1,5;2;3\n4,5;5;6\n")
    values, names = read_series(path, ["c", "a"])
    assert names == ["c", "a"] and values.tolist() == [[3, 1.5], [6, 4.5]]


def test_the_error_for_an_unknown_column_names_it(tmp_path):
    with pytest.raises(AgentlabError, match=r"series\.csv has no column 'prise'.* 'price'"):
        read_series(write(tmp_path, "price\n1\n"), ["prise"])


def test_the_error_for_a_missing_value_names_row_and_column(tmp_path):
    path = write(tmp_path, "day,price\n1,10\n2,\n3,30\n")
    with pytest.raises(AgentlabError, match=r"series\.csv, row 3, column 'price' is empty"):
        read_series(path)


def test_missing_values_can_be_interpolated_linearly(tmp_path):
    path = write(tmp_path, "day,price\nMo,\nTu,10\nWe,\nTh,NA\nFr,40\nSa,\n")
    values, names = read_series(path, missing="interpolate")
    assert names == ["price"]
    assert values[:, 0].tolist() == [10, 10, 20, 30, 40, 40]


def test_the_error_for_a_text_among_numbers_names_row_and_column(tmp_path):
    path = write(tmp_path, "day,price\n1,10\n2,x9\n")
    with pytest.raises(
        AgentlabError, match="row 3, column 'price' contains 'x9', which is not a number"
    ):
        read_series(path)
    with pytest.raises(AgentlabError, match="row 2, column 'day' contains 'Mo'"):
        read_series(write(tmp_path, "day,price\nMo,10\n"), ["day"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1.5\n2.5\n3.5\n", "the first row, 1.5, seems to be data; it must name the columns"),
        ("day,price\n", "has no column of numbers"),
        ("day,price\nMo,\nTu,\n", "has no column of numbers"),
        ("", "is empty"),
    ],
)
def test_a_file_without_series_is_refused(tmp_path, text, told):
    with pytest.raises(AgentlabError, match=rf"series\.csv.*{told}"):
        read_series(write(tmp_path, text))


def test_a_requested_column_without_numbers_raises_an_error(tmp_path):
    path = write(tmp_path, "day,price\n1,\n2,\n")
    with pytest.raises(AgentlabError, match=r"series\.csv: column 'price' is empty"):
        read_series(path, ["day", "price"], missing="interpolate")


def test_the_error_for_a_missing_file_names_it(tmp_path):
    with pytest.raises(AgentlabError, match=r"there is no CSV file .*none\.csv"):
        read_series(tmp_path / "none.csv")
    with pytest.raises(AgentlabError, match="missing='drop' must be refuse or interpolate"):
        read_series(tmp_path / "none.csv", missing="drop")


def test_a_series_is_split_in_the_order_of_time():
    parts = split_series(np.arange(20.0).reshape(10, 2), (0.7, 0.1, 0.2))
    assert [part[:, 0].tolist() for part in parts] == [
        [0, 2, 4, 6, 8, 10, 12],
        [14],
        [16, 18],
    ]


def test_a_series_too_short_to_split_is_refused():
    with pytest.raises(AgentlabError, match="1 examples are too few for 2 splits"):
        split_series(np.zeros((1, 1)), (0.5, 0.5))
    with pytest.raises(AgentlabError, match="must not be negative and must sum to 1"):
        split_series(np.zeros((9, 1)), (0.5, 0.6))
