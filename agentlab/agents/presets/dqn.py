"""Presets: for each algorithm and environment the settings that work, and where they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agentlab.config import did_you_mean
from agentlab.envs import list_envs
from agentlab.errors import AgentlabError


@dataclass(frozen=True)
class Preset:
    """Defaults for one algorithm in some environments.

    Attributes:
        name: what ``--preset`` calls it.
        config: fields of the algorithm's configuration.
        preprocessing: fields of ``Preprocessing``.
        training: how long and on how many environments: ``steps``, ``n_envs``, ...
        source: where numbers come from, by field; the key ``""`` speaks for all the rest.
        algo: the algorithm that it is for.
        env: a regular expression that a matching environment's whole id fulfils.
        automatic: whether it applies to such an environment without being asked for.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)
    algo: str = ""
    env: str = ""
    automatic: bool = True


PONG = r"(ALE/)?Pong(NoFrameskip|Deterministic)?-v\d+"
GAMES = "|".join(
    re.escape(id.removesuffix("NoFrameskip-v4"))
    for id in list_envs("NoFrameskip-v4")
    if not id.startswith("ALE/") and "-ram" not in id
)
ATARI_FRAMES = {"grey": True, "crop": (34, 194), "stride": 2}

# What DQN papers see of a game: Mnih et al. 2015, "Methods"; rewards' signs, lives as episodes.
DQN_FRAMES = {
    "grey": True,
    "resize": 84,
    "stack": 4,
    "clip_rewards": True,
    "life_loss": True,
    "noop_max": 30,
}
SKIPPED_FRAMES = {**DQN_FRAMES, "noop_max": 0}  # random skips or sticky actions vary games
FOUR_FRAMES = {"frame_skip": 4, "max_pool": True}  # where the id itself skips none
ZOO = "the RL Zoo of Stable-Baselines3"
DQN_ATARI: dict[str, Any] = {
    "net": "nature_cnn",
    "learning_rate": 1e-4,
    "replay": 100_000,
    "learning_starts": 20_000,
    "epsilon_end": 0.01,
    "epsilon_steps": 250_000,
    "eval_epsilon": 0.001,
}
DQN_ATARI_SOURCE = {
    "": ZOO,
    "learning_starts": "tuned",
    "epsilon_steps": "Castro et al. 2018 (Dopamine)",
    "eval_epsilon": "Castro et al. 2018 (Dopamine)",
}
RAINBOW_ATARI: dict[str, Any] = {
    "net": "nature_cnn",
    "learning_rate": 6.25e-5,
    "optimizer_epsilon": 1.5e-4,
    "replay": 100_000,
    "learning_starts": 20_000,
    "target_every": 8_000,
    "eval_epsilon": 0.001,
}
RAINBOW_ATARI_SOURCE = {
    "": "Hessel et al. 2018, table 1",
    "replay": "tuned",
    "eval_epsilon": "Castro et al. 2018 (Dopamine)",
}

