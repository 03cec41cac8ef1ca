"""The Agent API: what every algorithm, built in or your own, is written against."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab import config as configs
from agentlab.envs.preprocessing import Frames
from agentlab.envs.vector import Array, Step, check_num_envs
from agentlab.errors import AgentlabError
from agentlab.runs.files import write_arrays, write_json
from agentlab.runs.reading import read_arrays, read_json

State = dict[str, Any]
MAX_ELEMENTS = 1 << 24  # of a saved space: 2,000 frames of 84x84; its bounds take 10 bytes for each


@dataclass(frozen=True)
class NoConfig:
    """The configuration of an agent that has nothing to set."""


class Agent(ABC):
    """Chooses actions for a vector of environments, and learns from what follows.

    A custom agent overrides ``act``; one that learns overrides ``observe``; one with a
    recurrent state overrides ``reset``; one that has something to keep overrides ``state`` and
    ``restore``. Everything is batched over the environments: a leading axis ``n``.

    Attributes:
        name: the algorithm's name on the command line.
        Config: a frozen dataclass with the hyperparameters; every field becomes a flag.
        finished: set it to end training before all steps are made.

    Args:
        observation_space: the space of one environment's observations.
        action_space: the space of one environment's actions.
        num_envs: how many environments it acts in at a time.
        config: an instance of ``Config``, or ``None`` for its defaults.
        seed: of everything random in the agent; kept as ``self.rng``.
    """

    name: ClassVar[str] = ""
    Config: ClassVar[type] = NoConfig
    finished: bool = False

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        self.observation_space = observation_space
        self.action_space = action_space
        self.num_envs = num_envs
        self.config = self.Config() if config is None else config
        self.rng = np.random.default_rng(seed)

    @abstractmethod
    def act(self, observations: Array, explore: bool = True) -> Array:
        """Choose one action for each environment.

        Args:
            observations: ``[n, ...]``, of the observation space's dtype.
            explore: act as in training; ``False`` asks for the best known action.

        Returns:
            Actions, ``[n, ...]``, of the action space's dtype.
        """

    def on_train_start(self) -> None:  # noqa: B027 - most have nothing to read
        """Read what learning starts with, such as another run's weights.

        Called before the first step of a training, but not where a run goes on: only its start
        may depend on other folders.
        """

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:  # noqa: B027 - not all need it
        """Forget what was seen in environments where a new episode begins.

        Called before the first ``act`` in all environments, and in training and evaluation alike
        after every step that ended an episode.

        Args:
            episode_starts: bool ``[n]``, true where the next observation is the first of its
                episode. A new ``n`` means other environments.
        """

    def observe(self, step: Step) -> Mapping[str, float] | None:
        """Take in one step of all environments, and learn where learning is due.

        Returns:
            Metrics to log (losses, norms, ...), or ``None`` when there is nothing new.
        """
        return None

    def pause(self) -> Mapping[str, float] | None:
        """Come to rest: finish learning under way and forget steps that wait for the next one.

        Called before every checkpoint and at the end. The next ``act`` sees new episodes.

        Returns:
            Metrics of what was finished, as ``observe`` does.
        """
        return None

    def histograms(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return weights and gradients to draw histograms of, by name. Called when paused."""
        return {}

    def graph(self) -> Any:
        """Return a traced TensorFlow function for TensorBoard's graph view, or ``None``."""
        return None

    def summary(self) -> str | None:
        """Return what was learned as a text to print after training, or ``None``."""
        return None

    def state(self) -> State:
        """Return everything that learning has changed, by name: NumPy arrays or what JSON holds."""
        return {}

    def restore(self, state: State) -> None:  # noqa: B027 - nothing to take back is fine
        """Take back what ``state`` returned."""

    def save(self, directory: Path | str) -> None:
        """Write the agent to ``directory``: ``agent.json`` and ``weights.npz``."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        state = self.state()
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        write_arrays(directory / "weights.npz", arrays)
        described = {
            "algo": algo_of(type(self)),
            "config": configs.to_dict(self.config),
            "num_envs": self.num_envs,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "rng": self.rng.bit_generator.state,
            "state": {name: value for name, value in state.items() if name not in arrays},
        }
        write_json(directory / "agent.json", described)

    def read(self, directory: Path | str) -> None:
        """Take over the state of a saved agent of the same algorithm and configuration.

        Raises:
            AgentlabError: for missing, damaged or foreign files.
        """
        described = _description_for(type(self), directory)
        try:
            arrays = read_arrays(Path(directory) / "weights.npz")
            self.restore({**described["state"], **arrays})
            self.rng.bit_generator.state = described["rng"]
        except Exception as error:  # whatever a damaged file makes the readers raise
            raise AgentlabError(
                f"{directory} holds no readable agent: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def load(cls, directory: Path | str, num_envs: int | None = None) -> Self:
        """Make the agent that ``save`` wrote. Runs no code from the files.

        Args:
            directory: where ``save`` wrote to.
            num_envs: act in that many environments instead of as many as it was trained in.

        Raises:
            AgentlabError: for missing, damaged or foreign files.
        """
        described = _description_for(cls, directory)
        try:
            agent = cls(
                space_from_json(described["observation_space"]),
                space_from_json(described["action_space"]),
                check_num_envs(num_envs or described["num_envs"]),
                configs.from_dict(cls.Config, described["config"]),
            )
        except (KeyError, TypeError, ValueError, AssertionError, ArithmeticError) as error:
            raise AgentlabError(f"{Path(directory) / 'agent.json'} is damaged: {error}") from error
        agent.read(directory)
        return agent


def read_description(directory: Path | str) -> dict[str, Any]:
    """Return what ``agent.json`` in ``directory`` says.

    Raises:
        AgentlabError: where it is missing or damaged.
    """
    path = Path(directory) / "agent.json"
    try:
        described = dict(read_json(path))
        described["algo"]
    except FileNotFoundError:
        raise AgentlabError(f"{directory} holds no saved agent: there is no agent.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentlabError(f"{path} is damaged: {error}") from error
    return dict(described)


def _description_for(cls: type[Agent], directory: Path | str) -> dict[str, Any]:
    described = read_description(directory)
    if described["algo"] != algo_of(cls):
        raise AgentlabError(
            f"{directory} holds an agent of the algorithm {described['algo']!r}, "
            f"not of {algo_of(cls)!r}"
        )
    return described


def algo_of(cls: type[Agent]) -> str:
    """Return the name that the command line knows the class ``cls`` by."""
    if cls.__module__.startswith("agentlab."):
        return cls.name
    return f"{cls.__module__}:{cls.__qualname__}"


def space_to_json(space: gymnasium.Space[Any]) -> dict[str, Any]:
    """Describe an array-valued space in what JSON holds."""
    spaces = gymnasium.spaces
    if isinstance(space, spaces.Box):
        low, high = (
            # A bound that is the same everywhere is written once.
            b.flat[0].item() if b.size and (b == b.flat[0]).all() else b.tolist()
            for b in (space.low, space.high)
        )
        described = {"low": low, "high": high, "shape": space.shape, "dtype": str(space.dtype)}
        if isinstance(space, Frames):
            return {"type": "Frames", **described, "frame_stack": space.frame_stack}
        return {"type": "Box", **described}
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"type": "MultiDiscrete", "nvec": space.nvec.tolist()}
    if isinstance(space, spaces.MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
    raise AgentlabError(
        f"the space {space} cannot be saved: use Box, Discrete, MultiDiscrete or MultiBinary"
    )


def _check_size(described: Mapping[str, Any]) -> None:
    """Refuse a space that would need more memory than any observation has."""
    sizes = described.get("shape", described.get("n", 1 if "nvec" not in described else 0))
    size = math.prod(sizes if isinstance(sizes, list) else [sizes])
    if size > MAX_ELEMENTS:
        raise AgentlabError(
            f"the saved space has {size:,} elements; at most {MAX_ELEMENTS:,} are loaded"
        )


def space_from_json(described: Mapping[str, Any]) -> gymnasium.Space[Any]:
    """Build the space that ``space_to_json`` described."""
    values = dict(described)
    kind = values.pop("type")
    _check_size(values)
    if kind == "Frames":
        return Frames(**{**values, "shape": tuple(values["shape"])})
    if kind == "Box":
        shape, dtype = tuple(values["shape"]), np.dtype(values["dtype"])
        low, high = (np.broadcast_to(np.array(values[k], dtype), shape) for k in ("low", "high"))
        return gymnasium.spaces.Box(low, high, shape, dtype.type)
    if kind not in ("Discrete", "MultiDiscrete", "MultiBinary"):
        raise AgentlabError(f"the saved space {kind!r} is unknown")
    space: gymnasium.Space[Any] = getattr(gymnasium.spaces, kind)(**values)
    return space
