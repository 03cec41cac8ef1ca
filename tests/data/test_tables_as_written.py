"""Tables as found in practice: numbers, dates, labels, missing cells, leaks."""

import gzip
import time
import zipfile
from datetime import datetime, timedelta

import numpy as np
import pytest

from agentlab.data.columns import Columns
from agentlab.data.preprocessor_kinds import load_preprocessor
from agentlab.data.table import Table
from agentlab.errors import AgentlabError


def write(folder, text, name="data.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def table(folder, header, row, n=60, name="data.csv", target="y", **options):
    text = header + "\n" + "".join(row(i) + "\n" for i in range(n))
    return Table(write(folder, text, name), target, validation=0, test=0, **options)


def columns_of(fitted):
    return {column.name: column for column in fitted.columns.columns}


def test_quoted_decimal_commas_are_numbers_and_a_numeric_target_is_a_regression(tmp_path):
    fitted = table(tmp_path, "a,y", lambda i: f'"{i},5","{i % 29},25"')
    assert fitted.task == "regression"
    assert columns_of(fitted)["a"].mean == pytest.approx(30)
    assert fitted.train.targets[:3].tolist() == [0.25, 1.25, 2.25]
    assert "decimal comma" in fitted.describe()


def test_thousands_separators_and_units_are_read_and_reported(tmp_path):
    fitted = table(tmp_path, "a;y", lambda i: f"{i % 9} kg;$1.{i:03},50")
    assert fitted.train.targets[:2].tolist() == [1000.5, 1001.5]
    assert "unit kg" in fitted.describe()
    assert "decimal comma, thousands point, unit $" in fitted.describe()


@pytest.mark.parametrize("word", ["-", "None", "unknown", ".", "<NA>"])
def test_words_among_numbers_are_missing_cells(tmp_path, word):
    fitted = table(tmp_path, "a,y", lambda i: f"{word if i % 5 == 0 else i * 1.5},{'pq'[i % 2]}")
    assert fitted.columns.inputs == ("a", "a is missing")
    assert columns_of(fitted)["a"].missing == 12
    read = fitted.columns.read(write(tmp_path, f"a\n3\n{word}\n", "new.csv"))
    assert fitted.columns.transform(read)[:, 1].tolist() == [0, 1]


def test_a_word_given_as_missing_is_missing_in_later_files_too(tmp_path):
    def row(i):
        return f"{'gone' if i % 30 == 7 else i * 1.5},{'pq'[i % 2]}"

    with pytest.raises(
        AgentlabError, match="contains 'gone', but .* pass --missing gone or --kind"
    ):
        table(tmp_path, "a,y", row)
    columns = table(tmp_path, "a,y", row, missing=["gone"]).columns
    columns = load_preprocessor("columns", columns.to_json())
    read = columns.read(write(tmp_path, "a\ngone\n", "new.csv"))
    assert columns.transform(read)[0, 1] == 1


@pytest.mark.parametrize("form", ["{y}-{m:02}-{d:02}", "{d:02}/{m:02}/{y}", "{m:02}/{d:02}/{y}"])
def test_dates_in_any_format_become_the_same_days(tmp_path, form):
    def row(i):
        return f"{form.format(y=2020 + i % 2, m=1 + i % 12, d=1 + i % 28)},{i / 2}"

    column = columns_of(table(tmp_path, "day,y", row))["day"]
    assert column.kind == "date"
    iso = columns_of(
        table(
            tmp_path,
            "day,y",
            lambda i: (
                row(i)
                if "-" in form
                else (f"{2020 + i % 2}-{1 + i % 12:02}-{1 + i % 28:02},{i / 2}")
            ),
        )
    )["day"]
    assert (column.mean, column.deviation) == (iso.mean, iso.deviation)


def test_an_ambiguous_date_is_reported_and_can_be_corrected(tmp_path):
    def row(i):
        return f"{1 + i * 5 % 12:02}/{1 + i * 7 % 12:02}/2020,{i / 2}"

    fitted = table(tmp_path, "day,y", row)
    assert "day and month could be swapped: --kind day=dayfirst" in fitted.describe()
    assert columns_of(fitted)["day"].format == "%m/%d/%Y"
    assert columns_of(table(tmp_path, "day,y", row, kinds={"day": "dayfirst"}))["day"].format == (
        "%d/%m/%Y"
    )


def test_spellings_of_a_label_are_one_class_and_reported(tmp_path):
    spelled = ["cat", "cat ", "Cat", "dog", "dog", " DOG"]
    fitted = table(tmp_path, "c,x,y", lambda i: f"{spelled[i % 6]},{i % 7},{spelled[i % 6]}")
    assert fitted.columns.classes == ("cat", "dog")
    assert fitted.train.targets[:6].tolist() == [0, 0, 0, 1, 1, 1]
    assert "'y': 'cat ' (10), 'Cat' (10) read as 'cat'" in fitted.describe()
    exact = table(tmp_path, "x,y", lambda i: f"{i % 7},{spelled[i % 6]}", kinds={"y": "category"})
    assert exact.columns.classes == ("Cat", "DOG", "cat", "dog")


@pytest.mark.parametrize(
    ("spelled", "classes"),
    [
        (["Yes", "yes", "NO", "no"], 2),  # a pair whose case never matters
        (["new york", "new  york", "new\u00a0york", "rome"], 2),
        (["cat", "cat\u200b", "\ufeffdog", "dog"], 2),  # invisible characters
        (["m", "M", "f", "F"], 4),
    ],
)
def test_labels_that_look_alike_are_one_class_in_training_prediction_and_export(
    tmp_path, spelled, classes
):
    fitted = table(tmp_path, "c,x,y", lambda i: f"{spelled[i % 4]},{i % 7},{spelled[i % 4]}")
    assert len(fitted.columns.classes) == classes
    (column,) = (c for c in fitted.columns.columns if c.name == "x")
    assert column.kind == "number"
    targets = fitted.columns.classes
    found = [targets[i] for i in fitted.train.targets[:4]]
    assert len(set(found)) == classes
    labels = np.array(spelled, object)
    encoded = table(tmp_path, "c,y", lambda i: f"{spelled[i % 4]},{i / 4}").columns
    again = encoded.transform({"c": labels})
    np.testing.assert_array_equal(again, encoded.transform_tensors({"c": labels}))
    assert len(np.unique(again, axis=0)) == classes


def test_dates_are_not_classes(tmp_path):
    with pytest.raises(AgentlabError, match="contains dates, such as '2024-01-01'; choose"):
        table(tmp_path, "x,y", lambda i: f"{i * i},2024-01-{1 + i % 25:02}")


def test_a_table_without_usable_columns_says_why(tmp_path):
    with pytest.raises(
        AgentlabError, match=r"\('t': it has 60 different values in 60 rows\); --kind"
    ):
        table(tmp_path, "t,y", lambda i: f"text {i},{i / 2}")


def test_a_word_among_dates_is_named_in_the_option_that_helps(tmp_path):
    def row(i):
        return f"{'0000-00-00' if i == 7 else f'2024-01-{1 + i % 28:02}'},{i / 2}"

    with pytest.raises(AgentlabError, match="others are dates .* pass --missing 0000-00-00 or"):
        table(tmp_path, "day,y", row)
    assert columns_of(table(tmp_path, "day,y", row, missing=["0000-00-00"]))["day"].missing == 1


def test_zero_and_zero_point_zero_are_one_class(tmp_path):
    fitted = table(tmp_path, "x,y", lambda i: f"{i % 7},{('0', '0.0', '1', '1.0')[i % 4]}")
    assert fitted.columns.classes == ("0", "1")
    assert fitted.train.targets[:4].tolist() == [0, 0, 1, 1]


def test_a_rare_word_in_a_boolean_column_is_missing_in_training_and_prediction(tmp_path):
    fitted = table(
        tmp_path, "m,y", lambda i: f"{'maybe' if i == 7 else ('yes', 'no')[i % 2]},{i / 2}", n=200
    )
    assert columns_of(fitted)["m"].kind == "boolean"
    assert "'maybe' (1) read as missing" in fitted.describe()
    with pytest.warns(UserWarning, match="'m' contains 'perhaps', which is neither no nor yes"):
        inputs = fitted.columns.transform({"m": ["perhaps", "yes"]})
    assert inputs[:, 1].tolist() == [1, 0]


def test_texts_that_nearly_all_differ_are_not_classes(tmp_path):
    with pytest.raises(AgentlabError, match="contains 60 different texts in 60 rows.*--task class"):
        table(tmp_path, "x,y", lambda i: f"{i % 7},name {i}")
    assert (
        len(
            table(
                tmp_path, "x,y", lambda i: f"{i % 7},name {i}", task="classification"
            ).columns.classes
        )
        == 60
    )


def test_record_numbers_and_copies_of_the_target_are_dropped_and_reported(tmp_path):
    fitted = table(
        tmp_path,
        "code,x,copy,y",
        lambda i: f"{1000 + 3 * i + i % 2},{i * 7 % 11},{'ab'[i // 30]},{'ab'[i // 30]}",
    )
    assert fitted.columns.inputs == ("x",)
    notes = {column.name: column.note for column in fitted.columns.columns}
    assert notes["code"] == "it numbers the rows in the order of the file"
    assert notes["copy"] == "it equals the target"
    again = table(
        tmp_path,
        "code,y",
        lambda i: f"{1000 + 3 * i + i % 2},{'ab'[i // 30]}",
        kinds={"code": "number"},
    )
    assert again.columns.inputs == ("code",)


def test_rare_classes_are_reported(tmp_path):
    fitted = table(tmp_path, "x,y", lambda i: f"{i % 7},{'yes' if i == 3 else 'no'}", n=200)
    assert "'yes' is 0.50% of the training rows, so accuracy is misleading" in fitted.describe()
    assert "few training rows of 'yes' (1)" in fitted.describe()


def test_compressed_files_and_other_encodings_are_read(tmp_path):
    text = "näme,y\n" + "".join(f"{i},{i / 2}\n" for i in range(20))
    (tmp_path / "A.CSV.GZ").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "w") as archive:
        archive.writestr("folder/b.csv", text)
        archive.writestr("__MACOSX/folder/._b.csv", "x")
    write(tmp_path, text, "c.csv", "utf-16")
    for name in ("A.CSV.GZ", "b.csv.zip", "c.csv"):
        assert Table(tmp_path / name, "y", kinds={"näme": "number"}).files.names == ["näme", "y"]
    path = write(tmp_path, text, "d.csv", "cp1252")
    with pytest.raises(AgentlabError, match=r"d.csv is not UTF-8.*--encoding, such as cp1252"):
        Table(path, "y")
    assert Table(path, "y", encoding="cp1252", kinds={"näme": "number"}).files.names[0] == "näme"
    with zipfile.ZipFile(tmp_path / "b.csv.zip", "a") as archive:
        archive.writestr("c.csv", text)
    with pytest.raises(AgentlabError, match="b.csv.zip contains 2 files; unpack it"):
        Table(tmp_path / "b.csv.zip", "y")


