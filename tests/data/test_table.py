"""Tables are split without leakage, and fitted on the training split only."""

import numpy as np
import pytest

from agentlab.data import Arrays
from agentlab.data.table import Table, in_batches, shuffled
from agentlab.errors import AgentlabError


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def numbered(folder, n=300, name="data.csv", first=0, target=lambda i: i + 0.5):
    """Write rows that are told apart by a number; some cells are missing."""
    rows = [
        f"{i * 0.37 % 5:.3f},{['red', 'blue', 'green', ''][i % 4]},{'' if i % 9 == 4 else i * i}"
        f",{['yes', 'no'][i % 2]},2020-01-{i % 28 + 1:02},{target(i)}\n"
        for i in range(first, first + n)
    ]
    return write(folder, "a,color,square,member,day,y\n" + "".join(rows), name)


def rows_of(part, batch=7, seed=None):
    """Return all inputs and targets that an epoch has."""
    batches = list(part.epoch(batch, seed))
    assert len(batches) == part.count(batch)
    assert all(len(b.inputs) == len(b.weights) == batch for b in batches[:-1])
    assert all((b.weights == 1).all() and b.weights.dtype == np.float32 for b in batches)
    return (np.concatenate([getattr(b, name) for b in batches]) for name in ("inputs", "targets"))


def parts(table):
    return table.train, table.validation, table.test


def test_splits_have_their_sizes_and_share_no_row(tmp_path):
    table = Table(numbered(tmp_path), "y", seed=3)
    assert [part.size for part in parts(table)] == [210, 30, 60]
    targets = [list(rows_of(part))[1] for part in parts(table)]
    assert all(t.dtype == np.float32 and t.ndim == 1 for t in targets)
    assert sorted(np.concatenate(targets).tolist()) == [i + 0.5 for i in range(300)]
    assert not np.array_equal(
        targets[2], list(rows_of(Table(numbered(tmp_path), "y", seed=4).test))[1]
    )
    # Every part is of the whole file, not of one end.
    assert all(np.ptp(t) > 250 for t in targets)


def test_fractions_of_0_make_no_split(tmp_path):
    table = Table(numbered(tmp_path), "y", validation=0, test=0)
    assert (table.train.size, table.validation, table.test) == (300, None, None)


def test_streamed_splits_equal_those_in_memory(tmp_path):
    path = numbered(tmp_path)
    kept, streamed = Table(path, "y"), Table(path, "y", memory_budget=0)
    assert streamed.columns.to_json() == kept.columns.to_json()
    for one, other in zip(parts(kept), parts(streamed), strict=True):
        assert isinstance(one, Arrays)
        assert not isinstance(other, Arrays)
        assert one.size == other.size
        for a, b in zip(rows_of(one), rows_of(other), strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)


