"""``agentlab serve`` answers like TensorFlow Serving, and drops no request when versions change."""

import asyncio
import http.client
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

PACKAGES = ("ai_edge_litert", "onnxruntime", "starlette", "uvicorn")
if any(importlib.util.find_spec(package) is None for package in PACKAGES):
    pytest.skip("the packages of agentlab[deploy,serve] are not installed", allow_module_level=True)

import onnx  # noqa: E402
import uvicorn  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from agentlab.deploy.card import write_card  # noqa: E402
from agentlab.deploy.serving.app import make_app  # noqa: E402
from agentlab.deploy.serving.batching import Batcher  # noqa: E402
from agentlab.deploy.serving.rows import RowRunner, next_size  # noqa: E402
from agentlab.deploy.serving.server import open_store  # noqa: E402
from agentlab.deploy.serving.settings import Serving  # noqa: E402
from agentlab.deploy.serving.store import Store  # noqa: E402
from agentlab.deploy.signature import TensorInfo  # noqa: E402
from agentlab.deploy.snippets import Described  # noqa: E402
from agentlab.errors import AgentlabError  # noqa: E402

SIZE = 32


def write_model(folder, scale=1.0, classes=("cat", "dog", "bird")):
    """Write an ONNX classifier of 32 numbers, with weights that depend on ``scale``."""
    folder.mkdir(parents=True)
    weights = scale * np.random.default_rng(0).normal(size=(SIZE, 3)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIZE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weights, "w")],
    )
    _save(graph, folder / "model.onnx")
    inputs = [TensorInfo("x", "float32", (None, SIZE))]
    outputs = [TensorInfo("probabilities", "float32", (None, 3))]
    _card(folder, inputs, outputs, {}, classes=list(classes))
    return weights


