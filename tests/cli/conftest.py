"""What the tests of the command line share: calling it, and a small run to look at."""

import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from agentlab.cli import main

Result = namedtuple("Result", "code out err")
SHORT = "--steps 400 --n-envs 2 --log-every 100 --checkpoint-every 200 --eval-episodes 2 --no-video"


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    """Call ``agentlab WORDS`` in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["agentlab"])

    def call(words):
        capfd.readouterr()
        code = main(words.split() if isinstance(words, str) else words)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="session")
def _trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("trained")
    words = f"train --env CartPole-v1 --algo random {SHORT} --runs-dir {root} --name done"
    assert main(words.split()) == 0
    return root / "done"


@pytest.fixture
def run(_trained, tmp_path):
    """A finished run of the random agent, to read or to spoil."""
    return Path(shutil.copytree(_trained, tmp_path / "runs" / "done"))


def assert_one_sentence(result, *parts):
    """Exit code 2, nothing like a traceback, one line on stderr with ``parts`` in it."""
    assert result.code == 2
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("agentlab: error: ")
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def refused(call):
    """Call ``agentlab WORDS`` and make sure that it is refused in one sentence with ``parts``."""

    def refused(words, *parts):
        result = call(words)
        assert_one_sentence(result, *parts)
        return result

    return refused
