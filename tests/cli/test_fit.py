"""`agentlab fit`: recipes, own data, what a run leaves behind, resuming, mistakes."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHORT = "--epochs 2 --hidden 8 --batch-size 16"


@pytest.fixture
def flowers(tmp_path):
    """A table with two numbers, a category with gaps, and a class that follows from them."""
    rng = np.random.default_rng(0)
    path = tmp_path / "flowers.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["length", "width", "color", "kind"])
        for _ in range(300):
            length, width = rng.normal(size=2)
            color = rng.choice(["red", "blue", ""])
            kind = "tall" if length + width > 0 else "short"
            table.writerow([f"{length:.3f}", f"{width:.3f}", color, kind])
    return path


@pytest.fixture
def shapes(tmp_path):
    """A folder with a folder of small images for each of two classes."""
    rng = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for i in range(20):
            image = rng.integers(level - 30, level + 30, (12, 12, 3)).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / "shapes" / name / f"{i}.png")
    return tmp_path / "shapes"


def test_list_shows_every_recipe_with_its_data(call):
    text = call("fit --list").out
    assert "mnist-cnn" in text and "translate-en-de" in text and "11 MB" in text


def test_a_table_is_learned_and_tested_once_at_the_end(call, flowers):
    result = call(
        f"fit --csv {flowers} --target kind --epochs 15 --hidden 16 "
        "--batch-size 16 --learning-rate 0.01"
    )
    assert result.code == 0
    assert "color" in result.out and "category" in result.out  # the inferred types are shown
    metrics = json.loads(Path("runs/flowers/test.json").read_text())["metrics"]
    assert metrics["accuracy"] > 0.85
    rows = list(csv.DictReader(Path("runs/flowers/metrics.csv").read_text().splitlines()))
    assert len(rows) == 15
    assert {"train/loss", "validation/accuracy"} <= rows[0].keys()
    for name in ("history.png", "confusion.png"):
        with Image.open(f"runs/flowers/plots/{name}") as image:
            assert min(image.size) > 200
    assert "predict runs/flowers INPUT" in result.out


def test_a_run_is_never_overwritten(call, flowers):
    words = f"fit --csv {flowers} --target kind {SHORT}"
    assert call(words).code == call(words).code == 0
    first, second = (
        Path(f"runs/{name}/metrics.csv").read_text() for name in ("flowers", "flowers-2")
    )
    assert first == second  # and equal seeds give equal runs


def test_a_finished_run_goes_on_for_more_epochs(call, flowers):
    assert call(f"fit --csv {flowers} --target kind {SHORT}").code == 0
    assert (
        call(f"fit --csv {flowers} --target kind --epochs 3 --hidden 8 --batch-size 16").code == 0
    )
    result = call("fit --resume runs/flowers --epochs 3")
    assert result.code == 0
    on, whole = (Path(f"runs/{name}/metrics.csv").read_text() for name in ("flowers", "flowers-2"))
    assert on == whole


def test_what_a_resumed_run_cannot_change_is_refused(call, refused, flowers):
    call(f"fit --csv {flowers} --target kind {SHORT}")
    refused(
        "fit --resume runs/flowers --batch-size 8", "--batch-size 8 cannot be changed", "--epochs"
    )


def test_a_folder_of_images_is_learned(call, shapes):
    result = call(
        f"fit --images {shapes} --epochs 20 --batch-size 8 --hidden empty --learning-rate 0.01"
    )
    assert result.code == 0
    assert json.loads(Path("runs/shapes/test.json").read_text())["metrics"]["accuracy"] == 1.0
    predicted = call(f"predict runs/shapes {shapes}/dark/0.png").out
    assert predicted.startswith("dark ")
    lines = call(f"predict runs/shapes {shapes}/dark").out.splitlines()
    assert lines[0].startswith(f"{shapes}/dark/0.png: dark ")
    assert len(lines) == len(list(Path(shapes, "dark").iterdir()))


def test_predictions_for_a_table_need_no_target(call, flowers, tmp_path):
    call(f"fit --csv {flowers} --target kind {SHORT}")
    new = tmp_path / "new.csv"
    new.write_text("length,width,color\n3,3,red\n-3,-3,green\n")
    lines = call(f"predict runs/flowers {new}").out.splitlines()
    assert len(lines) == 2
    assert all("tall " in line and "short " in line for line in lines)


def test_predictions_are_written_as_a_table_with_probabilities(call, flowers, tmp_path):
    spaced = flowers.rename(tmp_path / "my flowers, new (1).csv")
    words = ["fit", "--csv", str(spaced), "--target", "kind", *SHORT.split(), "--name", "f"]
    result = call([*words, "--kind", "color=category", "--class-weights", "balanced"])
    assert result.code == 0
    assert "precision" in result.out and "confusion matrix" in result.out
    assert call(["predict", "runs/f", str(spaced), "--out", "out.csv"]).code == 0
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert len(rows) == 300
    assert list(rows[0]) == ["prediction", "probability_short", "probability_tall"]
    for row in rows:
        short, tall = float(row["probability_short"]), float(row["probability_tall"])
        assert short + tall == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == ("short" if short > tall else "tall")


def test_standard_input_is_read(call, flowers, monkeypatch):
    call(f"fit --csv {flowers} --target kind {SHORT}")
    for text in ("length,width,color\n3,3,red\n", '{"length": 3, "width": 3, "color": "red"}\n'):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        result = call("predict runs/flowers -")
        assert result.code == 0 and len(result.out.splitlines()) == 1


def test_forecasts_of_a_series_in_any_order_carry_their_dates(call, tmp_path):
    days = [f"2021-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(112)]
    rows = [f"{day},{np.sin(i / 3):.4f}\n" for i, day in enumerate(days)]
    (tmp_path / "s.csv").write_text("date,v\n" + "".join(rows[::-1]))
    words = "fit --series s.csv --past 8 --horizon 3 --units 4 --epochs 1"
    result = call(words)
    assert result.code == 0 and "rows sorted by date" in result.out
    lines = call("predict runs/s s.csv").out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        *("date", "2021-04-29", "2021-04-30", "2021-05-01")
    ]


def test_a_text_is_learned_and_written_on(call, tmp_path):
    (tmp_path / "log.txt").write_text("the cat sat on the mat. " * 100)
    words = (
        "fit --text log.txt --epochs 2 --units 16 --batch-size 4 --length 16 --learning-rate 0.02"
    )
    assert call(words).code == 0
    assert json.loads(Path("runs/log/test.json").read_text())["metrics"]["perplexity"] < 15
    result = call(["predict", "runs/log", "the ", "--length", "20", "--seed", "1"])
    assert result.out.startswith("the ") and len(result.out) == len("the ") + 20 + 1


def test_a_short_test_split_takes_its_past_from_the_rows_before_it(call, tmp_path):
    (tmp_path / "few.csv").write_text("height\n" + "\n".join(map(str, range(120))))
    assert call("fit --series few.csv --past 9 --horizon 9 --units 4 --epochs 1").code == 0
    assert Path("runs/few/test.json").exists()


def test_a_series_is_forecast_beside_the_naive_forecast(call, tmp_path):
    values = 10 + np.sin(np.arange(300) / 3)
    (tmp_path / "waves.csv").write_text("height\n" + "\n".join(f"{v:.4f}" for v in values))
    words = "fit --series waves.csv --past 20 --horizon 5 --units 8 --epochs 4 --batch-size 16"
    assert call(words).code == 0
    metrics = json.loads(Path("runs/waves/test.json").read_text())["metrics"]
    assert metrics["ratio"] < 0.8
    rows = call("predict runs/waves waves.csv").out.splitlines()
    assert rows[0] == "height" and len(rows) == 6
    assert all(8 < float(row) < 12 for row in rows[1:])


def test_a_boolean_function_is_learned_and_an_inseparable_one_refused(call):
    assert call("fit --recipe perceptron --function or").code == 0
    result = call("fit --recipe perceptron --function xor")
    assert result.code == 2
    assert "the classes are not linearly separable" in result.err.splitlines()[-1]


def test_a_stand_in_is_taken_only_when_asked_for(call, tmp_path):
    words = "fit --recipe mnist-logistic --stand-in --epochs 2"
    result = call(words)
    assert result.code == 0
    assert "digits" in result.out and "scikit-learn" in result.out


def test_folds_test_every_row_once(call):
    result = call("fit --recipe boston-linear --stand-in --folds 5")
    assert result.code == 0
    kept = json.loads(Path("runs/boston-linear-5-folds/test.json").read_text())
    assert len(kept["folds"]) == 5
    mean = np.mean([part["rmse"] for part in kept["folds"]])
    assert kept["metrics"]["rmse"] == pytest.approx(mean)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("fit", ("--recipe NAME", "--csv")),
        ("fit --recipe mnist-cn", ("recipe='mnist-cn' is unknown", "mnist-cnn")),
        ("fit --csv missing.csv --target y", ("missing.csv",)),
        ("fit --csv flowers.csv", ("--target is missing",)),
        ("fit --csv flowers.csv --target size", ("size", "length")),
        ("fit --csv flowers.csv --target kind --task regression", ("kind", "flowers.csv")),
        ("fit --csv flowers.csv --text flowers.csv", ("only one of --csv, --text",)),
        ("fit --recipe mnist-mlp --csv flowers.csv", ("leave out either --recipe or --csv",)),
        ("fit --images empty", ("empty",)),
        ("fit --csv flowers.csv --target kind --epochs 0", ("epochs=0",)),
        ("fit --csv flowers.csv --target kind --net mpl", ("net='mpl' is unknown", "mlp")),
        ("fit --recipe mnist-mlp --folds 1", ("folds=1",)),
        ("predict", ("RUN INPUT",)),
        ("predict nowhere new.csv", ("nowhere",)),
    ],
)
def test_mistakes_are_told_in_one_sentence(refused, flowers, tmp_path, words, parts):
    (tmp_path / "empty").mkdir()
    refused(words, *parts)
    assert not list(tmp_path.glob("runs/*"))


def test_an_agents_run_is_no_trainers(run, refused):
    refused("fit --resume runs/done", "trains an agent", "train --resume runs/done")
    refused("predict runs/done x.csv", "holds an agent", "play runs/done")


def test_a_trainers_run_is_no_agents(call, refused):
    assert call("fit --recipe perceptron").code == 0
    refused("train --resume runs/perceptron", "fit --resume")
    refused("play runs/perceptron", "not an agent", "predict runs/perceptron INPUT")
