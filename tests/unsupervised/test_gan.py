import json

import numpy as np
import pytest

from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.learner import load
from agentlab.runs import Run
from agentlab.unsupervised import DCGAN, GAN
from agentlab.unsupervised.code_search import great_circle
from agentlab.unsupervised.feature_classifier import feature_classifier_of
from agentlab.unsupervised.gan_warnings import (
    DISCRIMINATOR_WINS,
    SAMPLES_COLLAPSE,
    gan_warnings,
)

RNG = np.random.default_rng(0)
POINTS = RNG.normal([2, -1], [0.5, 1], (400, 2)).astype(np.float32)
LABELS = np.arange(60) % 2
IMAGES = (60 + 120 * LABELS[:, None, None] + RNG.normal(0, 20, (60, 8, 8))).astype(np.uint8)
SMALL = {"hidden": (16,), "latent_dim": 4, "batch_size": 40}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture(scope="module")
def good():
    """A GAN of points that works."""
    options = {**SMALL, "hidden": (32,), "learning_rate": 2e-3}
    return GAN(epochs=20, seed=1, **options).fit(POINTS, quiet=True)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A DCGAN of two kinds of images, and its run."""
    run = Run.create(tmp_path_factory.mktemp("runs"), "run", {})
    options = {"filters": 4, "latent_dim": 4, "batch_size": 16, "epochs": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTLAB_DATA", str(tmp_path_factory.getbasetemp() / "data"))
        return DCGAN(**options).fit(IMAGES, LABELS, run=run, quiet=True), run


def test_a_gan_learns_the_distribution_of_points(good):
    distances = [row["validation/frechet"] for row in good.history]
    assert min(distances) < 0.2 * distances[0]
    made = good.sample(1000, seed=3)
    np.testing.assert_allclose(made.mean(0), POINTS.mean(0), atol=0.4)
    assert good.score(POINTS) == good.evaluate(POINTS)["frechet"] < 0.5


def test_no_warning_is_given_for_a_good_run(good):
    for end in range(1, len(good.history) + 1):
        assert not gan_warnings(good.history[:end], good.config.loss)


def test_a_deliberately_broken_run_gets_warnings(capsys, tmp_path):
    options = {**SMALL, "learning_rate": 1e-9, "discriminator_learning_rate": 0.02}
    run = Run.create(tmp_path, "run", {})
    gan = GAN(epochs=6, **options).fit(POINTS + 9, run=run)
    assert any(DISCRIMINATOR_WINS in warning for warning in gan.warnings)
    words = capsys.readouterr().err
    assert words.count("warning: epoch") == words.count(DISCRIMINATOR_WINS) + words.count(
        SAMPLES_COLLAPSE
    )
    assert words.count(DISCRIMINATOR_WINS) == 1
    assert any(DISCRIMINATOR_WINS in line for line in gan.report(POINTS + 9))


def test_collapsed_samples_are_named():
    row = {"validation/diversity": 0.9, "validation/effective_classes": 9.0}
    assert not gan_warnings([row] * 3, "hinge", 10)
    alike, few = {**row, "validation/diversity": 0.2}, {**row, "validation/effective_classes": 1.5}
    assert (
        "20% of the diversity of real inputs" in gan_warnings([row, *[alike] * 3], "hinge", 10)[0]
    )
    assert "cover 1.5 of 10 classes" in gan_warnings([few] * 3, "wasserstein", 10)[0]
    assert not gan_warnings([few, few, row], "hinge", 10)


def test_a_strong_wasserstein_critic_gets_no_warning():
    row = {"train/real_accuracy": 1.0, "train/generated_accuracy": 1.0}
    assert gan_warnings([row] * 3, "non-saturating")
    assert not gan_warnings([row] * 3, "wasserstein")


def test_samples_after_each_epoch_are_written_to_the_run(drawn):
    _, run = drawn
    frames = sorted(path.name for path in (run.path / "frames" / "samples").iterdir())
    assert frames == ["000001.png", "000002.png"]


def test_samples_are_images_like_the_raw_ones_and_depend_on_the_seed(drawn):
    gan, _ = drawn
    first = gan.sample(3, seed=1)
    assert (first.shape, first.dtype) == ((3, 8, 8, 1), "uint8")
    assert np.array_equal(gan.sample(3, seed=1), first)
    assert not np.array_equal(gan.sample(3, seed=2), first)
    codes = RNG.normal(size=(2, 4)).astype(np.float32)
    exported = np.asarray(gan.inference_model()(codes)["generated"])
    np.testing.assert_allclose(exported * 255, gan.decode(codes), atol=0.51)


def test_scores_are_reported_next_to_those_of_real_images(drawn):
    gan, _ = drawn
    scores = gan.evaluate(IMAGES, LABELS)
    assert {"frechet", "kernel", "precision", "recall", "real_frechet"} <= set(scores)
    assert scores["real_frechet"] < scores["frechet"]
    assert 1 <= scores["effective_classes"] <= 2 and 0 <= scores["rarest_class"] <= 0.5
    lines = "\n".join(gan.report(IMAGES, LABELS))
    assert (
        "training inputs" in lines
        and "feature classifier: trained on 54 images of 2 classes" in lines
    )


def test_a_loaded_gan_keeps_its_feature_classifier(drawn, tmp_path):
    gan, _ = drawn
    gan.save(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.score(IMAGES) == gan.score(IMAGES)
    assert again.scores.describe() == gan.scores.describe()
    assert np.array_equal(again.sample(2), gan.sample(2))


def test_inpainting_changes_the_masked_part_only(drawn):
    gan, _ = drawn
    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    filled = gan.inpaint(IMAGES[:2], mask)
    assert (filled.shape, filled.dtype) == ((2, 8, 8, 1), "uint8")
    assert np.array_equal(filled[:, ~mask, 0], IMAGES[:2][:, ~mask])
    assert not np.array_equal(filled[:, mask, 0], IMAGES[:2][:, mask])
    with pytest.raises(InvalidArgument, match=r"mask has the shape \[3, 3\]"):
        gan.inpaint(IMAGES[:2], np.ones((3, 3)))


def test_the_code_of_a_generated_example_is_found(good):
    wanted = good.sample(4, seed=5)
    found = good.reconstruct(wanted)
    assert np.abs(found - wanted).max() < 0.2


def test_codes_of_another_size_are_refused(good):
    with pytest.raises(InvalidArgument, match=r"codes has the shape \[2, 3\]; it must be \[n, 4\]"):
        good.decode(np.zeros((2, 3)))


def test_interpolated_codes_keep_their_norm():
    a, b = RNG.normal(size=(2, 50))
    way = great_circle(a, b * np.linalg.norm(a) / np.linalg.norm(b), 9)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(a), rtol=1e-5)
    np.testing.assert_allclose(way[0], a, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"generator_steps": 2, "discriminator_steps": 2}, "cannot both be above 1"),
        ({"label_smoothing": 0.1, "loss": "hinge"}, "must be 0 for loss='hinge'"),
        ({"scored_samples": 3}, "scored_samples=3 must be 0, or 10 or more"),
    ],
)
def test_contradictory_options_are_refused(options, says):
    with pytest.raises(InvalidArgument, match=says):
        GAN(**options)


def test_images_of_a_size_that_a_dcgan_cannot_make_are_refused():
    with pytest.raises(InvalidArgument, match="of size 30x30: .*pass --size 32"):
        DCGAN(scored_samples=0).fit(np.zeros((20, 30, 30), np.uint8), quiet=True)


def test_an_infinite_loss_stops_with_the_last_good_checkpoint_named(tmp_path):
    gan = GAN(epochs=4, loss="wasserstein", gradient_penalty=0.0, scored_samples=0, **SMALL)
    run, step = Run.create(tmp_path, "run", {}), gan.train_step

    def broken(batch):
        found = dict(step(batch))
        if gan.history:
            found["discriminator_loss"] = float("nan")
        return found

    gan.train_step = broken
    with pytest.raises(AgentlabError, match=r"diverged in epoch 2, .*checkpoint is .*000001"):
        gan.fit(POINTS, run=run, quiet=True)


def test_the_generator_is_trained_once_in_several_batches_of_the_discriminator():
    options = {**SMALL, "discriminator_steps": 3, "validation_split": 0.0}
    gan = GAN(epochs=1, **options).fit(POINTS, quiet=True)  # 10 batches
    counts = gan.discriminator_optimizer.iterations, gan.generator_optimizer.iterations
    assert [int(np.asarray(count)) for count in counts] == [10, 3]
    gan = GAN(epochs=1, **{**SMALL, "generator_steps": 2, "validation_split": 0.0})
    gan.fit(POINTS, quiet=True)
    assert int(np.asarray(gan.generator_optimizer.iterations)) == 20


def test_a_feature_classifier_is_trained_once_and_then_read_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path))
    images = IMAGES[..., None]
    first = feature_classifier_of(images, LABELS, quiet=True)
    (folder,) = (tmp_path / "feature_classifiers").iterdir()
    about = json.loads((folder / "learner.json").read_text())["specification"]["trained_on"]
    assert about["images"] == 60 and about["classes"] == ["0", "1"]
    monkeypatch.setattr(
        "agentlab.unsupervised.feature_classifier._train", None
    )  # not trained again
    again = feature_classifier_of(images, LABELS, quiet=True)
    np.testing.assert_array_equal(again.features(images), first.features(images))
    assert sum(again.class_fractions(images).values()) == pytest.approx(1)


def test_a_feature_classifier_without_labels_learns_rotations(tmp_path, monkeypatch):
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path))
    ramp = np.arange(0, 240, 30)[None, :, None, None] + RNG.integers(0, 9, (40, 8, 8, 1))
    classifier = feature_classifier_of(ramp.astype(np.uint8), None, quiet=True)
    assert classifier.trained_on["classes"] == "4 rotations" and not classifier.class_fractions(
        ramp
    )
    assert classifier.trained_on["accuracy"] > 0.5
