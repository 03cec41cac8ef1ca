"""What classification and regression share: a torso by name, a head, and inputs made ready."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agentlab.config import option
from agentlab.data import Arrays, Batches, split_indices
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.training.trainer import Trainer, TrainerConfig, applied


@dataclass(frozen=True)
class FeatureTrainerConfig(TrainerConfig):
    """Hyperparameters of trainers that put a head on a torso."""

    net: str = option("mlp", "torso by name; `agentlab nets` lists them")
    hidden: tuple[int, ...] = option((128, 128), "units of the mlp's layers; empty for none")
    activation: str = option("relu", "activation of the mlp's layers, by its Keras name")
    dropout: float | None = option(None, "fraction dropped in training; none: the net's own")
    vocabulary: int = option(10_000, "words that are told apart, where the inputs are texts")
    length: int = option(100, "words that are read of each text")
    standardize: bool = option(True, "scale rows of numbers to mean 0 and deviation 1")
    flip: bool = option(False, "mirror half of the training images")
    rotate: float = option(0.0, "turn training images by up to so many degrees")
    shift: float = option(0.0, "move training images by up to this fraction of their size")
    zoom: float = option(0.0, "change the size of training images by up to this fraction")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise AgentlabError(f"dropout={self.dropout} must be 0 or more and less than 1")
        if not 0 <= self.zoom < 1:
            raise AgentlabError(f"zoom={self.zoom} must be 0 or more and less than 1")

    @property
    def moves(self) -> tuple[bool, float, float, float]:
        """How training images are moved: flip, rotate, shift, zoom."""
        return self.flip, self.rotate, self.shift, self.zoom


class FeatureTrainer(Trainer):
    """A trainer of ``Headed`` torsos on inputs ``[n, ...]``."""

    config: FeatureTrainerConfig
    _mean: Array | None = None
    _std: Array | None = None
    _quantities = False  # whether whole numbers are measures rather than ids

    @abstractmethod
    def _learn_targets(self, x: Any, y: Any) -> int:
        """Learn what the training split's targets are like, and return how many outputs they need.

        ``x`` is ``Batches`` or else ``y`` an array.
        """

    def _prepare(self, x: Any, y: Any, validation: Any) -> tuple[Batches, Batches | None]:
        """Split off what is held out, fit the inputs' scaling, and build the net."""
        self._begin()
        self._mean = self._std = None
        if streams(x):
            train, units = x, self._learn_targets(x, y)
        else:
            x, y = as_array(x), np.asarray(y)
            if not x.ndim or not y.ndim or len(x) != len(y):
                sizes = [len(part) if part.ndim else "no" for part in (x, y)]
                raise AgentlabError(f"x has {sizes[0]} rows and y has {sizes[1]}; they must match")
            if validation is None and self.config.validation_split:
                fractions = (1 - self.config.validation_split, self.config.validation_split)
                rows, held = split_indices(len(x), fractions, self.seed)
                validation, x, y = (x[held], y[held]), x[rows], y[rows]
            units = self._learn_targets(x, y)
            self._learn_inputs(x)
            train = self._arrays(x, y, training=True)
        held_out = None if validation is None else self._held_out(*_pair(validation))
        first = np.asarray(next(iter(train.epoch(1))).inputs)
        if any(self.config.moves) and first.ndim not in (3, 4):
            raise AgentlabError(
                f"flip, rotate, shift and zoom move images, but an example has the shape "
                f"{list(first.shape[1:])}"
            )
        if self.net is None:
            self.net = self._build(first, units)
        self._check_net(first, units)
        return train, held_out

    def _check_net(self, first: Array, units: int) -> None:
        """Build a net that was given, and see that it takes and gives what it should."""
        outputs = applied(lambda inputs: self.net(self._scaled(inputs)), tf.constant(first))
        if not tf.is_tensor(outputs) or tuple(outputs.shape) != (1, units):
            given = f"the shape {list(outputs.shape)}" if tf.is_tensor(outputs) else "several parts"
            raise AgentlabError(
                f"the net gives {given} for one example, but [1, {units}] is needed"
            )

    def _learn_inputs(self, x: Array) -> None:
        """Learn from the training split how inputs become numbers for the net."""
        from agentlab.nets import TORSOS, torso_class

        config = self.config
        takes = None
        if not self._given:
            torso_class(config.net)  # so that an unknown name is refused first
            takes = TORSOS[config.net].takes
        self._quantities = takes in ("numeric", "images") or (takes == "sequences" and x.ndim == 3)
        if x.dtype.kind in "OU":
            from agentlab.data.text import Words

            if self._quantities:
                raise AgentlabError(
                    f"x holds texts, which net={config.net!r} does not take; use net='text_cnn'"
                )
            if x.ndim != 1:
                raise AgentlabError(f"x has the shape {list(x.shape)}; texts must be a flat list")
            self.preprocessor = Words.fit(x.tolist(), config.vocabulary, config.length)
        elif x.dtype == np.uint8 and x.ndim in (3, 4) and self.preprocessor is None:
            from agentlab.data.images import Images

            self.preprocessor = Images(x.shape[1], x.shape[2], 1 if x.ndim == 3 else x.shape[3])
        elif config.standardize and x.ndim == 2 and self._measures(x):
            # In float64, as JSON keeps them, so that a saved net says the same when it is loaded.
            self._mean = x.mean(axis=0, dtype=np.float64)
            self._std = deviation(self._mean, x.std(axis=0, dtype=np.float64))

    def _measures(self, x: Array) -> bool:
        """Whether ``x`` holds quantities rather than ids or bytes of images."""
        return x.dtype.kind == "f" or (
            self._quantities and x.dtype.kind in "iub" and x.dtype != np.uint8
        )

    def _inputs(self, x: Any) -> Array:
        """Make inputs ready for the net."""
        x = as_array(x)
        if x.dtype.kind in "OU":
            encode = getattr(self.preprocessor, "encode", None)
            if encode is None:
                text = str(x.flat[0])
                raise AgentlabError(f"x holds {text!r}, but the net was trained on numbers")
            return np.asarray(encode(x.tolist()))
        if x.dtype == np.uint8:
            return np.asarray(x[..., None] if x.ndim == 3 else x)
        if self._mean is not None:
            if x.ndim != 2 or x.shape[1] != len(self._mean):
                raise AgentlabError(
                    f"x has the shape {list(x.shape)}, but the net was trained on rows of "
                    f"{len(self._mean)} numbers"
                )
            x = (x - self._mean) / self._std
        ids = x.dtype.kind in "iu" and not self._measures(x)
        return np.asarray(x, np.int32 if ids else np.float32)

    @abstractmethod
    def _targets(self, y: Any) -> Array:
        """Return targets as the net is taught them."""

    def _weights(self, targets: Array) -> Array | None:
        """Return what each training example counts for; ``None`` for once each."""
        return None

    def _arrays(self, x: Any, y: Any, training: bool = False) -> Arrays:
        targets = self._targets(y)
        return Arrays(self._inputs(x), targets, self._weights(targets) if training else None)

    def _held_out(self, x: Any, y: Any = None) -> Batches:
        return x if streams(x) else self._arrays(x, y)

    def _build(self, first: Array, units: int) -> Any:
        """Build the net that the configuration names for inputs such as ``first``."""
        from agentlab.nets import TORSOS, make_net, torso_class

        config, arguments = self.config, dict[str, Any]()
        torso_class(config.net)  # so that an unknown name is refused first
        if config.net == "mlp":
            arguments = {"hidden": config.hidden, "activation": config.activation}
        if first.dtype == np.uint8:
            arguments["scale"] = 255.0
        elif TORSOS[config.net].takes == "images":
            arguments["scale"] = 1.0
        if first.dtype == np.int32:
            size = getattr(self.preprocessor, "size", None)
            if size is None:
                raise AgentlabError(
                    "x holds whole numbers; set preprocessor for ids of words, else use floats"
                )
            arguments["vocabulary"] = size
        with self._precision():
            return make_net(
                config.net, first.shape[1:], units, self.seed, config.dropout, **arguments
            )

    @property
    def _xla(self) -> bool:
        return super()._xla and not any(self.config.moves)  # which XLA does not know

    def _scaled(self, inputs: Any) -> Any:
        """Divide bytes of images by 255, where the net does not do so itself."""
        if hasattr(self.net, "torso") or inputs.dtype != tf.uint8:
            return inputs
        return tf.cast(inputs, tf.float32) / 255

    def _forward(self, inputs: Any, training: bool) -> Any:
        inputs, moves = self._scaled(inputs), self.config.moves
        if training and any(moves):
            from agentlab.nets.augment import augment

            # The seed follows the updates, so that a resumed run moves images the same way.
            seed = tf.stack([self.seed, tf.cast(self._optimizer.iterations, tf.int32)])
            inputs = augment(inputs, seed, *moves)
        return super()._forward(inputs, training)

    def _outputs_of(self, x: Any) -> Array:
        self._need_net()
        if not streams(x):
            inputs = self._inputs(x)
            x = Arrays(inputs, np.zeros(len(inputs)))
        return np.asarray(self._outputs(x))

    def embeddings(self, x: Any) -> Array:
        """Return the torso's features of inputs, float32 ``[n, features]``."""
        self._need_net()
        if getattr(self.net, "torso", None) is None:
            raise AgentlabError(
                "the net has no torso to take features from; use one of `agentlab nets`"
            )
        return self._features(self._inputs(x))

    def _features(self, inputs: Array) -> Array:
        torso = self.net.torso
        step = tf.function(lambda inputs: tf.cast(torso(inputs), tf.float32), reduce_retracing=True)
        parts = [applied(step, inputs[i : i + 256]).numpy() for i in range(0, len(inputs), 256)]
        return np.concatenate(parts)

    def _fitted(self) -> dict[str, Any]:
        fitted: dict[str, Any] = {"quantities": self._quantities, "mean": None, "std": None}
        if self._mean is not None and self._std is not None:
            fitted |= {"mean": self._mean.tolist(), "std": self._std.tolist()}
        return fitted

    def _restore_fitted(self, described: Mapping[str, Any]) -> None:
        self._quantities = bool(described["quantities"])
        if described["mean"] is not None:
            self._mean, self._std = np.array(described["mean"]), np.array(described["std"])


def streams(x: Any) -> bool:
    """Whether ``x`` is ``Batches`` rather than an array."""
    return hasattr(x, "epoch")


def as_array(x: Any) -> Array:
    """Return inputs as an array of finite numbers or of texts.

    Raises:
        AgentlabError: for anything else, naming the first place that does not fit.
    """
    try:
        array: Array = np.asarray(x)
        if array.dtype.kind == "O" and not all(isinstance(item, str) for item in array.flat):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise AgentlabError(f"x is no array of numbers nor one of texts: {error}") from error
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise AgentlabError(f"x{place}={array[tuple(place)]} must be a finite number")
    return array


def check_classes(classes: Sequence[Any]) -> None:
    """Raise ``AgentlabError`` where there is nothing to tell apart."""
    if len(classes) < 2:
        only = "".join(map(repr, classes))
        raise AgentlabError(f"there is only one class, {only}; at least 2 are needed")


def deviation(mean: Array, std: Array) -> Array:
    """Return ``std``, or 1 where it is only what rounding leaves of equal numbers."""
    return np.where(std > 1e-12 * np.abs(mean), std, 1.0)


def _pair(validation: Any) -> tuple[Any, ...]:
    return tuple(validation) if isinstance(validation, tuple | list) else (validation,)
