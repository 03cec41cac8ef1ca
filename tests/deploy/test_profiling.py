"""Profiles attribute the whole time of a call to operations and what is between them."""

import importlib.util

import pytest

if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "tf2onnx")):
    pytest.skip("the packages of agentlab[deploy] are not installed", allow_module_level=True)

from agentlab.cli.profile import table
from agentlab.deploy.files import write_file
from agentlab.deploy.profiling import OTHER, profile_file, profile_model
from agentlab.deploy.signature import trace
from agentlab.lazy import keras


def test_percentages_sum_to_100_and_operations_are_counted(tmp_path):
    inputs = keras.Input((16,), name="x")
    hidden = keras.layers.Dense(8, activation="relu")(inputs)
    model = keras.Model(inputs, {"y": keras.layers.Dense(4)(hidden)})
    traced, path = trace(model), tmp_path / "model.onnx"
    write_file(traced, path, "onnx", isolated=False)
    for found in (profile_model(traced, 2, 10), profile_file(path, 2, 10)):
        assert sum(map(found.percent, found.costs)) == pytest.approx(100)
        assert found.costs[-1].kind == OTHER
        assert 0 < found.operations_ms <= 1.15 * found.call_ms
        products = [c for c in found.costs if "MatMul" in c.kind or "Gemm" in c.kind]
        assert sum(cost.count for cost in products) == 2
        assert sum(cost.memory for cost in products) == 2 * (8 + 4) * 4  # bytes of two rows
        assert "100.0" in table(found, 2)
