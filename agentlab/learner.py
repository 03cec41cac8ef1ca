"""The base class of agents, trainers and estimators: configuration, state, saving and loading."""

from __future__ import annotations

from abc import ABC
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from agentlab import config as configs
from agentlab.components import State, component_state, is_large, is_model, restore_component
from agentlab.config import Options
from agentlab.description import (
    DESCRIPTION,
    find_saved,
    read_description,
    verified_description,
    write_description,
)
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.import_path import allow_current_folder
from agentlab.json_state import split_state, to_json
from agentlab.nets.budget import weights_within
from agentlab.nets.files import check_loadable, load_net
from agentlab.registry import registry_of
from agentlab.runs.files import replacing_folder, sha256_of, write_arrays
from agentlab.runs.reading import read_arrays

Large = TypeVar("Large", bound=Any)
ARRAYS, MODEL = "arrays.npz", ".keras"


class Learner(ABC):  # noqa: B024 - its subclasses have the abstract methods
    """Base class of everything that can be configured, trained, saved, loaded and exported.

    A subclass returns from ``components`` its Keras models and optimizers, variables, random
    generators, and objects with ``state`` and ``restore`` (or, if large, ``save`` and ``load``).

    Attributes:
        kind: ``"agent"``, ``"trainer"`` or ``"estimator"``.
        name: the name that its class is registered under.
        Config: a frozen dataclass with the hyperparameters; every field becomes a flag.
        saves_models: whether components that are Keras models are saved as ``.keras`` files, for
            learners that cannot build them from their configuration alone.
        config: an instance of ``Config``.
        seed: the seed of ``rng`` and of initial weights.
        rng: the learner's random number generator.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    Config: ClassVar[type] = Options
    saves_models: ClassVar[bool] = False

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        self.config = self.Config() if config is None else config
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self._left: dict[str, Path] = {}  # large components that ``load`` has not read yet

    def components(self) -> dict[str, Any]:
        """Return the components that training changes, by name."""
        return {}

    def training_only(self) -> Collection[str]:
        """Return components that ``state`` includes but ``save`` leaves out, such as optimizers."""
        return ()

    def state(self) -> State:
        """Return the state of all components by name: NumPy arrays and JSON values."""
        return {
            f"{name}/{key}": value
            for name, component in self.components().items()
            for key, value in component_state(component).items()
        }

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``, or the part of it that ``save`` wrote.

        Raises:
            KeyError, ValueError: if the state is that of another learner.
        """
        elsewhere = {*self._models(), *self.training_only()}
        for name, component in self.components().items():
            prefix = f"{name}/"
            own = {
                key.removeprefix(prefix): value
                for key, value in state.items()
                if key.startswith(prefix)
            }
            if own or name not in elsewhere:
                restore_component(component, own)

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to actions or predictions, including preprocessing.

        Raises:
            AgentlabError: if the learner has no network.
        """
        raise AgentlabError(f"{self.kind} {self.name!r} has no network to export")

    # Saving and loading

    def specification(self) -> dict[str, Any]:
        """Return what ``from_specification`` needs besides the configuration, as JSON values."""
        return {}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Create the learner from its specification; its state is restored afterwards.

        Args:
            specification: the return value of ``specification``.
            config: an instance of ``Config``.
            seed: as for the constructor.
            models: the saved Keras models by component name, if ``saves_models``.
        """
        return cls(config=config, seed=seed)

    def save(self, directory: Path | str) -> None:
        """Save the learner to a folder, atomically.

        It contains ``learner.json`` (configuration, specification, checksums), ``arrays.npz``, a
        ``.keras`` file for each model if ``saves_models``, and a folder for each large component. A
        learner saved there before is replaced.

        Raises:
            AgentlabError: if the folder contains other files, or a net could not be loaded again.
            OSError: if the folder cannot be written.
        """
        directory = Path(directory)
        known = not directory.exists() or (directory / DESCRIPTION).exists()
        if not known and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidArgument(
                f"directory={str(directory)!r} contains other files; choose a new folder"
            )
        with replacing_folder(directory) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the learner's files into ``folder``, which must be empty."""
        models, folders = self._models(), self._folders()
        for name, model in models.items():
            check_loadable(name, model)
            model.save(folder / f"{name}{MODEL}")
        elsewhere = tuple(f"{name}/" for name in (*models, *self.training_only()))
        state = {key: v for key, v in self.state().items() if not str(key).startswith(elsewhere)}
        arrays, values = split_state(state)
        write_arrays(folder / ARRAYS, arrays)
        files = sorted(path.name for path in folder.iterdir())
        for name, component in folders.items():
            self.read_left(name, component).save(folder / name)
        content = {
            "kind": self.kind,
            "name": class_name(type(self)),
            "config": configs.to_dict(self.config),
            "seed": self.seed,
            "specification": self.specification(),
            "state": values,
            "rng": to_json(self.rng.bit_generator.state),
            "folders": sorted(folders),
            "files": {name: sha256_of(folder / name) for name in files},
        }
        write_description(folder, content)

    @classmethod
    def load(cls, directory: Path | str, **options: Any) -> Self:
        """Load a saved learner, ready to act or predict. No code in its files is run.

        Large components needed only for training, such as a replay buffer, are read when they are
        first used, so their folder must exist until then.

        Args:
            directory: the folder of the saved learner.
            options: passed to ``from_specification``.

        Raises:
            AgentlabError: if files are missing, damaged or those of another learner.
        """
        directory = Path(directory)
        described = verified_description(directory, cls.kind, class_name(cls))
        models = {
            name.removesuffix(MODEL): load_net(directory / name, digest)
            for name, digest in described["files"].items()
            if name.endswith(MODEL)
        }
        try:
            config: Any = configs.from_dict(cls.Config, described["config"])
            specification, seed = described["specification"], int(described["seed"])
            # A few bytes can describe a network larger than memory; tables have their own bounds.
            bound = weights_within(directory / ARRAYS) if hasattr(config, "net") else nullcontext()
            with bound:
                learner = cls.from_specification(specification, config, seed, models, **options)
        except AgentlabError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise AgentlabError(f"{directory / DESCRIPTION} is damaged: {error}") from error
        learner.restore_from(directory, training=False)
        return learner

    def restore_from(self, directory: Path | str, training: bool = True) -> None:
        """Restore the state of a saved learner with the same configuration.

        Args:
            directory: the folder of the saved learner.
            training: whether to also read large components needed only for training.

        Raises:
            AgentlabError: if files are missing, damaged or those of another learner.
        """
        directory = Path(directory)
        described = verified_description(directory, self.kind, class_name(type(self)))
        try:
            self.restore({**described["state"], **read_arrays(directory / ARRAYS)})
            self.rng.bit_generator.state = described["rng"]
            self._left = {name: directory / name for name in described["folders"]}
            if training:
                for name, component in self._folders().items():
                    self.read_left(name, component)
        except AgentlabError:
            raise
        except Exception as error:  # reading a damaged file can raise anything
            raise AgentlabError(
                f"{directory} holds no readable {self.kind}: {type(error).__name__}: {error}"
            ) from error

    def read_left(self, name: str, component: Large) -> Large:
        """Return ``component``, after reading its saved contents if ``load`` has deferred that.

        Called by learners that allocate a large component when it is first used.
        """
        folder = self._left.pop(name, None)
        if folder is not None:
            component.load(folder)
        return component

    def drop_left(self) -> None:
        """Discard what ``load`` has not read yet."""
        self._left.clear()

    def _models(self) -> dict[str, Any]:
        if not self.saves_models:
            return {}
        components = self.components().items()
        return {name: c for name, c in components if hasattr(c, "get_config") and is_model(c)}

    def _folders(self) -> dict[str, Any]:
        components = self.components().items()
        return {name: c for name, c in components if is_large(c)}


