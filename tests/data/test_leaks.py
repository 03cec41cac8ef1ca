"""Columns from which the target can be computed exactly are reported."""

import random

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
    told = notes(
        tmp_path, "cents,x,y", lambda i: f"{i * i * 100},{i * i + r.random():.2f},{i * i}.0"
    )
    assert [note.split()[0] for note in told] == ["'cents'"]
