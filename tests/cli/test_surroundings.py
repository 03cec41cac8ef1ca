"""Terminals, pipes, encodings and folders as they occur in practice."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentlab import cli
from agentlab.cli import main
from agentlab.cli.streams import ERRORS, Output, prepare_streams
from agentlab.errors import AgentlabError

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "scripts/train_agent.py")
TINY = "--env CartPole-v1 --algo random --steps 400 --eval-episodes 2 --no-video"


def start(words, folder, shell="", **environ):
    """Start training in a separate process; ``shell`` redirects its streams."""
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, SCRIPT, *words.split()]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=pipe,
        stderr=pipe,
        # Tests that run in the background would pass on that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_any_text_can_be_printed_in_any_encoding(monkeypatch):
    for encoding in ("ascii", "latin-1", "utf-8", "cp1252"):
        file = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding=encoding))
        prepare_streams()
        print("←↑→↓ … é 漢", flush=True)
        text = file.getvalue().decode(encoding)
        if encoding == "utf-8":
            assert text == "←↑→↓ … é 漢\n"
        else:
            assert text.startswith("<^>v ") and text.endswith("?\n")
        monkeypatch.undo()


def test_the_policy_of_a_grid_is_printed_in_ascii(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="ascii"))
    words = "train --env FrozenLake-v1 --algo q_table --steps 4000 --eval-episodes 5 --no-video"
    assert main(words.split()) == 0
    policy = file.getvalue().decode("ascii").partition("The greedy policy")[2].splitlines()[1:5]
    assert all(len(row.split()) == 4 and set(row) <= set("<v>^. ") for row in policy)


def test_output_after_a_pipe_is_closed_is_dropped():
    reader, writer = os.pipe()
    stream = Output(os.fdopen(writer, "w", buffering=1))
    os.close(reader)
    for _ in range(3):
        stream.write("text\n")
        stream.flush()
    assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))
    stream.close()


def test_training_works_without_streams_and_prints_nothing_into_its_files(tmp_path):
    process = start(TINY, tmp_path, ">&- 2>&-")
    assert process.wait(60) == 0
    metrics = (tmp_path / "runs/CartPole-v1-random/metrics.csv").read_text()
    assert metrics.startswith("step,episodes") and len(metrics.splitlines()) == 2


def test_a_full_disk_for_the_output_is_reported(tmp_path):
    process = start(TINY, tmp_path, ">/dev/full")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.decode().splitlines()[-1] == "agentlab: error: No space left on device"


def test_a_deleted_current_folder_is_reported(tmp_path, monkeypatch, capfd):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(f"train {TINY}".split()) == 2
    assert capfd.readouterr().err.endswith("; the current folder was deleted\n")
    assert main(["envs", "cartpole"]) == 0
    os.chdir(tmp_path)


def test_another_backend_of_keras_is_refused_once_it_is_loaded(monkeypatch):
    from types import SimpleNamespace

    from agentlab import lazy

    other = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "jax"))
    for name in ("tensorflow", "keras", "agentlab.nets.mlp"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(AgentlabError, match="backend 'jax', but agentlab needs 'tensorflow'"):
        getattr(lazy.LazyModule("agentlab.nets.mlp"), "MLP")  # noqa: B009


def test_keras_uses_tensorflow_whatever_is_configured_and_a_library_prints_nothing(tmp_path):
    code = (
        "import agentlab; agent = agentlab.make_agent('pg', agentlab.make_envs('CartPole-v1'));"
        "import keras; assert keras.backend.backend() == 'tensorflow'"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "jax"}
    environ = {
        name: v for name, v in environ.items() if name not in ("HOME", "TF_CPP_MIN_LOG_LEVEL")
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, timeout=100
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_ctrl_c_in_the_evaluation_says_what_is_saved_at_once(tmp_path):
    words = "--env CliffWalking-v1 --algo random --steps 100 --no-video --eval-steps 1000000000"
    process = start(words, tmp_path)
    assert process.stdout is not None
    while b"agent  " not in process.stdout.readline():
        pass
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)  # the evaluation would take hours
    assert process.returncode == 130
    saved = "the last trained model is saved in runs/CliffWalking-v1-random/learner"
    assert saved in err.decode()
    assert "Traceback" not in err.decode()


def test_an_interruption_says_what_is_saved(run, monkeypatch, capfd):
    monkeypatch.chdir(run.parents[1])

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("agentlab.agents.loop.check_vector", interrupt)
    assert main(["train", "--resume", "runs/done", "--steps", "900"]) == 130
    assert "latest checkpoint is saved, resume it with --resume runs/done" in capfd.readouterr().err
    assert main(f"train {TINY} --name new".split()) == 130
    assert "no checkpoint of runs/new has been saved yet" in capfd.readouterr().err
    monkeypatch.setattr("agentlab.cli.envs.list_envs", interrupt)
    assert main(["envs"]) == 130
    assert capfd.readouterr().err == "\nagentlab: interrupted; nothing was saved\n"


@pytest.mark.parametrize("ffmpeg", ["/bin/false", "/nowhere/ffmpeg"])
def test_a_broken_ffmpeg(call, refused, monkeypatch, ffmpeg):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", ffmpeg)
    refused("play --env CartPole-v1 --algo random --episodes 1 --video a.mp4", "video='a.mp4'")
    assert os.listdir() == []
    result = call(f"train {TINY.removesuffix(' --no-video')}")
    assert result.code == 0
    assert "video       none: " in result.out


def test_the_encoding_error_handler_is_registered():
    import codecs

    prepare_streams()
    assert "é≤".encode("ascii", ERRORS) == b"??"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", ERRORS)
    assert codecs.lookup_error(ERRORS)


def test_sigterm_ends_a_command_as_ctrl_c_does(call, monkeypatch):
    def command(words):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(cli, "_run", command)
    before = signal.getsignal(signal.SIGTERM)
    result = call("train")
    assert (result.code, result.err) == (130, "\nagentlab: interrupted; nothing was saved\n")
    assert signal.getsignal(signal.SIGTERM) is before
