"""No code of the current folder is run, whatever its files are called."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import agentlab
from agentlab.import_path import python_command

ROOT = Path(__file__).parents[1]
POISON = "keras numpy pandas tensorflow matplotlib PIL optuna gymnasium tqdm h5py json random"
# The command `agentlab` is such a file, in a folder of its own.
LAUNCHER = """
import os, shutil, sys
from agentlab.cli import main
for line in sys.stdin.read().splitlines():
    verb, _, rest = line.partition(" ")
    if verb == "cd":
        os.chdir(rest)
    elif verb == "cp":
        shutil.copy(*rest.split())
    else:
        print(line, flush=True)
        assert main(line.split()) == 0, line
"""


@pytest.fixture
def poisoned(tmp_path):
    """A folder whose modules leave a marker when they are imported, and the marker."""
    folder, marker = tmp_path / "downloads", tmp_path / "marker"
    folder.mkdir()
    for name in POISON.split():
        poison(folder / f"{name}.py", marker)
    return folder, marker


def poison(path, marker):
    path.write_text(f"open({str(marker)!r}, 'a').write('{path.name} ')\n")


def run(command, folder, words=""):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=folder, env=env, input=words, capture_output=True, text=True, timeout=300
    )


def test_no_command_runs_modules_of_the_current_folder(tmp_path, poisoned):
    folder, marker = poisoned
    poison(folder / "agentlab.py", marker)
    rows = "".join(f"{i % 7},{i % 5},{'uv'[i % 2]}\n" for i in range(60))
    (folder / "x.csv").write_text("a,b,y\n" + rows)
    (folder / "my_agents.py").write_text(
        "import numpy\nimport agentlab\n\nclass Left(agentlab.Agent):\n"
        "    def act(self, observations, explore=True):\n"
        "        return numpy.zeros(len(observations), int)\n"
    )
    runs = tmp_path / "runs"
    short = f"--env CartPole-v1 --steps 40 --no-video --eval-episodes 1 --runs-dir {runs}"
    words = f"""\
envs cartpole
check-env CartPole-v1
nets mlp
train --algo random {short} --workers 2 --name random
play {runs}/random --episodes 1
tune train --algo random --search n_envs=1|2 --trials 1 {short}
fit --csv x.csv --target y --epochs 1 --runs-dir {runs} --name table
predict {runs}/table x.csv
cd {runs}/table
{"".join(f"cp {folder}/{name} .{chr(10)}" for name in ("x.csv", "keras.py", "pandas.py"))}\
predict . x.csv
cd {folder}
train --algo my_agents:Left {short} --workers 2
"""
    launcher = tmp_path / "bin" / "agentlab"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER)
    done = run([sys.executable, str(launcher)], folder, words)
    assert done.returncode == 0, done.stderr
    assert not marker.exists(), marker.read_text()
    assert (runs / "CartPole-v1-Left" / "metrics.csv").exists() or "Left" in str(
        list(runs.iterdir())
    )


def test_python_m_agentlab_does_not_either(poisoned):
    folder, marker = poisoned
    done = run([sys.executable, "-m", "agentlab", "--version"], folder)
    assert done.stdout == f"agentlab {agentlab.__version__}\n", done.stderr
    assert not marker.exists(), marker.read_text()


def test_another_program_that_imports_agentlab_keeps_its_path(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("import agentlab\n")
    (tmp_path / "mine" / "__main__.py").write_text("import beside\n")
    (tmp_path / "beside.py").write_text("print('found')\n")
    done = run([sys.executable, "-m", "mine"], tmp_path)
    assert done.stdout == "found\n", done.stderr


def test_processes_of_agentlab_start_without_the_current_folder(poisoned):
    folder, marker = poisoned
    poison(folder / "agentlab.py", marker)
    code = "import agentlab.errors, numpy; print(sys.argv[1:], '' in sys.path)"
    for path in ([], sys.path):
        done = run(python_command(code, ["a b"], path), folder)
        assert done.stdout == "['a b'] False\n", done.stderr
    assert not marker.exists(), marker.read_text()


def test_a_module_that_is_named_comes_after_all_that_is_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(agentlab.AgentlabError, match="cannot be loaded"):
        agentlab.make_agent("no_such_module:Agent", None)
    assert sys.path[-1] == str(tmp_path)
    assert sys.path.count(str(tmp_path)) == 1


@pytest.mark.parametrize("env", ["CartPol-v1", "gym:CartPole-v9", "ALE/Pong-v9"])
def test_a_name_without_a_module_adds_no_folder(tmp_path, monkeypatch, env):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(agentlab.AgentlabError):
        agentlab.make_env(env)
    assert str(tmp_path) not in sys.path


def test_every_promise_of_the_document_names_a_test():
    text = (ROOT / "docs" / "security.md").read_text()
    path, found = "", 0
    for file, name in re.findall(r"`(tests/[\w/]+\.py)?::(test_\w+)`", text):
        path = file or path
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
        found += 1
    assert found > 30