def test_the_chunk_size_does_not_matter(tmp_path, monkeypatch):
    path = numbered(tmp_path)
    whole = Table(path, "y")
    monkeypatch.setattr("agentlab.data.csv_files.CELLS", 1)  # chunks of 100 rows
    pieces = Table(path, "y")
    assert pieces.files.rows == 100
    assert pieces.columns.inputs == whole.columns.inputs
    for one, other in zip(parts(whole), parts(pieces), strict=True):
        for a, b in zip(rows_of(one), rows_of(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("memory_budget", [0, 10_000_000])
def test_a_seed_shuffles_and_repeats(tmp_path, monkeypatch, memory_budget):
    monkeypatch.setattr("agentlab.data.csv_files.CELLS", 1)
    table = Table(numbered(tmp_path), "y", memory_budget=memory_budget)
    in_order, one, again, other = (
        list(rows_of(table.train, seed=seed)) for seed in (None, 1, 1, 2)
    )
    assert in_order[1].tolist() == sorted(in_order[1])
    assert np.array_equal(one[0], again[0])
    assert np.array_equal(one[1], again[1])
    assert not np.array_equal(one[1], other[1])
    assert sorted(one[1]) == sorted(other[1]) == in_order[1].tolist()
    # Inputs stay beside their targets.
    places = np.searchsorted(in_order[1], one[1])
    assert np.array_equal(one[0], in_order[0][places])


def test_several_files_are_one_table(tmp_path):
    for n in range(3):
        numbered(tmp_path, 50, f"{n}.csv", first=50 * n)
    kept, streamed = Table(tmp_path, "y"), Table(tmp_path, "y", memory_budget=0)
    assert [part.size for part in parts(kept)] == [105, 15, 30]
    for one, other in zip(parts(kept), parts(streamed), strict=True):
        in_order = list(rows_of(one))[1]
        assert np.array_equal(in_order, list(rows_of(other))[1])
        assert sorted(list(rows_of(other, seed=5))[1]) == in_order.tolist()
    two = Table([tmp_path / "0.csv", tmp_path / "2.csv"], "y", validation=0, test=0)
    assert list(rows_of(two.train))[1].tolist() == [i + 0.5 for i in [*range(50), *range(100, 150)]]


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_nothing_is_fitted_on_held_out_rows(tmp_path, task):
    def label(i):
        return i + 0.5 if task == "regression" else "abc"[i % 3]

    path = numbered(tmp_path)
    held = [list(rows_of(part))[1] - 0.5 for part in parts(Table(path, "y"))[1:]]
    held = set(np.concatenate(held).astype(int).tolist())
    assert len(held) == 90
    path = numbered(tmp_path, target=label)
    before = Table(path, "y", task)
    lines = path.read_text().splitlines()
    for i in held:
        y = ("", -1e6, 7) if task == "regression" else ("", "d", "a")
        lines[i + 1] = f"1e9,{'violet' if i % 2 else ''},{-i},YES,1999-01-01,{y[i % 3]}"
    path.write_text("\n".join(lines))
    after = Table(path, "y", task)
    assert after.columns.to_json() == before.columns.to_json()
    for a, b in zip(rows_of(before.train), rows_of(after.train), strict=True):
        assert np.array_equal(a, b)
    assert abs(list(rows_of(after.test))[0]).max() > 1e8 if task == "regression" else True


def test_text_in_a_held_out_row_cannot_change_the_kind_of_a_column(tmp_path):
    path = numbered(tmp_path)
    test = list(rows_of(Table(path, "y").test))[1]
    row = int(test[0] - 0.5)
    lines = path.read_text().splitlines()
    lines[row + 1] = "much" + lines[row + 1][5:]
    path.write_text("\n".join(lines))
    with pytest.raises(AgentlabError, match=f"data.csv, row {row + 2}, column 'a' contains 'much'"):
        Table(path, "y")


def test_classes_are_texts_in_order(tmp_path):
    path = numbered(tmp_path, target=lambda i: ("2", "10", "1")[i % 3])
    table = Table(path, "y")
    assert table.task == "classification"
    assert table.columns.classes == ("1", "2", "10")
    targets = list(rows_of(table.train))[1]
    assert targets.dtype == np.int32
    assert set(targets.tolist()) == {0, 1, 2}
    assert Table(path, "y", "regression").columns.classes == ()
    words = Table(numbered(tmp_path, target=lambda i: ("no", "Yes")[i % 2]), "y")
    assert words.columns.classes == ("Yes", "no")


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (lambda i: i % 3, "classification"),
        (lambda i: "ab"[i % 2], "classification"),
        (lambda i: ("0", "1", "2", "3+")[i % 4], "classification"),
        (lambda i: i, "regression"),
        (lambda i: i % 3 / 2, "regression"),
    ],
)
def test_the_task_is_inferred_and_shown(tmp_path, target, task):
    table = Table(numbered(tmp_path, target=target), "y")
    assert table.task == task
    assert f"task: {task} (inferred)" in table.describe()


def test_rows_without_a_target_are_dropped_and_counted(tmp_path):
    path = numbered(tmp_path, target=lambda i: "" if i % 100 < 3 else i + 0.5)
    table = Table(path, "y")
    assert sum(part.size for part in parts(table)) == 291
    assert "dropped: 9 rows without 'y'" in table.describe()


def test_rows_of_classes_not_in_the_training_split_are_dropped_and_counted(tmp_path):
    path = numbered(tmp_path)
    row = int(list(rows_of(Table(path, "y").test))[1][0] - 0.5)
    path = numbered(tmp_path, target=lambda i: "rare" if i == row else "ab"[i % 2])
    for memory_budget in (0, 10_000_000):
        table = Table(path, "y", memory_budget=memory_budget)
        assert table.columns.classes == ("a", "b")
        assert table.test.size == len(list(rows_of(table.test))[1]) == 59
        assert (
            "dropped: 1 test rows of classes that are not in the training split" in table.describe()
        )


