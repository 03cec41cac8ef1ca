"""Files of a run that disappear during training: reported at the next row, and nothing is lost."""

import shutil
from pathlib import Path

import pytest

from agentlab.errors import AgentlabError
from agentlab.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path, "run", {"seed": 7})
    run.log(1, {"loss": 0.5}, {"seconds": 1.0})
    run.save_checkpoint(1, 1, lambda folder: None, {})
    run.log(2, {"loss": 0.25}, {"seconds": 2.0})
    return run


WHOLE = "step,loss\n1,0.5\n2,0.25\n3,0.125\n"


@pytest.mark.parametrize("fate", ["deleted", "renamed", "emptied", "replaced"])
def test_metrics_that_disappear_are_written_again(
    run: Run, fate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.path / "metrics.csv"
    if fate == "deleted":
        path.unlink()
    elif fate == "renamed":
        path.rename(run.path / "other.csv")
    elif fate == "emptied":
        path.write_text("")
    else:
        path.unlink()
        path.write_text("step,loss\n1,9.5\n2,9.25\n")
    run.log(3, {"loss": 0.125}, {})
    assert path.read_text() == WHOLE
    assert "metrics.csv was changed or deleted during training" in capsys.readouterr().err


def test_a_checkpoint_has_the_rows_of_a_deleted_file(run: Run) -> None:
    (run.path / "metrics.csv").unlink()
    path = run.save_checkpoint(2, 2, lambda folder: None, {})
    assert (path / "metrics.csv").read_text() == "step,loss\n1,0.5\n2,0.25\n"


def test_a_deleted_folder_ends_the_training(run: Run) -> None:
    shutil.rmtree(run.path)
    with pytest.raises(AgentlabError, match="was deleted or moved during training"):
        run.log(3, {"loss": 0.125}, {})
    with pytest.raises(AgentlabError, match="was deleted or moved"):
        run.save_checkpoint(2, 3, lambda folder: None, {})
    assert not run.path.exists()


def test_nothing_is_written_into_another_folder_of_the_same_name(run: Run) -> None:
    shutil.rmtree(run.path)
    run.path.mkdir()
    with pytest.raises(AgentlabError, match="was deleted or moved during training"):
        run.log(3, {"loss": 0.125}, {})
    assert list(run.path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="found by what Linux lists")
def test_a_renamed_folder_is_found_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = run.path, run.path.with_name("new")
    old.rename(new)
    run.log(3, {"loss": 0.125}, {})
    assert f"was moved during training, which continues in {new}" in capsys.readouterr().err
    assert run.path == new and not old.exists()
    assert (new / "metrics.csv").read_text() == WHOLE
    assert run.save_checkpoint(2, 3, lambda folder: None, {}) == new / "checkpoints" / "000002"


@pytest.mark.parametrize("what", ["checkpoint", "learner"])
def test_a_folder_renamed_during_a_save_loses_nothing(run: Run, what: str) -> None:
    moved, old = run.path.with_name("moved"), run.path

    def write(folder: Path) -> None:
        (folder / "weights").write_text("1")
        if old.exists():
            old.rename(moved)
            (folder / "more").write_text("2")

    saved = (
        run.save_checkpoint(2, 100, write, {})
        if what == "checkpoint"
        else run.save_learner("learner", write)
    )
    assert saved.is_relative_to(moved)
    assert (saved / "weights").read_text() == "1"
    assert not old.exists()
    assert list(moved.rglob(".tmp-*")) == []


def test_deleted_checkpoints_are_reported_at_the_next_row(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run.path / "checkpoints")
    run.log(3, {"loss": 0.125}, {})
    assert "000001 was deleted during training" in capsys.readouterr().err
    assert run.checkpoints.lost
    run.save_checkpoint(2, 3, lambda folder: None, {})
    assert not run.checkpoints.lost
    found = run.latest_checkpoint()
    assert found is not None and found.number == 2


@pytest.mark.parametrize("folder", [False, True])
def test_stray_checkpoint_entries_are_reported_once_and_kept(
    run: Run, folder: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("notes.txt", "000002"):
        stray = run.path / "checkpoints" / name
        if folder:
            stray.mkdir()
        else:
            stray.write_text("mine")
    run.log(3, {"loss": 0.125}, {})
    told = capsys.readouterr().err
    assert told.count("is not a checkpoint of this run") == 2
    run.save_checkpoint(2, 3, lambda folder: None, {})
    assert "was renamed to 000002.other" in capsys.readouterr().err
    run.log(4, {"loss": 0.5}, {})
    assert capsys.readouterr().err == ""
    for number in range(3, 8):
        run.save_checkpoint(number, number, lambda folder: None, {})
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert names == ["000002.other", "000005", "000006", "000007", "notes.txt"]


def test_a_deleted_configuration_is_written_again(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run.path / "config.json").read_bytes()
    (run.path / "config.json").unlink()
    run.log(3, {"loss": 0.125}, {})
    assert (run.path / "config.json").read_bytes() == before
    assert "config.json was deleted during training" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["metrics.csv", ".lock", "evaluation.json", "tensorboard", "best"])
def test_what_has_the_name_of_a_file_of_the_run_is_set_aside(
    run: Run, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run.close()
    path = run.path / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if "." in name:
        path.mkdir()
    else:
        path.write_text("mine")
    again = Run.open(run.path, writing=True)
    found = again.resume()
    assert found is not None and found.number == 1
    assert f"it was renamed to {name}.other" in capsys.readouterr().err
    again.log(2, {"loss": 0.25}, {})
    assert (run.path / "metrics.csv").read_text() == "step,loss\n1,0.5\n2,0.25\n"
    assert (run.path / f"{name}.other").exists()


@pytest.mark.parametrize("fate", ["deleted", "a file"])
def test_a_finished_run_without_checkpoints_is_not_started_over(run: Run, fate: str) -> None:
    run.save_learner("learner", lambda folder: None)
    run.close()
    shutil.rmtree(run.path / "checkpoints")
    if fate == "a file":
        (run.path / "checkpoints").write_text("")
    with pytest.raises(AgentlabError, match="its checkpoints are gone; start a new run"):
        Run.open(run.path, writing=True).resume()
    assert (run.path / "metrics.csv").read_text() == "step,loss\n1,0.5\n2,0.25\n"


def test_training_that_starts_over_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.create(tmp_path, "killed", {})
    assert run.resume() is None and capsys.readouterr().err == ""
    run.log(1, {"loss": 0.5}, {})
    assert run.resume() is None
    assert "has no checkpoint yet, so training starts over" in capsys.readouterr().err


def test_a_damaged_configuration_has_a_copy(run: Run) -> None:
    run.close()
    (run.path / "config.json").write_text("{")
    with pytest.raises(AgentlabError) as caught:
        Run.open(run.path)
    copy = run.path / "checkpoints" / "000001" / "config.json"
    assert str(caught.value).endswith(f"; a copy of it is {copy}")
    shutil.copy(copy, run.path)
    assert Run.open(run.path).config["seed"] == 7
