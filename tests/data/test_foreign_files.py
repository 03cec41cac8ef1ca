"""Small data files cannot use much memory, and pipes and devices are not read."""

import gzip
import os
import struct
import zlib

import pytest

from agentlab.data.csv_files import CSVFiles
from agentlab.data.image_files import read_header
from agentlab.data.images import Images
from agentlab.data.text_files import read_text
from agentlab.errors import AgentlabError


def pack(path, *parts):
    with gzip.open(path, "wb", 9) as file:
        file.writelines(parts)
    return path


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([b"," * (1 << 20)] * 8, "a line of more than 4,194,304 bytes"),
        ([b'"a\n",' * (1 << 18)] * 8, "a header of more than 4,194,304 characters"),
        ([b"\n" * (1 << 20)] * 8, "a header of more than 4,194,304 characters"),
        ([b",".join(b"%d" % i for i in range(100_001)), b"\n"], "100,001 columns; at most 100,000"),
    ],
)
def test_a_header_is_bounded(tmp_path, parts, told):
    with pytest.raises(AgentlabError, match=told):
        CSVFiles(pack(tmp_path / "x.csv.gz", *parts))


def test_a_row_is_bounded(tmp_path):
    path = pack(tmp_path / "x.csv.gz", b"a,b\n1,2\n", *[b"," * (1 << 20)] * 8)
    files = CSVFiles(path)
    with pytest.raises(AgentlabError, match="a line of more than 4,194,304 bytes"):
        list(files.chunks({"a": float, "b": float}))


def test_an_endless_cell_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("agentlab.data.csv_form.MAX_UNPACKED", 1 << 24)
    path = pack(tmp_path / "x.csv.gz", b'a,b\n1,"', *[(b"x" * 999 + b"\n") * 1000] * 40)
    with pytest.raises(AgentlabError, match="unpacks to more than 200 times its size"):
        list(CSVFiles(path).chunks({"a": float, "b": str}))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_long_files_of_short_lines_are_read(tmp_path, end):
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b" + end + (b"1,2" + end) * 1_500_000)
    assert sum(len(chunk.frame) for chunk in CSVFiles(path).chunks({"a": float})) == 1_500_000


def write_png(path, width, height):
    """Write a black picture, whose file is about a thousandth of its pixels' size."""

    def chunk(name, content):
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes((1 + 3 * width) * height), 1)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_a_picture_is_measured_before_it_is_decoded(tmp_path, recwarn):
    images = Images(8, 8, 3)
    write_png(tmp_path / "small.png", 40, 30)
    assert images.read(tmp_path / "small.png").shape == (1, 8, 8, 3)
    write_png(tmp_path / "large.png", 13_000, 2_600)
    with pytest.raises(AgentlabError, match="has 13,000 x 2,600 pixels; at most 25,000,000"):
        images.read(tmp_path / "large.png")
    with pytest.raises(AgentlabError, match="has 13,000 x 2,600 pixels; at most 25,000,000"):
        read_header(tmp_path / "large.png")
    assert not recwarn.list


def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (Images(8, 8, 3).read, read_text):
        for path in (tmp_path / "pipe", "/dev/zero"):
            with pytest.raises(AgentlabError, match="not a regular file"):
                read(path)
    with pytest.raises(AgentlabError, match="there is no CSV file"):
        CSVFiles(tmp_path / "pipe")
