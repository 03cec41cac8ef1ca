"""The base of ``Classifier``, ``Regressor`` and ``SiameseTrainer``: preprocessing and networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentlab.data import Arrays, Batches, Preprocessor, make_preprocessor, split_indices
from agentlab.data.batches import Array
from agentlab.data.raw_inputs import as_frame, as_numbers, as_texts, has_columns, has_texts
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.nets import TORSOS, make_net, torso_class
from agentlab.supervised.effects import check_effects, check_validated
from agentlab.supervised.options import Augmentation
from agentlab.training.examples import applied, checked_weights, is_batches
from agentlab.training.pretrained import start_from
from agentlab.training.trainer import Trainer


class FeatureTrainer(Trainer):
    """A trainer of ``Headed`` torsos on inputs ``[n, ...]``.

    ``preprocessor`` turns raw inputs into the network's inputs; it is fitted on the training split
    unless it was set before.

    Attributes:
        units: number of outputs of the network.
    """

    units: int
    _makes_preprocessor = False  # whether the last fit made it

    @abstractmethod
    def learn_targets(self, x: Any, y: Any) -> int:
        """Fit the classes or scales of the training targets, and return the number of outputs.

        If ``x`` is not ``Batches``, ``y`` is an array.
        """

    @abstractmethod
    def encode_targets(self, y: Any) -> Array:
        """Return targets as the loss uses them."""

    def prepare(
        self, x: Any, y: Any, validation: Any, weights: Any = None
    ) -> tuple[Batches, Batches | None]:
        """Split off validation data, and fit the preprocessor and the targets on the rest.

        Args:
            x: inputs as of ``fit``.
            y: targets as of ``fit``.
            validation: as ``validation_data`` of ``fit``.
            weights: weights of the examples ``[n]``, or ``None``; weight 0 leaves one out.
        """
        if hasattr(x, "element_spec") or hasattr(x, "__next__"):
            raise InvalidArgument(
                f"x is a {type(x).__name__}; pass arrays, or an object with the methods of Batches"
            )
        if is_batches(x):
            if weights is not None:
                raise InvalidArgument(
                    "sample_weight must be None if x is Batches, which have weights"
                )
            self.units, train = self.learn_targets(x, y), x
            self._fit_preprocessor(next(iter(x.epoch(1))).inputs, standardize=False)
        else:
            x, y = _rows(x), np.asarray(y)
            if not y.ndim or _length(x) != len(y):
                sizes = [_length(x) or "no", len(y) if y.ndim else "no"]
                raise InvalidArgument(
                    f"x has {sizes[0]} rows and y has {sizes[1]}; they must match"
                )
            weights = (
                np.ones(len(y), np.float32) if weights is None else checked_weights(weights, len(y))
            )
            if not weights.all():
                kept = np.flatnonzero(weights)
                x, y, weights = _take(x, kept), y[kept], weights[kept]
            split, held = self.config.validation_split, None
            if validation is None and split:
                rows, held = split_indices(len(y), (1 - split, split), self.seed)
                validation = (_take(x, held), y[held], weights[held])
                x, y, weights = _take(x, rows), y[rows], weights[rows]
            self.units = self.learn_targets(x, y)
            self._fit_preprocessor(x, getattr(self.config, "standardize", False))
            train = self.arrays(x, y, weights)
        assert self.preprocessor is not None
        check_effects(self.config, self.preprocessor.kind, self.given_net)
        check_validated(self.config, not is_batches(x), validation is not None)
        held_out = None if validation is None else self._validation(*_pair(validation))
        return train, held_out

    def _validation(self, x: Any, y: Any = None, weights: Any = None) -> Batches:
        return x if is_batches(x) else self.arrays(x, y, weights)

    def _fit_preprocessor(self, x: Any, standardize: bool) -> None:
        if self.preprocessor is None or self._makes_preprocessor:
            self.preprocessor = self.fit_preprocessor(x, standardize)
            self._makes_preprocessor = True

    def fit_preprocessor(self, x: Any, standardize: bool) -> Preprocessor:
        """Return a preprocessor fitted on raw training inputs, for the kind of net.

        Args:
            x: inputs as of ``fit``.
            standardize: whether to standardize numeric columns.
        """
        takes = None
        if not self.given_net:
            torso_class(self.config.net)  # so that an unknown name raises an error first
            takes = TORSOS[self.config.net].takes
        elif _takes_ids(self.net):
            takes = "ids"
        return make_preprocessor(
            x,
            takes=takes,
            standardize=standardize,
            vocabulary=self.config.vocabulary,
            length=self.config.length,
        )

    def build(self, data: Batches) -> None:
        """Build the network that the configuration names."""
        config, arguments = self.config, dict[str, Any]()
        assert self.preprocessor is not None
        torso_class(config.net)  # raises InvalidArgument for an unknown name
        takes = TORSOS[config.net].takes
        if config.net == "mlp":
            arguments = {"hidden": config.hidden, "activation": config.activation}
        if self.preprocessor.dtype == "int32":
            arguments["vocabulary"] = getattr(self.preprocessor, "size", config.vocabulary)
        elif takes == "images" or self.preprocessor.scale != 1:
            arguments["scale"] = self.preprocessor.scale
        shape = np.asarray(next(iter(data.epoch(1))).inputs).shape[1:]
        self.net = make_net(config.net, shape, self.units, self.seed, config.dropout, **arguments)
        self.net.torso.trainable = not config.freeze_pretrained

    def on_train_start(self) -> None:
        """Initialize the torso from the pretrained one, if the configuration names one."""
        source = getattr(self.config, "pretrained", None)
        if source is not None and not self.given_net:
            start_from(source, [self.net.torso], self.preprocessor)

    def check_net(self, data: Batches) -> None:
        """Build a network that the user passed, and check its inputs and outputs."""
        first = np.asarray(next(iter(data.epoch(1))).inputs)
        if any(self._moves) and first.ndim not in (3, 4):
            raise InvalidArgument(
                "flip, rotate, shift and zoom need images, but an example has the shape "
                f"{list(first.shape[1:])}"
            )
        outputs = applied(lambda inputs: self.net(self._scaled(inputs)), tf.constant(first))
        if not tf.is_tensor(outputs) or tuple(outputs.shape) != (1, self.units):
            is_tensor = tf.is_tensor(outputs)
            given = f"the shape {list(outputs.shape)}" if is_tensor else "several tensors"
            raise AgentlabError(
                f"the output of the net for one example has {given}, but must have the shape "
                f"[1, {self.units}]"
            )

    def arrays(self, x: Any, y: Any, weights: Array | None = None) -> Arrays:
        """Return raw inputs, targets and weights as preprocessed ``Arrays``."""
        assert self.preprocessor is not None
        return Arrays(self.preprocessor.transform(x), self.encode_targets(y), weights)

    def held_out(self, x: Any, y: Any = None) -> Batches:
        """Return raw validation or test data as ``Batches``; ``Batches`` are returned unchanged."""
        self.check_preprocessor()
        return x if is_batches(x) else self.arrays(x, y)

    def check_preprocessor(self) -> None:
        """Raise ``AgentlabError`` before ``fit``."""
        if self.preprocessor is None:
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")

    @property
    def uses_xla(self) -> bool:
        """See ``Trainer``; XLA does not support the augmentation of images."""
        return super().uses_xla and not any(self._moves)

    @property
    def _moves(self) -> tuple[bool, float, float, float]:
        return self.config.moves if isinstance(self.config, Augmentation) else (False, 0, 0, 0)

    @property
    def input_scale(self) -> float:
        """The divisor of the inputs; 1 if the net has a torso, which divides them itself."""
        if hasattr(self.net, "torso") or self.preprocessor is None:
            return 1.0
        return self.preprocessor.scale

    def _scaled(self, inputs: Any) -> Any:
        if self.input_scale == 1:
            return inputs
        return tf.cast(inputs, tf.float32) / self.input_scale

    def forward(self, inputs: Any, training: bool) -> Any:
        """Return the network's outputs in float32, with augmentation if ``training``."""
        inputs = self._scaled(inputs)
        if training and any(self._moves):
            from agentlab.nets.augment import augment

            # The seed depends on the number of updates, so that a resumed run augments identically.
            seed = tf.stack([self.seed, tf.cast(self.optimizer.iterations, tf.int32)])
            inputs = augment(inputs, seed, *self._moves)
        return super().forward(inputs, training)

    def outputs_of(self, x: Any) -> Array:
        """Return the network's outputs for raw inputs, or for ``Batches``."""
        self.check_fitted()
        if not is_batches(x):
            assert self.preprocessor is not None
            inputs = self.preprocessor.transform(x)
            x = Arrays(inputs, np.zeros(len(inputs)))
        return np.asarray(self.outputs(x))

    def embeddings(self, x: Any) -> Array:
        """Return the torso's features of raw inputs, float32 ``[n, features]``."""
        self.check_fitted()
        if getattr(self.net, "torso", None) is None:
            raise AgentlabError(
                "the net has no torso to compute features; use one of `agentlab nets`"
            )
        assert self.preprocessor is not None
        return self.features(self.preprocessor.transform(x))

    def features(self, inputs: Array) -> Array:
        """Return the torso's features of the network's inputs, float32 ``[n, features]``."""
        torso = self.net.torso
        step = self.compiled(
            "features",
            lambda: tf.function(
                lambda inputs: tf.cast(torso(inputs), tf.float32), reduce_retracing=True
            ),
        )
        parts = [applied(step, inputs[i : i + 256]).numpy() for i in range(0, len(inputs), 256)]
        return np.concatenate(parts)

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to the predictions of ``infer``."""
        self.check_fitted()
        assert self.preprocessor is not None
        raw = self.preprocessor.inference_inputs()
        inputs = self.preprocessor.inference(raw)
        if self.input_scale != 1:
            inputs = keras.ops.cast(inputs, "float32") / self.input_scale
        outputs = keras.ops.cast(self.net(inputs, training=False), "float32")
        return keras.Model(raw, self.infer(outputs), name=self.name)

    @abstractmethod
    def infer(self, outputs: Any) -> dict[str, Any]:
        """Return predictions by name, as Keras operations on the network's outputs."""


