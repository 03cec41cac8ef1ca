"""``agentlab play``: let an agent play, print its returns, and record a video."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agentlab import config as configs
from agentlab.agents import make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.presets import preset
from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import option
from agentlab.envs import Preprocessing, VectorEnv, make_envs
from agentlab.errors import AgentlabError, printable
from agentlab.experiments.agent_run import is_foreign, trusted
from agentlab.lazy import without_banners
from agentlab.learner import load

DESCRIPTION = """Let the agent of a run (or of a folder that agent.save wrote) play some episodes.
Without RUN, --env and --algo say what plays what: --env Pong-v0 --algo random."""


@dataclass(frozen=True)
class PlayOptions:
    """What is played and what is shown of it."""

    episodes: int = option(10, "how many episodes")
    video: str | None = option(None, "record the first episode to this .mp4 or .gif")
    explore: bool = option(False, "act as in training instead of as well as it can")
    seed: int = option(0, "equal seeds give equal episodes")
    env: str | None = option(None, "play this environment instead of the run's own")
    algo: str | None = option(None, "an algorithm by name, or module:Class for your own")

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise AgentlabError(f"episodes={self.episodes} must be 1 or more")
        if self.seed < 0:
            raise AgentlabError(f"seed={self.seed} must be 0 or more")
        if self.video is not None and Path(self.video).suffix.lower() not in (".mp4", ".gif"):
            raise AgentlabError(f"video={self.video!r} must end in .mp4 or .gif")


def run(words: list[str]) -> int:
    """Play as ``words`` say and return the exit code."""
    parser = Parser(program("play"), DESCRIPTION, words="[RUN]")
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run's folder, or a saved agent's")
    parser.add_fields(PlayOptions, "flags")
    said = parser.given(words)
    if said.pop("help", False):
        parser.print_help()
        return 0
    folder = said.pop("run", None)
    options = PlayOptions(**said)
    agent, envs = _newcomer(options) if folder is None else _trained(Path(folder), options)
    with envs:
        play(agent, envs, options)
    return 0


def play(agent: Agent, envs: VectorEnv, options: PlayOptions) -> None:
    """Play the episodes, and print the return of each."""
    from agentlab.agents.loop import evaluate
    from agentlab.runs import derive_seed, open_video

    returns: list[float] = []
    lengths: list[int] = []
    for episode in range(options.episodes):
        seed = derive_seed(options.seed, episode)
        recorded = options.video is not None and episode == 0
        with open_video(str(options.video)) if recorded else nullcontext() as video:
            played = evaluate(agent, envs, 1, seed=seed, explore=options.explore, video=video)
        returns += played.returns.tolist()
        lengths += played.lengths.tolist()
        print(
            f"episode {episode + 1:<4} return {returns[-1]:<10g} length {lengths[-1]}", flush=True
        )
    print(f"mean         return {np.mean(returns):<10g} length {np.mean(lengths):g}")
    if options.video is not None:
        print(printable(f"video        {options.video}"))


def _newcomer(options: PlayOptions) -> tuple[Agent, VectorEnv]:
    """Make an untrained agent and the environment that ``options`` name."""
    if options.env is None or options.algo is None:
        raise AgentlabError("which agent plays? give a run's folder, or --env and --algo")
    chosen = preset(options.algo, options.env)
    preprocessing = configs.from_dict(Preprocessing, chosen.preprocessing)
    envs = _screen(options.env, preprocessing, options)
    with without_banners():
        return make_agent(options.algo, envs, options.seed, **chosen.config), envs


def _trained(folder: Path, options: PlayOptions) -> tuple[Agent, VectorEnv]:
    """Load the newest agent of a run, or one saved by itself, and make its environment."""
    from agentlab.runs import Run

    saved = folder
    described: dict[str, Any] = {}
    if not (folder / "learner.json").exists():
        record = Run.open(folder)
        if "trainer" in record.config:
            raise AgentlabError(
                f"run={str(folder)!r} trained a net on examples; let it predict by "
                f"`{program('predict')} {folder} INPUT`"
            )
        newest = record.latest_checkpoint()
        if newest is None:
            raise AgentlabError(f"run={str(folder)!r} has saved no agent yet")
        saved, described = newest.path / "learner", record.config
    elif (folder / "config.json").exists():
        described = Run.open(folder).config
    env = options.env or trusted("env", described.get("env"))
    chosen = described.get("preprocessing", {})
    if not isinstance(chosen, dict):
        raise AgentlabError(f"config.json of {str(folder)!r} is damaged: preprocessing={chosen!r}")
    with without_banners():
        agent = load(saved, options.algo if is_foreign(options.algo or "") else None, num_envs=1)
    envs = _screen(env, configs.from_dict(Preprocessing, chosen), options)
    for what in ("observation_space", "action_space"):
        there, known = getattr(envs, what), getattr(agent, what)
        if (there.shape, there.dtype) != (known.shape, known.dtype) or (
            isinstance(known, gymnasium.spaces.Discrete) and there != known
        ):
            envs.close()
            raise AgentlabError(
                f"env={env!r} has the {what} {there}, but the agent was trained with {known}"
            )
    return agent, envs


def _screen(env: str, preprocessing: Preprocessing, options: PlayOptions) -> VectorEnv:
    render = options.video is not None
    return make_envs(env, preprocessing=preprocessing, workers=0, render=render)
