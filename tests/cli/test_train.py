"""Training from the command line: what it prints, keeps, resumes and never overwrites."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import agentlab

ROOT = Path(__file__).parents[2]
TINY = "--steps 400 --n-envs 2 --log-every 100 --checkpoint-every 200 --eval-episodes 2 --no-video"
RANDOM = f"train --env CartPole-v1 --algo random {TINY}"
MY_AGENT = '''
from dataclasses import dataclass

from agentlab import Agent, option


@dataclass(frozen=True)
class Config:
    """Hyperparameters."""

    patience: int = option(3, "steps between changes of mind")


class MyAgent(Agent):
    """Repeats an action for some steps."""

    Config = Config

    def build(self):
        self.age = 0

    def act(self, observations, explore=True):
        if self.age % self.config.patience == 0:
            self.action = self.rng.integers(self.action_space.n, size=len(observations))
        self.age += 1
        return self.action

    def state(self):
        return {"age": self.age, "action": getattr(self, "action", None)}

    def restore(self, state):
        self.age, self.action = state["age"], state["action"]
'''


def table(text):
    """The printed settings, {name: (value, origin)}."""
    rows = (re.split(r"  +", line, maxsplit=2) for line in text.split("\n\n")[0].splitlines())
    return {name: (value, origin) for name, value, origin in rows}


def test_a_table_on_a_grid_world_prints_its_policy(call):
    tiny = TINY.replace("--steps 400", "--steps 4000")
    result = call(f"train --env FrozenLake-v1 --algo q_table {tiny}")
    assert result.code == 0
    policy = result.out.partition("The greedy policy")[2].splitlines()[1:5]
    assert all(len(row.split()) == 4 and set(row) <= set("←↓→↑. ") for row in policy)


def test_it_prints_settings_with_their_origin_and_where_everything_lies(call):
    result = call(RANDOM)
    assert result.code == 0
    settings = table(result.out)
    assert settings["steps"] == ("400", "flag")
    assert settings["seed"] == ("0", "default")
    for line in (
        r"run +runs/CartPole-v1-random",
        r"monitor +tensorboard --logdir runs",
        r"agent +runs/CartPole-v1-random/learner",
        r"plot +runs/CartPole-v1-random/plots/returns.png",
        r"evaluation +2 episodes: return mean [\d.]+, std [\d.]+, min \d+, max \d+",
        r"play +agentlab play runs/CartPole-v1-random",
        r"continue +agentlab train --resume runs/CartPole-v1-random --steps N",
    ):
        assert re.search(f"^{line}$", result.out, re.M), line
    run = Path("runs/CartPole-v1-random")
    assert (run / "learner/learner.json").exists()
    assert (run / "plots/returns.png").read_bytes().startswith(b"\x89PNG")
    assert len(json.loads((run / "evaluation.json").read_text())["returns"]) == 2


def test_an_episode_is_recorded(call):
    words = "train --env ALE/Freeway-v5 --algo random --steps 20 --n-envs 1 --eval-episodes 0"
    result = call(words)
    assert re.search(r"^video +runs/ALE-Freeway-v5-random/videos/episode.mp4$", result.out, re.M)
    assert Path("runs/ALE-Freeway-v5-random/videos/episode.mp4").stat().st_size > 1000
    assert "plot        none: " in result.out  # no episode ends within 20 steps


def test_presets_fill_defaults_and_flags_win(call):
    result = call(
        "train --env CartPole-v1 --algo pg --steps 64 --n-envs 2 --hidden 8 --eval-episodes 0 "
        "--no-video"
    )
    assert result.code == 0, result.err
    settings = table(result.out)
    assert settings["preset"] == ("cartpole", "default of this env")
    assert settings["checkpoint-every"][1].startswith("preset cartpole: ")
    assert settings["n-envs"] == ("2", "flag")
    assert settings["hidden"] == ("8", "flag")
    assert settings["gamma"] == ("0.99", "default")


def test_no_preset_can_be_asked_for(call):
    result = call(f"{RANDOM} --algo pg --preset none")
    assert table(result.out)["preset"] == ("none", "flag")


def test_evaluations_while_training_stop_it_and_their_best_agent_plays(call):
    words = f"{RANDOM} --eval-every 100 --stop-at-return 1 --name evaluated"
    result = call(words)
    assert result.code == 0, result.err
    run = Path("runs/evaluated")
    assert re.search(r"^evaluation +step 100: mean return [\d.]+ \(std [\d.]+\), the best so far$",
                     result.out, re.M)  # fmt: skip
    assert len((run / "evaluations.csv").read_text().splitlines()) == 2
    assert (run / "metrics.csv").read_text().splitlines()[-1].startswith("100,")
    assert re.search(r"^best agent +runs/evaluated/best$", result.out, re.M)
    assert call("play runs/evaluated/best --episodes 1").code == 0
    assert agentlab.load("runs/evaluated/best").name == "random"
    assert call("train --resume runs/evaluated --stop-at-return none --steps 200").code == 0
    assert len((run / "evaluations.csv").read_text().splitlines()) == 3


def test_runs_are_never_overwritten(call):
    call(RANDOM)
    before = Path("runs/CartPole-v1-random/metrics.csv").stat()
    call(RANDOM)
    assert sorted(os.listdir("runs")) == ["CartPole-v1-random", "CartPole-v1-random-2"]
    assert Path("runs/CartPole-v1-random/metrics.csv").stat() == before


@pytest.mark.parametrize("algo", ["random", "pg"])
def test_training_in_two_parts_equals_training_at_once(call, algo):
    words = f"train --env CartPole-v1 --algo {algo} {TINY}"
    assert call(f"{words} --name whole").code == 0
    assert call(f"{words} --steps 200 --name parts").code == 0
    result = call("train --resume runs/parts --steps 400")
    assert result.code == 0
    assert table(result.out)["seed"] == ("0", "run")
    whole, parts = (Path(f"runs/{name}/metrics.csv").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
    evaluations = [Path(f"runs/{name}/evaluation.json").read_text() for name in ("whole", "parts")]
    assert evaluations[0] == evaluations[1]


def test_resuming_accepts_equal_settings_and_refuses_others(call, refused, run):
    assert call("train --resume runs/done --seed 0 --algo random --no-video").code == 0
    refused("train --resume runs/done --seed 1", "--seed 1 cannot be changed", "--steps")
    refused("train --resume runs/done --grayscale", "--grayscale yes cannot be changed")
    refused("train --resume runs/done --env Pong-v0", "env='Pong-v0' differs from the run")
    refused("train --resume runs/done --name other", "--name other cannot be changed")


def test_a_resumed_run_keeps_its_settings_when_presets_change(call, run):
    config = json.loads((run / "config.json").read_text())
    config["training"]["log_every"] = 50
    (run / "config.json").write_text(json.dumps(config))
    assert table(call("train --resume runs/done --steps 600").out)["log-every"] == ("50", "run")


def test_ctrl_c_saves_and_says_how_to_resume(tmp_path):
    script = str(ROOT / "scripts/train_agent.py")
    command = [sys.executable, script, *RANDOM.split()[1:], "--steps", "500_000_000"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    run = tmp_path / "runs/CartPole-v1-random"
    deadline = time.monotonic() + 60
    while not any(run.glob("checkpoints/0*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.search(
        rf"stopped at step \d+ and saved; resume with: python {re.escape(script)} "
        r"--resume runs/CartPole-v1-random$",
        out,
        re.M,
    )


def test_an_agent_of_your_own_is_one_file_of_less_than_40_lines(call):
    assert len(MY_AGENT.strip().splitlines()) < 40
    Path("my_module.py").write_text(MY_AGENT)
    assert "--patience N" in call("train --algo my_module:MyAgent --help").out
    words = f"train --env CartPole-v1 --algo my_module:MyAgent --patience 5 {TINY} --name own"
    result = call(words)
    assert result.code == 0, result.err
    assert table(result.out)["patience"] == ("5", "flag")
    assert "agentlab play runs/own --algo my_module:MyAgent" in result.out
    assert call("play runs/own --algo my_module:MyAgent --episodes 1").code == 0
    resumed = call("train --resume runs/own --algo my_module:MyAgent --steps 600")
    assert resumed.code == 0
    assert table(resumed.out)["patience"] == ("5", "run")


def test_an_environment_of_your_own_is_named_by_its_module(call, refused):
    Path("my_envs.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Mine-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    words = f"train --env my_envs:Mine-v0 --algo random {TINY} --name own"
    assert "max_episode_steps" not in call(words).err
    assert call("play runs/own --env my_envs:Mine-v0 --episodes 1").code == 0
    refused("play runs/own", "env='my_envs:Mine-v0' is code from outside agentlab")
    refused("train --resume runs/own", "if you trust it, add --env my_envs:Mine-v0")


def test_settings_come_from_a_file_and_flags_go_before_it(call, tmp_path):
    path = tmp_path / "zoo.yml"
    path.write_text("CartPole-v1:\n  n_timesteps: 400\n  n_envs: 4\n  policy: MlpPolicy\n")
    words = f"train --env CartPole-v1 --algo random --config {path} --n-envs 2 --eval-episodes 2"
    code, out, _ = call(f"{words} --no-video --log-every 100")
    assert code == 0
    settings = table(out)
    assert settings["steps"] == ("400", str(path))
    assert settings["n-envs"] == ("2", "flag")
    assert settings["preset"][0] == "none"


def test_several_seeds_are_trained_and_summarized(call, tmp_path):
    code, out, _ = call(f"{RANDOM} --seeds 2 --seed 3 --runs-dir {tmp_path}")
    assert code == 0
    names = [f"CartPole-v1-random-seed{seed}" for seed in (3, 4)]
    assert {*names, "CartPole-v1-random-seeds"} == {path.name for path in tmp_path.iterdir()}
    assert "interquartile mean" in out
    assert (tmp_path / "CartPole-v1-random-seeds" / "curves.png").exists()
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in names]
    assert [config["training"]["seed"] for config in configs] == [3, 4]
