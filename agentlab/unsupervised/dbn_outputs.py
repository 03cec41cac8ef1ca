"""Outputs of a trained ``DBN``: classes, features, reconstructions, plots and the export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import AgentlabError
from agentlab.lazy import keras, tf
from agentlab.training.examples import is_batches
from agentlab.training.presented import Table
from agentlab.unsupervised.partly_labeled import class_numbers
from agentlab.unsupervised.reconstructing import Reconstructing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class DBNOutputs(Reconstructing):
    """The methods of ``DBN`` that need no training.

    Attributes:
        classes: the labels of the classes; empty without labels.
        indexed: whether labels are given as class indices.
    """

    classes: Sequence[Any] = ()
    indexed = False

    def predict(self, x: Any) -> Array:
        """Return the most probable label ``[n]``, or without classes the features."""
        if not self.classes:
            return self.encode(x)
        best = self.predict_proba(x).argmax(-1)
        return np.asarray(np.asarray(self.classes)[best])

    def predict_proba(self, x: Any) -> Array:
        """Return the probability of each class, float32 ``[n, classes]``.

        Raises:
            AgentlabError: without classes.
        """
        inputs = self.inputs_of(x)
        self.check_fitted()
        if not self.classes:
            raise AgentlabError("this DBN was trained without labels, so it has no classes")
        return self.in_blocks("probabilities", lambda i: tf.nn.softmax(self.net(i)), inputs)

    def transform(self, x: Any) -> Array:
        """Return the probabilities of the last layer's hidden units, float32 ``[n, units]``."""
        return self.encode(x)

    def outputs_for(self, inputs: Any) -> Any:
        """Return the reconstructions from the last layer, through all RBMs."""
        return self.finished(self.net.decode(self.net.encode(inputs)))

    def finished(self, outputs: Any) -> Any:
        """Return the means of the visible units from their logits."""
        return tf.sigmoid(outputs) if self.config.visible == "bernoulli" else outputs

    def scores_of(self, inputs: Array) -> Array:
        """Return the squared error of each input's reconstruction, float32 ``[n]``."""

        def errors(x: Any) -> Any:
            error = tf.square(self.outputs_for(x) - self.scaled(x))
            return tf.reduce_mean(tf.reshape(error, (tf.shape(error)[0], -1)), -1)

        return self.in_blocks("errors", errors, inputs)

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the predicted class and the probability of each class, or the features."""
        if not self.classes:
            return super().tabulate(source, encoding=encoding, **options)
        probabilities = self.predict_proba(self.read(source, encoding))
        names = [str(name) for name in self.classes]
        rows = [[names[row.argmax()], *(f"{p:.6f}" for p in row)] for row in probabilities]
        return ["prediction", *(f"probability_{name}" for name in names)], rows

    def plots(self, x: Any, y: Any = None) -> dict[str, Figure]:
        """Return the plots of the base class and, with labels, a confusion matrix."""
        from agentlab.plots.matrices import confusion_matrix

        drawn = super().plots(x, y)
        if self.classes and y is not None and not is_batches(x):
            targets = class_numbers(y, self.classes, self.indexed)
            best = self.predict_proba(x).argmax(-1)
            names = [str(name) for name in self.classes]
            drawn["confusion"] = confusion_matrix(targets, best, names)
        return drawn

    def inference_model(self) -> Any:
        """Return a Keras model from raw inputs to class ``probabilities`` and ``classes``.

        Without labels it returns ``codes``.
        """
        from agentlab.nets.autoencoder import Codes

        self.check_fitted()
        assert self.preprocessor is not None
        raw = self.preprocessor.inference_inputs()
        inputs = self.preprocessor.inference(raw)
        if not self.classes:
            return keras.Model(raw, {"codes": Codes(self.net)(inputs)}, name=self.name)
        logits = keras.ops.cast(self.net(inputs), "float32")
        from agentlab.nets.inference import most_likely

        outputs = {"probabilities": keras.ops.softmax(logits), "classes": most_likely(logits)}
        return keras.Model(raw, outputs, name=self.name)
