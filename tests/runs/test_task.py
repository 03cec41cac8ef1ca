"""The task of a process in a cluster, and the runs of processes that do not write."""

import json

import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import FollowingRun, Run, this_task
from agentlab.runs.task import VARIABLE

HOSTS = {"worker": ["a:1", "b:2"]}


def task_of(monkeypatch, cluster, kind, index):
    task = {"cluster": cluster, "task": {"type": kind, "index": index}}
    monkeypatch.setenv(VARIABLE, json.dumps(task))
    return this_task()


def test_only_the_chief_writes(monkeypatch):
    assert task_of(monkeypatch, HOSTS, "worker", 0).writes
    assert not task_of(monkeypatch, HOSTS, "worker", 1).writes
    with_chief = {**HOSTS, "chief": ["c:3"], "ps": ["d:4"]}
    assert task_of(monkeypatch, with_chief, "chief", 0).writes
    assert not task_of(monkeypatch, with_chief, "worker", 0).writes
    assert not task_of(monkeypatch, with_chief, "ps", 0).writes


def test_a_process_without_a_cluster_writes(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert this_task().writes and this_task().workers == 0


@pytest.mark.parametrize(
    "text", ["nonsense", "[]", '{"cluster": {}}', json.dumps({"cluster": HOSTS, "task": {}})]
)
def test_a_malformed_variable_is_refused_in_one_sentence(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(AgentlabError, match="TF_CONFIG=.* must be JSON such as"):
        this_task()


def test_a_task_outside_of_its_cluster_is_refused(monkeypatch):
    with pytest.raises(AgentlabError, match="TF_CONFIG"):
        task_of(monkeypatch, HOSTS, "worker", 2)


def test_a_following_run_reads_the_checkpoint_and_writes_nothing(tmp_path):
    with Run.create(tmp_path, "run", {"seed": 1}) as chief:
        chief.save_checkpoint(3, 40, lambda folder: (folder / "weights").write_text("w"), {})
        chief.log(40, {"loss": 1.0}, {})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with Run.open(tmp_path / "run", writing=True), FollowingRun.open(tmp_path / "run") as run:
        found = run.resume()
        assert found is not None and (found.number, found.step) == (3, 40)
        run.log(50, {"loss": 0.5}, {})
        run.log_evaluation(50, {"return": 1.0})
        run.update_config({"finished": {}})
        run.save_checkpoint(4, 50, lambda folder: folder.rmdir(), {})
        run.save_learner("best", lambda folder: folder.rmdir())
        run.rewind(None)
        assert run.place() == tmp_path / "run"
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_following_run_makes_no_folder(tmp_path):
    with FollowingRun.create(tmp_path, "run", {}) as run:
        assert run.resume() is None
    assert not list(tmp_path.iterdir())
