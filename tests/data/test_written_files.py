"""Tables in any dialect: what was written is read back, in training and in prediction."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.data.table import Table
from agentlab.errors import AgentlabError
from tests.data.written_files import write_table


def check_read_back(folder, written):
    """Return a refusal in one sentence, or ``None`` after checking each cell of a table."""
    path, later = folder / "data.csv", folder / "new.csv"
    path.write_bytes(written.text.encode(written.encoding))
    later.write_bytes(written.rest.encode(written.encoding))
    encoding = "cp1252" if written.encoding == "cp1252" else None
    try:
        table = Table(path, "y", validation=0, test=0, encoding=encoding)
    except AgentlabError as error:
        return str(error)
    values = written.columns.pop("y")
    rows = np.array([value is not None for value in values])
    known = [value for value in values if value is not None]
    if written.kinds["y"] == "number":
        assert table.task == "regression"
        assert table.train.targets == pytest.approx(np.array(known), rel=1e-6, abs=1e-9)
    else:
        assert [table.columns.classes[i] for i in table.train.targets] == known
    again = table.columns.transform(table.columns.read(later, encoding))
    for inputs, kept in ((table.train.inputs, rows), (again, np.ones(len(rows), bool))):
        first = 0
        for column in table.columns.columns:
            mine = inputs[:, first : first + len(column.inputs)]
            first += len(column.inputs)
            wanted = [v for v, k in zip(written.columns[column.name], kept, strict=True) if k]
            _check_column(column, written.kinds[column.name], mine, wanted)
    return None


def _check_column(column, kind, inputs, wanted):
    if column.kind == "dropped":
        distinct = set(wanted) - {None}
        assert len(distinct) < 2 or "equals the target" in column.note, column
        return
    assert column.kind == kind or (kind == "category" and column.kind in ("number", "boolean")), (
        column
    )
    absent = np.array([value is None for value in wanted])
    if column.missing:
        assert inputs[:, -1].tolist() == absent.tolist(), column
    if column.kind == "category":
        places = inputs[:, : len(column.categories)].argmax(axis=1)
        found = [column.categories[i] for i in places]
        assert [f for f, gone in zip(found, absent, strict=True) if not gone] == [
            value for value in wanted if value is not None
        ], column
        return
    scale = 1.0 if column.kind == "boolean" else column.deviation
    found = inputs[:, 0] * np.float64(scale) + (0 if column.kind == "boolean" else column.mean)
    if column.kind == "boolean" and kind == "category":
        wanted = [column.categories.index(value.lower()) for value in wanted]
    numbers = np.array([float(value) for value in wanted if value is not None])
    if column.kind == "date" and "could be swapped" in column.note:
        return  # the user is told
    assert found[~absent] == pytest.approx(numbers, rel=1e-6, abs=1e-5 * scale), column


def check_seeds(folder, seeds):
    """Check tables by seed; return the refusals, with digits left out, and how often each is."""
    refused = Counter()
    for seed in seeds:
        written = write_table(seed)
        try:
            written.text.encode(written.encoding)
        except UnicodeEncodeError:
            written.encoding = "utf-8"
        try:
            reason = check_read_back(folder, written)
        except Exception as error:
            raise AssertionError(f"{written.about}\n{written.text[:400]}") from error
        if reason is not None:
            refused[reason] += 1
    return refused


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_a_table_of_any_dialect_is_read_back_or_refused(tmp_path_factory, seed):
    check_seeds(tmp_path_factory.mktemp("written"), [seed])


@pytest.mark.slow
def test_ten_thousand_tables_are_read_back_and_hardly_any_is_refused(tmp_path):
    assert sum(check_seeds(tmp_path, range(10_000)).values()) < 100
