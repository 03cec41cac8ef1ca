"""``agentlab export``, ``summarize`` and ``doctor``."""

import importlib.util
import re

import pytest

from agentlab.agents import make_agent
from agentlab.cli.doctor import smoke_test
from agentlab.deploy import files
from agentlab.envs import make_envs

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ai_edge_litert") is None,
    reason="the packages of agentlab[deploy] are not installed",
)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agent") / "cartpole"
    with make_envs("CartPole-v1", 2) as envs:
        make_agent("pg", envs, 0, hidden=(8,)).save(folder)
    return folder


@pytest.fixture
def in_this_process(monkeypatch):
    """Convert in this process, since a new one would import TensorFlow again."""
    monkeypatch.setattr(
        "agentlab.deploy.files.run_child", lambda command, failure: files.convert(*command[3:])
    )


def test_an_export_prints_one_table_and_leaves_the_file_with_its_card(
    agent, call, tmp_path, in_this_process
):
    result = call(f"export {agent} --episodes 4")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert re.split("  +", lines[0].strip()) == [
        *("size", "ms (batch 1)", "ms (batch 32)", "largest difference", "equal choices"),
        *("mean return", "worst return"),
    ]
    assert lines[1].startswith("original") and lines[2].startswith("litert dynamic")
    folder = tmp_path / "cartpole-litert"
    assert {path.name for path in folder.iterdir()} == {
        *("model.tflite", "model.json", "example.py", "Example.kt", "Example.swift")
    }
    again = call(f"export {agent} --episodes 4")
    assert again.code == 2
    assert "already exists; add --overwrite" in again.err
    assert call(f"export {agent} --episodes 0 --overwrite --quantize none").code == 0
    shown = call(f"summarize {folder / 'model.tflite'}")
    assert "FULLY_CONNECTED" in shown.out


def test_a_folder_with_other_files_is_never_replaced(agent, refused, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    words = f"export {agent} --out mine --overwrite --episodes 0"
    refused(words, "contains other files")
    assert (tmp_path / "mine/thesis.txt").exists()


def test_an_agent_without_a_network_is_refused(run, refused, tmp_path):
    refused(f"export {run}", "agent 'random' has no network to export")
    assert not (tmp_path / "done-litert").exists()


def test_a_run_is_summarized_layer_by_layer(agent, call, refused, tmp_path):
    out = call(f"summarize {agent}").out
    assert re.search(r"MatMul +\d+ +\d+", out)
    assert f"parameters: {2 * (4 * 8 + 8) + (8 * 2 + 2) + (8 + 1):,}" in out
    refused("summarize", "RUN|FILE is missing")
    refused("summarize nothing.onnx", "nothing.onnx does not exist")


def test_the_doctor_trains_a_network(call):
    result = call("doctor")
    assert result.code == 0
    assert re.search(r"^device +CPU", result.out, re.M)
    assert re.search(r"^smoke test +passed: loss .* in .* s$", result.out, re.M)
    assert smoke_test()[0]
