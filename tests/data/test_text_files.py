"""Text files: encodings, line endings, and names of missing files."""

import pytest

from agentlab.data.text_files import lines_of, read_text, text_of
from agentlab.errors import AgentlabError

TEXT = "Grün 🙂\n\nein Wort\u2028noch eins\x85\x0cweiter\nEnde"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_texts_of_unicode_encodings_are_read_alike(tmp_path, encoding, end):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert read_text(path) == TEXT
    assert text_of(str(path)) == TEXT


def test_other_encodings_are_refused_until_they_are_named(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("Grün".encode("cp1252"))
    with pytest.raises(AgentlabError, match="byte 2 is 0xfc; name its encoding with --encoding"):
        read_text(path)
    assert read_text(path, "cp1252") == "Grün"
    with pytest.raises(AgentlabError, match="encoding='cp99' is unknown"):
        read_text(path, "cp99")


def test_lines_end_at_line_feeds_only():
    assert lines_of(TEXT) == ["Grün 🙂", "", "ein Wort\u2028noch eins\x85\x0cweiter", "Ende"]
    assert lines_of("one\n\n") == ["one", ""]


def test_a_file_with_carriage_returns_only_has_lines(tmp_path):
    (tmp_path / "old.txt").write_bytes(b"one\rtwo\r")
    assert lines_of(read_text(tmp_path / "old.txt")) == ["one", "two"]


@pytest.mark.parametrize("name", ["nothere.txt", "my prompt.txt", "texts/start.md", "./a.b/c.dat"])
def test_the_name_of_a_missing_file_is_not_a_text(name):
    with pytest.raises(AgentlabError, match="there is no file"):
        text_of(name)


@pytest.mark.parametrize("text", ["To be, or not", "and/or", "He said no.", "3.5", "a\nb.txt"])
def test_a_text_is_not_a_file_name(text):
    assert text_of(text) == text


@pytest.mark.parametrize("content", [b"one\0two\n", "one two\n".encode("utf-16-le"), b"\0" * 9])
def test_texts_with_nul_characters_are_refused(tmp_path, content):
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(AgentlabError, match="contains NUL characters.* --encoding utf-16-le or"):
        read_text(tmp_path / "text.txt")


def test_codecs_that_are_not_of_texts_are_unknown_encodings(tmp_path):
    (tmp_path / "text.txt").write_text("abc")
    with pytest.raises(AgentlabError, match="encoding='base64' is unknown"):
        read_text(tmp_path / "text.txt", "base64")