def write_agent(folder):
    """Write an agent whose state counts its steps: the action is 1 from the third step on."""
    folder.mkdir(parents=True)
    nodes = [
        helper.make_node("Add", ["state_0", "one"], ["next_state_0"]),
        helper.make_node("Greater", ["next_state_0", "two"], ["late"]),
        helper.make_node("Cast", ["late"], ["casted"], to=TensorProto.INT64),
        helper.make_node("ReduceMax", ["casted", "axis"], ["actions"], keepdims=0),
        helper.make_node("Identity", ["observations"], ["seen"]),
    ]
    graph = helper.make_graph(
        nodes,
        "agent",
        [
            helper.make_tensor_value_info("observations", TensorProto.UINT8, ["n", 2]),
            helper.make_tensor_value_info("state_0", TensorProto.FLOAT, ["n", 1]),
        ],
        [
            helper.make_tensor_value_info("actions", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("next_state_0", TensorProto.FLOAT, ["n", 1]),
            helper.make_tensor_value_info("seen", TensorProto.UINT8, ["n", 2]),
        ],
        [
            numpy_helper.from_array(np.ones((1, 1), np.float32), "one"),
            numpy_helper.from_array(np.full((1, 1), 2, np.float32), "two"),
            numpy_helper.from_array(np.array([1]), "axis"),
        ],
    )
    _save(graph, folder / "model.onnx")
    inputs = [
        TensorInfo("observations", "uint8", (None, 2)),
        TensorInfo("state_0", "float32", (None, 1)),
    ]
    outputs = [
        TensorInfo("actions", "int64", (None,)),
        TensorInfo("next_state_0", "float32", (None, 1)),
        TensorInfo("seen", "uint8", (None, 2)),
    ]
    _card(folder, inputs, outputs, {"state_0": "next_state_0"})


def _save(graph, path):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _card(folder, inputs, outputs, state, **more):
    size = (folder / "model.onnx").stat().st_size
    described = Described("model.onnx", "onnx", inputs, outputs, state)
    write_card(folder, described, figures={"after": {"size": size}}, **more)


class Served:
    """A server in a thread, and a client."""

    def __init__(self, folder, **settings):
        self.store = open_store(folder)
        app = make_app(self.store, Serving(**{"poll": 0.05, **settings}))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()
        wait_until(lambda: self._server.started)

    def close(self):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def call(self, path, body=None, **headers):
        """Return the status code and the JSON of a response."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "pets" / "3")
    write_agent(folder / "player" / "1")
    return folder


@pytest.fixture(scope="module")
def served(folder):
    served = Served(folder, max_body=100_000)
    yield served
    served.close()


def examples(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, SIZE)).astype(np.float32)


def test_predictions_have_the_format_of_tensorflow_serving(served, folder):
    x = examples(5)
    expected = RowRunner(folder / "pets/3/model.onnx")({"x": x})["probabilities"].tolist()
    for path in ("/v1/models/pets:predict", "/v1/models/pets/versions/3:predict"):
        assert served.call(path, {"instances": x.tolist()}) == (200, {"predictions": expected})
    rows = [{"x": row} for row in x.tolist()]
    body = {"signature_name": "serving_default", "instances": rows}
    assert served.call("/v1/models/pets:predict", body)[1] == {"predictions": expected}
    for inputs in (x.tolist(), {"x": x.tolist()}):
        answer = served.call("/v1/models/pets:predict", {"inputs": inputs})
        assert answer == (200, {"outputs": expected})
    answer = served.call("/v1/models/pets:classify", {"examples": rows[:1]})
    assert answer == (
        200,
        {"result": [[["cat", expected[0][0]], ["dog", expected[0][1]], ["bird", expected[0][2]]]]},
    )


def test_models_and_their_versions_are_described(served):
    available = {"version": "3", "state": "AVAILABLE"}
    for path in ("/v1/models/pets", "/v1/models/pets/versions/3"):
        (status,) = served.call(path)[1]["model_version_status"]
        assert status == {**available, "status": {"error_code": "OK", "error_message": ""}}
    code, metadata = served.call("/v1/models/pets/metadata")
    assert metadata["model_spec"] == {"name": "pets", "signature_name": "", "version": "3"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    sizes = [d["size"] for d in signature["inputs"]["x"]["tensor_shape"]["dim"]]
    assert (signature["inputs"]["x"]["dtype"], sizes) == ("DT_FLOAT", ["-1", str(SIZE)])
    assert served.call("/healthz") == (200, {"status": "ok"})
    assert served.call("/v1/models/cats")[0] == 404
    assert served.call("/v1/models/pets/versions/4:predict", {"instances": [1]})[0] == 404


def test_metrics_count_requests_in_prometheus_text(served):
    served.call("/v1/models/pets:predict", {"instances": examples(1).tolist()})
    with urllib.request.urlopen(served.url + "/metrics") as response:
        lines = response.read().decode().splitlines()
    counted = 'agentlab_requests_total{model="pets",version="3",verb="predict",code="200"} '
    assert any(line.startswith(counted) for line in lines)
    values = [line.rsplit(" ", 1)[1] for line in lines if not line.startswith("#")]
    assert all(float(value) >= 0 for value in values)


def test_metrics_count_refused_requests(folder):
    served = Served(folder, max_body=100, token="secret")
    secret = {"Authorization": "Bearer secret"}
    try:
        served.call("/v1/models", b"")
        served.call("/v1/models/pets:predict", b" " * 101, **secret)
        served.call("/v1/models/pets:predict", b"{", **secret)
        served.call("/v1/models/cats:classify", b"{}", **secret)
        served.call("/v2", **secret)
        request = urllib.request.Request(served.url + "/metrics", headers=secret)
        with urllib.request.urlopen(request) as response:
            lines = response.read().decode().splitlines()
    finally:
        served.close()
    counted = [line for line in lines if line.startswith("agentlab_requests_total")]
    assert counted == [
        f'agentlab_requests_total{{model="",version="",verb="{verb}",code="{code}"}} 1'
        for verb, code in [("", 401), ("", 404), ("", 413), ("classify", 404), ("predict", 400)]
    ]


def test_a_session_keeps_the_recurrent_state_of_an_agent(served):
    def act(session, **more):
        body = {"session": session, "observation": [1, 2], **more}
        code, answer = served.call("/v1/models/player:act", body)
        assert code == 200, answer
        return answer["action"], answer["step"]

    assert [act("a"), act("a"), act("b"), act("a")] == [(0, 1), (0, 2), (0, 1), (1, 3)]
    assert act("a", episode_start=True) == (0, 1)
    assert act("b", episode_end=True) == (0, 2)
    assert act("b") == (0, 1)
    code, answer = served.call("/v1/models/player:act", {"observation": [1, 2]})
    assert (code, "`session` must be a string" in answer["error"]) == (400, True)
    code, answer = served.call("/v1/models/pets:act", {"observation": [1.0] * SIZE})
    assert (code, "is not an agent" in answer["error"]) == (400, True)


MALFORMED = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[" * 5_000,
    b"[1]",
    b"null",
    {},
    {"instances": []},
    {"instances": {"x": 1}},
    {"instances": [[1.0] * (SIZE - 1)]},
    {"instances": [[1.0] * SIZE, [1.0]]},
    {"instances": [["a"] * SIZE]},
    {"instances": [[None] * SIZE]},
    {"instances": [[True] * SIZE]},
    {"instances": [[1e300] * SIZE]},
    {"instances": [[10**400] * SIZE]},
    {"instances": [{"y": [1.0] * SIZE}]},
    {"instances": [{"x": [1.0] * SIZE, "y": 1}]},
    {"instances": [{"x": [1.0] * SIZE}, [1.0] * SIZE]},
    {"instances": [[{"b64": "QQ=="}] * SIZE]},
    {"instances": [[1.0] * SIZE], "inputs": [[1.0] * SIZE]},
    {"inputs": {"x": []}},
    {"inputs": {"x": [[[1.0]] * SIZE]}},
    {"inputs": None},
    {"instances": [[1.0] * SIZE], "signature_name": "other"},
    {"instances": [[1.0] * SIZE], "more": 1},
]


def is_refused(answer):
    code, content = answer
    text = content.get("error", "")
    return 400 <= code < 500 and len(text) > 10 and "\n" not in text and "Traceback" not in text


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_body_is_refused_in_one_sentence(served, body):
    assert is_refused(served.call("/v1/models/pets:predict", body))


def test_a_mutated_body_is_refused_or_answered(served):
    rng = np.random.default_rng(0)
    valid = {
        "pets:predict": json.dumps({"instances": examples(1).tolist()}).encode(),
        "pets:classify": json.dumps({"examples": examples(1).tolist()}).encode(),
        "player:act": json.dumps({"session": "m", "observation": [1, 2]}).encode(),
    }
    for i in range(150):
        path, body = list(valid.items())[i % 3]
        mutated = bytearray(body)
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(len(mutated))
            mutated[at : at + rng.integers(3)] = rng.bytes(rng.integers(3))
        answer = served.call(f"/v1/models/{path}", bytes(mutated))
        assert answer[0] == 200 or is_refused(answer), (path, mutated, answer)


def malformed_bodies(n):
    """Yield bodies and headers that a classifier of 32 numbers must refuse, of eleven kinds."""
    rng = np.random.default_rng(1)
    others = ["x", None, True, {"a": 1}, [], [[1.0]], {"b64": "QQ=="}]
    for i in range(n):
        row = examples(1, seed=i)[0].tolist()
        place, text = int(rng.integers(SIZE)), json.dumps({"instances": [row]}).encode()
        size = int(rng.choice([1, 5, SIZE - 1, SIZE + 1, 1_000]))
        kind, headers = i % 11, {}
        if kind == 0:  # cut
            body = text[: rng.integers(len(text))]
        elif kind == 1:  # another shape
            body = [{"instances": [row[:1] * size]}, {"inputs": row}, {"instances": [[row]]}][i % 3]
        elif kind == 2:  # another type
            row[place] = others[i % len(others)]
            body = {"instances": [row]}
        elif kind == 3:  # too large for float32
            row[place] = [10.0 ** rng.integers(39, 300), 10 ** int(rng.integers(39, 4_000))][i % 2]
            body = {"instances": [row]}
        elif kind == 4:
            body = [b"[", b'{"instances":'][i % 2] * int(10 ** rng.uniform(1, 4))
        elif kind == 5:  # not UTF-8
            body = text[:4] + [b"\xff", b"\xc3\x28", b"\xed\xa0\x80"][i % 3] + text[4:]
        elif kind == 6:  # other names
            name = "".join(map(chr, rng.integers(32, 0x2000, 6)))
            body = [{name: [row]}, {"instances": [{name: row}]}, {"instances": [row], name: 1}][
                i % 3
            ]
        elif kind == 7:
            body = [b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", b"a=1&b=2"][i % 2]
            headers = {"Content-Type": ["multipart/form-data; boundary=x", "text/xml"][i % 2]}
        elif kind == 8:
            body, headers = iter([text[:20], text[20:-1]]), {"Transfer-Encoding": "chunked"}
        elif kind == 9:  # larger than max_body
            body = {"instances": [[1.0] * int(rng.integers(30_000, 60_000))]}
        else:  # stray bytes
            body = text + [b"}", b"\x00", b"[]", b"null"][i % 4]
        yield json.dumps(body).encode() if isinstance(body, dict) else body, headers


@pytest.mark.parametrize("n", [110, pytest.param(1_000, marks=pytest.mark.slow)])
def test_all_malformed_bodies_are_refused_in_one_sentence(served, n):
    host, port = served.url.removeprefix("http://").split(":")
    for body, headers in malformed_bodies(n):
        client = http.client.HTTPConnection(host, int(port), timeout=20)
        chunked = "Transfer-Encoding" in headers
        client.request("POST", "/v1/models/pets:predict", body, headers, encode_chunked=chunked)
        response = client.getresponse()
        answer = response.status, json.loads(response.read())
        client.close()
        assert is_refused(answer), (body, headers, answer)
    assert served.call("/healthz")[0] == 200


def test_whole_numbers_must_fit_their_type(served):
    for observation in ([1, 256], [-1, 0], [0.5, 0], [1e400, 0], [float("nan"), 0]):
        body = json.dumps({"session": "s", "observation": observation}).encode()
        code, answer = served.call("/v1/models/player:act", body)
        assert (code, "whole numbers from 0 to 255" in answer["error"]) == (400, True)


def test_large_bodies_and_unknown_paths_are_refused(served):
    assert served.call("/v1/models/pets:predict", b" " * 100_001)[0] == 413
    assert is_refused(served.call("/v1/models/pets:delete", {}))
    assert is_refused(served.call("/v2"))
    assert is_refused(served.call("/v1/models/pets:predict"))  # GET


def test_a_body_of_unknown_length_is_limited_too(served):
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(
            b"POST /v1/models/pets:predict HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n" % 60_000 + b" " * 60_000 + b"\r\n"
        client.sendall(chunk + chunk)
        assert client.recv(100).startswith(b"HTTP/1.1 413")


def test_a_token_is_needed_except_for_health(folder):
    served = Served(folder, token="secret")
    try:
        assert served.call("/healthz")[0] == 200
        for given in ({}, {"Authorization": "Bearer wrong"}):
            assert is_refused(served.call("/v1/models/pets", **given))
        assert served.call("/v1/models/pets", Authorization="Bearer secret")[0] == 200
    finally:
        served.close()


def test_requests_of_many_clients_are_batched_and_equal_single_ones(served):
    x = examples(200)
    version = served.store.newest("pets")
    alone = [served.call("/v1/models/pets:predict", {"instances": [row]}) for row in x.tolist()]
    before = version.batches
    with ThreadPoolExecutor(16) as clients:
        together = list(
            clients.map(
                lambda row: served.call("/v1/models/pets:predict", {"instances": [row]}), x.tolist()
            )
        )
    assert together == alone
    assert version.batches - before < 200


def test_waiting_requests_form_a_batch_that_does_not_wait_for_more():
    sizes, gate = [], threading.Event()

    def run(inputs):
        sizes.append(len(inputs["x"]))
        assert gate.wait(10)
        if (inputs["x"] < 0).any():
            raise ValueError("negative")
        return {"y": 2 * inputs["x"]}

    async def main():
        batch = Batcher(run)
        calls = [asyncio.ensure_future(batch({"x": np.array([float(i)])})) for i in (0, 1, -2, 3)]
        await asyncio.sleep(0.05)  # the first one runs, the others wait
        gate.set()
        results = await asyncio.gather(*calls, return_exceptions=True)
        batch.close()
        return results

    first, second, failed, last = asyncio.run(main())
    assert (first["y"], second["y"], last["y"]) == ([0], [2], [6])
    assert isinstance(failed, ValueError)  # and only that one
    assert sizes == [1, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("swaps", "requests"), [(4, 0), pytest.param(20, 3_000, marks=pytest.mark.slow)]
)
def test_no_request_is_dropped_when_versions_change_under_load(tmp_path, swaps, requests):
    weights = {1: write_model(tmp_path / "models/pets/1")}
    served, stop, answers = Served(tmp_path / "models"), threading.Event(), []
    x = examples(1)[0]

    def ask():
        while not stop.is_set():
            answers.append(served.call("/v1/models/pets:predict", {"instances": [x.tolist()]}))

    def swap(number):
        weights[number] = write_model(tmp_path / "new", scale=number)
        (tmp_path / "new").rename(tmp_path / f"models/pets/{number}")
        wait_until(lambda: number in served.store.models["pets"].live)
        shutil.rmtree(tmp_path / f"models/pets/{number - 1}")

    try:
        with ThreadPoolExecutor(4) as clients:
            asking = [clients.submit(ask) for _ in range(4)]
            for number in range(2, swaps + 2):
                swap(number)
                wait_until(lambda n=number: len(answers) >= requests * (n - 1) / swaps, 120)
            stop.set()
            [each.result() for each in asking]
        wait_until(lambda: not served.store.models["pets"].draining)
    finally:
        stop.set()
        served.close()
    assert {code for code, _ in answers} == {200} and len(answers) >= requests
    logits = [x @ w for w in weights.values()]
    powers = [np.exp(each - each.max()) for each in logits]
    possible = [each / each.sum() for each in powers]
    for _, answer in answers:
        found = np.array(answer["predictions"][0])
        assert any(np.allclose(found, each, atol=1e-5) for each in possible)
    assert served.store.swaps == swaps


def test_a_session_stays_with_its_version(tmp_path):
    write_agent(tmp_path / "models/player/1")
    served = Served(tmp_path / "models")

    def act(**more):
        body = {"session": "a", "observation": [0, 0], **more}
        answer = served.call("/v1/models/player:act", body)[1]
        return answer["version"], answer["step"]

    try:
        assert act() == ("1", 1)
        write_agent(tmp_path / "new")
        (tmp_path / "new").rename(tmp_path / "models/player/2")
        wait_until(lambda: 2 in served.store.models["player"].live)
        assert act(episode_end=True) == ("1", 2)
        assert act() == ("2", 1)
        wait_until(lambda: not served.store.models["player"].draining)
    finally:
        served.close()


@pytest.mark.parametrize("damage", ["truncated", "no card", "other outputs"])
def test_a_damaged_version_does_not_replace_the_previous_one(tmp_path, damage):
    write_model(tmp_path / "pets/1")
    store = open_store(tmp_path)
    new = tmp_path / "pets/2"
    write_model(new)
    if damage == "truncated":
        (new / "model.onnx").write_bytes((new / "model.onnx").read_bytes()[:-9])
    elif damage == "no card":
        (new / "model.json").unlink()
    else:
        card = (new / "model.json").read_text()
        (new / "model.json").write_text(card.replace('"probabilities"', '"scores"'))
    for _ in range(2):  # and it is not tried again before its files change
        for change in store.load_new():
            change()
    assert store.newest("pets").number == 1
    assert 2 in store.models["pets"].failed
    shutil.rmtree(new)
    write_model(new)
    for change in store.load_new():
        change()
    assert store.newest("pets").number == 2


def test_folders_without_models_are_refused(tmp_path):
    with pytest.raises(AgentlabError, match="is not a folder"):
        Store(tmp_path / "nothing")
    with pytest.raises(AgentlabError, match="contains no exported models"):
        open_store(tmp_path)
    (tmp_path / "pets/1").mkdir(parents=True)
    with pytest.raises(AgentlabError, match="model 'pets' cannot be served: .*missing or damaged"):
        open_store(tmp_path)


def test_batches_are_padded_only_if_more_than_half_full():
    for rows in range(1, 60):
        left, sizes = rows, []
        while left > 0:
            sizes.append(next_size(left, (1, 4, 16)))
            left -= sizes[-1]
        assert sum(sizes) < 2 * rows or rows == 1


def test_the_command_serves_without_tensorflow(folder):
    code = (
        "import sys, threading, urllib.request\n"
        "from agentlab.cli import main\n"
        "from agentlab.deploy.serving import server\n"
        "def ask(url, store):\n"
        "    def get():\n"
        "        with urllib.request.urlopen(url + '/v1/models/pets') as response:\n"
        "            print(response.status, 'tensorflow' in sys.modules, flush=True)\n"
        "        import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"
        "    threading.Thread(target=get, daemon=True).start()\n"
        "import agentlab.cli.serve as command\n"
        "command._announce = ask\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "serve", str(folder), "--port", "0"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, ["200 False", "stopped"]), done.stderr
