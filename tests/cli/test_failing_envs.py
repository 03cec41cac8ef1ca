"""User code that raises or exits is reported in one sentence with its file and line."""

import sys

import gymnasium
import pytest

import agentlab.cli

GAMES = """\
import os
import sys
import gymnasium
from gymnasium import spaces

class Game(gymnasium.Env):
    observation_space, action_space = spaces.Discrete(3), spaces.Discrete(2)

    def __init__(self, fault):
        self.fault = fault
        if fault == "make":
            raise FileNotFoundError(2, "No such file or directory", "levels/1.txt")
        if fault == "make-exit":
            sys.exit(0)
        if fault == "make-hard":
            os._exit(0)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.fault == "reset":
            {}["level"]
        return 0, {}

    def step(self, action):
        if self.fault == "exit":
            sys.exit()
        if self.fault == "hard":
            os._exit(0)
        if self.fault == "step":
            [][3]
        return 1, 0.0, True, False, {}

    def close(self):
        if self.fault == "close":
            raise OSError("socket is closed")

class Old(Game):
    def reset(self):
        return 0

class Duck:
    pass

class Parts(Game):
    action_space = spaces.Dict(a=spaces.Discrete(2))

class Three(Game):
    def step(self, action):
        return 1, 0.0, True

for fault in ("make", "make-exit", "reset", "step", "exit", "close", "hard", "make-hard"):
    gymnasium.register(f"Game-{fault}-v0", entry_point=Game, kwargs={"fault": fault})
gymnasium.register("Duck-v0", entry_point=lambda: Duck())
for game in (Old, Three, Parts):
    gymnasium.register(
        f"{game.__name__}-v0", entry_point=game, kwargs={"fault": ""}, max_episode_steps=9
    )
"""
SENTENCES = [
    ("Game-make", "FileNotFoundError: [Errno 2] No such", "games.py, line 12, in __init__)"),
    (
        "Game-make-exit",
        "cannot be made: SystemExit: sys.exit(0) was called",
        "line 14, in __init__)",
    ),
    ("Game-make-hard", "SystemExit: os._exit(0) was called", "games.py, line 16, in __init__)"),
    ("Game-reset", "reset(seed=", "raised KeyError: 'level'", "games.py, line 21, in reset)"),
    ("Game-step", "raised IndexError: list index out of range", "games.py, line 30, in step)"),
    ("Game-exit", "raised SystemExit: sys.exit() was called", "games.py, line 26, in step)"),
    ("Game-hard", "raised SystemExit: os._exit(0) was called", "games.py, line 28, in step)"),
    ("Game-close", "close() raised OSError: socket is closed", "games.py, line 35, in close)"),
    ("Old", "reset(seed=", "must be reset(self, *, seed=None, options=None)", "old_gym.adapt"),
    ("Duck", "cannot be made: TypeError: The environment must inherit", "old_gym.adapt"),
    ("Parts", "has actions in the space Dict('a': Discrete(2)), which is not an array"),
    ("Three", "step() returned a tuple of 3 values; it must return the 5 values"),
]


@pytest.fixture
def games(tmp_path):
    (tmp_path / "games.py").write_text(GAMES)
    yield
    sys.modules.pop("games", None)
    for id in [
        id
        for id in gymnasium.registry
        if id.startswith(("Game-", "Old-", "Three-", "Duck-", "Parts-"))
    ]:
        del gymnasium.registry[id]


@pytest.mark.parametrize(("id", "first", "others"), [(i, f, o) for i, f, *o in SENTENCES])
@pytest.mark.parametrize(
    "words", ["train --algo random --steps 100 --eval-episodes 0 --no-video --env", "check-env"]
)
def test_one_sentence_names_the_line_that_failed(id, first, others, words, games, call):
    result = call(f"{words} games:{id}-v0")
    *progress, last = result.err.splitlines()
    assert result.code == 2
    assert last.startswith("agentlab: error: ")
    for part in (first, *others):
        assert part in last
    assert all("steps" in line for line in progress if line)  # the progress bar


def test_a_module_that_fails_or_exits_is_named(tmp_path, refused):
    (tmp_path / "mod_raises.py").write_text("import gymnasium\nlevels = 1 / 0\n")
    (tmp_path / "mod_exits.py").write_text("import sys\nsys.exit(0)\n")
    refused("check-env mod_raises:Game-v0", "ZeroDivisionError", "mod_raises.py, line 2, in <mod")
    refused("check-env mod_exits:Game-v0", "sys.exit(0) was called (", "mod_exits.py, line 2")
    refused("train --algo mod_exits:Agent --env CartPole-v1", "sys.exit(0) was called")


def test_a_traceback_is_printed_only_with_debug(games, call):
    words = "train --algo random --steps 100 --env games:Game-step-v0"
    assert "Traceback" not in call(words).err
    result = call(f"{words} --debug")
    assert result.code == 2
    assert "[][3]" in result.err and "Traceback" in result.err
    assert result.err.splitlines()[-1].startswith("agentlab: error: env='games:Game-step-v0'")


def test_debug_also_shows_what_happened_in_a_worker(games, call):
    words = "train --algo random --steps 100 --env games:Game-step-v0 --workers 1"
    plain = call(words).err.splitlines()
    assert len([line for line in plain if "games.py, line 30, in step" in line]) == 1
    assert "[][3]" not in "".join(plain)
    assert "[][3]" in call(f"{words} --debug").err


def test_debug_is_mentioned_in_the_help(call):
    assert "--debug" in call("--help").out
    assert agentlab.cli.main(["--version", "--debug"]) == 0
