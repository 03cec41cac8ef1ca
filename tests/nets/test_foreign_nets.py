"""A small file of a net takes little memory, whatever it claims to hold."""

import io
import os
import zipfile

import h5py
import keras
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets.files import load_net


@pytest.fixture
def packed(tmp_path):
    """A saved net, and a function that changes members of its file."""
    path = tmp_path / "net.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]).save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def change(**changed):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {**members, **changed}.items():
                archive.writestr(name, content)
        return members

    return path, change


def test_a_net_that_was_packed_again_is_read(packed):
    path, change = packed
    change()
    assert load_net(path).count_params() == 9


def test_a_file_that_unpacks_to_much_more_is_refused(packed):
    path, change = packed
    change(**{"assets/big": bytes(1 << 27)})
    with pytest.raises(AgentlabError, match=r"bytes would unpack to 134,"):
        load_net(path)


def test_weights_that_the_file_does_not_hold_are_not_made(packed):
    path, change = packed
    config = change()["config.json"].replace(b'"units": 3', b'"units": 500000000')
    change(**{"config.json": config})
    with pytest.raises(AgentlabError, match=r"its net needs more weights than the [\d,]+ bytes"):
        load_net(path)


def test_a_description_of_too_many_values_is_refused(packed):
    path, change = packed
    for config, told in (
        (b"[" + b"1," * 500_001 + b"1]", "more than 500,000 values"),
        (b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
    ):
        change(**{"config.json": config})
        with pytest.raises(AgentlabError, match=told):
            load_net(path)


def test_compressed_weights_take_no_more_than_their_file(packed):
    path, change = packed
    stored = io.BytesIO(change()["model.weights.h5"])
    with h5py.File(stored, "a") as weights:
        weights.create_dataset("big", (1 << 14, 1 << 14), "f4", chunks=True, compression="gzip")
    change(**{"model.weights.h5": stored.getvalue()})
    with pytest.raises(AgentlabError, match="its weights would take 1,073,"):
        load_net(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.keras")
    with pytest.raises(AgentlabError, match="not a regular file"):
        load_net(tmp_path / "net.keras")


def test_only_keras_own_format_is_read(packed):
    path, _ = packed
    other = path.rename(path.with_suffix(".h5"))
    with pytest.raises(AgentlabError, match=r"it is not a \.keras file"):
        load_net(other)
