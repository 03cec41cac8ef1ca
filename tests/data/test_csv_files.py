"""CSV files in common formats are read; others raise an error of one line."""

import gzip

import numpy as np
import pytest

from agentlab.data.csv_files import CSVFiles
from agentlab.data.number_forms import NumberForm
from agentlab.errors import AgentlabError


def write(folder, text, name="a.csv"):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def cells(files, **types):
    frames = [chunk.frame for chunk in files.chunks(types or dict.fromkeys(files.names))]
    return [row for frame in frames for row in frame.to_numpy(object).tolist()]


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,x\n", ","),
        ("a;b\n1;x\n", ";"),
        ("a\tb\n1\tx\n", "\t"),
        ("a|b\n1|x\n", "|"),
        ('a;b\n1;"x, y; z"\n', ";"),
        ("\ufeffa,b\r\n1,x\r\n", ","),
        ('"a", "b"\n"1", "x"\n', ","),
    ],
)
def test_the_separator_is_inferred(tmp_path, text, separator):
    files = CSVFiles(write(tmp_path, text))
    assert files.separator == separator
    assert files.names == ["a", "b"]
    assert cells(files)[0][0] == 1
    assert cells(files)[0][1][0] == "x"


def test_decimal_commas(tmp_path):
    files = CSVFiles(write(tmp_path, "a;b\n1,5;-2\n3;0,25\n"))
    assert cells(files, a=float, b=float) == [[1.5, -2.0], [3.0, 0.25]]
    (chunk,) = files.chunks({"a": str})
    assert chunk.numbers("a", NumberForm(files.decimal)).tolist() == [1.5, 3.0]


def test_semicolons_with_decimal_points(tmp_path):
    assert cells(CSVFiles(write(tmp_path, "a;b\n1.5;x\n")), a=float) == [[1.5]]


def test_missing_cells(tmp_path):
    words = ["", "?", "NA", "NaN", "nan", "null", "NULL", "N/A", '""']
    path = write(tmp_path, "a,b\n" + "".join(f"{word},1\n" for word in words))
    assert np.isnan([row[0] for row in cells(CSVFiles(path), a=float, b=float)]).all()


def test_texts_are_read_unchanged(tmp_path):
    path = write(tmp_path, "a,b\n007,1.50\ntrue,1e3\n")
    assert cells(CSVFiles(path), a=str, b=str) == [["007", "1.50"], ["true", "1e3"]]


def test_a_file_may_be_compressed(tmp_path):
    path = write(tmp_path, gzip.compress(b"a,b\n1,2\n"), "a.csv.gz")
    assert cells(CSVFiles(path)) == [[1, 2]]


def test_a_folder_is_read_by_name_and_columns_by_their_names(tmp_path):
    write(tmp_path, "a,b\n1,2\n", "1.csv")
    write(tmp_path, gzip.compress(b"b,a\n4,3\n"), "2.csv.gz")
    write(tmp_path, "no table", "readme.txt")
    files = CSVFiles(tmp_path)
    found = [(chunk.file, row) for chunk in files.chunks({"a": float}) for row in chunk.frame["a"]]
    assert found == [(0, 1.0), (1, 3.0)]


def test_a_file_is_read_in_chunks(tmp_path):
    files = CSVFiles(write(tmp_path, "a\n" + "".join(f"{i}\n" for i in range(25))))
    files.rows = 10
    assert [(c.first, len(c.frame)) for c in files.chunks({"a": float})] == [
        (0, 10),
        (10, 10),
        (20, 5),
    ]


def test_rows_are_named_by_their_line_in_the_file(tmp_path):
    text = '\n"a\nx",b\n"two\nlines",1\n\n3,4\nz,y\n'
    files = CSVFiles(write(tmp_path, text))
    assert files.names == ["a\nx", "b"]
    assert files.place(0, 0).endswith("a.csv, row 4")
    assert files.place(0, 1).endswith("a.csv, row 7")
    assert "a.csv, row 8, column 'b' contains 'y'" in str(files.find_text({"b": NumberForm()}))
    with pytest.raises(
        AgentlabError, match="a.csv, row 8, column 'b' contains 'y', which is not a num"
    ):
        list(files.chunks({"b": float}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.csv is empty; its first row must name the columns"),
        ("\n\n", "a.csv is empty"),
        ("a,a\n1,2\n", "a.csv has two columns 'a'"),
        ("a,b\n1,2\n3,4,5\n", "a.csv, row 3 has more cells than the header"),
        ("a,b\n1,2,3,4\n3,4\n", "a.csv, row 2 has more cells"),
        ("a,b\n1,2,,4\n3,4\n", "a.csv, row 2 has more cells"),
        ('a,b\n"1\n2",2\n\n3,4,5,6\n', "a.csv, row 5 has more cells"),
        ("\n\na,b\n3,4,5\n", "a.csv, row 4 has more cells"),
        ('a,b\n"1,2\n', "a.csv cannot be read as CSV: EOF inside string"),
        (b"a,b\n\xe9t\xe9,2\n", "a.csv is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00", "a.csv is not UTF-8"),
    ],
)
def test_damaged_files_raise_an_error_of_one_line(tmp_path, text, said):
    with pytest.raises(AgentlabError, match=said) as caught:
        cells(CSVFiles(write(tmp_path, text)))
    assert "\n" not in str(caught.value)


