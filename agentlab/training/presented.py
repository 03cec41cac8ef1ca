"""How a trainer presents its results: predictions on files, plots, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agentlab.data import Preprocessor
from agentlab.data.batches import Array
from agentlab.errors import AgentlabError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = tuple[list[str], list[list[str]]]  # the names of columns, and rows of cells


def number_table(predicted: Array) -> Table:
    """Return predicted numbers ``[n]`` or ``[n, k]`` as a table."""
    rows = [[f"{value:.6g}" for value in np.atleast_1d(row)] for row in predicted]
    width = len(rows[0]) if rows else 1
    return ["prediction"] if width == 1 else [f"prediction_{i + 1}" for i in range(width)], rows


class Presented:
    """The methods of ``Trainer`` that present results, which subclasses override."""

    net: Any
    preprocessor: Preprocessor | None

    def predict(self, x: Any) -> Any:
        """Return predictions for new inputs."""
        raise NotImplementedError

    def plots(self, *data: Any) -> dict[str, Figure]:
        """Return plots of the network's results on held-out data, by file name."""
        return {}

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None] | None:
        """Return points ``[n, d]``, labels and images for TensorBoard's projector, if any."""
        return None

    def format_prediction(self, source: str, **options: Any) -> list[str]:
        """Return the predictions for a file, a folder or a text as lines of text.

        ``options`` control the presentation; a trainer ignores those that do not apply to it.
        """
        return [",".join(row) for row in self.tabulate(source, **options)[1]]

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the predictions for a file, a folder or a text as a table with a header.

        Args:
            source: the file, folder or text.
            encoding: of a text or CSV file; ``None`` infers it.
            options: control the presentation, as of ``format_prediction``.
        """
        return number_table(np.asarray(self.predict(self.read(source, encoding))))

    def report(self, *data: Any) -> list[str]:
        """Return lines about the results on held-out data that single numbers do not show."""
        return []

    def read(self, source: str, encoding: str | None = None) -> Any:
        """Return the raw inputs in a file, a folder or a text given by the user.

        Args:
            source: the file, folder or text.
            encoding: of a text or CSV file; ``None`` infers it.
        """
        if self.preprocessor is None:
            raise AgentlabError("the network was trained on arrays; call predict in Python instead")
        return self.preprocessor.read(source, encoding)
