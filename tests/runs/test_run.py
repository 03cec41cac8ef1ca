"""A run folder: made once, never overwritten, and the same after a resumption as without one."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.config_file import read_config


def test_create_writes_the_configuration_with_versions(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "runs", "pong", {"algo": "pg", "hidden": (200, 100)})
    written = json.loads((run.path / "config.json").read_text())
    del written["sha256"]
    assert run.path == tmp_path / "runs" / "pong"
    assert written == run.config == Run.open(run.path).config
    assert written["algo"] == "pg" and written["hidden"] == [200, 100]
    assert written["versions"]["numpy"] == np.__version__
    assert {"python", "tensorflow", "keras", "gymnasium", "ale-py"} <= written["versions"].keys()


def test_create_never_overwrites(tmp_path: Path) -> None:
    names = [Run.create(tmp_path, "a", {"n": n}).path.name for n in range(3)]
    assert names == ["a", "a-2", "a-3"]
    assert Run.open(tmp_path / "a").config["n"] == 0


def test_create_makes_a_safe_folder_name(tmp_path: Path) -> None:
    assert Run.create(tmp_path, "ALE/Pong-v5 pg", {}).path == tmp_path / "ALE-Pong-v5-pg"
    assert Run.create(tmp_path, "../up", {}).path == tmp_path / "up"
    with pytest.raises(AgentlabError, match="is empty"):
        Run.create(tmp_path, "/", {})


def test_create_reports_an_unusable_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentlabError, match="cannot be made in the folder .*: it is a file"):
        Run.create(tmp_path / "file", "a", {})
    with pytest.raises(AgentlabError, match="cannot be made in the folder .*: Not a directory"):
        Run.create(tmp_path / "file" / "runs", "a", {})


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_create_reports_missing_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(AgentlabError, match="Permission denied"):
        Run.create(tmp_path, "a", {})


def test_a_failed_create_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_text", full_disk)
    with pytest.raises(AgentlabError, match="No space left on device"):
        Run.create(tmp_path, "a", {})
    assert not list(tmp_path.iterdir())


def full_disk(*arguments: object, **options: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "has no config.json"), ("{", "cannot be read"), ("[]", "not a JSON object")],
)
def test_open_reports_what_is_wrong(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(AgentlabError, match=said):
        Run.open(tmp_path)
    with pytest.raises(AgentlabError, match="no such folder"):
        Run.open(tmp_path / "missing")


def test_log_writes_numbers_exactly(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a", {})
    run.log(10, {"return/mean": 0.1, "episodes": 3}, {"seconds": 1.5})
    run.log(20, {"return/mean": np.float32(2), "episodes": np.int64(4)}, {})
    run.log(30, {"return/mean": float("nan")}, {"seconds": 2.0})
    assert text(run, "metrics") == "step,return/mean,episodes\n10,0.1,3\n20,2.0,4\n30,nan,\n"
    assert text(run, "timings") == "step,seconds\n10,1.5\n30,2.0\n"


def test_columns_can_be_added(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a", {})
    run.log(1, {"b": 1}, {})
    run.log(2, {"a, quoted": 2, "b": 3}, {})
    run.close()
    again = Run.open(run.path)
    again.log(3, {"c": 4}, {})
    assert text(run, "metrics") == 'step,b,"a, quoted",c\n1,1,,\n2,3,2,\n3,,,4\n'
    assert not list(run.path.glob(".tmp-*"))


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(tmp_path, "a", {})
    run.log(1, {"b": 1}, {})
    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(AgentlabError, match="cannot be written to: No space left"):
        run.log(2, {"b": 1, "c": 1}, {})
    assert text(run, "metrics") == "step,b\n1,1\n"


def test_only_one_process_writes(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a", {})
    command = [
        sys.executable,
        "-c",
        "import sys; from agentlab.runs import Run; Run.open(sys.argv[1]).log(1, {'a': 1}, {})",
        str(run.path),
    ]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert "is being written by another process" in refused.stderr
    run.close()
    assert subprocess.run(command).returncode == 0


def test_importing_runs_is_fast() -> None:
    heavy = "{'tensorflow', 'tensorboard', 'matplotlib', 'imageio'}"
    code = f"import sys, agentlab.runs; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def save(run: Run, number: int, step: int) -> None:
    run.save_checkpoint(number, step, lambda folder: None, {})


def log_range(run: Run, start: int, stop: int) -> None:
    for step in range(start, stop):
        # A loss that appears late: columns grow.
        late = {"loss": step / 3} if step > 6 else {}
        run.log(step, {"return/mean": step / 7, **late}, {"seconds": step * 2.0})


def test_rewind_makes_a_resumed_run_equal_to_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = Run.create(tmp_path, "whole", {})
    log_range(whole, 1, 10)

    cut = Run.create(tmp_path, "cut", {})
    log_range(cut, 1, 5)
    save(cut, 1, 4)
    log_range(cut, 5, 9)  # the columns grow after the checkpoint
    with (cut.path / "metrics.csv").open("a") as file:
        file.write("9,1.2")  # killed in the middle of a line
    cut.close()

    resumed = Run.open(cut.path)
    resumed.rewind(resumed.latest_checkpoint())
    assert text(resumed, "metrics").startswith("step,return/mean\n1,")
    log_range(resumed, 5, 10)
    for name in ("metrics", "timings"):
        assert text(resumed, name) == text(whole, name)


def test_rewind_removes_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a", {})
    save(run, 1, 10)
    first = run.latest_checkpoint()
    save(run, 2, 20)
    (run.path / "checkpoints" / ".tmp-000003").mkdir()
    run.rewind(first)
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["000001"]


def test_rewind_to_the_start(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "a", {})
    run.rewind(run.latest_checkpoint())  # nothing there yet
    log_range(run, 1, 3)
    run.rewind(None)
    assert not (run.path / "metrics.csv").exists()
    run.log(1, {"b": 1}, {})
    assert text(run, "metrics") == "step,b\n1,1\n"


TRAINING = """
import sys, time
from agentlab.runs import Run
run = Run.open(sys.argv[1])
checkpoint = run.latest_checkpoint()
run.rewind(checkpoint)
value = checkpoint.state["value"] if checkpoint else 1
number = checkpoint.number if checkpoint else 0
for step in range(checkpoint.step + 1 if checkpoint else 1, 401):
    time.sleep(0.001)
    value = value * 48271 % 2147483647
    run.log(step, {"value": value / 3, **({"late": step} if step > 100 else {})}, {"seconds": 0.0})
    if step % 20 == 0:
        number += 1
        write = lambda folder: (folder / "weights").write_text(str(value) * 9999)
        run.save_checkpoint(number, step, write, {"value": value})
