"""Running episodes from the command line."""

import re
import shutil
from pathlib import Path

import gymnasium

import agentlab


def test_a_run_plays_and_prints_every_episode(call, run):
    result = call("play runs/done --episodes 3")
    assert result.code == 0
    episodes = re.findall(r"^episode (\d) +return (\d+) +length (\d+)$", result.out, re.M)
    assert [number for number, _, _ in episodes] == ["1", "2", "3"]
    assert all(total == length for _, total, length in episodes)  # CartPole pays 1 a step
    mean = re.search(r"^mean +return ([\d.]+) +length ([\d.]+)$", result.out, re.M)
    assert abs(float(mean[1]) - sum(int(total) for _, total, _ in episodes) / 3) < 0.01


def test_equal_seeds_give_equal_episodes(call, run):
    first, second = (call("play runs/done --episodes 2 --seed 5").out for _ in range(2))
    assert first == second
    assert first != call("play runs/done --episodes 2 --seed 6").out


def test_a_saved_agent_plays_without_its_run(call, run):
    shutil.move(run / "learner", "agent")
    shutil.rmtree(run)
    assert call("play agent --episodes 1").code == 0


def test_an_agent_without_a_config_plays_in_the_environment_of_its_training(call, run):
    (run / "learner" / "config.json").unlink()
    assert call("play runs/done/learner --episodes 1").code == 0
    assert call("play runs/done/learner --env CartPole-v0 --episodes 1").code == 0


class Pairs(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(2)

    def __init__(self, moves=(2, 3), start=(0, 0)):
        self.action_space = gymnasium.spaces.MultiDiscrete(moves, start=start)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        return 0, 0.0, True, False, {}


def test_an_environment_with_other_actions_of_the_same_shape_is_refused(call, refused):
    gymnasium.register("Pairs-v0", entry_point=Pairs)
    envs = agentlab.make_envs("Pairs-v0")
    agentlab.make_agent("random", envs).save("saved")
    assert call("play saved --episodes 1").code == 0
    refused("play saved --env-kwargs moves=[3,3]", "MultiDiscrete([3 3])", "was trained with")
    refused("play saved --env-kwargs start=[1,0]", "start=[1 0]", "was trained with")


def test_an_agent_of_an_environment_without_id_needs_one(call, refused):
    with agentlab.make_envs(lambda: gymnasium.make("CartPole-v1")) as envs:
        agentlab.make_agent("random", envs).save("saved")
    refused("play saved", "--env is missing")
    assert call("play saved --env CartPole-v0 --episodes 1").code == 0


def test_an_untrained_agent_plays(call):
    assert call("play --env CartPole-v1 --algo random --episodes 2 --explore").code == 0


def test_the_first_episode_is_recorded(call):
    words = "play --env ALE/Freeway-v5 --algo random --episodes 1 --video videos/a.mp4"
    result = call(words)
    assert result.code == 0, result.err
    assert "video        videos/a.mp4" in result.out
    assert Path("videos/a.mp4").stat().st_size > 1000


def test_a_window_needs_a_display(refused, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    words = "play --env CartPole-v1 --algo random --episodes 1 --human"
    refused(words, "--human needs a display", "--video episode.mp4")
    refused(f"{words} --video a.mp4", "cannot be combined with human")


def test_a_window_is_opened_where_there_is_a_display(call, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = []
    make = gymnasium.make
    monkeypatch.setattr(
        gymnasium, "make", lambda id, **kwargs: made.append(make(id, **kwargs)) or made[-1]
    )
    assert (
        call("play --env FrozenLake-v1 --algo random --episodes 1 --human --eval-steps 2").code == 0
    )
    assert [env.render_mode for env in made] == ["human"]