def test_a_file_of_one_column_may_have_decimal_commas(tmp_path):
    columns = table(tmp_path, "a;y", lambda i: f"{i},5;{i % 7},25").columns
    read = columns.read(write(tmp_path, "a\n18,5\n1.018,5\n", "new.csv"))
    mean = columns.columns[0].mean
    assert columns.transform(read)[:, 0] * columns.columns[0].deviation == pytest.approx(
        [18.5 - mean, 1018.5 - mean], rel=1e-5
    )


def test_json_lines_are_read_by_name(tmp_path):
    columns = table(tmp_path, "a,b,y", lambda i: f"{i * 3 % 11},{'pq'[i % 2]},{i / 2}").columns
    path = write(tmp_path, '{"b": "q", "a": 5}\n{"a": null, "b": "p", "c": 1}\n', "new.jsonl")
    expected = columns.transform({"a": [5, np.nan], "b": ["q", "p"]})
    assert np.array_equal(columns.transform(columns.read(path)), expected)
    with pytest.raises(AgentlabError, match="new.jsonl contains a row that is not JSON"):
        columns.read(write(tmp_path, '{"a": 1\n', "new.jsonl"))


@pytest.mark.slow
def test_forty_thousand_columns_are_read_in_seconds(tmp_path):
    rng = np.random.default_rng(0)
    n = 40_000
    rows = "\n".join(
        ",".join(map(str, row)) + f",{'ab'[i % 2]}"
        for i, row in enumerate(rng.integers(0, 15, (60, n)).tolist())
    )
    path = write(tmp_path, ",".join(f"g{i}" for i in range(n)) + ",y\n" + rows + "\n")
    start = time.process_time()
    assert len(Table(path, "y").columns.inputs) > 39_000
    assert time.process_time() - start < 15  # 5 s on an idle machine


