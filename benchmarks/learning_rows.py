"""The runs whose results ``learning.py`` tabulates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A row of the table of agents.

    Attributes:
        name: name of the row, and prefix of the names of its runs.
        flags: flags of ``train_agent.py`` besides the seed.
        seeds: number of seeds, from 0 on.
        frames_per_step: emulator frames per step; 1 for other environments.
        published: a published result to compare with, and its number of frames.
        source: source of the published result.
    """

    name: str
    flags: str
    seeds: int
    frames_per_step: int = 1
    published: str = ""
    source: str = ""

    script = "train_agent.py"
    result = "evaluation.json"
    plot = "returns.png"


@dataclass(frozen=True)
class Fit:
    """A row of the table of supervised or of unsupervised learning.

    Attributes:
        name: name of the row, and prefix of the names of its runs.
        flags: flags of the script besides the seed and the data folder.
        seeds: number of seeds, from 0 on.
        metric: the test metric that is shown first.
        target: value that the metric should reach.
        book: result of Gulli and Kapoor 2017.
        plot: file name of the plot that is shown.
        script: the script.
    """

    name: str
    flags: str
    seeds: int
    metric: str
    target: str
    book: str = ""
    plot: str = "history.png"
    script: str = "train_supervised.py"

    result = "test.json"


RUN_OF_THE_ZOO = "one run of the RL Zoo of Stable-Baselines3 (benchmark.md, {})"
ZOO = RUN_OF_THE_ZOO.format("dqn")


def _zoo(name: str, env: str, algo: str, seeds: int, published: str) -> Work:
    """Return a row with the same task, algorithm and number of steps as the RL Zoo."""
    source = RUN_OF_THE_ZOO.format(algo)
    return Work(name, f"--env {env} --algo {algo}", seeds, published=published, source=source)


