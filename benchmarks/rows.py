"""The comparisons that ``compare.py`` runs."""

from __future__ import annotations

from typing import Any

from control_rows import CONTROL_ROWS
from measurements import Measurement, Ratio, Row

PONG = {"env": "Pong-v0", "n": 16}
CARTPOLE = {"env": "CartPole-v1", "n": 8}
ATARI = "PongNoFrameskip-v4"
# Hyperparameters of the RL Zoo of Stable-Baselines3, for both sides.
ZOO_ATARI = {"learning_rate": 1e-4, "learning_starts": 1000}
ZOO_CARTPOLE = {"learning_rate": 2.3e-3, "learning_starts": 1000}
# Epsilon is fixed at its final value, which it has during most of a run in the zoo. These runs have
# no fixed length, so a decaying epsilon would make a side act at random, without its network.
ATARI_EPSILON, CARTPOLE_EPSILON = 0.01, 0.04
OUR_ZOO_ATARI = {
    **ZOO_ATARI,
    "net": "nature_cnn",
    "batch_size": 32,
    "train_freq": 4,
    "gradient_steps": 1,
    "buffer_size": 20_000,
    "target_update_interval": 1000,
    "n_step": 1,
    "double": False,
    "optimizer": "adam",
    "epsilon_start": ATARI_EPSILON,
    "epsilon_end": ATARI_EPSILON,
}
SB3_ZOO_ATARI = {
    **ZOO_ATARI,
    "batch_size": 32,
    "train_freq": 4,
    "gradient_steps": 1,
    "buffer_size": 20_000,
    "target_update_interval": 1000,
    "exploration_initial_eps": ATARI_EPSILON,
    "exploration_final_eps": ATARI_EPSILON,
}
OUR_ZOO_CARTPOLE = {
    **ZOO_CARTPOLE,
    "hidden": (256, 256),
    "batch_size": 64,
    "train_freq": 256,
    "gradient_steps": 128,
    "decay_steps": 0,
    "target_update_interval": 10,
    "n_step": 1,
    "double": False,
    "tau": 1.0,
    "epsilon_start": CARTPOLE_EPSILON,
    "epsilon_end": CARTPOLE_EPSILON,
}
SB3_ZOO_CARTPOLE = {
    **ZOO_CARTPOLE,
    "policy_kwargs": {"net_arch": [256, 256]},
    "batch_size": 64,
    "train_freq": 256,
    "gradient_steps": 128,
    "target_update_interval": 10,
    "buffer_size": 100_000,
    "exploration_initial_eps": CARTPOLE_EPSILON,
    "exploration_final_eps": CARTPOLE_EPSILON,
}


def _pong_dqn(label: str, **options: Any) -> Measurement:
    """Return a measurement of DQN on Pong with the settings of the zoo and ``options``."""
    arguments = {"env": ATARI, "algo": "dqn", "n": 16, "options": {**OUR_ZOO_ATARI, **options}}
    return Measurement(label, "ours.py", "train", arguments)


