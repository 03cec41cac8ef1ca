"""Bad input is answered in one sentence, with exit code 2; nothing is lost and no file runs."""

import hashlib
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from agentlab.cli import COMMANDS

TRAIN = "train --env CartPole-v1 --algo random"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("train --env CartPol-v1 --algo random", ["CartPol-v1", "did you mean", "CartPole-v1"]),
        ("train --env nothing:Pong --algo random", ["nothing:Pong"]),
        ("train --env LunarLander-v9 --algo random", ["LunarLander-v9"]),
        ("train --env CartPole-v1 --algo pgg", ["algo='pgg'", "did you mean 'pg'"]),
        ("train --env CartPole-v1 --algo no_module:Agent", ["no_module"]),
        ("train --env CartPole-v1 --algo json:JSONDecoder", ["not a subclass"]),
        ("train --env CartPole-v1 --algo pg --preset nope", ["preset='nope'"]),
        ("train --env CartPole-v1 --algo pg --leraning-rate 1", ["did you mean --learning-rate?"]),
        ("train --env CartPole-v1 --algo pg --learning-rat 1", ["did you mean --learning-rate?"]),
        ("train --env CartPole-v1 --algo pg --learning-rate x", ["'x' is not a number"]),
        ("train --env CartPole-v1 --algo pg --learning-rate 0", ["learning_rate=0.0"]),
        ("train --env CartPole-v1 --algo pg --net nope", ["net='nope'"]),
        ("train --env CartPole-v1 --algo pg --optimizer nope", ["optimizer='nope'"]),
        ("train --env CartPole-v1 --algo pg --activation nope", ["activation='nope'"]),
        ("train --env CartPole-v1", ["--algo is missing"]),
        ("train --algo random", ["--env is missing"]),
        ("train --algo random --config none --resume none", ["--env is missing"]),
        ("train --stepps 3", ["did you mean --steps?"]),
        (f"{TRAIN} --steps", ["--steps"]),
        (f"{TRAIN} --steps 0", ["steps=0 must be 1 or more"]),
        (f"{TRAIN} --steps many", ["--steps 'many' is not an integer"]),
        (f"{TRAIN} --n-envs 0", ["n_envs=0"]),
        (f"{TRAIN} --workers -1", ["workers=-1"]),
        (f"{TRAIN} --seed -1", ["seed=-1"]),
        (f"{TRAIN} --eval-every -1", ["eval_every=-1 must be 0 or more"]),
        (f"{TRAIN} --eval-every 10 --eval-episodes 0", ["eval_every=10 needs eval_episodes"]),
        (f"{TRAIN} --stop-at-return 9", ["stop_at_return=9 needs", "eval_every"]),
        (f"{TRAIN} --seed 1e12", ["seed=1000000000000"]),
        (f"{TRAIN} --grayscale", ["CartPole", "image"]),
        (f"{TRAIN} --crop 5,3 --grayscale", ["crop=(5, 3)"]),
        (f"{TRAIN} --name /", ["name"]),
        (f"{TRAIN} --video=maybe", ["--video"]),
        ("train --resume runs/none", ["runs/none", "no such folder"]),
        ("play runs/none", ["runs/none", "no such folder"]),
        ("play", ["--env and --algo"]),
        ("play --env CartPole-v1", ["--algo"]),
        ("play --env CartPole-v1 --algo random --episodes 0", ["episodes=0"]),
        ("play --env CartPole-v1 --algo random --video a.avi", ["must end in .mp4 or .gif"]),
        ("check-env", ["ID is missing"]),
        ("check-env Nope-v0", ["Nope-v0"]),
        ("trian", ["did you mean train?"]),
        ("fly", [f"choose from {', '.join(COMMANDS)}"]),
    ],
)
def test_mistakes_are_told_in_one_sentence(refused, words, parts):
    refused(words, *parts)
    assert not Path("runs").exists()


def test_a_module_that_does_not_even_parse(refused):
    Path("broken_agent.py").write_text("class :\n")
    refused("train --env CartPole-v1 --algo broken_agent:Agent", "broken_agent", "syntax")