def test_durations_and_dates_of_a_dataframe_are_not_nanoseconds():
    import pandas as pd

    days = pd.date_range("2020-01-01", periods=4)
    columns = Columns.fit(pd.DataFrame({"day": days, "took": days - days[0]}))
    assert [column.kind for column in columns.columns] == ["date", "number"]
    assert columns.columns[0].mean == pytest.approx(18262 + 1.5)
    assert columns.columns[1].mean == pytest.approx(1.5 * 86_400)


@pytest.mark.slow
def test_thousands_of_columns_of_texts_are_read_in_seconds(tmp_path):
    rng = np.random.default_rng(0)
    n = 3_000
    for name, words in (("a.csv", ["AA", "AG", "GG"]), ("b.csv", ["0,5", "1,25", "-", "2,0"])):
        rows = "\n".join(
            ";".join(row) + f";{'ab'[i % 2]}" for i, row in enumerate(rng.choice(words, (30, n)))
        )
        path = write(tmp_path, ";".join(f"g{i}" for i in range(n)) + ";y\n" + rows + "\n", name)
        start = time.process_time()
        fitted = Table(path, "y", kinds={"g0": "category"})
        assert len(fitted.columns.inputs) > 1.9 * n
        assert columns_of(fitted)["g1"].kind == ("category" if name == "a.csv" else "number")
        loaded = load_preprocessor("columns", fitted.columns.to_json())
        assert loaded.transform(loaded.read(path)).shape == (30, len(loaded.inputs))
        assert time.process_time() - start < 8  # 1 s on an idle machine