def test_the_summary_for_the_user(tmp_path):
    shown = Table(numbered(tmp_path), "y", "regression").describe().splitlines()
    assert len(shown) == 9
    assert shown[7:] == [
        "task: regression (as requested): 'y' is a number",
        "rows: 210 for training, 30 for validation, 60 for test",
    ]


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        (lambda i: i + 0.5, {"target": "z"}, "data.csv has no column 'z'; it has a, color"),
        (lambda i: "one", {}, "target='y', a column of .*data.csv, contains only one class, 'one'"),
        (lambda i: 7, {}, "contains only one class, '7'; at least two"),
        (lambda i: "", {}, "target='y', a column of .*, contains no value in the training split"),
        (
            lambda i: "much" if i == 41 else i + 0.5,
            {"task": "regression"},
            "data.csv, row 43, column 'y' contains 'much', which is not a number",
        ),
        (
            lambda i: "much" if i == 41 else i + 0.5,
            {},
            "data.csv, row 43, column 'y' contains 'much', but nearly all others are numbers",
        ),
        (
            lambda i: "ab"[i % 2],
            {"task": "regression"},
            "data.csv, row 2, column 'y' contains 'a', which is not a number",
        ),
        (
            lambda i: "inf" if i == 41 else i + 0.5,
            {"task": "regression"},
            "data.csv, row 43, column 'y' contains 'inf', which is not a number",
        ),
        (lambda i: i, {"task": "ranking"}, "task='ranking' is not one of regression, class"),
        (lambda i: i, {"kinds": {"a": "text"}}, "kind of column 'a'='text' is not one of number"),
        (lambda i: i, {"kinds": {"aa": "drop"}}, "no column 'aa'"),
        (lambda i: i, {"test": 1.5}, "test=1.5 must be a fraction"),
        (lambda i: i, {"validation": 0.5, "test": 0.5}, "must sum to less than 1"),
        (lambda i: i, {"seed": -1}, "seed=-1 must be 0 or more"),
        (
            lambda i: i,
            {"kinds": dict.fromkeys(("a", "color", "square", "member", "day"), "drop")},
            "data.csv has no usable column besides the target 'y'",
        ),
    ],
)
def test_invalid_arguments_raise_an_error_of_one_line(tmp_path, target, options, said):
    path = numbered(tmp_path, target=target)
    with pytest.raises(AgentlabError, match=said) as caught:
        Table(path, **{"target": "y", **options})
    assert "\n" not in str(caught.value)


def test_too_many_classes(tmp_path):
    path = write(tmp_path, "a,y\n" + "".join(f"{i % 7},{i}\n" for i in range(2000)))
    with pytest.raises(AgentlabError, match="more than 1,000 distinct values, .*--task regression"):
        Table(path, "y", "classification")
    assert Table(path, "y").task == "regression"


def test_too_few_rows(tmp_path):
    with pytest.raises(AgentlabError, match=r"data.csv has too few rows for a \w+ split"):
        Table(write(tmp_path, "a,y\n3,1.5\n5,2.5\n1,0\n"), "y", validation=0.01, test=0.01)
    with pytest.raises(AgentlabError, match="contains no value in the training split"):
        Table(write(tmp_path, "a,y\n"), "y")


def test_a_rare_word_in_a_boolean_column_is_missing_and_reported(tmp_path):
    path = numbered(tmp_path)
    test = list(rows_of(Table(path, "y").test))[1]
    row = int(test[-1] - 0.5)
    path.write_text(path.read_text().replace(f",{row + 0.5}\n", "X,0\n").replace("noX", "no"))
    lines = path.read_text().splitlines()
    lines[row + 1] = ",".join([*lines[row + 1].split(",")[:3], "perhaps", "2020-01-01", "0"])
    path.write_text("\n".join(lines))
    with pytest.warns(UserWarning, match="column 'member' contains 'perhaps', which is neither no"):
        table = Table(path, "y")
    assert table.test.size == 60


def pieces(sizes):
    start = 0
    for size in sizes:
        numbers = np.arange(start, start + size)
        yield numbers[:, None].astype(np.float32), numbers
        start += size


@pytest.mark.parametrize("capacity", [1, 4, 10, 100])
def test_the_shuffle_buffer_yields_every_row_once(capacity):
    passed = list(shuffled(pieces([10, 3, 0, 8]), capacity, np.random.default_rng(0)))
    inputs, targets = (np.concatenate(part) for part in zip(*passed, strict=True))
    assert sorted(targets.tolist()) == list(range(21))
    assert np.array_equal(inputs[:, 0], targets)
    assert (capacity == 1) or targets.tolist() != sorted(targets.tolist())


def test_a_buffer_as_large_as_the_data_can_yield_any_row_first():
    firsts = {
        int(next(shuffled(pieces([5, 5]), 10, np.random.default_rng(seed)))[1][0])
        for seed in range(200)
    }
    assert firsts == set(range(10))


def test_batches_are_cut_from_pieces_of_any_length():
    batches = list(in_batches(pieces([3, 0, 1, 9, 2]), 4))
    assert [b.targets.tolist() for b in batches] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
        [12, 13, 14],
    ]
    assert [len(b.weights) for b in batches] == [4, 4, 4, 3]
