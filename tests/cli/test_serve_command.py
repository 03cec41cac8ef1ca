"""Bad arguments of ``agentlab serve`` and ``profile`` are reported in one sentence."""

import pytest

pytest.importorskip("starlette")


def test_serve_and_profile_need_a_folder_or_a_file(call, refused, tmp_path):
    assert "--max-body" in call("serve --help").out
    refused("serve", "FOLDER is missing")
    refused("serve nothing", "FOLDER='nothing' is not a folder")
    refused("serve . --port 70000", "port=70000 must be between 0 and 65,535")
    refused("serve .", "contains no exported models: `agentlab export RUN --out")
    assert "--calls" in call("profile --help").out
    refused("profile", "RUN|FILE is missing")
    refused("profile nothing", "nothing does not exist")
    (tmp_path / "model.tflite").write_bytes(b"")
    refused("profile model.tflite", "must be the folder of a run, or a .keras or .onnx file")


def test_a_server_needs_its_packages(refused, monkeypatch):
    monkeypatch.setattr("agentlab.lazy.find_spec", lambda name: None)
    refused("serve .", "serving needs starlette, uvicorn: run `pip install 'agentlab[serve]'`")
