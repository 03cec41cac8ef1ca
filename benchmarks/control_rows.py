"""The comparisons of SAC, TD3, PPO and A2C with Stable-Baselines3, with equal settings."""

from __future__ import annotations

from typing import Any

from measurements import Measurement, Ratio, Row

CHEETAH, CARTPOLE, ATARI = "HalfCheetah-v5", "CartPole-v1", "PongNoFrameskip-v4"
NETS = {"policy_kwargs": {"net_arch": [256, 256]}}
OFF_POLICY = {"batch_size": 256, "learning_starts": 256, "buffer_size": 100_000}
OUR_OFF_POLICY = {**OFF_POLICY, "hidden": (256, 256), "train_freq": 8, "gradient_steps": 8}
# 8 environments of 256 steps make 32 minibatches of 64.
PPO = {"learning_rate": 3e-4, "n_epochs": 10, "gae_lambda": 0.95, "gamma": 0.99}
OUR_PPO = {
    **PPO,
    "hidden": (64, 64),
    "activation": "tanh",
    "normalize_observations": False,
    "normalize_returns": False,
    "log_std_init": 0.0,
    "clip_range": 0.2,
    "ent_coef": 0.0,
    "vf_coef": 0.5,
    "max_grad_norm": 0.5,
    "rollout_length": 256,
    "n_minibatches": 32,
    "decay_steps": 0,
    "clip_range_vf": None,
    "decay_clip_range": False,
}
SB3_PPO = {**PPO, "n_steps": 256, "batch_size": 64}
# Our presets for Atari games have the hyperparameters of the RL Zoo.
SB3_ATARI_PPO = {
    "n_steps": 128,
    "n_epochs": 4,
    "batch_size": 256,
    "learning_rate": 2.5e-4,
    "clip_range": 0.1,
    "vf_coef": 0.5,
    "ent_coef": 0.01,
}
BFLOAT16 = {"precision": "bfloat16"}
SB3_ATARI_A2C = {"ent_coef": 0.01, "vf_coef": 0.25}


def _ours(algo: str, env: str, n: int, options: dict[str, Any], how: str = "") -> Measurement:
    arguments = {"env": env, "algo": algo, "n": n, "options": options}
    return Measurement(f"agentlab {algo}{how}", "ours.py", "train", arguments)


def _sb3(algo: str, env: str, n: int, options: dict[str, Any], threads: int = 1) -> Measurement:
    arguments = {"env": env, "algo": algo, "n": n, "options": options, "threads": threads}
    label = f"SB3 {algo}" if threads == 1 else f"SB3 {algo}, {threads} threads"
    return Measurement(label, "peers.py", "train_sb3", arguments)


def _off_policy(algo: str, minimum: float) -> Row:
    upper, peer_options = algo.upper(), {**OFF_POLICY, **NETS}
    return Row(
        f"halfcheetah-{algo}",
        f"{upper} on {CHEETAH}: nets 256-256, batch 256, one update per step",
        (
            _ours(algo, CHEETAH, 1, OUR_OFF_POLICY),
            _sb3(upper, CHEETAH, 1, peer_options),
            _sb3(upper, CHEETAH, 1, peer_options, threads=2),
        ),
        (
            Ratio(f"agentlab {algo}", f"SB3 {upper}", minimum),
            Ratio(f"agentlab {algo}", f"SB3 {upper}, 2 threads", minimum),
        ),
    )


CONTROL_ROWS = (
    _off_policy("sac", 2.3),
    _off_policy("td3", 2.0),
    Row(
        "halfcheetah-ppo",
        f"PPO in 8 copies of {CHEETAH}: nets 64-64, 10 epochs of 32 minibatches of 64",
        (
            _ours("ppo", CHEETAH, 8, OUR_PPO),
            _ours("ppo", CHEETAH, 8, {**OUR_PPO, "overlap": True}, ", overlap"),
            _sb3("PPO", CHEETAH, 8, SB3_PPO),
        ),
        (
            Ratio("agentlab ppo", "SB3 PPO", 3.0),
            Ratio("agentlab ppo, overlap", "SB3 PPO", 3.0),
        ),
    ),
    Row(
        "cartpole-ppo",
        f"PPO in 8 copies of {CARTPOLE}: nets 64-64, 10 epochs of 32 minibatches of 64",
        (
            _ours("ppo", CARTPOLE, 8, OUR_PPO),
            _ours("ppo", CARTPOLE, 8, {**OUR_PPO, "overlap": True}, ", overlap"),
            _sb3("PPO", CARTPOLE, 8, SB3_PPO),
        ),
        (
            Ratio("agentlab ppo", "SB3 PPO", 20.0),
            Ratio("agentlab ppo, overlap", "SB3 PPO", 20.0),
        ),
    ),
    Row(
        "cartpole-a2c",
        f"A2C in 8 copies of {CARTPOLE}: nets 64-64, an update every 5 steps",
        (_ours("a2c", CARTPOLE, 8, {}), _sb3("A2C", CARTPOLE, 8, {})),
        (Ratio("agentlab a2c", "SB3 A2C", 10.0),),
    ),
    Row(
        "pong-ppo",
        f"PPO in 8 copies of {ATARI}: Nature CNN, 4 epochs of 4 minibatches of 256",
        (
            _ours("ppo", ATARI, 8, {}),
            _ours("ppo", ATARI, 8, BFLOAT16, ", bfloat16"),
            _sb3("PPO", ATARI, 8, SB3_ATARI_PPO),
        ),
        (
            Ratio("agentlab ppo", "SB3 PPO", 2.0),
            Ratio("agentlab ppo, bfloat16", "SB3 PPO", 2.0),
        ),
    ),
    Row(
        "pong-a2c",
        f"A2C in 16 copies of {ATARI}: Nature CNN, an update every 5 steps",
        (
            _ours("a2c", ATARI, 16, {}),
            _ours("a2c", ATARI, 16, BFLOAT16, ", bfloat16"),
            _sb3("A2C", ATARI, 16, SB3_ATARI_A2C),
        ),
        (
            Ratio("agentlab a2c", "SB3 A2C", 2.0),
            Ratio("agentlab a2c, bfloat16", "SB3 A2C", 2.0),
        ),
    ),
)
