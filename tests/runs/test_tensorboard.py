"""What TensorBoard reads back."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from agentlab.runs import Run

event_accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", exc_type=ImportError
)


def read(run: Run):  # type: ignore[no-untyped-def]
    run.close()
    return event_accumulator.EventAccumulator(str(run.path / "tensorboard")).Reload()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "run", {})


def test_scalars(run: Run) -> None:
    run.log(10, {"return/mean": -20.5}, {"seconds": 1.0})
    run.log(20, {"return/mean": 3.0}, {"seconds": 2.0})
    events = read(run)
    assert [(e.step, e.value) for e in events.Scalars("rollout/mean_return")] == [
        (10, -20.5),
        (20, 3.0),
    ]
    assert [e.value for e in events.Scalars("time/seconds")] == [1.0, 2.0]


def test_histograms(run: Run) -> None:
    values = np.array([-1.0, 0.0, 0.0, 3.0, np.nan])
    run.histograms(5, {"layer/kernel": values, "empty": np.array([np.inf])})
    (event,) = read(run).Histograms("layer/kernel")
    histogram = event.histogram_value
    assert (event.step, histogram.min, histogram.max, histogram.num) == (5, -1, 3, 4)
    assert (histogram.sum, histogram.sum_squares) == (2, 10)
    assert sum(histogram.bucket) == 4
    assert len(histogram.bucket) == len(histogram.bucket_limit)


def test_image_and_text(run: Run) -> None:
    import imageio.v3

    picture = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    run.image("game", 7, picture)
    run.text("config", 0, "**pg**")
    events = read(run)
    (image,) = events.Images("game")
    assert (image.step, image.width, image.height) == (7, 4, 2)
    np.testing.assert_array_equal(imageio.v3.imread(image.encoded_image_string), picture)
    assert events.Tensors("config")[0].tensor_proto.string_val[0] == b"**pg**"
    assert events.SummaryMetadata("config").plugin_data.plugin_name == "text"


def test_the_hyperparameters_tab_lists_the_settings(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    config = {"algo": "pg", "config": {"gamma": 0.9, "hidden": [8, 4], "overlap": True}}
    for name in ("a", "b"):
        with Run.create(tmp_path, name, config) as run:
            run.log(10, {"return/mean": 7.0}, {})
    multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = backend_context.Context(TBContext(data_provider=provider))
    request = RequestContext()
    metadata = context.hparams_metadata(request, "")
    experiment = context.experiment_from_metadata(
        request, "", True, metadata, context.hparams_from_data_provider(request, "", 100)
    )
    wanted = api_pb2.ListSessionGroupsRequest(
        start_index=0,
        slice_size=10,
        allowed_statuses=[api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_RUNNING],
    )
    handler = list_session_groups.Handler(request, context, "", wanted)
    groups = handler.run().session_groups
    assert "rollout/mean_return" in {info.name.tag for info in experiment.metric_infos}
    assert len(groups) >= 1
    values = groups[0].hparams
    assert values["algo"].string_value == "pg"
    assert values["gamma"].number_value == 0.9
    assert values["hidden"].string_value == "8,4"
    assert values["overlap"].bool_value is True


def test_charts_of_evaluations_and_rollouts_come_first(run: Run) -> None:
    run.log(10, {"return/mean": 1.0, "loss/policy": 2.0, "epsilon": 0.5}, {"seconds": 1.0})
    run.log_evaluation(10, {"mean_return": 3.0})
    tags = sorted(read(run).Tags()["scalars"])
    assert tags == [
        "eval/mean_return",
        "rollout/mean_return",
        "time/seconds",
        "train/epsilon",
        "train/policy_loss",
    ]


def test_graph(run: Run) -> None:
    tf = pytest.importorskip("tensorflow")
    function = tf.function(lambda x: tf.nn.relu(x) + 1.0)
    run.graph(function.get_concrete_function(tf.TensorSpec([2], tf.float32)))
    assert "Relu" in {node.op for node in read(run).Graph().node}


def test_resuming_makes_tensorboard_discard_later_steps(run: Run) -> None:
    run.log(10, {"a": 1.0}, {})
    run.save_checkpoint(1, 10, lambda folder: None, {})
    run.log(20, {"a": 2.0}, {})
    run.log(30, {"a": 3.0}, {})
    run.close()
    resumed = Run.open(run.path)
    resumed.rewind(resumed.latest_checkpoint())
    resumed.log(20, {"a": 5.0}, {})
    assert [(e.step, e.value) for e in read(resumed).Scalars("train/a")] == [(10, 1.0), (20, 5.0)]


def test_opening_without_rewinding_discards_nothing(run: Run) -> None:
    run.log(10, {"a": 1.0}, {})
    run.close()
    run.log(20, {"a": 2.0}, {})
    run.close()
    again = Run.open(run.path)
    again.text("note", 0, "evaluated")
    assert [event.step for event in read(again).Scalars("train/a")] == [10, 20]


def test_logging_is_cheap_and_needs_no_tensorflow(run: Run) -> None:
    metrics = {f"loss/{i}": i / 7 for i in range(20)}
    run.log(0, metrics, {})
    start = time.perf_counter()
    for step in range(1, 101):
        run.log(step, metrics, {})
    assert (time.perf_counter() - start) / 100 < 0.01  # about 0.0003 s on an idle machine
    run.close()
    code = (
        "import sys; from agentlab.runs import Run; run = Run.open(sys.argv[1]);"
        "run.log(1, {'a': 1}, {}); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(run.path)]).returncode == 0
