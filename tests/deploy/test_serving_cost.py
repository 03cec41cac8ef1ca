"""The CPU time and memory of a process that serves LeNet."""

import asyncio
import importlib.util
import json
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest

from agentlab.deploy.card import write_card
from agentlab.deploy.files import FORMATS, write_file
from agentlab.deploy.measuring import size_of
from agentlab.deploy.signature import trace
from agentlab.deploy.snippets import Described
from agentlab.lazy import keras
from agentlab.nets import make_net

PACKAGES = ("ai_edge_litert", "onnxruntime", "tf2onnx", "starlette", "uvicorn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(package) is None for package in PACKAGES),
        reason="the packages of agentlab[deploy,serve] are not installed",
    ),
]
SHAPE, PATH = (28, 28, 1), "/v1/models/lenet:predict"
ROUNDS, REQUESTS, CLIENTS = 6, 256, 32


def write_lenet(folder, format):
    inputs = keras.Input(SHAPE, name="x")
    traced = trace(
        keras.Model(inputs, {"logits": make_net("lenet", SHAPE, 10, 0)(inputs, training=False)})
    )
    folder.mkdir(parents=True)
    file = folder / f"model{FORMATS[format]}"
    write_file(traced, file, format)
    about = Described(file.name, format, traced.inputs, traced.outputs, {})
    write_card(folder, about, figures={"after": {"size": size_of(file)}})


@pytest.fixture(params=["litert", "onnx"])
def url(request, tmp_path):
    """Serve LeNet in a process of its own."""
    write_lenet(tmp_path / "models/lenet/1", request.param)
    command = [sys.executable, "-m", "agentlab", "serve", str(tmp_path / "models"), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(server.stdout.readline, "")
        url = next(line for line in lines if "POST" in line).split("POST ")[1].split("/v1")[0]
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield url
    finally:
        server.terminate()
        server.wait()


def metric(url, name):
    with urllib.request.urlopen(f"{url}/metrics") as response:
        lines = response.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


async def _client(host, port, bodies, answers):
    reader, writer = await asyncio.open_connection(host, int(port))
    while bodies:
        number, body = bodies.pop()
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        assert b" 200 " in lines[0]
        length = next(line for line in lines if line.startswith(b"content-length")).split(b":")[1]
        answers[number] = await reader.readexactly(int(length))
    writer.close()


def ask(url, bodies, clients):
    """Return the answers to that many concurrent clients, and the server's CPU seconds."""
    host, port = url.removeprefix("http://").split(":")
    answers, left = {}, list(enumerate(bodies))

    async def all_clients():
        await asyncio.gather(*(_client(host, port, left, answers) for _ in range(clients)))

    start = metric(url, "process_cpu_seconds_total")
    asyncio.run(all_clients())
    seconds = metric(url, "process_cpu_seconds_total") - start
    return [answers[i] for i in range(len(bodies))], seconds


def test_a_server_starts_soon_takes_little_memory_and_batches_exactly(url):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (REQUESTS, *SHAPE)).tolist()
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    ask(url, bodies[:1], 1)
    assert metric(url, "process_cpu_seconds_total") < 3  # the bar for the first answer
    expected, _ = ask(url, bodies, 1)
    seconds = {1: [], CLIENTS: []}
    for _ in range(ROUNDS):
        for clients in seconds:
            answers, spent = ask(url, bodies, clients)
            seconds[clients].append(spent / REQUESTS)
            assert answers == expected
    lone, many = (1_000 * min(each) for each in seconds.values())
    megabytes = metric(url, "process_resident_memory_bytes") / 1e6
    print(f"{lone:.3f} ms a request alone, {many:.3f} with {CLIENTS} clients, {megabytes:.0f} MB")
    assert megabytes <= 150
    assert many < 0.9 * lone
