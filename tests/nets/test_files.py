import subprocess
import sys

import keras
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets import make_net
from agentlab.nets.files import load_net


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "net.keras"
    net = make_net("mlp", (4,), 3, seed=1)
    net.save(path)
    return path, net


def test_a_loaded_net_gives_the_same_outputs(saved):
    path, net = saved
    inputs = np.random.default_rng(0).random((5, 4), np.float32)
    np.testing.assert_array_equal(load_net(path)(inputs), net(inputs))


def test_a_new_process_knows_the_layers_of_the_file(saved):
    code = f"from agentlab.nets.files import load_net; print(type(load_net({str(saved[0])!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "agentlab.nets.headed.Headed" in done.stdout, done.stderr


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_file_altered_by_one_byte_is_refused_where_its_checksum_is_known(saved, tmp_path, place):
    from hashlib import sha256

    content = bytearray(saved[0].read_bytes())
    expected = sha256(content).hexdigest()
    path = tmp_path / "net.keras"
    path.write_bytes(content)
    assert load_net(path, expected).count_params() == saved[1].count_params()
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)
    with pytest.raises(AgentlabError, match=r"net\.keras is damaged: it is not the file that was"):
        load_net(path, expected)


@pytest.mark.parametrize("content", [b"", b"PK", b"no net at all", None])
def test_invalid_files_are_refused(saved, tmp_path, content):
    path = tmp_path / "net.keras"
    whole = saved[0].read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(AgentlabError, match="contains no readable net") as caught:
        load_net(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AgentlabError, match=r"nothing\.keras cannot be read: No such file"):
        load_net(tmp_path / "nothing.keras")


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "net.keras"
    executed = tmp_path / "executed"

    def plant(inputs):
        executed.touch()
        return inputs

    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(plant)]).save(path)
    executed.unlink()
    with pytest.raises(AgentlabError, match="contains no readable net"):
        load_net(path)
    assert not executed.exists()


def test_layers_that_nobody_registered_are_refused(tmp_path):
    class Strange(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input((1,)), Strange()]).save(tmp_path / "net.keras")
    with pytest.raises(AgentlabError, match=r"net: it names the class .Strange. of the module"):
        load_net(tmp_path / "net.keras")
