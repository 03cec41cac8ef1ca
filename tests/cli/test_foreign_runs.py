"""A run folder from a stranger writes nothing outside, takes little memory, and says so."""

import json
import os
import resource
from pathlib import Path

import numpy as np
import pytest

from agentlab import load
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.files import sha256_of_json

RESUME = "train --resume runs/done --steps 600 --no-video"
PLAY = "play runs/done/learner --episodes 1"


@pytest.fixture
def outside(tmp_path):
    """A folder whose files no command may change; checked at the end."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "mine").write_text("precious")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["mine"]
    assert (folder / "mine").read_text() == "precious"


@pytest.mark.parametrize(
    "name",
    [
        "metrics.csv",
        ".lock",
        ".tmp-metrics.csv",
        ".tmp-learner",
        "evaluation.json",
        "plots/returns.png",
        "plots/.tmp-returns.png",
        "checkpoints/000002/learner/learner.json",
    ],
)
def test_a_run_that_holds_a_link_is_not_resumed(refused, run, outside, name):
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(outside / "mine")
    refused(RESUME, f"{name} in it is a link")


@pytest.mark.parametrize("name", ["tensorboard", "plots", "checkpoints", "videos"])
def test_nor_one_whose_folders_lie_elsewhere(refused, run, outside, name):
    if (run / name).exists():
        (run / name).rename(run / "before")
    (run / name).symlink_to(outside)
    refused(RESUME, f"{name} in it is a link")


@pytest.mark.parametrize("name", ["metrics.csv", "timings.csv", "evaluations.csv", ".lock"])
def test_nor_one_whose_files_have_a_second_name(refused, run, outside, name):
    (run / name).unlink(missing_ok=True)
    os.link(outside / "mine", run / name)
    refused(RESUME, f"{name} in it has another hard link")


def test_a_run_is_refused_in_python_too(run, outside):
    (run / "metrics.csv").unlink()
    (run / "metrics.csv").symlink_to(outside / "mine")
    with Run.open(run) as record, pytest.raises(AgentlabError, match="is a link"):
        record.log(1, {"a": 1}, {})


def test_a_second_name_of_what_is_replaced_keeps_its_content(call, run, outside):
    (run / "evaluation.json").unlink()
    os.link(outside / "mine", run / "evaluation.json")
    assert call(RESUME).code == 0
    assert json.loads((run / "evaluation.json").read_text())["episodes"] == 2


def test_what_is_written_elsewhere_follows_no_link(call, outside, run):
    for name in (".tmp-game.gif", "game.gif"):
        Path(name).symlink_to(outside / "mine")
    assert call("play runs/done --episodes 1 --video game.gif --overwrite").code == 0
    assert not Path("game.gif").is_symlink()


@pytest.mark.parametrize("name", ["config.json", "learner/learner.json", "learner/arrays.npz"])
def test_a_pipe_is_not_waited_for(refused, run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    refused(RESUME, "")
    refused("play runs/done" if name == "config.json" else PLAY, "not a regular file")


def test_a_device_is_not_read(refused, run):
    (run / "config.json").unlink()
    (run / "config.json").symlink_to("/dev/zero")
    refused("play runs/done", "config.json", "not a regular file")


@pytest.mark.parametrize("name", ["config.json", "learner/learner.json"])
def test_json_nested_too_deeply(refused, run, name):
    (run / name).write_text("[" * 200_000 + "]" * 200_000)
    refused("play runs/done" if name == "config.json" else PLAY, name, "nested too deeply")


def change(path, part, **values):
    """Change a JSON file, and its checksum with it."""
    content = json.loads(path.read_text())
    (content[part] if part else content).update(values)
    if "sha256" in content:
        content.pop("sha256")
        content = {"sha256": sha256_of_json(content), **content}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("part", "values", "told"),
    [
        ("observation_space", {"shape": [1 << 31], "low": 0, "high": 1}, "2,147,483,648 elements"),
        ("action_space", {"type": "MultiBinary", "n": [1 << 16, 1 << 16]}, "elements"),
    ],
)
def test_sizes_that_no_machine_holds(refused, run, part, values, told):
    path = run / "learner" / "learner.json"
    specification = json.loads(path.read_text())["specification"]
    specification[part].update(values)
    change(path, "specification", **specification)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(PLAY, told)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


@pytest.mark.parametrize("n_envs", [10**9, "8", 0])
def test_a_number_of_environments_that_no_machine_holds(refused, run, n_envs):
    change(run / "learner" / "learner.json", "specification", num_envs=n_envs)
    if n_envs:
        with pytest.raises(AgentlabError, match=f"n_envs={n_envs!r} must be a whole number"):
            load(run / "learner")
    change(run / "config.json", "training", n_envs=n_envs)
    refused(RESUME, "n_envs=")


def test_weights_that_were_never_saved_are_not_made(call, refused):
    from agentlab.agents import make_agent
    from agentlab.envs import make_envs

    with make_envs("CartPole-v1") as envs:
        make_agent("pg", envs).save("saved")
    change(Path("saved/learner.json"), "config", hidden=[60_000, 60_000])
    refused("play saved --env CartPole-v1 --episodes 1", "needs more weights than the")


def test_text_of_a_file_cannot_control_the_terminal(call, run):
    change(run / "config.json", "", env="\x1b]0;title\x07CartPole-v1")
    change(run / "learner" / "learner.json", "", name="\x1b[2Jx:y")
    for words in ("play runs/done", PLAY, RESUME):
        result = call(words)
        assert result.code == 2
        assert "\x1b" not in result.err and "\x07" not in result.err
        assert r"\x1b" in result.err


def test_a_checkpoint_lists_only_files_of_its_own(refused, run):
    for folder in (run / "checkpoints").iterdir():
        content = json.loads((folder / "state.json").read_text())
        content.pop("sha256")
        content["files"]["../../../../../dev/zero"] = "0" * 64
        sealed = {"sha256": sha256_of_json(content), **content}
        (folder / "state.json").write_text(json.dumps(sealed))
    refused("train --resume runs/done --steps 600", "dev/zero is not a file in it")


def test_a_learner_lists_only_files_of_its_own(refused, run):
    for file in run.rglob("learner.json"):
        content = json.loads(file.read_text())
        content.pop("sha256")
        content["files"]["../../../../../../dev/zero"] = "0" * 64
        file.write_text(json.dumps({"sha256": sha256_of_json(content), **content}))
    refused("play runs/done", "dev/zero is not a file in it")


def test_unread_arrays_of_an_agent_cost_no_memory(refused, run):
    with open(run / "learner" / "arrays.npz", "wb") as file:
        np.savez_compressed(file, extra=np.zeros(1 << 25))  # 256 MiB in 256 KB
    refused(PLAY, "is damaged: it is not the file that was saved")
