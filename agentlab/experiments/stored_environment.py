"""The environment of a run or of a saved agent, to act in it again."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agentlab import config as configs
from agentlab.envs import Preprocessing, newest_version
from agentlab.errors import AgentlabError
from agentlab.experiments.agent_settings import Environment
from agentlab.experiments.foreign import trusted, trusted_wrappers
from agentlab.experiments.plan import fill
from agentlab.runs import Run
from agentlab.runs.config_file import CONFIG


def stored_environment(
    run: Run | None,
    described: Mapping[str, Any],
    env: str | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[str, Preprocessing, Environment]:
    """Return the environment of a run, or of a saved agent without one, with flags applied.

    For an environment other than the stored one, only the given arguments are used.

    Args:
        run: the agent's run; ``None`` for an agent that was saved by itself.
        described: the agent's ``learner.json``.
        env: id of another environment; ``None`` for the stored one.
        given: fields of ``Environment`` that the user gave.

    Raises:
        AgentlabError: for a damaged file, or an environment or wrapper from outside agentlab.
    """
    try:
        if run is not None:
            stored = {
                "env": run.config.get("env"),
                "preprocessing": run.config.get("preprocessing", {}),
                **run.config.get("environment", {}),
            }
        else:
            stored = dict(described.get("specification", {}).get("environment") or {})
        env = env and newest_version(env)
        if env in (None, stored.get("env")):
            kept = {name: stored[name] for name in ("env_kwargs", "wrapper") if name in stored}
            environment = fill(Environment, kept, given)
        else:
            environment = fill(Environment, {}, given)
        preprocessing = configs.from_dict(Preprocessing, stored.get("preprocessing", {}))
    except (TypeError, ValueError, AttributeError) as error:
        place = "the saved agent" if run is None else run.path / CONFIG
        raise AgentlabError(f"the environment saved in {place} is damaged: {error}") from None
    if "wrapper" not in given:
        trusted_wrappers(environment.wrapper)
    return env or trusted("env", stored.get("env")), preprocessing, environment
