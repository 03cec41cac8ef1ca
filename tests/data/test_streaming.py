"""A table larger than its memory budget is streamed."""

import json
import subprocess
import sys

import numpy as np
import pytest

ROWS, COLUMNS, MEMORY_BUDGET = 1_000_000, 24, 4_000_000

CODE = f"""
import json, resource, sys
from agentlab.data.table import Table
from agentlab.supervised.regressor import Regressor

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def train(path, memory_budget):
    table = Table(path, "y", memory_budget=memory_budget)
    options = dict(hidden=(16,), epochs=1, batch_size=2048, learning_rate=0.02)
    regressor = Regressor(**options).fit(table.train, validation_data=table.validation, quiet=True)
    return table, regressor.evaluate(table.test)["r2"]

unit = 1 if sys.platform == "darwin" else 1024
train(sys.argv[1], {MEMORY_BUDGET})  # TensorFlow's own needs come first
before = peak()
table, r2 = train(sys.argv[2], {MEMORY_BUDGET})
sizes = [part.size for part in (table.train, table.validation, table.test)]
kind = type(table.train).__name__
print(json.dumps([peak() - before, len(table.columns.inputs), kind, sizes, r2]))
"""


@pytest.mark.slow
def test_a_million_rows_are_streamed_in_little_memory(tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(10_000, COLUMNS))
    targets = numbers @ rng.normal(size=COLUMNS)
    rows = np.column_stack([numbers, targets]).tolist()
    block = "".join(",".join(f"{value:.3f}" for value in row) + "\n" for row in rows)
    header = ",".join(f"x{i}" for i in range(COLUMNS)) + ",y\n"
    (tmp_path / "small.csv").write_text(header + block)
    with (tmp_path / "large.csv").open("w") as file:
        file.write(header)
        for _ in range(ROWS // len(rows)):
            file.write(block)

    command = [sys.executable, "-c", CODE, tmp_path / "small.csv", tmp_path / "large.csv"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    grown, inputs, kind, sizes, r2 = json.loads(done.stdout)
    assert sizes == [ROWS * 7 // 10, ROWS // 10, ROWS * 2 // 10]
    assert (inputs, kind) == (COLUMNS, "_Streamed")
    assert r2 > 0.99
    encoded = 4 * ROWS * (COLUMNS + 1)
    assert grown < encoded / 2, (
        f"{grown / 1e6:.0f} MB more, the encoded table has {encoded / 1e6:.0f}"
    )
