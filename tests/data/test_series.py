"""The time index of a series: inferred or given, sorted, with gaps filled or refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from agentlab.data.series import SeriesForm, read_series, split_series
from agentlab.errors import AgentlabError

DAYS = [dt.date(2021, 1, 1) + dt.timedelta(days=i) for i in range(40)]


def write(tmp_path, text, name="series.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def dated(tmp_path, rows, header="date,sold", name="series.csv"):
    return write(
        tmp_path, header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), name
    )


def test_rows_are_sorted_by_their_dates_and_forecasts_follow_the_latest(tmp_path):
    rows = list(zip(DAYS, range(40), strict=True))
    shuffled = [rows[i] for i in np.random.default_rng(0).permutation(40)]
    for given in (rows, rows[::-1], shuffled):
        series = read_series(dated(tmp_path, given))
        assert series.values[:, 0].tolist() == list(range(40))
        assert series.form.time.step == "D"
        assert series.form.time.after(series.last, 2) == ["2021-02-10", "2021-02-11"]
    assert any("sorted by date" in note for note in series.notes)


@pytest.mark.parametrize(
    ("times", "step", "following"),
    [
        ([f"{1990 + i}" for i in range(30)], "1", "2020"),
        ([f"{1_600_000_000 + 3600 * i}" for i in range(30)], "3600", "1600108000"),
        ([f"{1_600_000_000_000 + 500 * i}" for i in range(30)], "500", "1600000015000"),
        ([f"{2000 + i // 12}-{i % 12 + 1:02}" for i in range(30)], "MS", "2002-07-01"),
        ([f"{2000 + i // 12}{i % 12 + 1:02}" for i in range(30)], "MS", "200207"),
        ([f"{2000 + i // 4}Q{i % 4 + 1}" for i in range(12)], "QS", "2003Q1"),
        ([f"{d:%d.%m.%Y}" for d in DAYS], "D", "10.02.2021"),
        ([f"{d:%m/%d/%Y}" for d in DAYS], "D", "02/10/2021"),
        ([f"{d:%Y%m%d}" for d in DAYS], "D", "20210210"),
        ([f"{d}" for d in DAYS if d.weekday() < 5], "B", "2021-02-10"),
        ([f"{DAYS[0] + dt.timedelta(days=7 * i)}" for i in range(9)], "7D", "2021-03-05"),
        ([f"2021-01-01T{i:02}:15:00" for i in range(20)], "h", "2021-01-01 20:15:00"),
        ([f"1/{1 + i // 24}/2021 {i % 24}:00" for i in range(60)], "h", "01/03/2021 12:00"),
    ],
)
def test_the_frequency_is_inferred_and_times_are_continued(tmp_path, times, step, following):
    series = read_series(dated(tmp_path, [(t, i) for i, t in enumerate(times)], "date,v"))
    assert series.names == ["v"]  # the times are not values
    assert series.values[:, 0].tolist() == list(range(len(times)))
    assert series.form.time.step == step
    assert series.form.time.after(series.last, 1) == [following]
    assert any(f"one step is {step}" in note for note in series.notes)


def test_missing_times_and_values_are_filled_and_reported_or_refused(tmp_path):
    rows = [(d, i) for i, d in enumerate(DAYS) if i not in (10, 11)]
    rows[5] = (DAYS[5], "")
    path = dated(tmp_path, rows)
    series = read_series(path)
    assert series.values[:, 0].tolist() == list(range(40))
    told = "2 missing times and 1 missing values, the first at 2021-01-06"
    assert any(told in note for note in series.notes)
    with pytest.raises(AgentlabError, match=f"{told}; fill them in, or pass --gaps interpolate"):
        read_series(path, gaps="refuse")


def test_duplicate_times_are_averaged_and_reported_or_refused(tmp_path):
    path = dated(tmp_path, [(DAYS[0], 1), (DAYS[1], 2), (DAYS[1], 4), (DAYS[2], 5)])
    series = read_series(path)
    assert series.values[:, 0].tolist() == [1, 3, 5]
    assert any("averaged: 1 rows whose time occurs more than once" in n for n in series.notes)
    with pytest.raises(AgentlabError, match=r"row 4, column 'date': 2021-01-02 occurs more than"):
        read_series(path, gaps="refuse")


def test_several_series_are_refused_until_their_column_is_named(tmp_path):
    rows = [(d, store, i * k) for i, d in enumerate(DAYS) for k, store in enumerate("ab", 1)]
    path = dated(tmp_path, rows[1:], "date,store,sold")
    with pytest.raises(AgentlabError, match="there are several series; pass --group store"):
        read_series(path)
    series = read_series(path, group="store")
    assert series.names == ["sold of a", "sold of b"]
    assert series.values[:3].tolist() == [[1, 2], [2, 4], [3, 6]]  # from the first common time
    with pytest.raises(AgentlabError, match="group='store' needs a column of times"):
        read_series(write(tmp_path, "store,v\na,1\nb,2\n"), group="store")


def test_irregular_times_are_refused_until_a_frequency_is_named(tmp_path):
    rows = [(f"{d} {i * 7 % 24:02}:{i * 13 % 60:02}", i) for i, d in enumerate(DAYS)]
    path = dated(tmp_path, [*rows, (f"{DAYS[3]} 23:59", 5)])
    with pytest.raises(AgentlabError, match="column 'date' are irregular; pass --frequency"):
        read_series(path)
    series = read_series(path, frequency="D")
    assert series.values[:5, 0].tolist() == [0, 1, 2, 4, 4]
    assert len(read_series(path, time="rows", columns=["sold"]).values) == 41
    with pytest.raises(AgentlabError, match="frequency='fortnightly' is unknown"):
        read_series(path, frequency="fortnightly")


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("1.5\n2.5\n3.5\n", {}, "the first row, 1.5, seems to be data; it must name the columns"),
        ("2021-01-01,5\n2021-01-02,6\n", {}, "the first row, 2021-01-01, 5, seems to be data"),
        ("day,price\n", {}, "has no column of numbers"),
        ("day,price\nMo,\nTu,\n", {}, "has no column of numbers"),
        ("", {}, "is empty"),
        (
            "date,v\n2021-01-01,1\n,2\n2021-01-03,3\n",
            {},
            "row 3, column 'date' is empty; every row",
        ),
        ("price\n1\n", {"columns": ["prise"]}, "has no column 'prise'.* 'price'"),
        ("price\n1\n", {"time": "when"}, "has no column 'when'"),
        ("day,price\n1,10\nx,20\n3,30\n", {"time": "day"}, "row 3, column 'day' contains 'x'"),
        ("day,price\nMo,10\n", {"columns": ["day"]}, "row 2, column 'day' contains 'Mo'"),
        ("day,price\n1,\n", {"columns": ["day", "price"]}, "column 'price' is empty"),
        ("price\n1\n\n2\n\n", {"gaps": "refuse"}, None),
        ("a,b\n1,\n2,3\n", {"gaps": "refuse"}, "row 2, column 'b' is empty; .* --gaps interpolate"),
        ("price\n1\n", {"gaps": "drop"}, "gaps='drop' is not one of interpolate, refuse"),
    ],
)
def test_a_file_without_series_is_refused_in_one_sentence(tmp_path, text, options, told):
    path = write(tmp_path, text)
    if told is None:
        assert read_series(path, **options).values.tolist() == [[1], [2]]
        return
    with pytest.raises(AgentlabError, match=told) as caught:
        read_series(path, **options)
    assert "\n" not in str(caught.value)


def test_a_text_among_dates_is_named_with_its_row(tmp_path):
    rows = [(d, i) for i, d in enumerate(DAYS)]
    rows[20] = ("yesterday", 3)
    with pytest.raises(AgentlabError, match="row 22, column 'date' contains 'yesterday'"):
        read_series(dated(tmp_path, rows))


def test_rows_without_times_are_taken_in_order_and_reported(tmp_path):
    series = read_series(write(tmp_path, "day;a;b\nMo;1,5;2\nTu;;3\nWe;4,5;4\n"))
    assert series.names == ["a", "b"]
    assert series.values.tolist() == [[1.5, 2], [3, 3], [4.5, 4]]
    assert any("no column of times was found" in note for note in series.notes)
    assert any("left out, because they are not numeric: day" in note for note in series.notes)


def test_numbers_of_a_series_may_have_thousands_separators_and_units(tmp_path):
    rows = [(d, f'"1,{i:03}"', f"{i} kg", "-" if i == 7 else i) for i, d in enumerate(DAYS)]
    series = read_series(dated(tmp_path, rows, "date,a,b,c"))
    assert series.values[:2].tolist() == [[1000, 0, 0], [1001, 1, 1]]
    assert series.values[7].tolist() == [1007, 7, 7]


def test_the_form_of_a_file_is_used_for_later_files(tmp_path):
    rows = [(f"{d:%d/%m/%Y}", store, i) for i, d in enumerate(DAYS) for store in "ab"]
    form = read_series(dated(tmp_path, rows, "date,store,sold"), group="store").form
    form = SeriesForm.from_json(form.to_json())
    later = form.read(dated(tmp_path, rows[::-1][:20], "date,store,sold", "later.csv"))
    assert later.names == ["sold of a", "sold of b"]
    assert later.values[-1].tolist() == [39, 39]
    assert form.time.after(later.last, 1) == ["10/02/2021"]


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


HOURS = [dt.datetime(2021, 1, 1) + dt.timedelta(hours=i) for i in range(40)]


@pytest.mark.parametrize(
    ("header", "times", "following"),
    [
        ("Date,Time", [f"{t:%d/%m/%Y},{t:%H:%M:%S}" for t in HOURS], "02/01/2021 16:00:00"),
        ("day,at", [f"{t:%Y-%m-%d},{t:%I:%M %p}" for t in HOURS], "2021-01-02 04:00 PM"),
        ("Year,Month,Day,Hour", [f"{t:%Y,%m,%d,%H}" for t in HOURS], "2021-01-02 16:00:00"),
        ("year,month", [f"{2000 + i // 12},{i % 12 + 1}" for i in range(40)], "2003-05-01"),
    ],
)
def test_times_in_several_columns_are_one_time_index(tmp_path, header, times, following):
    path = dated(tmp_path, [(t, i) for i, t in enumerate(times)][::-1], header + ",v")
    series = read_series(path)
    assert series.names == ["v"]
    assert series.values[:, 0].tolist() == list(range(40))
    assert series.form.time.after(series.last, 1) == [following]
    again = SeriesForm.from_json(series.form.to_json()).read(path)
    assert again.values.tolist() == series.values.tolist()


@pytest.mark.parametrize("name", ["", "index", "Unnamed: 0", "No"])
def test_numbers_of_the_rows_are_neither_times_nor_values(tmp_path, name):
    rows = [(i, day, 3 * i) for i, day in enumerate(DAYS[::-1])]
    series = read_series(dated(tmp_path, rows, f"{name},date,v"))
    assert series.names == ["v"] and series.form.time.name == "date"
    assert series.values[0, 0] == 3 * 39


def test_series_that_are_named_by_numbers_need_a_group(tmp_path):
    rows = [(day, store, store * 100 + i) for i, day in enumerate(DAYS) for store in (1, 2, 3)]
    path = dated(tmp_path, rows, "date,store,sales")
    with pytest.raises(AgentlabError, match="several series; pass --group store"):
        read_series(path)
    assert read_series(path, group="store").values[0].tolist() == [100, 200, 300]


def test_a_series_that_ends_with_a_missing_value_has_the_same_end_in_later_files(tmp_path):
    path = dated(tmp_path, [(day, "-" if i % 13 == 0 else i) for i, day in enumerate(DAYS)])
    series = read_series(path)
    again = series.form.read(path)
    assert series.last == again.last and len(series.values) == len(again.values) == 40


def monthly(form, count=30):
    return [f"{form.format(y=2019 + i // 12, m=i % 12 + 1)},{i}" for i in range(count)]


@pytest.mark.parametrize(
    ("form", "following"), [("01/{m:02}/{y}", "01/07/2021"), ("{m:02}/01/{y}", "07/01/2021")]
)
def test_first_days_of_months_are_not_days_of_january(tmp_path, form, following):
    path = write(tmp_path, "\n".join(["month,sold", *reversed(monthly(form)), ""]))
    series = read_series(path)
    assert series.form.time.step == "MS" and series.form.time.after(series.last, 1) == [following]
    assert series.values[:, 0].tolist() == list(range(30))


def test_later_rows_are_read_in_the_formats_of_the_training_file(tmp_path):
    rows = [f"{i % 28 + 1:02}.{i // 28 + 1:02}.2021;1.{i:03}" for i in range(60)]
    path = write(tmp_path, "\n".join(["date;sold", *rows, "05.03.2021;2.061,5", ""]))
    form = SeriesForm.from_json(read_series(path).form.to_json())
    # Alone, these could be read as the 4th of May and 1.07.
    later = write(tmp_path, "date;sold\n05.04.2021;1.070\n06.04.2021;1.071\n")
    series = form.read(later)
    assert series.values[:, 0].tolist() == [1070, 1071]
    assert series.form.time.after(series.last, 1) == ["07.04.2021"]


def test_an_ambiguous_order_of_day_and_month_is_reported_and_can_be_given(tmp_path):
    days = [4, 1, 8, 2, 11, 5, 10, 7]
    path = write(tmp_path, "date,v\n" + "".join(f"{d:02}/{d:02}/2021,{d}\n" for d in days))
    with_order = read_series(path, frequency="D", kinds={"date": "dayfirst"})
    assert with_order.form.time.format == "%d/%m/%Y"
    assert any("could be swapped" in note for note in read_series(path, frequency="D").notes)
    with pytest.raises(AgentlabError, match="--kind v=number is for tables"):
        read_series(path, kinds={"v": "number"})


def test_times_in_an_unknown_format_are_refused(tmp_path):
    weeks = "".join(f"2021-W{i + 1:02},{i}\n" for i in range(40))
    with pytest.raises(AgentlabError, match="column 'week' seems to contain times"):
        read_series(write(tmp_path, "week,v\n" + weeks))


def test_row_numbers_are_recognized_in_any_order(tmp_path):
    rows = [f"{i},2021-02-{i + 1:02},{i * i}" for i in range(28)]
    path = write(tmp_path, "\n".join(["Unnamed: 0,date,v", *reversed(rows), ""]))
    assert read_series(path).names == ["v"]


def test_consecutive_years_are_times_whatever_their_name(tmp_path):
    years = [2003, 1999, 2001, 2000, 2002]
    path = write(tmp_path, "jahrgang,v\n" + "".join(f"{y},{y - 1999}\n" for y in years))
    series = read_series(path)
    assert series.values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert series.form.time.after(series.last, 1) == ["2004"]


def daily(end="", changed=None):
    days = [
        f"2024-03-{i:02}T00:00:00{changed if changed and i > 20 else end}" for i in range(1, 32)
    ]
    return "date,sold\n" + "".join(f"{day},{i}\n" for i, day in enumerate(days, 1))


@pytest.mark.parametrize(("end", "changed"), [("+02:00", None), ("+01:00", "+02:00")])
def test_days_with_an_offset_from_utc_are_local_days_also_if_it_changes(tmp_path, end, changed):
    (tmp_path / "s.csv").write_text(daily(end, changed))
    series = read_series(tmp_path / "s.csv")
    assert series.values[:, 0].tolist() == list(range(1, 32))
    assert series.form.time.after(series.last, 1) == ["2024-04-01"]
    assert "local times without their offset from UTC" in series.notes[1]


def test_days_between_the_steps_are_irregular(tmp_path):
    days = [f"2024-03-{i:02} {'23' if i > 20 else '00'}:00" for i in range(1, 32)]
    (tmp_path / "s.csv").write_text("date,sold\n" + "".join(f"{day},1\n" for day in days))
    with pytest.raises(AgentlabError, match="are irregular; pass --frequency"):
        read_series(tmp_path / "s.csv")


@pytest.mark.parametrize("options", [{}, {"frequency": "2D"}])
def test_several_series_named_by_two_columns_are_not_averaged_in_silence(tmp_path, options):
    rows = [
        f"2024-03-{i:02},{store},{item},{i}"
        for i in range(1, 21)
        for store in "AB"
        for item in "xy"
    ]
    (tmp_path / "s.csv").write_text("date,store,item,sold\n" + "\n".join([*rows, rows[0]]))
    with pytest.raises(AgentlabError, match="they are named by store, item: join these columns"):
        read_series(tmp_path / "s.csv", **options)
    kinds = {"store": "drop", "item": "drop"}
    averaged = read_series(tmp_path / "s.csv", kinds=kinds)
    assert averaged.values[:, 0].tolist() == list(range(1, 21))


def test_quarters_are_continued_as_they_are_written(tmp_path):
    quarters = [f"Q{i % 4 + 1} {2020 + i // 4}" for i in range(10)]
    (tmp_path / "s.csv").write_text("when,sold\n" + "".join(f"{q},1{q[1]}\n" for q in quarters))
    series = read_series(tmp_path / "s.csv")
    assert series.form.time.after(series.last, 2) == ["Q3 2022", "Q4 2022"]
