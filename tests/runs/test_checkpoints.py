"""Checkpoints are whole or not there, and a damaged one is never trusted."""

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "run", {})


def save(run: Run, number: int) -> Path:
    def write(folder: Path) -> None:
        (folder / "agent").mkdir()
        np.savez(folder / "agent" / "weights.npz", w=np.full(1000, number))

    return run.save_checkpoint(number, number * 10, write, {"seed": number, "nan": float("nan")})


def names(run: Run) -> list[str]:
    return sorted(path.name for path in (run.path / "checkpoints").iterdir())


def test_a_saved_checkpoint_is_found(run: Run) -> None:
    assert run.latest_checkpoint() is None
    path = save(run, 1)
    found = run.latest_checkpoint()
    assert found is not None
    assert (found.path, found.number, found.step) == (path, 1, 10)
    assert found.state["seed"] == 1
    assert path == run.path / "checkpoints" / "000001"
    assert np.load(path / "agent" / "weights.npz")["w"][0] == 1


def test_the_newest_three_are_kept(run: Run) -> None:
    for number in range(8, 13):
        save(run, number)
    assert names(run) == ["000010", "000011", "000012"]
    assert (found := run.latest_checkpoint()) and found.number == 12


def test_checkpoints_are_ordered_by_number(run: Run) -> None:
    save(run, 999_999)
    save(run, 1_000_000)
    assert (found := run.latest_checkpoint()) and found.number == 1_000_000


def test_a_full_disk_keeps_the_previous_one(run: Run) -> None:
    save(run, 1)

    def write(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(AgentlabError, match="checkpoint 2 .* older ones are kept: No space left"):
        run.save_checkpoint(2, 20, write, {})
    assert names(run) == ["000001"]
    assert (found := run.latest_checkpoint()) and found.number == 1
    save(run, 2)


def test_an_interrupted_save_leaves_nothing(run: Run) -> None:
    def write(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.save_checkpoint(1, 10, write, {})
    assert names(run) == []


def test_files_of_a_killed_save_are_not_a_checkpoint(run: Run) -> None:
    left = run.path / "checkpoints" / ".tmp-000001"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    assert run.latest_checkpoint() is None
    assert not (save(run, 1) / "half").exists()
    assert names(run) == ["000001"]


def test_a_number_cannot_be_used_twice(run: Run) -> None:
    save(run, 1)
    with pytest.raises(AgentlabError, match="exists already"):
        save(run, 1)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize("harm", [truncate, flip, Path.unlink])
@pytest.mark.parametrize("file", ["agent/weights.npz", "state.json"])
def test_a_damaged_checkpoint_is_skipped(
    run: Run, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None], file: str
) -> None:
    save(run, 1)
    harm(save(run, 2) / file)
    found = run.latest_checkpoint()
    assert found is not None and found.number == 1
    said = capsys.readouterr().err
    assert "000002 is damaged" in said and said.endswith("resuming from checkpoint 1\n")
    assert said.count("\n") == 1
    harm(found.path / file)
    with pytest.raises(AgentlabError, match="000002 is damaged: .*, and no older one is intact"):
        run.latest_checkpoint()


@pytest.mark.parametrize("content", ["[]", "null", '{"sha256": ""}', "\xff"])
def test_an_invalid_state_is_reported_as_damage(run: Run, content: str) -> None:
    (save(run, 1) / "state.json").write_text(content, encoding="latin-1")
    with pytest.raises(AgentlabError, match="000001 is damaged"):
        run.latest_checkpoint()


def test_a_changed_number_in_the_state_is_reported_as_damage(run: Run) -> None:
    file = save(run, 1) / "state.json"
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "step": 11}))
    with pytest.raises(AgentlabError, match=r"state\.json has been altered"):
        run.latest_checkpoint()


def test_an_empty_folder_is_reported_as_damage(run: Run) -> None:
    shutil.rmtree(save(run, 1))
    (run.path / "checkpoints" / "000001").mkdir()
    with pytest.raises(AgentlabError, match=r"state\.json is missing"):
        run.latest_checkpoint()


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


def test_no_code_in_a_file_is_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planted = pickle.dumps(Malicious())
    (save(run, 1) / "planted.pkl").write_bytes(planted)
    assert run.latest_checkpoint() is not None
    (save(run, 2) / "state.json").write_bytes(planted)
    assert (found := run.latest_checkpoint()) and found.number == 1
    assert not Path("executed").exists()