def test_dates_without_separators_are_dates(tmp_path):
    def row(i):
        gone = "None" if i % 7 == 0 else f"2020{1 + i % 12:02}{1 + i % 28:02}"
        return f"2020{1 + i % 12:02}{1 + i % 28:02},{gone},{20_200_000 + 99 * i},{i / 2}"

    found = columns_of(table(tmp_path, "day,other,price,y", row))
    assert [found[name].kind for name in ("day", "other", "price")] == ["date", "date", "number"]
    assert found["day"].format == found["other"].format == "%Y%m%d"
    assert 18_262 < found["day"].mean < 18_262 + 366
    kinds = {"day": "number"}
    assert columns_of(table(tmp_path, "day,other,price,y", row, kinds=kinds))["day"].mean > 2e7


def test_words_for_a_missing_target_leave_the_row_out(tmp_path):
    fitted = table(tmp_path, "x,y", lambda i: f"{i % 7},{'-' if i % 6 == 0 else i * 1.5}")
    assert fitted.task == "regression" and fitted.train.size == 50
    assert fitted.train.targets[:2].tolist() == [1.5, 3.0]


def test_booleans_with_missing_cells_keep_the_spelling_of_the_file(tmp_path):
    fitted = table(tmp_path, "x,m,y", lambda i: f"{i % 7},{('TRUE', '', 'FALSE')[i % 3]},{i / 2}")
    column = columns_of(fitted)["m"]
    assert column.kind == "boolean" and column.examples == ("TRUE", "FALSE")


def test_the_order_of_day_and_month_is_found_in_later_rows_of_a_long_sorted_file(tmp_path):
    start = datetime(2020, 1, 1)

    def row(i):
        return f"{start + timedelta(minutes=5 * i):%d/%m/%Y %H:%M},{i % 7},{i / 2}"

    column = columns_of(table(tmp_path, "t,x,y", row, n=70_000))["t"]  # 12 days are 3,456 rows
    assert (column.kind, column.format) == ("date", "%d/%m/%Y %H:%M")
    assert column.mean == pytest.approx(18_262 + 5 * 70_000 / 1440 / 2, abs=2)


def test_a_copy_of_the_target_in_another_spelling_is_left_out(tmp_path):
    fitted = table(tmp_path, "x,copy,y", lambda i: f"{i % 7},{'PQ'[i % 2]} ,{'pq'[i % 2]}")
    assert columns_of(fitted)["copy"].note == "it equals the target"


@pytest.mark.parametrize("kind", ["date", "dayfirst", "monthfirst"])
def test_numbers_are_not_dates_even_if_the_user_says_so(tmp_path, kind):
    with pytest.raises(AgentlabError, match="'a' is not a column of dates: it contains '0.5'"):
        table(tmp_path, "a,y", lambda i: f"{i}.5,{i * i}", kinds={"a": kind})
    days = table(tmp_path, "a,y", lambda i: f"202401{1 + i % 28:02},{i * i}", kinds={"a": "date"})
    assert columns_of(days)["a"].kind == "date"
