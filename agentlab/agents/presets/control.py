"""What presets for continuous control have in common."""

from __future__ import annotations

ZOO = "the RL Zoo of Stable-Baselines3"
PENDULUM = r"Pendulum-v\d"
MOUNTAIN_CAR = r"MountainCarContinuous-v\d"
LUNAR_LANDER = r"LunarLanderContinuous-v\d"
BIPEDAL_WALKER = r"BipedalWalker-v\d"
MINATAR = r"MinAtar/\w+-v\d"
MUJOCO = r"(Ant|HalfCheetah|Hopper|Humanoid|Swimmer|Walker2d)-v\d"

# One update per step, eight of them in one compiled call.
EIGHT = {"train_freq": 8, "gradient_steps": 8}
EIGHT_SOURCE = dict.fromkeys(
    EIGHT, f"{ZOO} for PyBullet: one update per step, made eight at a time"
)

NORMALIZED = {"normalize_observations": True, "normalize_returns": True}  # the zoo's "normalize"


def training(steps: int, n_envs: int = 1) -> dict[str, int]:
    """Return the settings of a run of ``steps`` steps."""
    every = max(1000, steps // 100)
    return {"steps": steps, "n_envs": n_envs, "log_every": every, "checkpoint_every": steps // 5}
