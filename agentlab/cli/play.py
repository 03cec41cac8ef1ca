"""``agentlab play``: run episodes with an agent, print their returns, and record a video."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agentlab import config as configs
from agentlab.agents import ALGORITHMS, agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import EVAL_STEPS, evaluate
from agentlab.agents.presets import preset
from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.description import find_saved, read_description
from agentlab.envs import Preprocessing, VectorEnv, make_envs, newest_version
from agentlab.envs.spaces import layout
from agentlab.errors import AgentlabError, InvalidArgument, printable
from agentlab.experiments.agent_settings import Environment
from agentlab.experiments.foreign import trusted
from agentlab.experiments.plan import fill
from agentlab.experiments.stored_environment import stored_environment
from agentlab.lazy import without_banners
from agentlab.learner import load
from agentlab.runs import Run, derive_seed, open_video
from agentlab.runs.config_file import CONFIG, warn_edited
from agentlab.runs.permission import check_output

DESCRIPTION = """Run episodes with the agent of a run, of its folder best/, or of a folder written
by agent.save. Without RUN, an untrained agent acts: --env Pong-v0 --algo random."""


@dataclass(frozen=True)
class PlayOptions(Options):
    """Options of the episodes."""

    episodes: int = option(10, "episodes to run", ge=1)
    video: str | None = option(
        None, "record the first episode, or several short ones, to this .mp4 or .gif file"
    )
    overwrite: bool = option(False, "replace the file of --video if it exists")
    eval_steps: int | None = option(
        None, f"cut an episode after N steps; none for the run's limit, or {EVAL_STEPS:,}", ge=1
    )
    human: bool = option(False, "watch the episodes in a window")
    explore: bool = option(False, "act as in training instead of greedily")
    seed: int = option(0, "random seed; equal seeds give equal episodes", ge=0)
    env: str | None = option(None, "environment to act in instead of the run's")
    algo: str | None = option(None, "name of an algorithm, or module:Class for a custom one")

    def check(self) -> None:
        super().check()
        if self.video is not None and Path(self.video).suffix.lower() not in (".mp4", ".gif"):
            raise InvalidArgument(f"video={self.video!r} must end in .mp4 or .gif")
        if self.video is not None and self.human:
            raise InvalidArgument(f"video={self.video!r} cannot be combined with human=True")


def run(words: list[str]) -> int:
    """Run episodes with the command line arguments ``words`` and return the exit code."""
    parser = Parser(program("play"), DESCRIPTION, words="[RUN]")
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of a run or of a saved agent")
    parser.add_fields(PlayOptions, "flags")
    parser.add_fields(Environment, "environment")
    given = parser.given(words)
    if given.pop("help", False):
        parser.print_help()
        return 0
    folder = given.pop("run", None)
    options = fill(PlayOptions, {}, given)
    if options.human:
        _check_display()
    if options.video is not None:
        check_output("--video", options.video, options.overwrite)
    if folder is None:
        agent, envs = _untrained(options, fill(Environment, {}, given))
    else:
        options = replace(options, eval_steps=options.eval_steps or _eval_steps_of(Path(folder)))
        agent, envs = _trained(Path(folder), options, given)
    with envs:
        play(agent, envs, options)
    return 0


def _check_display() -> None:
    """Raise ``AgentlabError`` if no window can be opened."""
    known = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    if sys.platform == "linux" and not any(map(os.environ.get, known)):
        raise AgentlabError(
            "--human needs a display, but DISPLAY and WAYLAND_DISPLAY are not set; record a video "
            "instead with --video episode.mp4"
        )


def _eval_steps_of(folder: Path) -> int | None:
    """Return the ``eval_steps`` of a run; ``None`` if there is no run or it has none."""
    if not (folder / CONFIG).exists():
        return None
    training = Run.open(folder).config.get("training")
    steps = training.get("eval_steps") if isinstance(training, dict) else None
    return steps if isinstance(steps, int) and steps > 0 else None


def play(agent: Agent, envs: VectorEnv, options: PlayOptions) -> None:
    """Run the episodes, and print the return of each."""
    returns: list[float] = []
    lengths: list[int] = []
    with ExitStack() as recording:
        video = None
        if options.video is not None:
            video = recording.enter_context(open_video(options.video, envs.frame_rate))
        for episode in range(options.episodes):
            played = evaluate(
                agent,
                envs,
                1,
                seed=derive_seed(options.seed, episode),
                explore=options.explore,
                video=video,
                max_steps=options.eval_steps or EVAL_STEPS,
                quiet=False,
            )
            returns += played.returns.tolist()
            lengths += played.lengths.tolist()
            cut = "  cut by --eval-steps" if played.cut else ""
            print(
                f"episode {episode + 1:<4} return {returns[-1]:<10g} length {lengths[-1]}{cut}",
                flush=True,
            )
            if video is not None and not video.short:
                recording.close()  # the file is complete
                video = None
    print(f"mean         return {np.mean(returns):<10g} length {np.mean(lengths):g}")
    if options.video is not None:
        print(printable(f"video        {options.video}"))


def _untrained(options: PlayOptions, environment: Environment) -> tuple[Agent, VectorEnv]:
    """Create an untrained agent and its environment from ``options``."""
    if options.env is None or options.algo is None:
        raise AgentlabError("RUN is missing; pass the folder of a run, or --env and --algo")
    env = newest_version(options.env)
    chosen = preset(ALGORITHMS.canonical(options.algo), env).for_arguments(environment.kwargs)
    preprocessing = configs.from_dict(Preprocessing, chosen.preprocessing)
    envs = _screen(env, preprocessing, environment, options)
    with without_banners():
        return make_agent(options.algo, envs, options.seed, **chosen.config), envs


def _trained(
    folder: Path, options: PlayOptions, given: Mapping[str, Any]
) -> tuple[Agent, VectorEnv]:
    """Load the agent of a run or of a folder written by ``save``, and create its environment."""
    saved = find_saved(folder)
    described = read_description(saved)
    if described["kind"] != "agent":
        raise AgentlabError(
            f"{str(folder)!r} holds a {described['kind']}, not an agent; predict with it: "
            f"`{program('predict')} {folder} INPUT`"
        )
    run = Run.open(folder) if (folder / CONFIG).exists() else None
    env, preprocessing, environment = stored_environment(run, described, options.env, given)
    cls = agent_class(options.algo or trusted("algo", described["name"]))
    with without_banners():
        agent: Agent = load(saved, cls, num_envs=1)
    envs = _screen(env, preprocessing, environment, options)
    for what in ("observation_space", "action_space"):
        there, known = getattr(envs, what), getattr(agent, what)
        if layout(there) != layout(known):
            envs.close()
            raise AgentlabError(
                f"env={env!r} has the {what} {there}, but the agent was trained with {known}"
            )
    if run is not None and run.edited:
        warn_edited(run.path)
    return agent, envs


def _screen(
    env: str, preprocessing: Preprocessing, environment: Environment, options: PlayOptions
) -> VectorEnv:
    window = {"render_mode": "human"} if options.human else {}
    return make_envs(
        env,
        preprocessing=preprocessing,
        workers=0,
        render=options.video is not None,
        wrappers=environment.wrapper,
        **{**environment.kwargs, **window},
    )