def test_a_missing_rom(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("ALE_ROMS_DIR", str(tmp_path))
    refused("train --env Pong-v0 --algo random", "Pong-v0", "ROM")


def test_an_unwritable_folder(refused):
    Path("file").write_text("")
    refused(f"{TRAIN} --runs-dir file/runs", "file/runs")
    if os.geteuid() != 0:  # root may write anywhere
        Path("locked").mkdir(mode=0o500)
        refused(f"{TRAIN} --runs-dir locked", "locked")


@pytest.mark.parametrize(
    "words", ["train --resume runs/done --algo pg", "play runs/done --algo pg"]
)
def test_a_run_of_another_algorithm(refused, run, words):
    refused(words, "'pg'", "'random'")


def test_an_agent_for_other_observations(refused, run):
    refused("play runs/done --env Pong-v0", "Pong-v0", "trained with")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"env": 3}'])
@pytest.mark.parametrize("words", ["train --resume runs/done", "play runs/done"])
def test_a_damaged_config(refused, run, content, words):
    (run / "config.json").write_text(content)
    refused(words)


def test_odd_values_in_a_config(refused, run):
    config = json.loads((run / "config.json").read_text())
    for part in ("config", "preprocessing", "training"):
        for value in (None, 3, [1], {"steps": "many"}):
            (run / "config.json").write_text(json.dumps({**config, part: value}))
            refused("train --resume runs/done")


def test_a_truncated_checkpoint_gives_way_to_the_one_before(call, run):
    newest = max((run / "checkpoints").iterdir())
    weights = newest / "learner" / "arrays.npz"
    weights.write_bytes(weights.read_bytes()[:-1])
    result = call("play runs/done --episodes 1")
    assert result.code == 0
    assert "000002" in result.err
    assert "000001/learner is used instead" in result.err
    result = call("train --resume runs/done --steps 600")
    assert result.code == 0
    assert "resuming from checkpoint 1" in result.err


def test_playing_reads_only_what_it_needs(call, run):
    for state in run.glob("checkpoints/*/state.json"):
        state.write_text(state.read_text()[:-5])
    assert call("play runs/done --episodes 1").code == 0
    for arrays in run.glob("checkpoints/*/learner/arrays.npz"):
        arrays.unlink()
    result = call("play runs/done --episodes 1")
    assert result.code == 0
    assert "runs/done/learner is used instead" in result.err


def test_no_whole_checkpoint(refused, run):
    for state in run.glob("checkpoints/*/state.json"):
        state.write_text(state.read_text()[:-5])
    before = sorted(path for path in run.rglob("*"))
    refused("train --resume runs/done --steps 900", "damaged")
    assert sorted(path for path in run.rglob("*") if path.name != ".lock") == [
        path for path in before if path.name != ".lock"
    ]


class _Malice:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def _malicious_npz():
    file = io.BytesIO()
    np.savez(file, weights=np.array([_Malice()], dtype=object))
    return file.getvalue()


@pytest.mark.parametrize("content", [pickle.dumps(_Malice()), _malicious_npz()])
def test_a_malicious_pickle_stays_inert(call, run, content):
    for name in ("learner/arrays.npz", "learner/learner.json", "config.json"):
        original = (run / name).read_bytes()
        (run / name).write_bytes(content)
        for words in ("play runs/done/learner", "play runs/done", "train --resume runs/done"):
            assert "Traceback" not in call([*words.split()]).err
        (run / name).write_bytes(original)
    for path in [*run.rglob("*.npz"), *run.rglob("state.json")]:
        path.write_bytes(content)
    for words in (
        "play runs/done",
        "play runs/done/learner",
        "train --resume runs/done --steps 900",
    ):
        result = call(words)
        assert result.code == 2
        assert "Traceback" not in result.err
    assert not Path("pwned").exists()


def _rename_learner(folder, name):
    """Give a saved learner another class, and the checksum that goes with it."""
    content = json.loads((folder / "learner.json").read_text())
    content = {**content, "name": name}
    del content["sha256"]
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    (folder / "learner.json").write_text(json.dumps({"sha256": digest, **content}))


def test_a_file_cannot_name_the_code_that_runs(refused, run):
    Path("evil.py").write_text("import os\nos.mkdir('pwned')\n")
    config = json.loads((run / "config.json").read_text())
    for change in ({"algo": "evil:Agent"}, {"env": "evil:Env-v0"}, {"env": "gym:evil:Env-v0"}):
        (run / "config.json").write_text(json.dumps({**config, **change}))
        refused("train --resume runs/done", "code from outside agentlab")
    refused("play runs/done", "code from outside agentlab")
    (run / "config.json").write_text(json.dumps(config))
    _rename_learner(run / "learner", "evil:Agent")
    refused("play runs/done/learner", "evil:Agent", "code from outside agentlab", "--algo")
    assert not Path("pwned").exists()
