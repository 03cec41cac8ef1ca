"""Games, preprocessing and training settings shared by the Atari presets."""

from __future__ import annotations

import re
from typing import Any

from agentlab.agents.presets import Preset
from agentlab.envs import list_envs

GAMES = "|".join(
    re.escape(id.removesuffix("NoFrameskip-v4"))
    for id in list_envs("NoFrameskip-v4")
    if not id.startswith("ALE/") and "-ram" not in id
)

# Mnih et al. 2015, "Methods": rewards are clipped to their sign, losing a life ends an episode.
DQN_FRAMES = {
    "grayscale": True,
    "resize": 84,
    "frame_stack": 4,
    "clip_rewards": True,
    "life_loss": True,
    "noop_max": 30,
}
# Ids that skip frames vary episodes by random skips or sticky actions instead of no-op starts.
SKIPPED_FRAMES = {**DQN_FRAMES, "noop_max": 0}
MAX_STEPS = 27_000  # the emulator's limit of 108,000 frames, half an hour, in steps of four
FOUR_FRAMES = {"frame_skip": 4, "max_pool": True}  # for NoFrameskip ids


def atari_presets(
    config: dict[str, Any], source: dict[str, str], steps: int = 2_500_000, n_envs: int = 16
) -> list[Preset]:
    """Return the presets for all games: one for ``NoFrameskip`` ids, one for ids that skip frames.

    Args:
        config: fields of the algorithm's configuration.
        source: the source of each value, by field.
        steps: environment steps of a run.
        n_envs: number of environments.
    """
    return [
        Preset(
            name=name,
            env=env,
            config=config,
            preprocessing=frames,
            training={"steps": steps, "n_envs": n_envs, "workers": 1, "eval_steps": MAX_STEPS},
            source={**source, **dict.fromkeys(frames, "Mnih et al. 2015")},
        )
        for name, env, frames in (
            ("atari", rf"({GAMES})NoFrameskip-v\d", {**DQN_FRAMES, **FOUR_FRAMES}),
            ("atari-skipping", rf"(ALE/)?({GAMES})(Deterministic)?-v\d", SKIPPED_FRAMES),
        )
    ]
