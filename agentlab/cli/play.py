"""``agentlab play``: run episodes with an agent, print their returns, and record a video."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agentlab import config as configs
from agentlab.agents import agent_class, make_agent
from agentlab.agents.agent import Agent
from agentlab.agents.evaluation import evaluate
from agentlab.agents.presets import preset
from agentlab.cli import program
from agentlab.cli.flags import Parser
from agentlab.config import Options, option
from agentlab.description import find_saved, read_description
from agentlab.envs import Preprocessing, VectorEnv, make_envs, newest_version
from agentlab.errors import AgentlabError, InvalidArgument, printable
from agentlab.experiments.agent_settings import Environment
from agentlab.experiments.foreign import trusted, trusted_wrappers
from agentlab.experiments.plan import fill
from agentlab.lazy import without_banners
from agentlab.learner import load
from agentlab.runs import Run, derive_seed, open_video

DESCRIPTION = """Run episodes with the agent of a run, of its folder best/, or of a folder written
by agent.save. Without RUN, an untrained agent acts: --env Pong-v0 --algo random."""


@dataclass(frozen=True)
class PlayOptions(Options):
    """Options of the episodes."""

    episodes: int = option(10, "episodes to run", ge=1)
    video: str | None = option(None, "record the first episode to this .mp4 or .gif file")
    explore: bool = option(False, "act as in training instead of greedily")
    seed: int = option(0, "random seed; equal seeds give equal episodes", ge=0)
    env: str | None = option(None, "environment to act in instead of the run's")
    algo: str | None = option(None, "name of an algorithm, or module:Class for a custom one")

    def check(self) -> None:
        super().check()
        if self.video is not None and Path(self.video).suffix.lower() not in (".mp4", ".gif"):
            raise InvalidArgument(f"video={self.video!r} must end in .mp4 or .gif")


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
    if folder is None:
        agent, envs = _untrained(options, fill(Environment, {}, given))
    else:
        agent, envs = _trained(Path(folder), options, given)
    with envs:
        play(agent, envs, options)
    return 0


def play(agent: Agent, envs: VectorEnv, options: PlayOptions) -> None:
    """Run the episodes, and print the return of each."""
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


def _untrained(options: PlayOptions, environment: Environment) -> tuple[Agent, VectorEnv]:
    """Create an untrained agent and its environment from ``options``."""
    if options.env is None or options.algo is None:
        raise AgentlabError("RUN is missing; pass the folder of a run, or --env and --algo")
    env = newest_version(options.env)
    chosen = preset(options.algo, env)
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
    env, preprocessing, environment = _stored_environment(folder, described, options, given)
    cls = agent_class(options.algo or trusted("algo", described["name"]))
    with without_banners():
        agent: Agent = load(saved, cls, num_envs=1)
    envs = _screen(env, preprocessing, environment, options)
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


def _stored_environment(
    folder: Path, described: Mapping[str, Any], options: PlayOptions, given: Mapping[str, Any]
) -> tuple[str, Preprocessing, Environment]:
    """Return the environment of a run or a saved agent, as far as the flags do not replace it.

    Arguments of another environment than the stored one are those given.
    """
    try:
        if (folder / "config.json").exists():
            config = Run.open(folder).config
            stored = {
                "env": config.get("env"),
                "preprocessing": config.get("preprocessing", {}),
                **config.get("environment", {}),
            }
        else:
            stored = dict(described.get("specification", {}).get("environment") or {})
        env = options.env and newest_version(options.env)
        if env in (None, stored.get("env")):
            kept = {name: stored[name] for name in ("env_kwargs", "wrapper") if name in stored}
            environment = fill(Environment, kept, given)
        else:
            environment = fill(Environment, {}, given)
        preprocessing = configs.from_dict(Preprocessing, stored.get("preprocessing", {}))
    except (TypeError, ValueError, AttributeError) as error:
        raise AgentlabError(f"the environment saved in {folder} is damaged: {error}") from None
    if "wrapper" not in given:
        trusted_wrappers(environment.wrapper)
    return env or trusted("env", stored.get("env")), preprocessing, environment


def _screen(
    env: str, preprocessing: Preprocessing, environment: Environment, options: PlayOptions
) -> VectorEnv:
    return make_envs(
        env,
        preprocessing=preprocessing,
        workers=0,
        render=options.video is not None,
        wrappers=environment.wrapper,
        **environment.kwargs,
    )
