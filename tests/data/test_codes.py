"""Codes with leading zeros are categories, in training, in prediction and in exported models."""

import random

import numpy as np
import pandas as pd
import pytest

from agentlab.data.columns import Columns
from agentlab.data.csv_frame import read_frame
from agentlab.data.table import Table
from agentlab.errors import AgentlabError

ZIPS = ("00501", "02139", "90210")


def write(tmp_path, cells, target=lambda i: "ab"[i % 2], name="zip"):
    r = random.Random(0)
    lines = [f"{cell},{r.random():.3f},{target(i)}" for i, cell in enumerate(cells)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join([f"{name},x,y", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "cells",
    [
        [ZIPS[i % 3] for i in range(90)],
        # The leading zeros come after the rows from which the format is inferred.
        [ZIPS[2 if i < 6000 else i % 3] for i in range(6300)],
    ],
)
def test_a_zip_code_is_a_category_and_keeps_its_zeros(tmp_path, cells):
    path = write(tmp_path, cells)
    table = Table(path, "y")
    (zips, _) = table.columns.columns
    assert (zips.kind, zips.categories) == ("category", ZIPS)
    assert "5-digit codes" in table.describe() and "--kind zip=number" in table.describe()
    loaded = Columns.from_json(table.columns.to_json())
    rows = {"x": [0.0] * 3}
    # A spreadsheet or pandas removes the zeros of the file to predict on.
    for written in (list(ZIPS), [501, 2139, 90210], ["501", "2139", "90210.0"]):
        inputs = loaded.transform(pd.DataFrame({**rows, "zip": written}))
        assert inputs[:, :3].tolist() == np.eye(3).tolist()
    assert Table(path, "y", kinds={"zip": "number"}).columns.columns[0].kind == "number"


def test_numbers_with_leading_zeros_of_different_lengths_stay_numbers_with_a_note(tmp_path):
    path = write(tmp_path, [("07", "123", "9")[i % 3] for i in range(60)])
    table = Table(path, "y")
    assert table.columns.columns[0].kind == "number"
    assert "without leading zeros (--kind zip=category keeps them)" in table.describe()


def test_whole_numbers_of_equal_length_are_numbers(tmp_path):
    path = write(tmp_path, [str(100 + i) for i in range(90)], name="size")
    assert Table(path, "y").columns.columns[0].kind == "number"


def test_codes_as_target_are_classes_however_many_there_are(tmp_path):
    path = write(tmp_path, ["1"] * 400, target=lambda i: f"{i % 40:03d}")
    table = Table(path, "y")
    assert table.task == "classification" and table.columns.classes[:2] == ("000", "001")


def test_unlabeled_codes_and_kinds_are_read_as_requested(tmp_path):
    path = write(tmp_path, [ZIPS[i % 3] for i in range(30)])
    assert read_frame(path)["zip"][0] == "00501"
    assert read_frame(path, kinds={"zip": "number", "x": "drop"}).dtypes["zip"] == np.float64
    with pytest.raises(AgentlabError, match="--kind zip=date has no effect here"):
        read_frame(path, kinds={"zip": "date"})


def test_an_exported_model_adds_the_zeros_too():
    from agentlab.lazy import tf

    columns = Columns.fit([{"zip": text, "x": str(i)} for i, text in enumerate(ZIPS * 9)])
    cells = {"zip": tf.constant(["501", "02139", "other"]), "x": tf.constant([1.0, 2.0, 3.0])}
    rows = pd.DataFrame({"zip": ["00501", "02139", "other"], "x": [1.0, 2.0, 3.0]})
    assert columns.transform_tensors(cells).numpy() == pytest.approx(columns.transform(rows))