PRESETS = [
    Preset(
        name="pong",
        algo="pg",
        env=PONG,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout": 64,
            "cut_at_reward": True,
            "epochs": 3,
            "minibatches": 4,
            "learning_rate": 7e-4,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "stack": 2},
        training={"steps": 2_500_000, "n_envs": 32},
        source={"hidden": "the cookbook's recipe 9.5", "": "tuned on Pong-v0"},
    ),
    Preset(
        name="book",
        algo="pg",
        env=PONG,
        automatic=False,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout": 512,
            "gamma": 0.99,
            "gae_lambda": 1.0,
            "baseline": "none",
            "normalise": True,
            "cut_at_reward": True,
            "epochs": 1,
            "minibatches": 1,
            "clip": None,
            "entropy_coef": 0.0,
            "optimizer": "rmsprop",
            "learning_rate": 1e-3,
            "max_grad_norm": None,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "difference": True},
        training={"steps": 5_000_000, "n_envs": 8},
        source={
            "": "the cookbook's recipe 9.5",
            "cut_at_reward": "Karpathy 2016, which the recipe follows",
        },
    ),
    Preset(
        name="cartpole",
        algo="pg",
        env=r"CartPole-v[01]",
        training={"steps": 300_000, "n_envs": 8, "checkpoint_every": 100_000},
        source={"": "tuned on CartPole-v1"},
    ),
    Preset(
        name="atari",
        algo="random_search",
        env=r"(ALE/)?MsPacman(NoFrameskip|Deterministic)?-v\d+",
        preprocessing={"grey": True},
        training={"steps": 500_000, "n_envs": 10},
        source={"": "the cookbook's recipe 9.2"},
    ),
    Preset(
        name="frozenlake",
        algo="q_table",
        env=r"FrozenLake-v1",
        config={
            "learning_rate": 1.0,
            "learning_rate_decay": 0.7,
            "gamma": 0.995,
            "epsilon_end": 0.3,
            "epsilon_steps": 100_000,
            "grid": (4, 4),
            "arrows": "←↓→↑",
        },
        training={"steps": 400_000, "n_envs": 8, "eval_episodes": 1000},
        source={
            "": "tuned on FrozenLake-v1",
            "learning_rate_decay": "Even-Dar & Mansour 2003: between 1/2 and 1",
        },
    ),
    Preset(
        name="taxi",
        algo="q_table",
        env=r"Taxi-v\d+",
        config={"learning_rate": 0.5, "epsilon_end": 0.05, "epsilon_steps": 100_000},
        training={"steps": 300_000, "n_envs": 8},
        source={"": "tuned on Taxi-v4"},
    ),
    Preset(
        name="cliff",
        algo="q_table",
        env=r"CliffWalking-v1",
        config={
            "gamma": 1.0,
            "learning_rate": 0.5,
            "epsilon_start": 0.1,
            "epsilon_end": 0.1,
            "grid": (4, 12),
            "arrows": "↑→↓←",
        },
        training={"steps": 30_000, "n_envs": 1},
        source={"": "Sutton & Barto 2018, example 6.6", "learning_rate": "tuned"},
    ),
    Preset(
        name="cartpole",
        algo="q_table",
        env=r"CartPole-v[01]",
        config={
            "learning_rate": 0.5,
            "learning_rate_decay": 0.3,
            "epsilon_end": 0.02,
            "epsilon_steps": 100_000,
            "bins": 10,
            "low": (-2.4, -3.0, -0.21, -3.0),
            "high": (2.4, 3.0, 0.21, 3.0),
        },
        training={"steps": 300_000, "n_envs": 8},
        source={"": "tuned on CartPole-v1"},
    ),
    Preset(
        name="cartpole",
        algo="q_linear",
        env=r"CartPole-v[01]",
        config={
            "kernels": (0.01, 0.03, 0.1, 0.3),
            "features": 100,
            "warmup": 500,
            "batch": 32,
            "updates": 4,
            "target_rate": 0.001,
            "learning_rate": 4.0,
            "learning_rate_halved": 4000,
            "gamma": 0.97,
            "epsilon_start": 1.0,
            "epsilon_end": 0.0,
            "epsilon_steps": 2000,
        },
        training={"steps": 32_000, "n_envs": 1},
        source={"": "tuned on CartPole-v0", "gamma": "the cookbook's recipe 9.3"},
    ),
    Preset(
        name="cartpole",
        algo="dqn",
        env=r"CartPole-v[01]",
        config={
            "hidden": (256, 256),
            "batch": 64,
            "learning_starts": 1_000,
            "train_every": 256,
            "updates": 128,
            "epsilon_end": 0.04,
            "epsilon_steps": 8_000,
            "double": True,
            "n_step": 5,
            "target_every": 256,
            "learning_rate": 7e-4,
            "decay_steps": 100_000,
        },
        training={"steps": 100_000, "n_envs": 8, "checkpoint_every": 50_000},
        source={
            "": ZOO,
            **dict.fromkeys(
                ("double", "n_step", "target_every", "learning_rate", "decay_steps", "steps"),
                "tuned on CartPole-v1",
            ),
        },
    ),
    Preset(
        name="lunarlander",
        algo="dqn",
        env=r"LunarLander-v[23]",
        config={
            "hidden": (256, 256),
            "gamma": 0.995,
            "batch": 64,
            "replay": 100_000,
            "train_every": 16,
            "updates": 8,
            "epsilon_end": 0.02,
            "epsilon_steps": 40_000,
            "double": True,
            "n_step": 3,
            "target_every": 500,
            "learning_rate": 6.3e-4,
            "decay_steps": 400_000,
        },
        training={"steps": 400_000, "n_envs": 8, "checkpoint_every": 100_000},
        source={"": "tuned on LunarLander-v3", "learning_rate": ZOO, "hidden": ZOO},
    ),
    Preset(
        name="pong",
        algo="dqn",
        env=r"PongNoFrameskip-v\d",
        config={
            "net": "small_cnn",
            "n_step": 3,
            "learning_rate": 2e-4,
            "replay": 100_000,
            "learning_starts": 10_000,
            "epsilon_end": 0.01,
            "epsilon_steps": 60_000,
        },
        preprocessing={**DQN_FRAMES, **FOUR_FRAMES},
        training={
            "steps": 800_000,
            "n_envs": 16,
            "workers": 1,
            "checkpoint_every": 200_000,
        },
        source={
            "": "tuned on PongNoFrameskip-v4",
            "net": "Mnih et al. 2013",
            **dict.fromkeys({**DQN_FRAMES, **FOUR_FRAMES}, "Mnih et al. 2015"),
        },
    ),
    Preset(
        name="breakout",
        algo="dqn",
        env=r"BreakoutNoFrameskip-v\d",
        config={
            **DQN_ATARI,
            "net": "small_cnn",
            "n_step": 3,
            "double": True,
            "learning_rate": 1.5e-4,
            "replay": 200_000,
            "target_every": 2000,
            "eval_epsilon": 0.01,
        },
        preprocessing={**DQN_FRAMES, **FOUR_FRAMES},
        training={"steps": 800_000, "n_envs": 16, "workers": 1, "checkpoint_every": 100_000},
        source={
            **DQN_ATARI_SOURCE,
            **dict.fromkeys(
                ("double", "n_step", "learning_rate", "replay", "target_every", "eval_epsilon"),
                "tuned on BreakoutNoFrameskip-v4 for an hour on 2 cores",
            ),
            "net": "Mnih et al. 2013",
            **dict.fromkeys({**DQN_FRAMES, **FOUR_FRAMES}, "Mnih et al. 2015"),
        },
    ),
    *(
        Preset(
            name=name,
            algo=algo,
            env=env,
            config=config,
            preprocessing=frames,
            training={"steps": 2_500_000, "n_envs": 16, "workers": 1},
            source={**source, **dict.fromkeys(frames, "Mnih et al. 2015")},
        )
        for algo, config, source in (
            ("dqn", DQN_ATARI, DQN_ATARI_SOURCE),
            ("rainbow", RAINBOW_ATARI, RAINBOW_ATARI_SOURCE),
        )
        for name, env, frames in (
            ("atari", rf"({GAMES})NoFrameskip-v\d", {**DQN_FRAMES, **FOUR_FRAMES}),
            ("atari-skipping", rf"(ALE/)?({GAMES})(Deterministic)?-v\d", SKIPPED_FRAMES),
        )
    ),
]


def preset(algo: str, env_id: str, name: str | None = None) -> Preset:
    """Return the preset of an algorithm for an environment.

    Args:
        algo: the algorithm.
        env_id: the environment.
        name: a preset by name, whatever the environment; ``"none"`` for no preset; ``None`` for
            the one that is meant for the environment, if any.

    Returns:
        The preset, or an empty one named ``"none"``.

    Raises:
        AgentlabError: for an unknown name.
    """
    if name == "none":
        return Preset("none")
    if name is not None:
        for found in PRESETS:
            if (found.algo, found.name) == (algo, name):
                return found
        known = [*presets(algo), "none"]
        hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
        raise AgentlabError(f"preset={name!r} is unknown for {algo}{hint}")
    for found in PRESETS:
        if found.algo == algo and found.automatic and re.fullmatch(found.env, env_id):
            return found
    return Preset("none")


def presets(algo: str) -> list[str]:
    """Return the names of an algorithm's presets."""
    return [found.name for found in PRESETS if found.algo == algo]
