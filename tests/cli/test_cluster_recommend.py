"""The commands cluster and recommend, and training on one's own ratings."""

import csv

import numpy as np
import pytest

from agentlab.cli import main
from agentlab.testing.examples import ratings
from agentlab.unsupervised import KMeans


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_clusters_of_a_csv_file_are_written(tmp_path, capsys):
    x = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 9.0], [9.0, 8.0]])
    KMeans(n_clusters=2).fit(x).save(tmp_path / "saved")
    (tmp_path / "new.csv").write_text("a,b\n0,0.5\n9,8.5\n1,1\n")
    out = tmp_path / "clusters.csv"
    assert not main(
        ["cluster", str(tmp_path / "saved"), str(tmp_path / "new.csv"), "--out", str(out)]
    )
    header, *rows = table(out)
    assert header == ["input", "cluster", "distance"]
    assert rows[0][1] == rows[2][1] != rows[1][1] and rows[0][2] == "0"
    assert "2 inputs" in capsys.readouterr().out


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ratings")
    x, y = ratings().train
    lines = [
        f"{user},{item},{rating},film {item}" for (user, item), rating in zip(x, y, strict=True)
    ]
    file = folder / "ratings.csv"
    file.write_text("\n".join(["user,item,rating,title", *lines]) + "\n")
    words = ["--ratings", str(file), "--epochs", "2", "--units", "4", "--runs-dir", str(folder)]
    assert main(["fit-unsupervised", *words, "--name", "run"]) == 0
    return folder / "run"


def test_a_run_on_ratings_recommends_what_a_user_has_not_rated(run, tmp_path, capsys):
    out = tmp_path / "top.csv"
    _, *rated = table(run.parent / "ratings.csv")
    for user in range(16):  # ratings of the validation and the test split are ratings, too
        words = ["recommend", str(run), "--user", str(user), "--top", "12", "--out", str(out)]
        assert main([*words, "--overwrite"] if user else words) == 0
        header, *rows = table(out)
        assert header == ["item", "title", "prediction"]
        known = {row[1] for row in rated if row[0] == str(user)}
        assert {row[0] for row in rows} == {str(item) for item in range(12)} - known
        assert all(row[1] == f"film {row[0]}" for row in rows)
    assert "film" in capsys.readouterr().out


def test_a_new_user_is_described_by_a_file(run, tmp_path):
    (tmp_path / "mine.csv").write_text("item,rating\n0,5\n2,4\n")
    out = tmp_path / "top.csv"
    words = ["recommend", str(run), "--rated", str(tmp_path / "mine.csv"), "--out", str(out)]
    assert main(words) == 0
    assert not {"0", "2"} & {row[0] for row in table(out)[1:]}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "pass either --user ID"),
        (["--user", "99"], "user='99' has no ratings in the training data"),
        (["--user", "1", "--top", "0"], "top"),
    ],
)
def test_wrong_requests_are_refused_in_a_sentence(run, tmp_path, capsys, words, complaint):
    out = ["--out", str(tmp_path / "top.csv")]
    assert main(["recommend", str(run), *words, *out]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_a_file_without_users_is_refused(tmp_path, capsys):
    (tmp_path / "r.csv").write_text("item,rating\n1,5\n2,3\n")
    words = ["fit-unsupervised", "--ratings", str(tmp_path / "r.csv"), "--runs-dir", str(tmp_path)]
    assert main(words) == 2
    assert "has no column of users" in capsys.readouterr().err
