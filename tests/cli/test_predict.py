"""``agentlab predict``: files, folders and formats of inputs and outputs."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from agentlab.experiments.source import Source, own_defaults
from agentlab.experiments.training_data import load_data
from agentlab.supervised import Classifier


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "net"
    rows = pd.DataFrame({"age": range(40), "city": ["Rome", "Oslo"] * 20})
    classifier = Classifier("mlp", hidden=(4,), epochs=1)
    classifier.fit(rows, ["yes, sure" if i % 3 else "no" for i in range(40)], quiet=True)
    return str(classifier.save(path) or path)


def test_predictions_are_written_as_csv_or_json_lines(call, saved):
    Path("new.csv").write_text("city,age\nRome,30\nOslo,4\n")
    assert call(["predict", saved, "new.csv", "--out", "out.jsonl"]).code == 0
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [list(row) for row in rows] == [
        ["prediction", "probability_no", "probability_yes, sure"]
    ] * 2
    assert all(abs(row["probability_no"] + row["probability_yes, sure"] - 1) < 1e-5 for row in rows)
    result = call(["predict", saved, "new.csv", "--out", "out.xlsx"])
    assert "must be .csv or .jsonl; .xlsx is not supported" in result.err


def test_a_folder_of_tables_and_a_path_in_the_home_folder_are_read(call, saved, monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path("new files").mkdir()
    for i in range(2):
        Path("new files", f"{i}.csv").write_text("city,age\nRome,30\nOslo,4\n")
    for folder in ("new files", "~/new files"):
        assert len(call(["predict", saved, folder]).out.splitlines()) == 4


def test_errors_about_standard_input_name_it(call, saved, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert "error: standard input is empty" in call(["predict", saved, "-"]).err


@pytest.mark.parametrize(("rows", "past", "horizon"), [(60, 16, 2), (200, 40, 9), (2000, 40, 40)])
def test_forecasts_of_a_short_series_fit_into_its_validation_split(tmp_path, rows, past, horizon):
    (tmp_path / "s.csv").write_text("v\n" + "".join(f"{i % 7}\n" for i in range(rows)))
    source = Source(series=str(tmp_path / "s.csv"))
    options = own_defaults(source, {}, "forecaster", load_data(source, None, 0, 0.1))
    assert {"past": 40, "horizon": 40, **options} == {"past": past, "horizon": horizon}