SMALL_PONG = (
    "--env PongNoFrameskip-v4 --algo dqn --crop 34,194 --resize 44 --background 87 --steps 300000"
)
WORKS = (
    Work("frozenlake-q_table", "--env FrozenLake-v1 --algo q_table", 5),
    Work("cartpole-q_linear", "--env CartPole-v0 --algo q_linear", 5),
    Work(
        "cartpole-dqn",
        "--env CartPole-v1 --algo dqn",
        5,
        published="500.0 (50 thousand steps)",
        source=ZOO,
    ),
    Work(
        "cartpole-dqn-iqn",
        "--env CartPole-v1 --algo dqn --distribution iqn --n-atoms 8 --hidden 64 64",
        3,
    ),
    Work("cartpole-pg", "--env CartPole-v1 --algo pg", 5),
    Work(
        "lunarlander-dqn",
        "--env LunarLander-v3 --algo dqn",
        3,
        published="154.4 (LunarLander-v2, 100 thousand steps)",
        source=ZOO,
    ),
    Work(
        "pong-dqn",
        "--env PongNoFrameskip-v4 --algo dqn",
        2,
        frames_per_step=4,
        published="20.6 (40 million frames)",
        source=ZOO,
    ),
    Work(
        "breakout-dqn",
        "--env BreakoutNoFrameskip-v4 --algo dqn",
        1,
        frames_per_step=4,
        published="358.3 (40 million frames)",
        source=ZOO,
    ),
    Work("pong-pg", "--env Pong-v0 --algo pg", 1, frames_per_step=3),
    _zoo("cartpole-ppo", "CartPole-v1", "ppo", 5, "500.0"),
    _zoo("cartpole-a2c", "CartPole-v1", "a2c", 5, "500.0"),
    _zoo("acrobot-ppo", "Acrobot-v1", "ppo", 5, "-73.5"),
    Work(
        "acrobot-ppo-short",
        "--env Acrobot-v1 --algo ppo --steps 100000 --rollout-length 128 --n-minibatches 32 "
        "--n-epochs 10 --learning-rate 1e-3",
        5,
    ),
    _zoo("acrobot-dqn", "Acrobot-v1", "dqn", 5, "-76.6"),
    _zoo("mountaincar-dqn", "MountainCar-v0", "dqn", 5, "-100.8"),
    Work("cartpole-no-velocity-ppo", "--env CartPoleNoVel-v1 --algo ppo", 5),
    _zoo("pendulum-sac", "Pendulum-v1", "sac", 5, "-157.0"),
    _zoo("pendulum-td3", "Pendulum-v1", "td3", 5, "-151.9"),
    _zoo("pendulum-ppo", "Pendulum-v1", "ppo", 3, "-172.2"),
    Work("pendulum-sac-gsde", "--env Pendulum-v1 --algo sac --use-sde --sde-sample-freq 8", 3),
    Work(
        "pendulum-sac-crossq",
        "--env Pendulum-v1 --algo sac --crossq --policy-delay 3 --critic-hidden 256 256",
        3,
    ),
    _zoo("mountaincar-sac", "MountainCarContinuous-v0", "sac", 3, "94.7"),
    _zoo("lunarlander-ppo", "LunarLander-v3", "ppo", 3, "242.1 (LunarLander-v2)"),
    _zoo(
        "lunarlander-sac",
        "LunarLanderContinuous-v3",
        "sac",
        1,
        "260.4 (LunarLanderContinuous-v2)",
    ),
    Work("bipedalwalker-ppo", "--env BipedalWalker-v3 --algo ppo", 1),
    _zoo("halfcheetah-ppo", "HalfCheetah-v5", "ppo", 3, "5819.1 (HalfCheetah-v3)"),
    _zoo("hopper-ppo", "Hopper-v5", "ppo", 3, "2410.4 (Hopper-v3)"),
    Work("halfcheetah-sac", "--env HalfCheetah-v5 --algo sac --steps 320000", 1),
    Work("hopper-sac", "--env Hopper-v5 --algo sac --steps 320000", 1),
    Work("doorkey-ppo", "--env MiniGrid-DoorKey-5x5-v0 --algo ppo", 3),
    Work("minatar-breakout-ppo", "--env MinAtar/Breakout-v1 --algo ppo", 1),
    Work("pong-small-dqn", SMALL_PONG, 3, frames_per_step=4),
    # Run examples/pong_autoencoder.py first; it writes runs/frames.
    Work("pong-pretrained-dqn", f"{SMALL_PONG} --pretrained runs/frames", 3, frames_per_step=4),
)
FITS = (
    Fit("mnist-logistic", "--recipe mnist-logistic", 3, "accuracy", "0.925", "0.909"),
    Fit("mnist-mlp", "--recipe mnist-mlp", 3, "accuracy", "0.983", "over 0.90"),
    Fit(
        "mnist-cnn", "--recipe mnist-cnn --precision bfloat16", 3, "accuracy", "0.993", "about 0.95"
    ),
    Fit(
        "cifar10-cnn",
        "--recipe cifar10-cnn --precision bfloat16",
        1,
        "accuracy",
        "0.85 on all 50,000",
        "0.819",
    ),
    Fit("boston-linear", "--recipe boston-linear --folds 10", 3, "rmse", ""),
    Fit("boston-linear-sgd", "--recipe boston-linear-sgd --folds 10", 3, "rmse", ""),
    Fit("boston-mlp", "--recipe boston-mlp --folds 10", 3, "rmse", "3.3"),
    Fit(
        "shakespeare",
        "--recipe shakespeare --precision bfloat16",
        1,
        "loss",
        "1.50",
        "1.40, after 6 x 6 hours",
    ),
    Fit(
        "translate-en-de",
        "--recipe translate-en-de --precision bfloat16",
        1,
        "bleu",
        "30",
        "17.5 (vi-en)",
    ),
    Fit("forecast", "--recipe forecast", 3, "ratio", "compared with the naive forecast"),
    Fit("siamese-mnist", "--recipe siamese-mnist", 3, "knn_accuracy", "0.97", plot="embedding.png"),
    Fit("perceptron", "--recipe perceptron", 1, "accuracy", "1", "learns"),
    Fit(
        "mnist-capsule-quarter",
        "--recipe mnist-capsule-quarter",
        1,
        "accuracy",
        "0.993",
        "0.985",
        plot="capsule_dimensions.png",
    ),
    Fit(
        "multimnist-capsule",
        "--recipe multimnist-capsule --epochs 2",
        1,
        "accuracy",
        "",
        plot="reconstructions.png",
    ),
)