def test_a_truncated_compressed_file_raises_an_error(tmp_path):
    path = write(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-9], "a.csv.gz")
    with pytest.raises(AgentlabError, match="a.csv.gz cannot be read: Compressed file ended"):
        cells(CSVFiles(path))


def test_missing_sources_raise_an_error(tmp_path):
    with pytest.raises(AgentlabError, match="there is no CSV file .*nope.csv"):
        CSVFiles(tmp_path / "nope.csv")
    with pytest.raises(AgentlabError, match=r"contains no CSV file \(\.csv"):
        CSVFiles(tmp_path)
    with pytest.raises(AgentlabError, match="source is empty"):
        CSVFiles([])


def test_files_with_different_columns_raise_an_error(tmp_path):
    write(tmp_path, "a,b\n1,2\n", "1.csv")
    write(tmp_path, "a,b,c\n1,2,3\n", "2.csv")
    with pytest.raises(AgentlabError, match=r"1.csv has no column 'c', but .*2.csv has one"):
        CSVFiles(tmp_path)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("age,city", "no column 'agee'; did you mean 'age'"),
        ("x,y", "no column 'agee'; it has x, y"),
        ("5.1,3.5", "its first row, 5.1, 3.5, seems to be data; it must name"),
    ],
)
def test_an_unknown_column_raises_an_error(tmp_path, header, said):
    with pytest.raises(AgentlabError, match=said):
        CSVFiles(write(tmp_path, f"{header}\n1,2\n")).need(["agee"])


def test_unnamed_columns_are_numbered(tmp_path):
    assert CSVFiles(write(tmp_path, ",b, \n1,2,\n")).names == ["column 1", "b", "column 3"]


def test_a_first_line_of_excel_names_the_separator(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("sep=;\na;b\n1,5;2\nx;3\n")
    files = CSVFiles(path)
    assert (files.separator, files.names, files.decimal) == (";", ["a", "b"], ",")
    (chunk,) = files.chunks({"a": str, "b": float})
    assert chunk.frame["b"].tolist() == [2, 3]
    assert files.place(0, 1).endswith("row 4")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_unmarked_utf_16_is_refused_until_it_is_named(tmp_path, encoding):
    path = tmp_path / "data.csv"
    path.write_bytes("a,b\n1,2\n".encode(encoding))
    with pytest.raises(AgentlabError, match="contains NUL characters.*--encoding utf-16-le"):
        CSVFiles(path)
    assert CSVFiles(path, encoding=encoding).names == ["a", "b"]


def test_rows_that_fit_into_memory_are_parsed_once(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{'uv'[i % 2]},{'true'}\n" for i in range(250)))
    files = CSVFiles(path, memory_budget=10**6)
    files.rows = 100
    types = {"a": None, "b": str, "c": None}
    first = [chunk.frame["a"].tolist() for chunk in files.chunks(types)]
    path.write_text("a,b,c\n9,u,true\n")  # later passes do not see it, unless they need other types
    assert [c.frame["a"].tolist() for c in files.chunks({"a": float, "b": str})] == first
    assert [c.first for c in files.chunks({"a": float})] == [0, 100, 200]
    assert [c.frame["c"].tolist() for c in files.chunks({"c": str})] == [["true"]]
    files.forget()
    assert [c.frame["a"].tolist() for c in files.chunks({"a": float})] == [[9]]
    small = CSVFiles(path, memory_budget=1)
    list(small.chunks(dict.fromkeys("abc")))
    path.write_text("a,b,c\n8,u,true\n")
    assert [c.frame["a"].tolist() for c in small.chunks({"a": float})] == [[8]]
