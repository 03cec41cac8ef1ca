"""The learner: what agents, trainers and estimators have in common, in memory and on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from agentlab import config as configs
from agentlab.components import State, component_state, is_large, is_model, restore_component
from agentlab.config import Options
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.import_path import allow_current_folder
from agentlab.nets.budget import weights_within
from agentlab.nets.files import load_net
from agentlab.registry import registry_of
from agentlab.runs import Run
from agentlab.runs.files import (
    replacing_folder,
    sha256_of,
    sha256_of_json,
    write_arrays,
    write_json,
)
from agentlab.runs.reading import read_arrays, read_json

Large = TypeVar("Large", bound=Any)
FORMAT = 1  # of saved learners; each version reads those before it
_KINDS_OF_VALUES = {"kind": str, "name": str, "state": dict, "files": dict, "folders": list}
DESCRIPTION, ARRAYS, MODEL = "learner.json", "arrays.npz", ".keras"


class Learner(ABC):  # noqa: B024 - its subclasses have the abstract methods
    """Anything that is configured, taught, saved, loaded and exported.

    A subclass names its parts in ``components``: Keras models and optimizers, variables, random
    generators, and objects with ``state`` and ``restore`` (or, if they are large, with ``save`` and
    ``load`` of a folder). Saving, resuming, histograms and export walk through these and know no
    algorithm.

    Attributes:
        kind: ``"agent"``, ``"trainer"`` or ``"estimator"``.
        name: the name that its class is registered under.
        Config: a frozen dataclass with the hyperparameters; every field becomes a flag.
        saves_models: whether components that are Keras models are saved as ``.keras`` files, for
            learners that cannot build them from their configuration alone.
        config: an instance of ``Config``.
        seed: seeds every random number that the learner draws.
        rng: its random generator.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    Config: ClassVar[type] = Options
    saves_models: ClassVar[bool] = False

    def __init__(self, config: Any = None, seed: int = 0) -> None:
        self.config = self.Config() if config is None else config
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self._left: dict[str, Path] = {}  # large components that ``load`` has left on the disk

    def components(self) -> dict[str, Any]:
        """Return all that learning changes, by name."""
        return {}

    def training_only(self) -> Collection[str]:
        """Return the components that ``state`` holds but ``save`` leaves out: optimizers, say."""
        return ()

    def state(self) -> State:
        """Return the state of all components: NumPy arrays, or what JSON holds, by name."""
        return {
            f"{name}/{key}": value
            for name, component in self.components().items()
            for key, value in component_state(component).items()
        }

    def restore(self, state: State) -> None:
        """Take back what ``state`` returned, or what of it ``save`` wrote to ``arrays.npz``.

        Raises:
            KeyError, ValueError: for the state of another learner.
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
        """Return a Keras model from raw inputs to actions or predictions, preprocessing included.

        Raises:
            AgentlabError: where the learner has no network.
        """
        raise AgentlabError(f"{self.kind} {self.name!r} has no network to make a model of")

    # Saving and loading

    def specification(self) -> dict[str, Any]:
        """Return what ``from_specification`` needs beside the configuration, as JSON holds it."""
        return {}

    @classmethod
    def from_specification(
        cls, specification: Mapping[str, Any], config: Any, seed: int, models: Mapping[str, Any]
    ) -> Self:
        """Make the learner that ``specification`` described, before its state is restored.

        Args:
            specification: what ``specification`` returned.
            config: an instance of ``Config``.
            seed: as given to the constructor.
            models: the saved Keras models by component, where ``saves_models``.
        """
        return cls(config=config, seed=seed)

    def save(self, directory: Path | str) -> None:
        """Write the learner to a folder, whole or not at all.

        The folder holds ``learner.json`` (configuration, specification, checksums),
        ``arrays.npz``, a ``.keras`` file for each model that cannot be built again, and a folder
        for each large component. A learner saved there before is replaced.

        Raises:
            AgentlabError: where the folder holds other files.
            OSError: where the disk is full or refuses.
        """
        directory = Path(directory)
        known = not directory.exists() or (directory / DESCRIPTION).exists()
        if not known and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidArgument(
                f"directory={str(directory)!r} holds other files; name a new folder"
            )
        with replacing_folder(directory) as folder:
            self.write(folder)

    def write(self, folder: Path) -> None:
        """Write the learner's files into ``folder``, which exists and is empty."""
        models, folders = self._models(), self._folders()
        for name, model in models.items():
            model.save(folder / f"{name}{MODEL}")
        elsewhere = tuple(f"{name}/" for name in (*models, *self.training_only()))
        state = {key: v for key, v in self.state().items() if not key.startswith(elsewhere)}
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        write_arrays(folder / ARRAYS, arrays)
        files = sorted(path.name for path in folder.iterdir())
        for name, component in folders.items():
            self.read_left(name, component).save(folder / name)
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "name": class_name(type(self)),
            "config": configs.to_dict(self.config),
            "seed": self.seed,
            "specification": self.specification(),
            "state": {name: value for name, value in state.items() if name not in arrays},
            "rng": self.rng.bit_generator.state,
            "folders": sorted(folders),
            "files": {name: sha256_of(folder / name) for name in files},
        }
        described = {"sha256": sha256_of_json(content), **content}
        write_json(folder / DESCRIPTION, described)

    @classmethod
    def load(cls, directory: Path | str, **options: Any) -> Self:
        """Make the learner that ``save`` wrote, ready to act or predict. Runs no code from files.

        Large components that only learning needs, such as a replay buffer, are read at their first
        use, and so must stay where they were saved until then.

        Args:
            directory: where it was saved.
            options: passed to ``from_specification``.

        Raises:
            AgentlabError: for missing, damaged or foreign files.
        """
        directory = Path(directory)
        described = _description_of(cls, directory)
        models = {
            name.removesuffix(MODEL): load_net(directory / name, digest)
            for name, digest in described["files"].items()
            if name.endswith(MODEL)
        }
        try:
            config: Any = configs.from_dict(cls.Config, described["config"])
            specification, seed = described["specification"], int(described["seed"])
            # A few bytes can ask for a network that no memory holds; tables have their own bounds.
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
        """Take back the state that a learner of the same configuration saved.

        Args:
            directory: where it was saved.
            training: whether to read what only learning needs, too.

        Raises:
            AgentlabError: for missing, damaged or foreign files.
        """
        directory = Path(directory)
        described = _description_of(type(self), directory)
        try:
            self.restore({**described["state"], **read_arrays(directory / ARRAYS)})
            self.rng.bit_generator.state = described["rng"]
            self._left = {name: directory / name for name in described["folders"]}
            if training:
                for name, component in self._folders().items():
                    self.read_left(name, component)
        except AgentlabError:
            raise
        except Exception as error:  # whatever a damaged file makes the readers raise
            raise AgentlabError(
                f"{directory} holds no readable {self.kind}: {type(error).__name__}: {error}"
            ) from error

    def read_left(self, name: str, component: Large) -> Large:
        """Return ``component``, with what ``load`` has left on the disk of it.

        A learner calls it where it makes a large component at its first use.
        """
        folder = self._left.pop(name, None)
        if folder is not None:
            component.load(folder)
        return component

    def _models(self) -> dict[str, Any]:
        if not self.saves_models:
            return {}
        components = self.components().items()
        return {name: c for name, c in components if hasattr(c, "get_config") and is_model(c)}

    def _folders(self) -> dict[str, Any]:
        components = self.components().items()
        return {name: c for name, c in components if is_large(c)}