ROWS = (
    Row(
        "step-cores",
        "Pong-v0 with the default preset of pg, stepped with random actions, no learning",
        (
            Measurement(
                "agentlab, 2 cores", "ours.py", "step_preset", {"env": "Pong-v0", "workers": 2}
            ),
            Measurement(
                "agentlab, 1 core", "ours.py", "step_preset", {"env": "Pong-v0", "workers": 1}, 1
            ),
        ),
        (Ratio("agentlab, 2 cores", "agentlab, 1 core", 1.8),),
    ),
    Row(
        "step-pong",
        "16 copies of Pong-v0 stepped with random actions, full grayscale frames, no learning",
        (
            Measurement("agentlab, 2 cores", "ours.py", "step_gray", {**PONG, "workers": 2}),
            Measurement("agentlab, 1 core", "ours.py", "step_gray", {**PONG, "workers": 1}, 1),
            Measurement(
                "agentlab, 1 core, no worker", "ours.py", "step_gray", {**PONG, "workers": 0}, 1
            ),
            Measurement("Gymnasium AsyncVectorEnv", "peers.py", "step_gymnasium", PONG),
            Measurement("SB3 SubprocVecEnv", "peers.py", "step_sb3", PONG),
        ),
        (
            Ratio("agentlab, 2 cores", "agentlab, 1 core"),
            Ratio("agentlab, 2 cores", "agentlab, 1 core, no worker"),
            Ratio("agentlab, 2 cores", "Gymnasium AsyncVectorEnv"),
            Ratio("agentlab, 2 cores", "SB3 SubprocVecEnv"),
        ),
    ),
    Row(
        "train-pong-ratio",
        "Pong-v0 with the default preset of pg: training, and random steps without learning",
        (
            Measurement("agentlab pg", "ours.py", "train", {"env": "Pong-v0"}),
            Measurement("random steps", "ours.py", "step_preset", {"env": "Pong-v0"}),
        ),
        (Ratio("agentlab pg", "random steps", 0.6),),
    ),
    Row(
        "cartpole-pg",
        "8 copies of CartPole-v1: pg with its default preset, the peers with their defaults",
        (
            Measurement("agentlab pg", "ours.py", "train", CARTPOLE),
            Measurement("SB3 A2C", "peers.py", "train_sb3", {**CARTPOLE, "algo": "A2C"}),
            Measurement("SB3 PPO", "peers.py", "train_sb3", {**CARTPOLE, "algo": "PPO"}),
        ),
        (Ratio("agentlab pg", "SB3 A2C", 3.0), Ratio("agentlab pg", "SB3 PPO")),
    ),
    Row(
        "pong-dqn",
        "DQN on PongNoFrameskip-v4: Nature CNN, Adam, batch 32, an update every 4 steps",
        (
            _pong_dqn("agentlab float32"),
            _pong_dqn("agentlab bfloat16", precision="bfloat16"),
            _pong_dqn("agentlab float32, compressed", compress=True),
            Measurement(
                "SB3 DQN",
                "peers.py",
                "train_sb3",
                {"env": ATARI, "algo": "DQN", "n": 1, "options": SB3_ZOO_ATARI},
            ),
        ),
        (
            Ratio("agentlab float32", "SB3 DQN", 1.6),
            Ratio("agentlab bfloat16", "SB3 DQN", 2.5),
            Ratio("agentlab float32, compressed", "agentlab float32", 1 / 1.3),
        ),
    ),
    Row(
        "cartpole-dqn",
        "DQN on CartPole-v1: net 256-256, batch 64, 128 updates every 256 steps",
        (
            Measurement(
                "agentlab dqn",
                "ours.py",
                "train",
                {"env": "CartPole-v1", "algo": "dqn", "n": 16, "options": OUR_ZOO_CARTPOLE},
            ),
            Measurement(
                "SB3 DQN",
                "peers.py",
                "train_sb3",
                {"env": "CartPole-v1", "algo": "DQN", "n": 1, "options": SB3_ZOO_CARTPOLE},
            ),
        ),
        (Ratio("agentlab dqn", "SB3 DQN", 4.0),),
    ),
    *CONTROL_ROWS,
    Row(
        "mnist-cnn",
        "training the recipe's network (3,274,634 parameters, Adam, batch 128); a step is an image",
        (
            Measurement("agentlab fit", "fitting.py", "digits"),
            Measurement("Keras fit", "fitting.py", "digits_keras"),
            Measurement("PyTorch", "peers.py", "fit_digits", {"batch": 128}),
        ),
        (Ratio("agentlab fit", "Keras fit", 1 / 1.05), Ratio("agentlab fit", "PyTorch", 1.0)),
    ),
    Row(
        "characters",
        "a language model of 512 LSTM cells, 32 windows of 64; a step is a character",
        (
            Measurement("agentlab fit", "fitting.py", "text"),
            Measurement("Keras fit", "fitting.py", "text_keras"),
        ),
        (Ratio("agentlab fit", "Keras fit"),),
    ),
    Row(
        "translation",
        "256 GRU cells with Luong attention, 6,000 subwords, 64 pairs; a step is a token",
        (
            Measurement("agentlab fit", "fitting.py", "pairs"),
            Measurement("Keras fit", "fitting.py", "pairs_keras"),
        ),
        (Ratio("agentlab fit", "Keras fit"),),
    ),
    Row(
        "dcgan",
        "training networks with 64 filters (28x28 images, Adam, batch 64); a step is an image",
        (
            Measurement("agentlab fit", "adversarial.py", "dcgan"),
            Measurement("Keras train_step", "adversarial.py", "dcgan_keras"),
        ),
        (Ratio("agentlab fit", "Keras train_step", 1 / 0.8),),
    ),
    *(
        Row(
            name,
            f"training the network of mnist-{name} (Adam, batch 128); a step is an image",
            (
                Measurement("agentlab fit", "autoencoding.py", name),
                Measurement("Keras train_step", "autoencoding.py", f"{name}_keras"),
            ),
            (Ratio("agentlab fit", "Keras train_step", 1 / 0.8),),
        )
        for name in ("autoencoder", "vae")
    ),
    Row(
        "som",
        "training the map of colors-som (949 colors, 30x30 units); a step is a map, and MiniSom's "
        "has a larger quantization error",
        (
            Measurement("agentlab SOM", "mapping.py", "som", cores=1),
            Measurement("MiniSom", "peers.py", "train_minisom", {"iterations": 100_000}, cores=1),
        ),
        (Ratio("agentlab SOM", "MiniSom", 15),),
    ),
)
