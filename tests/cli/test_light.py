"""Help and lists answer at once: they never load TensorFlow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "train --help",
        "train --algo pg --help",
        "play --help",
        "fit --help",
        "fit --list",
        "predict --help",
        "tune --help",
        "nets --help",
        "check-env --help",
        "envs cartpole",
    ],
)
def test_tensorflow_is_not_loaded(words):
    code = (
        "import sys; from agentlab.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'optuna', 'pandas'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    command = [sys.executable, "-c", code, *words.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_help_without_an_algorithm_names_the_algorithms(call):
    text = call("train --help").out
    assert "--steps" in text
    assert "  pg  " in text
    assert "  random  " in text
    assert "`agentlab train --algo pg --help` shows the flags of pg." in text


@pytest.mark.parametrize("script", ["train_agent.py", "play_agent.py", "list_envs.py"])
def test_scripts_show_how_they_are_called(script):
    done = subprocess.run(
        [sys.executable, f"scripts/{script}", "--help"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python scripts/{script}" in done.stdout


def test_envs_lists_ids_one_a_line(call):
    result = call("envs PONG")
    assert result.code == 0
    assert "Pong-v0" in result.out.splitlines()
    assert all("pong" in id.lower() for id in result.out.splitlines())


def test_envs_says_when_there_is_none(call):
    assert call("envs zzz").err == "no environment id contains 'zzz'\n"


def test_version(call):
    assert call("--version").out.startswith("agentlab ")