def load(path: Path | str, cls: type[Learner] | str | None = None, **options: Any) -> Any:
    """Load the learner of a run, a checkpoint or a folder written by ``save``.

    For example, ``agent = agentlab.load("runs/CartPole-v1-pg")``.

    Args:
        path: the folder of a run (for its latest checkpoint), a checkpoint or a saved learner.
        cls: the class, or ``"module:Class"``; required for classes from outside agentlab, since
            files are not trusted to choose which code to run.
        options: passed to ``from_specification``, such as ``num_envs`` for an agent.

    Raises:
        AgentlabError: if files are missing, damaged or those of another learner.
    """
    directory = find_saved(path)
    described = read_description(directory)
    if cls is None:
        registry, name = registry_of(described["kind"]), described["name"]
        if name not in registry:
            raise AgentlabError(
                f"{directory} was saved by {name!r}, which is not part of agentlab; if you trust "
                f"it, pass cls={name!r} to run its code"
            )
        cls = registry.load(name)
    elif isinstance(cls, str):
        cls = _class_at(cls)
    assert not isinstance(cls, str)
    return cls.load(directory, **options)


def class_name(cls: type[Learner]) -> str:
    """Return the name that ``cls`` is registered under, or ``module:Class`` for other classes."""
    return registry_of(cls.kind).name_of(cls) or f"{cls.__module__}:{cls.__qualname__}"


def _class_at(path: str) -> type[Learner]:
    """Import the class ``module:Class`` that the user named."""
    allow_current_folder()
    module, _, attribute = path.partition(":")
    try:
        cls = getattr(import_module(module), attribute)
    except Exception as error:  # importing a user's module can raise anything
        why = f"{type(error).__name__}: {error}"
        raise InvalidArgument(f"cls={path!r} cannot be loaded: {why}") from error
    if not (isinstance(cls, type) and issubclass(cls, Learner)):
        raise InvalidArgument(f"cls={path!r} is not a subclass of Learner")
    return cls
