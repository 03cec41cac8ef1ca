"""Columns from which the target can be computed exactly are reported."""

import random

import pytest

from agentlab.data.table import Table


def notes(tmp_path, header, row):
    path = tmp_path / "data.csv"
    path.write_text(header + "\n" + "".join(row(i) + "\n" for i in range(90)))
    return [note for note in Table(path, "y").notes if "determines the target" in note]


def test_codes_of_the_classes_are_reported_and_features_are_not(tmp_path):
    r = random.Random(0)
    told = notes(
        tmp_path,
        "code,word,half,x,y",
        lambda i: f"{i % 3},{'pqr'[i % 3]}s,{i % 3 > 0},{r.random():.3f},{'abc'[i % 3]}",
    )
    assert [note.split()[0] for note in told] == ["'code'", "'word'"]
    assert told[0].endswith("leave it out with --kind code=drop")


def test_a_multiple_of_a_numeric_target_is_reported(tmp_path):
    r = random.Random(0)
    roots = r.sample(range(1, 200), 90)
    told = notes(
        tmp_path,
        "cents,root,x,y",
        lambda i: f"{(n := roots[i]) * n * 100},{n},{n * n + 99 * r.random():.2f},{n * n}.0",
    )
    assert [note.split()[0] for note in told] == ["'cents'", "'root'"]


def test_a_copy_of_the_target_with_missing_cells_is_reported(tmp_path):
    r = random.Random(0)
    told = notes(
        tmp_path,
        "copy,x,y",
        lambda i: f"{'' if i % 7 == 0 else 'abc'[i % 3]},{r.random():.3f},{'abc'[i % 3]}",
    )
    assert [note.split()[0] for note in told] == ["'copy'"]


@pytest.mark.parametrize(
    "number",
    [
        lambda i: f"{i * 0.5}",
        lambda i: "" if i == 5 else 7 * i,
        lambda i: 900 - i + (i in (20, 40)) * 2,
        lambda i: f"2024-01-01 {i // 60:02}:{i % 60:02}",
    ],
)
def test_times_and_numbers_of_the_rows_of_a_file_sorted_by_class_are_reported(tmp_path, number):
    path, r = tmp_path / "data.csv", random.Random(0)
    rows = [f"{number(i)},{r.random():.3f},{'ab'[i // 45]}" for i in range(90)]
    path.write_text("n,x,y\n" + "\n".join(rows))
    told = [note for note in Table(path, "y").notes if "sorted by class" in note]
    assert len(told) == 1 and told[0].endswith("leave it out with --kind n=drop")
    r.shuffle(rows)
    path.write_text("n,x,y\n" + "\n".join(rows))
    assert not any("sorted by class" in note for note in Table(path, "y").notes)
