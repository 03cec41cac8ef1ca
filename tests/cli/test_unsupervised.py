"""`agentlab fit-unsupervised` and the commands on its runs: recipes, own data, mistakes."""

import csv

import imageio.v2
import numpy as np
import pytest
from sklearn.datasets import load_digits

from agentlab.cli import main
from agentlab.cli.fit import UNLABELED, make_parser
from agentlab.cli.flags import default_values
from agentlab.errors import AgentlabError
from agentlab.experiments.results.inpaint import fill_in, read_mask
from agentlab.experiments.runs import open_run
from agentlab.registry import trainer_class

SHORT = "--epochs 2 --batch-size 64 --hidden 16"
DIGITS = (load_digits().images * 15.9).astype(np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A VAE of images in a folder without classes, and the folder."""
    root = tmp_path_factory.mktemp("unsupervised")
    (root / "digits").mkdir()
    for i, image in enumerate(DIGITS[:300]):
        imageio.v2.imwrite(root / "digits" / f"{i:03}.png", image)
    words = f"fit-unsupervised --images {root}/digits --trainer vae --latent-dim 2 {SHORT}"
    assert main([*words.split(), "--runs-dir", str(root / "runs")]) == 0
    return root


def test_an_unsupervised_run_writes_metrics_images_and_an_animation(trained):
    run = trained / "runs" / "digits"
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert {"train/kl", "validation/kl"} <= set(rows[0])
    drawn = {path.name for path in (run / "plots").iterdir()}
    assert {"reconstructions.png", "samples.gif", "manifold.png", "codes.png"} <= drawn
    assert len(list((run / "frames" / "samples").iterdir())) == 2


def test_a_finished_run_can_be_continued_for_more_epochs(trained, call):
    plan, run = open_run(trained / "runs" / "digits")
    run.close()
    assert (plan.trainer, plan.source.images) == ("vae", str(trained / "digits"))
    result = call(f"fit-unsupervised --resume {trained}/runs/digits --latent-dim 3")
    assert result.code == 2 and "--latent-dim 3 cannot be changed" in result.err


def test_no_option_of_a_trainer_hides_another_flag_of_the_command():
    for name in UNLABELED:
        known = make_parser(name, trainer_class(name).Config, command="fit-unsupervised").fields
        assert {"csv", *default_values(trainer_class(name).Config)} <= set(known)


def test_each_command_writes_a_file_and_says_where(trained, call, tmp_path):
    run, one, two = trained / "runs/digits", trained / "digits/000.png", trained / "digits/001.png"
    result = call(f"generate {run} --n 6")
    assert result.out == "wrote 6 samples to digits-samples.png\n", result.err
    assert imageio.v2.imread(tmp_path / "digits-samples.png").ndim == 3
    assert call(f"generate {run} --n 6").out.endswith("digits-samples-2.png\n")
    assert call(f"reconstruct {run} {trained}/digits --n 4 --out some.png").code == 0
    assert call(f"interpolate {run} {one} {two} --steps 5 --out between.png").code == 0
    assert call(f"inpaint {run} {one} --mask left --steps 3 --out filled.png").code == 0
    assert call(f"encode {run} {one} --out codes.npz").code == 0
    assert np.load(tmp_path / "codes.npz")["codes"].shape == (1, 2)
    result = call(f"anomaly {run} {trained}/digits --out scores.csv")
    assert "threshold" in result.out and result.code == 0
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300 and rows[0]["input"].endswith("000.png")
    assert sum(row["anomaly"] == "yes" for row in rows) < 15
    assert call(f"predict {run} {one}").out.count(",") == 1  # its two codes


def test_rows_of_a_csv_file_need_no_target(call, tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{a:.3f},{2 * a:.3f},{k}" for a, k in zip(rng.normal(size=80), "xy" * 40, strict=True)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,kind", *lines]))
    words = "fit-unsupervised --csv rows.csv --target kind --epochs 2 --hidden 4 --code-size 1"
    result = call(words)
    assert result.code == 0, result.err
    assert "reconstruct runs/rows" in result.out and "inpaint" not in result.out
    assert call("encode runs/rows rows.csv --out codes.csv").code == 0
    with (tmp_path / "codes.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 80
    assert call("anomaly runs/rows rows.csv").code == 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("fit-unsupervised --text a.txt", ["--text is only for supervised training"]),
        ("fit-unsupervised --images x --trainer classifier", ["'classifier' is unknown"]),
        ("fit-unsupervised --trainer vae", ["data are missing"]),
        ("fit-unsupervised --recipe mnist-vae --trainer vae", ["--trainer is for your own data"]),
        ("fit-unsupervised --images x --recipe mnist-vae --trainer autoencoder", ["leave out"]),
        ("fit-unsupervised --images x", ["images='x' must be a folder of images"]),
        ("generate", ["RUN is missing; usage: agentlab generate RUN"]),
        ("encode runs/x", ["INPUT is missing"]),
        ("generate runs/x", ["is not a run folder"]),
    ],
)
def test_mistakes_are_named_in_one_sentence(refused, words, parts):
    refused(words, *parts)


def test_a_learner_that_cannot_do_what_a_command_needs_is_refused(trained, refused, call, tmp_path):
    from agentlab.unsupervised import Autoencoder

    Autoencoder(hidden=(4,), code_size=2, epochs=1).fit(DIGITS[:64], quiet=True).save("saved")
    refused("generate saved", "holds the trainer 'autoencoder', which cannot generate examples")


def test_known_pixels_stay_as_they_are_when_missing_ones_are_filled_in():
    class Gray:
        def reconstruct(self, images):
            return np.full_like(images, 100)

    mask = read_mask("bottom", 8, 8)
    filled = fill_in(Gray(), DIGITS[:2], mask, steps=2)
    np.testing.assert_array_equal(filled[:, :4], DIGITS[:2, :4])
    assert (filled[:, 4:] == 100).all()
    with pytest.raises(AgentlabError, match="mask='middle' must be an image file or one of left"):
        read_mask("middle", 8, 8)
