"""``agentlab export``, ``summarize`` and ``doctor``."""

import importlib.util
import re

import pytest

from agentlab.agents import make_agent
from agentlab.cli.doctor import smoke_test
from agentlab.cli.export import table
from agentlab.deploy import files
from agentlab.deploy.measuring import Difference
from agentlab.envs import make_envs
from agentlab.experiments.results.export import Export, Figures, lost_return

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
    result = call(f"export {agent} --episodes 0 --overwrite --quantize none")
    assert result.code == 0 and "litert none" in result.out
    shown = call(f"summarize {folder / 'model.tflite'}")
    assert "FULLY_CONNECTED" in shown.out


def test_a_classifier_of_images_is_compared_on_its_test_split(call, in_this_process):
    assert call("fit --recipe mnist-logistic --stand-in --epochs 1 --name digits").code == 0
    out = call("export runs/digits --format onnx").out
    assert "compared on 359 examples of the test split" in out
    first, *rows = (re.split("  +", line.strip()) for line in out.splitlines()[:3])
    assert first[-1] == "accuracy" and rows[0][-1] == rows[1][-1]


def test_a_quantization_that_loses_much_of_the_return_is_marked_in_words(tmp_path):
    before = Figures(100, 1.0, 1.0, None, None, 500.0, 500.0)
    difference = Difference(0.4, 0.96)
    for mean, remark in ((332.0, "worse: loses 34% of the return"), (476.0, "")):
        after = Figures(50, 1.0, 1.0, difference, None, mean, 38.0)
        rows = table(Export(tmp_path, tmp_path, before, after, []), "litert int8").splitlines()
        assert rows[2].endswith(remark or "38") and "worse:" not in rows[1]
        assert bool(lost_return(before, after)) == bool(remark)
    losing = Figures(50, 1.0, 1.0, difference, None, -120.0, -200.0)
    assert lost_return(Figures(100, 1.0, 1.0, None, None, -100.0), losing) == pytest.approx(0.2)


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
