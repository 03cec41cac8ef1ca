"""No command replaces a file without the user's consent."""

import pytest


@pytest.fixture
def files(tmp_path):
    for name in ("x.csv", "mine.csv", "mine.mp4", "mine.gif"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "link.csv").symlink_to("x.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("predict runs/a x.csv --out mine.csv", "--out 'mine.csv' exists; choose another name"),
        ("predict runs/a x.csv --out x.csv", "--out 'x.csv' is an input, which is never replaced"),
        ("predict runs/a x.csv --out x.csv --overwrite", "is an input"),
        ("predict runs/a x.csv --out ./link.csv --overwrite", "is an input"),
        ("predict runs/a link.csv --out x.csv --overwrite", "is an input"),
        ("play --env CartPole-v1 --algo random --video mine.gif", "--video 'mine.gif' exists"),
        ("play runs/a --video mine.mp4", "replace it with --overwrite"),
    ],
)
def test_files_are_not_replaced_unasked(refused, files, words, told):
    refused(words, told)
    assert {p.name: p.read_text() for p in files.iterdir()}.keys() >= {"x.csv", "mine.csv"}
    assert all(path.read_text() == "mine" for path in files.iterdir())


def test_a_video_is_replaced_with_overwrite(call, files):
    words = "play --env CartPole-v1 --algo random --episodes 1 --video mine.gif --overwrite"
    assert call(words).code == 0
    assert (files / "mine.gif").read_bytes().startswith(b"GIF")


def test_predictions_are_replaced_with_overwrite(call, files):
    (files / "x.csv").write_text("a,b\n" + "".join(f"{i % 7 / 10},{i}\n" for i in range(20)))
    words = "fit --csv x.csv --target b --task regression --epochs 1 --hidden 4 --name fitted"
    assert call(words).code == 0
    assert call("predict runs/fitted x.csv --out mine.csv --overwrite").code == 0
    assert (files / "mine.csv").read_text().count("\n") >= 20
