"""Preprocessors turn raw data into the inputs of a network, and are saved with it.

The kind of data is determined once, when a preprocessor is fitted on the training split::

    preprocessor = make_preprocessor(x_train)
    inputs = preprocessor.transform(x_test)

``make_preprocessor`` chooses the kind; afterwards nothing is guessed from a dtype.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.preprocessor_kinds import PREPROCESSORS
from agentlab.data.raw_inputs import as_numbers, as_texts, has_columns, has_texts, is_bytes
from agentlab.errors import InvalidArgument
from agentlab.lazy import keras

IDS = (
    "words",
    "characters",
    "subwords",
    "token_ids",
)  # the kinds whose outputs are int32 ids [n, time]


class Preprocessor(ABC):
    """Turns raw data into the inputs of a network; fitted on the training split.

    Instances are always fitted and are immutable. ``inference_inputs`` and ``inference`` make the
    same transformation part of a Keras model, for export and serving.

    Attributes:
        kind: its name in ``PREPROCESSORS``.
        dtype: dtype of the network's inputs: ``"float32"``, ``"uint8"`` or ``"int32"``.
        scale: divisor that the network applies to its inputs: 255 for uint8 images, else 1.
    """

    kind: ClassVar[str]
    dtype: str = "float32"

    @property
    def scale(self) -> float:
        """The divisor that the network applies to its inputs."""
        return 1.0

    @classmethod
    @abstractmethod
    def fit(cls, x: Any, /, *args: Any, **options: Any) -> Self:
        """Return a preprocessor fitted on ``x``, the raw inputs of the training split.

        Raises:
            AgentlabError: for data of another kind.
        """

    @abstractmethod
    def transform(self, x: Any) -> Array:
        """Return the network's inputs, ``[n, *input_shape]`` of ``dtype``.

        The fitted preprocessor determines how ``x`` is interpreted, never the dtype of ``x``.

        Raises:
            AgentlabError: for data of another kind or shape; the message names the first invalid
                value.
        """

    @abstractmethod
    def read(self, source: str, encoding: str | None = None) -> Any:
        """Return the raw data of a file, a folder or a text, as an argument of ``transform``.

        Args:
            source: the file, folder or text.
            encoding: encoding of a text or CSV file; ``None`` for that of its byte order mark, or
                UTF-8.

        Raises:
            AgentlabError: for invalid data; the message names the file, row or column.
        """

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return everything that was fitted as JSON-compatible values."""

    @classmethod
    @abstractmethod
    def from_json(cls, described: Mapping[str, Any]) -> Self:
        """Make a preprocessor from the output of ``to_json``."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of one input of the network; ``None`` for an axis of any size."""

    def inference_inputs(self) -> Any:
        """Return the ``keras.Input`` of raw data, or a dict of them; see ``inference``."""
        return keras.Input(self.input_shape, dtype=self.dtype, name="inputs")

    def inference(self, inputs: Any) -> Any:
        """Return the network's inputs as a function of ``inference_inputs()``.

        ``keras.Model(inputs, preprocessor.inference(inputs))`` computes what ``transform`` does,
        with TensorFlow operations only.
        """
        # Imported here because it loads Keras.
        from agentlab.data.preprocessing_layer import Preprocessing

        return Preprocessing(self)(inputs)

    @abstractmethod
    def transform_tensors(self, inputs: Any) -> Any:
        """Return the output of ``transform`` for tensors of raw data, by TensorFlow operations."""


def make_preprocessor(
    x: Any,
    kind: str | None = None,
    *,
    takes: str | None = None,
    standardize: bool = True,
    vocabulary: int = 10_000,
    length: int | None = None,
) -> Preprocessor:
    """Choose and fit the preprocessor of raw training data.

    Args:
        x: the raw inputs of the training split.
        kind: a name in ``PREPROCESSORS``; ``None`` chooses by ``x`` and ``takes``, see
            ``choose_kind``.
        takes: the network's kind of inputs: ``numeric``, ``images``, ``sequences`` or ``ids``, as
            in ``TORSOS``; ``None`` if unknown.
        standardize: scale numbers to mean 0 and standard deviation 1.
        vocabulary: the maximum number of ids (for texts) or their exact number (for token ids).
        length: ids per text; ``None`` pads to the longest text.

    Raises:
        InvalidArgument: for an unknown kind, or data that do not match the kind or the network.

    >>> make_preprocessor([[1.0, 5.0], [3.0, 5.0]]).transform([[3, 6]])
    array([[1., 1.]], dtype=float32)
    >>> make_preprocessor(["a fine movie", "a dull movie"], length=4).transform(["fine movie"])
    array([[5, 3, 0, 0]], dtype=int32)
    """
    kind = choose_kind(x, takes) if kind is None else kind
    cls = PREPROCESSORS.load(kind)
    if kind in IDS and takes in ("numeric", "images"):
        what = "token ids" if kind == "token_ids" else "texts"
        raise InvalidArgument(
            f"x contains {what}, but the network takes {takes} inputs; use one that takes word "
            "ids, such as net='text_cnn'"
        )
    if kind not in IDS and takes == "ids":
        raise InvalidArgument(
            f"x contains {kind}, but the network takes word ids; pass texts or whole numbers"
        )
    any_length = takes == "sequences"
    options: dict[str, dict[str, Any]] = {
        "numbers": {"standardize": standardize, "any_length": any_length},
        "columns": {"standardize": standardize},
        "words": {"size": vocabulary, "length": length},
        "characters": {"length": length, "unknown": True},
        "subwords": {"size": vocabulary, "length": length},
        "token_ids": {"size": vocabulary, "any_length": any_length},
    }
    raw = as_texts(x) if kind in ("words", "characters", "subwords") else x
    preprocessor: Preprocessor = cls.fit(raw, **options.get(kind, {}))
    return preprocessor


def choose_kind(x: Any, takes: str | None = None) -> str:
    """Return the kind of preprocessor for raw training data.

    Named columns give ``columns``, and texts ``words``. uint8 arrays ``[n, height, width]`` and
    ``[n, height, width, channels]`` give ``images``; so do integers from 0 to 255 of any dtype, if
    they have a channel axis or the network takes images. Other integers give ``token_ids`` if the
    network takes ids, and everything else gives ``numbers``.

    Args:
        x: the raw inputs of the training split.
        takes: the network's kind of inputs, see ``make_preprocessor``.

    >>> choose_kind(np.zeros((5, 8, 8), np.uint8)), choose_kind(np.zeros((5, 8), np.uint8))
    ('images', 'numbers')
    """
    if has_columns(x):
        return "columns"
    if has_texts(x):
        return "words"
    array = as_numbers(x)
    if array.ndim in (3, 4) and takes != "sequences":
        pixels = array.ndim == 4 or takes == "images"
        if array.dtype == np.uint8 or (pixels and is_bytes(array)):
            return "images"
    rows_of_ids = takes == "ids" or (takes == "sequences" and array.ndim == 2)
    return "token_ids" if rows_of_ids and array.dtype.kind in "iu" else "numbers"