def check_classes(classes: Sequence[Any]) -> None:
    """Raise ``InvalidArgument`` for fewer than two classes."""
    if len(classes) < 2:
        only = "".join(map(repr, classes))
        raise InvalidArgument(f"there is only one class, {only}; at least 2 are needed")


def is_image(inputs: Any) -> bool:
    """Return whether the network's inputs are uint8 images, which can be plotted."""
    return isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8 and inputs.ndim > 2


def _rows(x: Any) -> Any:
    """Return raw inputs in a form from which ``_take`` can select rows."""
    if has_columns(x):
        return list(x) if isinstance(x, list | tuple) else as_frame(x)
    return np.array(as_texts(x), object) if has_texts(x) else as_numbers(x)


def _takes_ids(net: Any) -> bool:
    """Return whether a Keras model declares that its input is int32 or int64."""
    inputs = getattr(net, "inputs", None) or []
    return any(str(tensor.dtype).startswith("int") for tensor in inputs)


def _length(x: Any) -> int:
    return len(x) if getattr(x, "ndim", 1) else 0


def _take(x: Any, rows: Array) -> Any:
    if isinstance(x, list):
        return [x[i] for i in rows]
    return x.iloc[rows] if hasattr(x, "iloc") else x[rows]


def _pair(validation: Any) -> tuple[Any, ...]:
    return tuple(validation) if isinstance(validation, tuple | list) else (validation,)
