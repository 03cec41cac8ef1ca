"""Files are written whole and through no link, and read within limits."""

import io
import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agentlab.errors import AgentlabError, printable
from agentlab.runs.files import (
    exchange,
    open_append,
    open_new,
    replacing,
    replacing_folder,
    write_arrays,
    write_json,
    write_text,
)
from agentlab.runs.permission import refuse_links
from agentlab.runs.reading import open_regular, read_arrays, read_bytes, read_json


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "new"),
        lambda path: write_json(path, {"new": 1}),
        lambda path: write_arrays(path, {"new": np.ones(3)}),
    ],
)
def test_a_link_is_replaced_and_not_followed(
    folder: Path, victim: Path, write: Callable[[Path], None]
) -> None:
    for name in ("file", ".tmp-file"):
        (folder / name).symlink_to(victim)
    write(folder / "file")
    assert victim.read_text() == "precious"
    assert not (folder / "file").is_symlink()
    assert sorted(path.name for path in folder.iterdir()) == [".tmp-file", "file"]


def test_temporary_names_cannot_be_foreseen(folder: Path) -> None:
    names = set()
    for _ in range(2):
        with replacing(folder / "a.png") as temporary:
            names.add(temporary.name)
        with replacing_folder(folder / "b") as temporary:
            names.add(temporary.name)
    assert len(names) == 4
    assert all(len(name) > 20 for name in names)


def test_nothing_temporary_is_left_in_a_folder_that_is_renamed_meanwhile(folder: Path) -> None:
    moved = folder.with_name("moved")
    with pytest.raises(FileNotFoundError), replacing(folder / "notes.txt") as temporary:
        temporary.write_text("half")
        folder.rename(moved)
    assert list(moved.iterdir()) == []


def test_a_folder_is_replaced_whole_or_not_at_all(folder: Path, victim: Path) -> None:
    with replacing_folder(folder / "agent") as temporary:
        (temporary / "weights").write_text("old")
    with pytest.raises(KeyError), replacing_folder(folder / "agent") as temporary:
        (temporary / "weights").write_text("half")
        raise KeyError
    assert (folder / "agent" / "weights").read_text() == "old"
    with replacing_folder(folder / "agent") as temporary:
        (temporary / "weights").write_text("new")
    assert (folder / "agent" / "weights").read_text() == "new"
    assert [path.name for path in folder.iterdir()] == ["agent"]
    (folder / "link").symlink_to(victim.parent)
    with replacing_folder(folder / "link"):
        pass
    assert victim.read_text() == "precious"


def test_a_folder_exists_at_every_moment_of_its_replacement(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, there = folder / "agent", []
    path.mkdir()
    rename = os.rename

    def watched(*names: Path) -> None:
        there.append(path.exists())
        rename(*names)
        there.append(path.exists())

    monkeypatch.setattr(os, "rename", watched)
    with replacing_folder(path) as temporary:
        if not exchange(temporary, path):
            pytest.skip("the file system exchanges no folders")
        (temporary / "weights").write_text("new")
    assert there == [True, True]
    monkeypatch.setattr("agentlab.runs.files.exchange", lambda *names: False)
    with replacing_folder(path) as temporary:
        (temporary / "weights").write_text("newer")
    assert (path / "weights").read_text() == "newer"


def test_nothing_is_added_to_through_a_link_or_a_second_name(folder: Path, victim: Path) -> None:
    (folder / "symbolic").symlink_to(victim)
    os.link(victim, folder / "hard")
    os.mkfifo(folder / "pipe")
    for name, why in (("symbolic", "link"), ("hard", "hard link"), ("pipe", "regular file")):
        with pytest.raises(OSError, match=why):
            open_append(folder / name)
    with pytest.raises(FileExistsError):
        open_new(folder / "symbolic")
    assert victim.read_text() == "precious"
    for _ in range(2):
        with open_append(folder / "log") as file:
            file.write(b"x")
    assert (folder / "log").read_bytes() == b"xx"


def test_a_folder_that_holds_links_is_refused(folder: Path, victim: Path) -> None:
    (folder / "plots").mkdir()
    (folder / "plots" / "a.png").write_text("")
    os.link(folder / "plots" / "a.png", folder / "b.png")  # as replay segments of checkpoints
    refuse_links(folder)
    link = folder / "plots" / "b.png"
    link.symlink_to(victim)
    with pytest.raises(AgentlabError, match=r"plots/b\.png in it is a link"):
        refuse_links(folder)
    link.unlink()
    os.link(victim, folder / "metrics.csv")
    with pytest.raises(AgentlabError, match=r"metrics\.csv in it has another hard link"):
        refuse_links(folder)
    (folder / "metrics.csv").unlink()
    (folder / "best").symlink_to("plots")
    refuse_links(folder, allowed=["best"])
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(folder / "socket"))
        with pytest.raises(AgentlabError, match="neither a file nor a folder"):
            refuse_links(folder, allowed=["best"])


def test_only_regular_files_are_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for path in (folder / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(path)
    with pytest.raises(IsADirectoryError):
        open_regular(folder)
    with pytest.raises(FileNotFoundError):
        open_regular(folder / "nothing")
    (folder / "long").write_bytes(b"12345")
    assert read_bytes(folder / "long", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_bytes(folder / "long", 4)


def test_json_has_limits(folder: Path) -> None:
    path = folder / "a.json"
    for text, why in (
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested too deeply"),
        ("[" + "1," * 2_000_001 + "1]", "more than 2,000,000 values"),
        ("{", "Expecting"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=why):
            read_json(path)
    with pytest.raises(AgentlabError, match="keep large state in NumPy arrays"):
        write_json(path, [0] * 2_000_001)
    write_json(path, {"a": [1.5, None, "x"]})
    assert read_json(path) == {"a": [1.5, None, "x"]}


def add_array(path: Path, name: str, shape: tuple[int, ...], content: bytes) -> None:
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", header.getvalue() + content)


def test_arrays_take_little_more_memory_than_their_file(folder: Path) -> None:
    path = folder / "a.npz"
    write_arrays(path, {"a": np.arange(3)})
    add_array(path, "bomb", (1 << 27,), bytes(1 << 27))  # 128 MiB in 128 KB
    with pytest.raises(ValueError, match=r"would unpack to 134,"):
        read_arrays(path)
    assert read_arrays(path, ["a"])["a"].tolist() == [0, 1, 2]  # the other is not unpacked
    write_arrays(path, {"a": np.arange(3)})
    add_array(path, "claim", (1 << 40,), b"")
    with pytest.raises(ValueError, match="would take 1,099,511,627,800 bytes"):
        read_arrays(path)
    with pytest.raises(KeyError):
        read_arrays(path, ["b"])
    np.savez(path, a=np.array([Path()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_arrays(path)


def test_copies_that_were_packed_again_are_read(folder: Path) -> None:
    np.savez_compressed(folder / "a.npz", a=np.zeros(1 << 20))
    assert read_arrays(folder / "a.npz")["a"].shape == (1 << 20,)


def test_a_text_cannot_control_the_terminal() -> None:
    assert printable("plain, \u00e9\u4e2d\n\ttext") == "plain, \u00e9\u4e2d\n\ttext"
    assert printable("\x1b]0;title\x07\x1b[2J\r\x9b1m") == r"\x1b]0;title\x07\x1b[2J\r\x9b1m"
    assert printable("a\u202eb\u2066\ud800") == r"a\u202eb\u2066\ud800"
    assert printable("\u0646\u200c\u0645") == "\u0646\u200c\u0645"
