"""Exported files compute what the learner does, in their own runtimes."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from agentlab.agents import make_agent
from agentlab.deploy.card import read_card
from agentlab.deploy.child import run_child
from agentlab.deploy.files import check_format, write_file
from agentlab.deploy.measuring import compare
from agentlab.deploy.operations import file_operations, model_operations
from agentlab.deploy.runtimes import open_file
from agentlab.deploy.signature import trace
from agentlab.envs import make_envs
from agentlab.errors import AgentlabError
from agentlab.experiments.results.export import export
from agentlab.experiments.results.held_out import random_examples
from agentlab.lazy import keras, tf
from agentlab.nets import make_net, make_torso
from agentlab.supervised import Classifier

PACKAGES = ("ai_edge_litert", "onnx", "onnxruntime", "tf2onnx")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(package) is None for package in PACKAGES),
    reason="the packages of agentlab[deploy] are not installed",
)
SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "savedmodel": ""}


def make_model(net, shape, **arguments):
    ids = "vocabulary" in arguments
    inputs = keras.Input(shape, dtype="int32" if ids else "float32", name="x")
    outputs = make_net(net, shape, 5, 0, **arguments)(inputs, training=False)
    return keras.Model(inputs, {"probabilities": keras.ops.softmax(outputs)})


@pytest.fixture(scope="module")
def saved_agent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agent") / "cartpole"
    with make_envs("CartPole-v1", 2) as envs:
        make_agent("pg", envs, 0, net="lstm").save(folder)
    return folder


@pytest.mark.parametrize("format", SUFFIXES)
@pytest.mark.parametrize(
    ("net", "shape", "arguments"),
    [
        ("mlp", (8,), {}),
        ("lenet", (8, 8, 1), {}),
        ("gru", (2, 3), {"units": (4,)}),
        ("peephole", (2, 3), {"units": (4,), "bidirectional": True}),
        ("text_cnn", (12,), {"vocabulary": 20}),
    ],
)
def test_the_file_computes_what_the_network_does(tmp_path, format, net, shape, arguments):
    traced = trace(make_model(net, shape, **arguments))
    path = tmp_path / f"model{SUFFIXES[format]}"
    write_file(traced, path, format, isolated=False)
    exported = open_file(path)
    assert [info.name for info in exported.inputs] == ["x"]
    examples = random_examples(traced.inputs).inputs
    assert compare(traced, exported, examples).largest < 1e-5


@pytest.mark.parametrize("format", SUFFIXES)
def test_a_network_in_bfloat16_is_exported_in_float32(tmp_path, format):
    torso = make_torso("lenet", (8, 8, 1), seed=0, dtype="mixed_bfloat16")
    inputs = keras.Input((8, 8, 1), name="x")
    model = keras.Model(inputs, {"features": keras.ops.cast(torso(inputs), "float32")})
    path = tmp_path / f"model{SUFFIXES[format]}"
    write_file(trace(model), path, format, isolated=False)
    assert torso.compute_dtype == "bfloat16"
    exported = open_file(path)
    examples = random_examples(exported.inputs).inputs
    rounded = trace(model, float32=False)(examples)["features"]
    assert 1e-4 < np.abs(exported(examples)["features"] - rounded).max() < 0.1
    assert compare(trace(model), exported, examples).largest < 1e-5


def test_a_saved_model_holds_each_weight_once(tmp_path):
    traced = trace(make_model("mlp", (300,), hidden=(300,)))
    write_file(traced, tmp_path / "model", "savedmodel")
    variables = (tmp_path / "model/variables").glob("*.data*")
    assert sum(path.stat().st_size for path in variables) < 1.05 * 4 * traced.parameters


def test_dynamic_quantization_makes_a_file_smaller(tmp_path):
    traced = trace(make_model("mlp", (300,), hidden=(300,)))
    write_file(traced, tmp_path / "model.tflite", "litert", "dynamic", isolated=False)
    assert (tmp_path / "model.tflite").stat().st_size < 4 * traced.parameters / 3


def test_an_unrolled_recurrence_equals_the_loop_and_has_no_loop():
    model = make_model("lstm", (6, 3), units=(8,))
    traced = trace(model)
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    found = traced({"x": x})["probabilities"]
    np.testing.assert_allclose(found, model(x)["probabilities"], atol=1e-6)
    names = {op.type for op in traced.module.serve.graph.get_operations()}
    assert not names & {"While", "StatelessWhile", "IdentityN"}


def test_a_recurrent_network_for_any_length_needs_time_steps(tmp_path):
    model = make_model("gru", (None, 3), units=(4,))
    with pytest.raises(
        AgentlabError, match="^the network needs a fixed number of time steps; pass time_steps"
    ):
        trace(model)
    assert trace(model, time_steps=7).inputs[0].shape == (None, 7, 3)
    with pytest.raises(AgentlabError, match="time_steps=7 has no effect"):
        trace(make_model("mlp", (4,)), time_steps=7)


def test_a_recurrent_agent_keeps_its_memory_in_the_file(saved_agent, tmp_path):
    result = export(saved_agent, tmp_path / "out", quantize="dynamic", episodes=4, isolated=False)
    assert result.after.mean_return is not None
    assert result.after.worst_return <= result.after.mean_return
    file, card = read_card(tmp_path / "out")
    assert set(file.state.values()) < {info.name for info in file.outputs}
    assert card["figures"]["after"]["mean_return"] == result.after.mean_return
    exported, observations = open_file(result.file), np.ones((2, 4), np.float32)
    state = {n: np.zeros((2, *i.shape[1:]), np.float32) for n, i in _states(file)}
    first = exported({"observations": observations, **state})
    state = {name: first[new] for name, new in file.state.items()}
    second = exported({"observations": observations, **state})
    assert not np.array_equal(first["values"], second["values"])


def _states(file):
    return [(info.name, info) for info in file.inputs if info.name in file.state]


def test_the_same_agent_has_the_same_returns_after_export(saved_agent, tmp_path):
    result = export(saved_agent, tmp_path / "out", "onnx", episodes=6, isolated=False)
    assert result.before.mean_return == result.after.mean_return
    assert result.after.difference.equal_choices == 1


def test_the_python_example_runs_with_numpy_alone(saved_agent, tmp_path):
    export(saved_agent, tmp_path / "out", episodes=0, isolated=False)
    blocked = "import sys; sys.modules['tensorflow'] = sys.modules['agentlab'] = None; "
    program = tmp_path / "out/example.py"
    code = f"{blocked}import runpy; runpy.run_path({str(program)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "actions" in done.stdout
    kotlin = (tmp_path / "out/Example.kt").read_text()
    assert '"observations" to buffer(4 * 4),  // float32 [1, 4]' in kotlin
    assert 'toInputNamed: "observations"' in (tmp_path / "out/Example.swift").read_text()


@pytest.mark.parametrize("format", ["litert", "onnx"])
def test_a_classifier_is_exported_from_raw_numbers(tmp_path, format):
    rng = np.random.default_rng(0)
    x = 1e6 + rng.normal(size=(64, 3))  # far from zero, where float32 has few digits
    y = (x[:, 0] > 1e6).astype(int)
    classifier = Classifier(hidden=(8,), epochs=1)
    classifier.fit(x, y)
    classifier.save(tmp_path / "saved")
    result = export(tmp_path / "saved", tmp_path / "out", format, isolated=False)
    raw = x.astype(np.float32)
    given = open_file(result.file)({"inputs": raw})
    np.testing.assert_allclose(given["probabilities"], classifier.predict_proba(raw), atol=1e-5)
    assert read_card(tmp_path / "out")[1]["classes"] == ["0", "1"]


def test_texts_are_replaced_by_ids_where_a_format_has_none(tmp_path):
    texts = ["a fine movie", "a dull movie"] * 8
    classifier = Classifier(net="text_cnn", epochs=1)
    classifier.fit(texts, [1, 0] * 8)
    classifier.save(tmp_path / "saved")
    result = export(tmp_path / "saved", tmp_path / "out", "onnx", isolated=False)
    ids = classifier.preprocessor.transform(texts[:2])
    given = open_file(result.file)({"inputs": ids})["probabilities"]
    np.testing.assert_allclose(given, classifier.predict_proba(texts[:2]), atol=1e-5)
    assert any("has no strings" in note for note in result.notes)
    raw = export(tmp_path / "saved", tmp_path / "raw", "savedmodel")
    given = open_file(raw.file)({"inputs": np.array(texts[:2])})["probabilities"]
    np.testing.assert_allclose(given, classifier.predict_proba(texts[:2]), atol=1e-5)


def test_a_failed_export_leaves_no_folder(tmp_path, saved_agent, monkeypatch):
    def fail(*arguments):
        raise ValueError("error: 'tf.Foo' op is neither a custom op nor a flex op\nmore")

    monkeypatch.setattr("agentlab.deploy.files._to_litert", fail)
    with pytest.raises(AgentlabError, match="cannot be converted to litert.*'tf.Foo'"):
        export(saved_agent, tmp_path / "out", episodes=0, isolated=False)
    assert not (tmp_path / "out").exists()


def test_a_crashing_converter_is_reported_in_one_sentence():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(AgentlabError, match=r"^it failed: the converter crashed \(SIGSEGV\)$"):
        run_child([sys.executable, "-c", code], "it failed")


def test_what_a_child_writes_last_is_the_reason():
    code = "print('noise'); print('it failed: no such operation'); raise SystemExit(1)"
    with pytest.raises(AgentlabError, match="^it failed: no such operation$"):
        run_child([sys.executable, "-c", code], "it failed")


@pytest.mark.parametrize(
    ("format", "quantize", "part"),
    [
        ("tflite", "none", "format='tflite' must be one of"),
        ("onnx", "dynamic", "needs format='litert'"),
        ("litert", "int4", "quantize='int4' must be one of"),
    ],
)
def test_unknown_formats_are_refused(format, quantize, part):
    with pytest.raises(AgentlabError, match=part):
        check_format(format, quantize)


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr("agentlab.lazy.find_spec", lambda name: None)
    with pytest.raises(AgentlabError, match=r"needs ai-edge-litert: run `pip install 'agentlab\["):
        check_format("litert", "none")


def test_flops_of_a_network_and_its_files_are_the_same(tmp_path):
    model = make_model("lenet", (8, 8, 1))
    found = model_operations(model)
    torso = 2 * (8 * 8 * 32 * 25 + 4 * 4 * 64 * 25 * 32 + 2 * 2 * 64 * 1024)
    assert found.flops.total() == torso + 2 * 1024 * 5
    traced = trace(model)
    for format in ("litert", "onnx"):
        path = tmp_path / f"model{SUFFIXES[format]}"
        write_file(traced, path, format, isolated=False)
        assert file_operations(path).flops.total() == found.flops.total()
        # Converters drop biases of zeros, and add shapes.
        assert file_operations(path).parameters == pytest.approx(found.parameters, rel=0.01)


def test_damaged_files_are_refused(tmp_path):
    for name in ("a.tflite", "a.onnx"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(AgentlabError, match="is not readable by"):
            open_file(tmp_path / name)
        with pytest.raises(AgentlabError, match="is not readable by"):
            file_operations(tmp_path / name)
    assert tf.__version__