"""


def read(path: Path) -> bytes:
    """Return the bytes of a file, which a run that begins again removes."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def test_a_run_killed_at_random_moments_gives_the_same_result(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole, cut = (Run.create(tmp_path, name, {}) for name in ("whole", "cut"))
    whole.close()
    cut.close()
    subprocess.run([sys.executable, "-c", TRAINING, whole.path], check=True)
    metrics = cut.path / "metrics.csv"
    for step in (10, 30, 105, 160, 280, 370):
        process = subprocess.Popen([sys.executable, "-c", TRAINING, cut.path])
        row = f"\n{step + rng.integers(10)},".encode()
        while row not in read(metrics):
            assert process.poll() is None
            time.sleep(rng.uniform(0.001, 0.01))
        process.kill()
        assert process.wait() == -signal.SIGKILL
    subprocess.run([sys.executable, "-c", TRAINING, cut.path], check=True)
    assert text(cut, "metrics") == text(whole, "metrics")
    last, same = cut.latest_checkpoint(), whole.latest_checkpoint()
    assert last and same and last.state == same.state and last.number == same.number
    assert len(list(csv.reader((cut.path / "metrics.csv").open()))) == 401


def text(run: Run, table: str) -> str:
    return (run.path / f"{table}.csv").read_bytes().decode()


def test_evaluations_are_rewound_with_the_rest(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {})
    run.log_evaluation(5, {"mean_return": 1.5})
    run.save_checkpoint(1, 5, lambda folder: None, {})
    run.log_evaluation(10, {"mean_return": 0.5, "mean_length": 3})
    assert run.evaluations() == [
        {"step": 5, "mean_return": 1.5},
        {"step": 10, "mean_return": 0.5, "mean_length": 3},
    ]
    run.rewind(run.latest_checkpoint())
    assert run.evaluations() == [{"step": 5, "mean_return": 1.5}]
    run.rewind(None)
    assert run.evaluations() == []
    (run.path / "evaluations.csv").write_text("step,mean_return\n5,high\n")
    with pytest.raises(AgentlabError, match=r"evaluations.csv cannot be read: .*'high'"):
        run.evaluations()


def test_a_learner_is_saved_whole_with_the_configuration(tmp_path: Path) -> None:
    run = Run.create(tmp_path, "run", {"algo": "pg"})
    for content in ("old", "new"):
        run.save_learner("best", lambda folder, c=content: (folder / "x").write_text(c))

    def fail(folder: Path) -> None:
        (folder / "x").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(AgentlabError, match="best cannot be written: No space left"):
        run.save_learner("best", fail)
    assert sorted(path.name for path in (run.path / "best").iterdir()) == ["config.json", "x"]
    assert (run.path / "best" / "x").read_text() == "new"
    assert read_config(run.path / "best") == (run.config, False)
