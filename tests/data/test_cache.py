from __future__ import annotations

import hashlib
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agentlab.data.cache import cache_folder, fetch
from agentlab.errors import AgentlabError

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Files(BaseHTTPRequestHandler):
    """Serves /good.bin whole, /cut.bin in half; anything else is not there."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path not in ("/good.bin", "/cut.bin"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/good.bin" else CONTENT[: len(CONTENT) // 2])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_is_downloaded_once(server, tmp_path):
    path = fetch(f"{server.url}/good.bin", SHA256, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "good.bin"
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert fetch(f"{server.url}/good.bin", SHA256, path.parent) == path
    assert server.asked == ["/good.bin"]
    assert [p.name for p in path.parent.iterdir()] == ["good.bin"]


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, tmp_path):
    (tmp_path / "good.bin").write_bytes(CONTENT[:-1])
    assert fetch(f"{server.url}/good.bin", SHA256, tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_raises_an_error_and_leaves_no_file(server, tmp_path):
    url = f"{server.url}/good.bin"
    with pytest.raises(
        AgentlabError, match=f"the file at {url} has changed: its SHA-256 must be 0000"
    ):
        fetch(url, "0" * 64, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_error_for_a_missing_url_includes_the_servers_response(server, tmp_path):
    with pytest.raises(AgentlabError, match=r"/other\.bin cannot be .*: the server answered 404"):
        fetch(f"{server.url}/other.bin", SHA256, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_no_file(server, tmp_path):
    with pytest.raises(AgentlabError, match="cut after 256,000 of 512,000 bytes; bring a copy"):
        fetch(f"{server.url}/cut.bin", SHA256, tmp_path, "; bring a copy")
    assert list(tmp_path.iterdir()) == []


def test_the_error_without_a_network_suggests_an_alternative(server, tmp_path):
    server.shutdown()
    server.server_close()
    url = f"{server.url}/good.bin"
    with pytest.raises(AgentlabError) as told:
        fetch(url, SHA256, tmp_path, "; pass a folder")
    assert str(told.value) == f"{url} cannot be downloaded: Connection refused; pass a folder"
    assert list(tmp_path.iterdir()) == []


def test_a_cache_folder_that_cannot_be_created_raises_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AgentlabError, match=r"file/good\.bin cannot be written: "):
        fetch("http://127.0.0.1/good.bin", SHA256, tmp_path / "file")


def test_an_environment_variable_sets_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("AGENTLAB_DATA", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(cache_folder()) == "/home/somebody/.cache/agentlab"
