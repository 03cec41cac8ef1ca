"""Files for TensorBoard's embedding projector, as its own plugin reads them."""

import io
from pathlib import Path
from typing import Any

import imageio.v3
import numpy as np
import pytest
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector import projector_plugin
from werkzeug.test import Client

from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.runs.projector import write_projector

VECTORS = np.array([[1, 2.5, -3], [0, 1e-7, 1e9], [1 / 3, 0, 0]], np.float32)


def ask(logdir: Path, route: str, **parameters: str) -> Any:
    """Ask TensorBoard's plugin what it makes of the files in ``logdir``."""
    events = plugin_event_multiplexer.EventMultiplexer()
    events.AddRunsFromDirectory(str(logdir))
    events.Reload()
    provider = data_provider.MultiplexerDataProvider(events, str(logdir))
    context = base_plugin.TBContext(logdir=str(logdir), data_provider=provider)
    apps = projector_plugin.ProjectorPlugin(context).get_plugin_apps()
    return Client(apps[route]).get("/", query_string=parameters)


def test_the_plugin_finds_the_embedding_of_a_run(tmp_path: Path) -> None:
    with Run.create(tmp_path, "run", {}) as run:
        run.log(1, {"loss": 1.0}, {})
        write_projector(run.path / "tensorboard", "words", VECTORS, ["a", "b", "c"])
    assert ask(tmp_path, "/runs").json == ["run/tensorboard"]
    embeddings = ask(tmp_path, "/info", run="run/tensorboard").json["embeddings"]
    assert [embedding["tensorName"] for embedding in embeddings] == ["words"]
    assert embeddings[0]["tensorShape"] == [3, 3]


def test_vectors_and_labels_are_written(tmp_path: Path) -> None:
    write_projector(tmp_path, "words", VECTORS, ["the", " ", "a\tb"])
    tensor = ask(tmp_path, "/tensor", run=".", name="words").data
    np.testing.assert_array_equal(np.frombuffer(tensor, np.float32).reshape(3, 3), VECTORS)
    labels = ask(tmp_path, "/metadata", run=".", name="words").text
    assert labels == "the\n' '\n'a\\tb'\n"


def test_thumbnails_are_arranged_row_by_row_in_a_square(tmp_path: Path) -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(4, 2) + 10
    write_projector(tmp_path, "images", VECTORS, range(3), images)
    png = ask(tmp_path, "/sprite_image", run=".", name="images").data
    sheet = imageio.v3.imread(io.BytesIO(png))
    assert sheet.shape == (4, 8, 3)
    assert sheet[::2, ::4, 0].tolist() == [[10, 11], [12, 255]]
    sprite = ask(tmp_path, "/info", run=".").json["embeddings"][0]["sprite"]
    assert sprite["singleImageDim"] == [4, 2]  # width and height


def test_floats_are_scaled_to_bytes_and_channels_averaged(tmp_path: Path) -> None:
    images = np.zeros((3, 1, 1, 2))
    images[1] = [[[0.5, 1.0]]]
    write_projector(tmp_path, "images", VECTORS, range(3), images)
    sheet = imageio.v3.imread(tmp_path / "images.png")
    assert sheet[0, :, 0].tolist() == [0, 191]


def test_many_large_thumbnails_are_downsampled(tmp_path: Path) -> None:
    vectors = np.zeros((9, 1))
    images = np.zeros((9, 3000, 1), np.uint8)  # 9,000 pixels in a column are too many
    write_projector(tmp_path, "images", vectors, range(9), images)
    assert imageio.v3.imread(tmp_path / "images.png").shape == (4500, 3, 3)


def test_embeddings_are_added_and_replaced(tmp_path: Path) -> None:
    for name, size in (("one", 1), ("two", 2), ("one", 3)):
        write_projector(tmp_path, name, VECTORS[:size], range(size))
    embeddings = ask(tmp_path, "/info", run=".").json["embeddings"]
    shapes = {embedding["tensorName"]: embedding["tensorShape"] for embedding in embeddings}
    assert shapes == {"two": [2, 3], "one": [3, 3]}
    assert not list(tmp_path.glob(".tmp*"))


def test_a_damaged_configuration_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "projector_config.pbtxt"
    path.write_text("embeddings { nonsense")
    with pytest.raises(AgentlabError, match="projector_config.pbtxt is damaged"):
        write_projector(tmp_path, "words", VECTORS, range(3))
    assert path.read_text() == "embeddings { nonsense"


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(AgentlabError, match="labels has 2 rows, but vectors 3"):
        write_projector(tmp_path, "words", VECTORS, range(2))
    with pytest.raises(AgentlabError, match=r"vectors has the shape \[3\]"):
        write_projector(tmp_path, "words", VECTORS[0], range(3))
    with pytest.raises(AgentlabError, match=r"vectors\[1\] is not finite"):
        write_projector(tmp_path, "words", [[0.0], [np.nan]], range(2))
    with pytest.raises(AgentlabError, match="name of an embedding is empty"):
        write_projector(tmp_path, "../..", VECTORS, range(3))
    assert not list(tmp_path.iterdir())