class Estimator(Learner):
    """A model that is fitted in closed form or by rules of its own, in scikit-learn's manner.

    A subclass writes ``fit`` and ``predict`` or ``transform``, and ``score``. What it learned are
    attributes with a trailing underscore, which its ``state`` and ``restore`` keep.

    Args:
        config: an instance of ``Config``; ``None`` makes one of ``options``.
        seed: seeds every random number that it draws.
        options: fields of ``Config`` by name.

    Raises:
        InvalidArgument: for an unknown option or an unfit value.
    """

    kind = "estimator"

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        if config is not None and options:
            raise InvalidArgument(f"options {', '.join(options)} are given beside a whole config")
        super().__init__(
            configs.from_dict(self.Config, options) if config is None else config, seed
        )

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Learn from data and return ``self``."""

    def state(self) -> State:
        """Return what was learned: all attributes that end in ``_``, and the components' state."""
        return {**super().state(), **{n: v for n, v in vars(self).items() if _is_learned(n)}}

    def restore(self, state: State) -> None:
        """Take back what ``state`` returned."""
        super().restore(state)
        for name, value in state.items():
            if _is_learned(name):
                setattr(self, name, value)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` has been called: whether there is an attribute that ends in ``_``."""
        return any(map(_is_learned, vars(self)))

    def check_fitted(self) -> None:
        """Raise ``AgentlabError`` before ``fit``."""
        if not self.fitted:
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def load(path: Path | str, cls: type[Learner] | str | None = None, **options: Any) -> Any:
    """Load the learner in a run, a checkpoint or a folder that ``save`` wrote.

    ::

        agent = agentlab.load("runs/CartPole-v1-pg")
        classifier = agentlab.load("runs/mnist-cnn")

    Args:
        path: a run's folder (its newest checkpoint is taken), a checkpoint's or a saved learner's.
        cls: the class, or ``"module:Class"``, where it is not one of agentlab's: a file alone is
            never trusted to say which code to run.
        options: passed on, such as ``num_envs`` for an agent.

    Raises:
        AgentlabError: for missing, damaged or foreign files.
    """
    directory = find_saved(path)
    described = read_description(directory)
    if cls is None:
        registry, name = registry_of(described["kind"]), described["name"]
        if name not in registry:
            raise AgentlabError(
                f"{directory} was saved by {name!r}, which is not part of agentlab: name the class "
                f"yourself, cls={name!r}, to run its code"
            )
        cls = registry.load(name)
    elif isinstance(cls, str):
        cls = _class_at(cls)
    assert not isinstance(cls, str)
    return cls.load(directory, **options)


def find_saved(path: Path | str) -> Path:
    """Return the folder of the learner in a run, a checkpoint or a saved folder.

    Raises:
        AgentlabError: where there is none.
    """
    path = Path(path)
    if (path / DESCRIPTION).exists():
        return path
    in_checkpoint = path / "learner"
    if (in_checkpoint / DESCRIPTION).exists() and not (path / "config.json").exists():
        return in_checkpoint
    newest = Run.open(path).latest_checkpoint()
    if newest is not None:
        return newest.path / "learner"
    if (path / "learner" / DESCRIPTION).is_file():  # an estimator's run has no checkpoints
        return path / "learner"
    raise AgentlabError(f"run={str(path)!r} has saved nothing yet")


def read_description(directory: Path | str) -> dict[str, Any]:
    """Return what ``learner.json`` in ``directory`` says.

    Raises:
        AgentlabError: where it is missing, damaged or of a later format.
    """
    path = Path(directory) / DESCRIPTION
    try:
        content = dict(read_json(path))
        version, expected = content["format"], content.pop("sha256")
        if version > FORMAT:
            raise AgentlabError(
                f"{path} has format {version}, but this agentlab reads up to {FORMAT}; upgrade it"
            )
        if expected != sha256_of_json(content):
            raise AgentlabError(f"{path} is damaged: it is not the file that was saved")
        for name, kind in _KINDS_OF_VALUES.items():
            if not isinstance(content[name], kind):
                raise TypeError(f"{name} is of another kind")
    except FileNotFoundError:
        raise AgentlabError(
            f"{directory} holds no saved learner: there is no {DESCRIPTION}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentlabError(f"{path} is damaged: {error}") from error
    return content


def class_name(cls: type[Learner]) -> str:
    """Return what ``cls`` is registered as, or ``module:Class`` for a class from elsewhere."""
    return registry_of(cls.kind).name_of(cls) or f"{cls.__module__}:{cls.__qualname__}"


def _class_at(path: str) -> type[Learner]:
    """Import the class at ``module:Class``, which the user has named."""
    allow_current_folder()
    module, _, attribute = path.partition(":")
    try:
        cls = getattr(import_module(module), attribute)
    except Exception as error:  # whatever a user's own module raises while it is imported
        why = f"{type(error).__name__}: {error}"
        raise InvalidArgument(f"cls={path!r} cannot be loaded: {why}") from error
    if not (isinstance(cls, type) and issubclass(cls, Learner)):
        raise InvalidArgument(f"cls={path!r} is not a subclass of Learner")
    return cls


def _description_of(cls: type[Learner], directory: Path) -> dict[str, Any]:
    described = read_description(directory)
    if (described["kind"], described["name"]) != (cls.kind, class_name(cls)):
        raise AgentlabError(
            f"{directory} holds the {described['kind']} {described['name']!r}, "
            f"not {class_name(cls)!r}"
        )
    for name, digest in described["files"].items():
        try:
            intact = sha256_of(directory / name) == digest
        except OSError as error:
            raise AgentlabError(f"{directory / name} cannot be read: {error.strerror}") from error
        if not intact:
            raise AgentlabError(f"{directory / name} is damaged: it is not the file that was saved")
    return described
