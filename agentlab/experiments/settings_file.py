"""Settings of an agent's run in a YAML or JSON file, under agentlab's or the RL Zoo's names."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from agentlab.agents import ALGORITHMS, agent_class
from agentlab.config import did_you_mean, flag_of, format_value, parse_value
from agentlab.envs import Preprocessing, newest_version
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.experiments.agent_settings import Environment, Training
from agentlab.experiments.foreign import trusted, trusted_wrappers
from agentlab.experiments.zoo_names import is_zoo, translate
from agentlab.lazy import LazyModule
from agentlab.runs.files import reporting
from agentlab.runs.reading import open_regular

yaml: Any = LazyModule("yaml")
GROUPS = ("config", "preprocessing", "environment", "training")  # of a config.json
LARGEST_FILE = 1 << 20  # bytes


@dataclass(frozen=True)
class FileSettings:
    """The settings in a file.

    Attributes:
        env: the environment's id, or ``None``.
        algo: the algorithm's name.
        preset: the name of a preset for settings missing from the file, or ``None``.
        values: settings by name, of the right types.
        left_out: settings of the RL Zoo that agentlab does not support, with their values.
        entry: the environment whose entry was read, if it is another version of ``env``.
    """

    env: str | None
    algo: str
    preset: str | None
    values: dict[str, Any]
    left_out: dict[str, Any] = field(default_factory=dict)
    entry: str | None = None


def read_settings(
    path: Path | str,
    env: str | None = None,
    algo: str | None = None,
    wrapper: Sequence[str] = (),
) -> FileSettings:
    r"""Read the settings of an agent's run.

    The file has the content of a ``config.json``, or settings by name without its groups, or
    hyperparameters of RL Baselines3 Zoo: one entry, or a file of entries by environment.

    Args:
        path: a YAML or JSON file.
        env: the environment that the user named; ``None`` for the file's.
        algo: the algorithm that the user named; ``None`` for the file's.
        wrapper: the wrappers that the user named; none for the file's.

    Raises:
        AgentlabError: if the file cannot be read, or names code from outside agentlab that the user
            did not name.
        InvalidArgument: for an unknown setting, or a value of the wrong type.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.yml"
    ...     _ = path.write_text("env: CartPole-v1\nalgo: ppo\nsteps: 1e5\n")
    ...     read_settings(path).values
    {'steps': 100000}
    """
    content = _load(Path(path))
    given = {name: content.pop(name, None) for name in ("env", "algo", "preset")}
    env = env or (given["env"] and trusted("env", given["env"]))
    entry = None
    if env is not None:
        content, entry = _entry(content, newest_version(env), path)
    algo = ALGORITHMS.canonical(algo or trusted("algo", given["algo"]))
    left_out: dict[str, Any] = {}
    if "config" in content and isinstance(content["config"], dict):
        content = {n: v for group in GROUPS for n, v in (content.get(group) or {}).items()}
    elif is_zoo(content):
        try:
            content, left_out = translate(content, algo)
        except InvalidArgument as error:
            raise InvalidArgument(f"config={str(path)!r}: {error}") from error
        except (TypeError, ValueError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise InvalidArgument(
                f"config={str(path)!r} is not an entry of RL Baselines3 Zoo: {why}"
            ) from error
    values = _typed(content, algo, path)
    if not wrapper:
        trusted_wrappers(values.get("wrapper", ()))
    return FileSettings(env, algo, given["preset"], values, left_out, entry)


def _load(path: Path) -> dict[str, Any]:
    """Return the mapping in a file; YAML tags cannot run code."""
    with reporting(f"config={str(path)!r} cannot be read"), open_regular(path) as file:
        text = file.read(LARGEST_FILE + 1)
    if len(text) > LARGEST_FILE:
        raise AgentlabError(f"config={str(path)!r} cannot be read: it is larger than a megabyte")
    try:
        content = yaml.safe_load(text.decode())  # JSON is YAML
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        why = " ".join(str(error).split())[:200]
        raise AgentlabError(f"config={str(path)!r} is not YAML or JSON: {why}") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise AgentlabError(f"config={str(path)!r} must contain settings as NAME: VALUE")
    return content


def _entry(
    content: dict[str, Any], env: str, path: Path | str
) -> tuple[dict[str, Any], str | None]:
    """Return the entry of an environment in a Zoo file; other content is returned as is.

    An entry of another version is used if there is none of this one, such as ``LunarLander-v2`` for
    ``LunarLander-v3``; then its name is returned too.
    """
    entries = [name for name, value in content.items() if isinstance(value, dict)]
    if set(entries) & set(GROUPS) or len(entries) < len(content) or not content:
        return content, None
    names = [env, "atari"] if "NoFrameskip" in env or env.startswith("ALE/") else [env]
    for name in names:
        if name in content:
            return dict(content[name]), None
    versions = [name for name in sorted(entries) if _unversioned(name) == _unversioned(env)]
    if versions:
        return dict(content[versions[-1]]), versions[-1]
    hint = did_you_mean(env, entries) or f"; it has {', '.join(sorted(entries)[:8])}"
    raise InvalidArgument(f"config={str(path)!r} has no entry for env={env!r}{hint}")


def _unversioned(env: str) -> str:
    return re.sub(r"-v\d+$", "", env)


def _typed(content: Mapping[str, Any], algo: str, path: Path | str) -> dict[str, Any]:
    """Return settings with values of the right types; strings are parsed like flag values."""
    groups = (agent_class(algo).Config, Preprocessing, Environment, Training)
    hints = {name: hint for group in groups for name, hint in typing.get_type_hints(group).items()}
    known = [option.name for group in groups for option in fields(group)]
    values = {}
    for name, value in content.items():
        if name not in known:
            raise InvalidArgument(
                f"config={str(path)!r}: algo={algo!r} has no setting {name!r}"
                f"{did_you_mean(name, known)}"
            )
        if not isinstance(value, list | dict):
            text = value if isinstance(value, str) else format_value(value)
            value = parse_value(flag_of(name)[2:], text, hints[name])
        values[name] = value
    return values
