"""Measurements of the peers; run by ``compare.py`` in the peers' own virtual environment."""

from __future__ import annotations

from functools import partial
from typing import Any

import ale_py
import gymnasium
import numpy as np
from steady import Meter, serve

gymnasium.register_envs(ale_py)


def step_gymnasium(meter: Meter, env: str, n: int) -> None:
    """Step Gymnasium's AsyncVectorEnv with random actions and grayscale frames."""
    vector = gymnasium.vector
    envs = vector.AsyncVectorEnv(
        [_gray(env)] * n, autoreset_mode=vector.AutoresetMode.SAME_STEP, shared_memory=True
    )
    envs.reset(seed=0)
    actions = _random_actions(envs.single_action_space, n)
    while not meter.tick(n):
        envs.step(actions[meter.steps // n % len(actions)])
    envs.close()


def train_minisom(meter: Meter, iterations: int) -> None:
    """Train maps of matplotlib's named colors with MiniSom; a step is a map.

    The radius shrinks as in agentlab's SOM; MiniSom's own schedules end at 1 or more, where the
    quantization error is twice as large.
    """
    from matplotlib.colors import XKCD_COLORS, to_rgb
    from minisom import MiniSom

    x = np.array([to_rgb(code) for code in XKCD_COLORS.values()])
    while True:
        som = MiniSom(30, 30, 3, sigma=15, decay_function="linear_decay_to_zero", random_seed=0)
        som._sigma_decay_function = lambda sigma, t, end: sigma * (0.58 / 15) ** (t / end)
        som.pca_weights_init(x)
        som.train(x, iterations, random_order=True)
        if meter.tick(1):
            return


def step_sb3(meter: Meter, env: str, n: int) -> None:
    """Step Stable-Baselines3's SubprocVecEnv with random actions and grayscale frames."""
    from stable_baselines3.common.vec_env import SubprocVecEnv

    envs = SubprocVecEnv([_gray(env)] * n)
    envs.seed(0)
    envs.reset()
    actions = _random_actions(envs.action_space, n)
    while not meter.tick(n):
        envs.step(actions[meter.steps // n % len(actions)])
    envs.close()


def train_sb3(
    meter: Meter,
    algo: str,
    env: str,
    n: int,
    options: dict[str, Any] | None = None,
    threads: int = 1,
) -> None:
    """Train an algorithm of Stable-Baselines3 on the CPU.

    Args:
        meter: counts the steps.
        algo: the algorithm's class.
        env: the environment's id; Atari games get the package's wrappers and a frame stack of 4.
        n: number of environments.
        options: hyperparameters that differ from the package's defaults.
        threads: threads of PyTorch for an MLP.
    """
    import stable_baselines3
    import torch
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_atari_env, make_vec_env
    from stable_baselines3.common.vec_env import VecFrameStack

    class Metered(BaseCallback):
        """Ticks when a rollout starts, since the update on the previous one is then complete."""

        def _on_rollout_start(self) -> None:
            meter.tick(0)

        def _on_step(self) -> bool:
            return not meter.tick(n, boundary=False)

    envs: Any
    if "NoFrameskip" in env:
        policy, envs = "CnnPolicy", VecFrameStack(make_atari_env(env, n_envs=n, seed=0), 4)
    else:
        policy, envs = "MlpPolicy", make_vec_env(env, n_envs=n)
        # A second thread helps little with small networks, and stalls if a core is busy.
        torch.set_num_threads(threads)
    model = getattr(stable_baselines3, algo)(policy, envs, device="cpu", seed=0, **(options or {}))
    model.learn(10**9, callback=Metered())


def fit_digits(meter: Meter, batch: int) -> None:
    """Train the network of the recipe mnist-cnn, written in PyTorch, on noise."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 1024),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(1024, 10),
    )
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    images = torch.randint(256, (100 * batch, 1, 28, 28), dtype=torch.uint8)
    digits = torch.randint(10, (len(images),))
    while True:
        order = torch.randperm(len(images))
        for chosen in order.split(batch):
            logits = net(images[chosen].float() / 255)
            loss = nn.functional.cross_entropy(logits, digits[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()  # wait for the loss, as any training loop that reports it must
            if meter.tick(batch):
                return


def _gray(env: str) -> Any:
    # "ale_py:Pong-v0" also makes a worker process register the Atari environments.
    return partial(gymnasium.make, f"ale_py:{env}", obs_type="grayscale")


def _random_actions(space: gymnasium.Space[Any], n: int) -> Any:
    return np.random.default_rng(0).integers(space.n, size=(1009, n))  # type: ignore[attr-defined]


if __name__ == "__main__":
    serve(
        {
            "step_gymnasium": step_gymnasium,
            "step_sb3": step_sb3,
            "train_sb3": train_sb3,
            "fit_digits": fit_digits,
            "train_minisom": train_minisom,
        },
        ("torch", "stable-baselines3", "gymnasium", "ale-py", "minisom", "numpy"),
    )
