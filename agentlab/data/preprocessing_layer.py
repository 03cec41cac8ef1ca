"""The Keras layer of a preprocessor in an inference model; imported only when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from agentlab.data.preprocessor_kinds import load_preprocessor
from agentlab.lazy import keras

if TYPE_CHECKING:
    from agentlab.data.preprocessors import Preprocessor


@keras.saving.register_keras_serializable("agentlab")
class Preprocessing(keras.layers.Layer):  # type: ignore[misc]
    """Applies a preprocessor's ``transform_tensors`` to raw inputs.

    Args:
        preprocessor: a fitted preprocessor.
        name: name of the layer.
    """

    def __init__(self, preprocessor: Preprocessor, name: str | None = None) -> None:
        # Raw numbers must not be rounded to the 16 bits of a mixed-precision policy.
        super().__init__(name=name, trainable=False, dtype="float32", autocast=False)
        self.preprocessor = preprocessor

    def call(self, inputs: Any) -> Any:
        """Return the network's inputs for a batch of raw inputs."""
        return self.preprocessor.transform_tensors(inputs)

    def get_config(self) -> dict[str, Any]:
        """Return the layer's name and the fitted preprocessor."""
        fitted = self.preprocessor.to_json()
        return {"name": self.name, "kind": self.preprocessor.kind, "fitted": fitted}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a layer from the output of ``get_config``."""
        return cls(load_preprocessor(config["kind"], config["fitted"]), config["name"])
