"""A search that was killed while its journal was being written."""

import os
import subprocess
import sys

import pytest

from agentlab.cli.tune import with_absolute_paths
from agentlab.config import option
from agentlab.errors import AgentlabError
from agentlab.experiments.search import Field, Study, read_space

SEARCHABLE = {"x": Field(float, option(0.5, "a number"))}


def study(folder, new=False):
    made = Study(folder, new)
    made.set_up(read_space(["x=0..1"], SEARCHABLE), "random", 0, 5, 1)
    return made


def asked(folder, count):
    first = study(folder, new=True)
    first.describe({"seed": 3})
    for _ in range(count):
        trial = first.ask()
        first.tell(trial.number, trial.settings["x"])
    return first


@pytest.mark.parametrize("target", ["study.log", "runs/s/study.log", "/nowhere"])
def test_a_stale_lock_is_not_waited_for(tmp_path, target):
    asked(tmp_path, 2)
    os.symlink(target, tmp_path / "study.log.lock")
    assert len(study(tmp_path).trials("COMPLETE")) == 2
    assert not os.path.lexists(tmp_path / "study.log.lock")


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_half_a_line_is_removed_and_reported(tmp_path, capsys, cut):
    asked(tmp_path, 3)
    path = tmp_path / "study.log"
    path.write_bytes(path.read_bytes()[:-cut])
    again = study(tmp_path)
    assert "ended in half a line, which was removed" in capsys.readouterr().err
    assert again.about == {"seed": 3}
    assert len(again.trials("COMPLETE")) == 2
    trial = again.ask()
    again.tell(trial.number, 0.5)
    assert len(study(tmp_path).trials("COMPLETE")) == 3


@pytest.mark.parametrize("line", ["{", "[]", '{"op_code": 99}', "\0\0\0"])
def test_a_damaged_line_is_reported(tmp_path, line):
    asked(tmp_path, 1)
    lines = (tmp_path / "study.log").read_text().splitlines()
    (tmp_path / "study.log").write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    with pytest.raises(AgentlabError, match="study.log is damaged"):
        study(tmp_path)


def test_only_one_process_writes_to_a_search(tmp_path):
    first = asked(tmp_path, 1)
    code = (
        "import sys; from pathlib import Path; from agentlab.experiments.journal import Journal; "
    )
    code += "Journal(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "study.log")]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert "is being written by another process" in refused.stderr
    del first


def test_files_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "mlp").write_text("")
    words = [
        "--csv",
        "a.csv",
        "missing.csv",
        "--net",
        "mlp",
        "--data-dir=a.csv",
        "--target",
        "a.csv",
    ]
    a = str(tmp_path / "a.csv")
    expected = ["--csv", a, "missing.csv", "--net", "mlp", f"--data-dir={a}", "--target", "a.csv"]
    assert with_absolute_paths(words) == expected
