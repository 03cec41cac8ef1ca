"""Presets of pg."""

from __future__ import annotations

from agentlab.agents.presets import Preset

PONG = r"(ALE/)?Pong(NoFrameskip|Deterministic)?-v\d+"
ATARI_FRAMES = {"grayscale": True, "crop": (34, 194), "stride": 2}

PRESETS = [
    Preset(
        name="pong",
        env=PONG,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout_length": 64,
            "cut_at_reward": True,
            "n_epochs": 3,
            "n_minibatches": 4,
            "learning_rate": 7e-4,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "frame_stack": 2},
        training={"steps": 2_500_000, "n_envs": 32},
        source={"hidden": "Gulli and Kapoor 2017, recipe 9.5", "": "tuned on Pong-v0"},
    ),
    Preset(
        name="cookbook2017",
        env=PONG,
        automatic=False,
        config={
            "hidden": (200,),
            "activation": "relu",
            "shared_torso": True,
            "rollout_length": 512,
            "gamma": 0.99,
            "gae_lambda": 1.0,
            "baseline": "none",
            "normalize_advantage": True,
            "cut_at_reward": True,
            "n_epochs": 1,
            "n_minibatches": 1,
            "clip_range": None,
            "ent_coef": 0.0,
            "optimizer": "rmsprop",
            "learning_rate": 1e-3,
            "max_grad_norm": None,
        },
        preprocessing={**ATARI_FRAMES, "background": (87,), "binary": True, "difference": True},
        training={"steps": 5_000_000, "n_envs": 8},
        source={
            "": "Gulli and Kapoor, TensorFlow 1.x Deep Learning Cookbook, 2017, recipe 9.5",
            "cut_at_reward": "Karpathy 2016, on which the recipe is based",
        },
    ),
    Preset(
        name="cartpole",
        env=r"CartPole-v[01]",
        config={"decay_steps": 300_000},
        training={"steps": 300_000, "n_envs": 8, "checkpoint_every": 100_000},
        source={
            "": "tuned on CartPole-v1",
            "decay_steps": "the RL Zoo of Stable-Baselines3, which also decays the learning rate",
        },
    ),
]
