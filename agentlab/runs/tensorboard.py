"""TensorBoard event files, written without TensorFlow, which is faster and loads nothing."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.runs.files import open_new

Settings = Mapping[str, bool | float | str]
FLUSH_SECONDS = 5.0
HISTOGRAM_BINS = 30


# Charts are grouped by the first part of their names, in alphabetical order: eval, rollout, time,
# train, validation.
ROLLOUT = {
    "episodes": "rollout/episodes",
    "return/mean": "rollout/mean_return",
    "return/min": "rollout/min_return",
    "return/max": "rollout/max_return",
    "length/mean": "rollout/mean_length",
}


def chart_name(name: str) -> str:
    """Return the name of a metric's chart in TensorBoard.

    >>> chart_name("return/mean"), chart_name("loss/policy"), chart_name("epsilon")
    ('rollout/mean_return', 'train/policy_loss', 'train/epsilon')
    >>> chart_name("seconds"), chart_name("time/act"), chart_name("validation/accuracy")
    ('time/seconds', 'time/act', 'validation/accuracy')
    """
    if name in ROLLOUT:
        return ROLLOUT[name]
    group, _, rest = name.partition("/")
    if group in ("train", "validation", "time", "eval") and rest:
        return name
    if name == "seconds" or name.endswith("_per_second"):
        return f"time/{name}"
    return f"train/{rest}_loss" if group == "loss" and rest else f"train/{name}"


class EventFile:
    """One event file; TensorBoard merges all event files in a folder.

    Args:
        folder: folder of the file, whose name sorts after those of older files.
        start: makes TensorBoard discard the steps of older files from ``start`` on, which will be
            written again; ``None`` keeps all.
        settings: the settings of the run, for TensorBoard's HPARAMS tab.
    """

    def __init__(self, folder: Path, start: int | None, settings: Settings | None = None) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        folder.mkdir(exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}.{secrets.token_hex(4)}"
        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        self._records = RecordWriter(open_new(folder / name))
        self._flushed = 0.0
        self._write(0, file_version="brain.Event:2")
        if start is not None:
            session = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(start, session_log=session)
        if settings:
            self._write_hyperparameters(settings)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write scalars, one chart for each name; see ``chart_name``."""
        value = self._summary.Value
        charts = {chart_name(name): float(v) for name, v in values.items()}
        self._write_values(step, [value(tag=t, simple_value=v) for t, v in charts.items()])

    def histograms(self, step: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write histograms of arrays; infinities and NaNs are ignored."""
        described = {name: _histogram(array) for name, array in values.items()}
        value = self._summary.Value
        self._write_values(step, [value(tag=tag, histo=h) for tag, h in described.items() if h])

    def image(self, tag: str, step: int, image: npt.NDArray[np.uint8]) -> None:
        """Write an image, uint8 ``[height, width, 3]``."""
        import imageio.v3

        png = imageio.v3.imwrite("<bytes>", image, extension=".png")
        height, width, channels = image.shape
        summary = self._summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=png
        )
        self._write_values(step, [self._summary.Value(tag=tag, image=summary)])

    def text(self, tag: str, step: int, markdown: str) -> None:
        """Write a text in Markdown."""
        from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2

        plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
        value = self._summary.Value(
            tag=tag,
            metadata=summary_pb2.SummaryMetadata(plugin_data=plugin),
            tensor=tensor_pb2.TensorProto(
                dtype=types_pb2.DT_STRING, tensor_shape={}, string_val=[markdown.encode()]
            ),
        )
        self._write_values(step, [value])

    def graph(self, function: Any) -> None:
        """Write the graph of a concrete TensorFlow function."""
        definition = function.graph.as_graph_def(add_shapes=True)
        self._write(0, graph_def=definition.SerializeToString())

    def flush(self) -> None:
        """Flush buffered events to the operating system."""
        self._flushed = time.monotonic()
        self._records.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._records.close()

    def _write_hyperparameters(self, values: Settings) -> None:
        from tensorboard.plugins.hparams import metadata, plugin_data_pb2

        start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
        for name, value in values.items():
            field = start.hparams[name]
            if isinstance(value, bool):
                field.bool_value = value
            elif isinstance(value, int | float):
                field.number_value = value
            else:
                field.string_value = value
        data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
        summary = metadata.create_summary_metadata(data)
        tag = metadata.SESSION_START_INFO_TAG
        self._write_values(
            0, [self._summary.Value(tag=tag, metadata=summary, tensor=metadata.NULL_TENSOR)]
        )

    def _write_values(self, step: int, values: list[Any]) -> None:
        self._write(step, summary=self._summary(value=values))

    def _write(self, step: int, **content: Any) -> None:
        event = self._event(wall_time=time.time(), step=step, **content)
        self._records.write(event.SerializeToString())
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()


def _histogram(array: npt.NDArray[Any]) -> dict[str, Any] | None:
    """Return the fields of TensorBoard's ``HistogramProto`` for an array."""
    finite = np.asarray(array, np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return None
    counts, edges = np.histogram(finite, HISTOGRAM_BINS)
    return {
        "min": finite.min(),
        "max": finite.max(),
        "num": finite.size,
        "sum": finite.sum(),
        "sum_squares": finite @ finite,
        # A bucket is defined by its upper limit; an empty one sets the lower limit of the first.
        "bucket_limit": edges.tolist(),
        "bucket": [0, *counts.tolist()],
    }
