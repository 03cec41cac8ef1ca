"""The games, preprocessing and training that the presets for Atari games share."""

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

# Preprocessing of the DQN papers: Mnih et al. 2015, "Methods"; signs of rewards, lives as episodes.
DQN_FRAMES = {
    "grayscale": True,
    "resize": 84,
    "frame_stack": 4,
    "clip_rewards": True,
    "life_loss": True,
    "noop_max": 30,
}
SKIPPED_FRAMES = {**DQN_FRAMES, "noop_max": 0}  # random skips or sticky actions vary episodes
FOUR_FRAMES = {"frame_skip": 4, "max_pool": True}  # where the id itself skips none


def atari_presets(config: dict[str, Any], source: dict[str, str]) -> list[Preset]:
    """Return the presets for all games: for ids that skip no frames, and for ids that do.

    Args:
        config: fields of the algorithm's configuration.
        source: the source of each, by field.
    """
    return [
        Preset(
            name=name,
            env=env,
            config=config,
            preprocessing=frames,
            training={"steps": 2_500_000, "n_envs": 16, "workers": 1},
            source={**source, **dict.fromkeys(frames, "Mnih et al. 2015")},
        )
        for name, env, frames in (
            ("atari", rf"({GAMES})NoFrameskip-v\d", {**DQN_FRAMES, **FOUR_FRAMES}),
            ("atari-skipping", rf"(ALE/)?({GAMES})(Deterministic)?-v\d", SKIPPED_FRAMES),
        )
    ]
