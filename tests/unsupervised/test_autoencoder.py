"""Autoencoders: what they minimize, their noise, sparsity, stages and refusals."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from agentlab.data import Arrays, Batch
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.supervised import Classifier
from agentlab.unsupervised import Autoencoder
from agentlab.unsupervised.corruption import corrupt

DIGITS = (load_digits().images * 15.9).astype(np.uint8)  # [1797, 8, 8]
SMALL = {"hidden": (), "code_size": 16, "epochs": 2, "batch_size": 32}


@pytest.fixture(scope="module")
def fitted():
    return Autoencoder(**{**SMALL, "epochs": 5, "learning_rate": 5e-3}).fit(DIGITS, quiet=True)


def test_reconstructions_approach_the_inputs(fitted):
    errors = [row["validation/mse"] for row in fitted.history]
    assert errors[-1] < 0.6 * errors[0]
    shown = fitted.reconstruct(DIGITS[:20])
    assert shown.dtype == np.uint8 and shown.shape == (20, 8, 8, 1)
    spread = np.square(DIGITS / 255 - DIGITS.mean(0) / 255).mean()
    assert np.square(shown[..., 0] / 255 - DIGITS[:20] / 255).mean() < spread


def test_decoding_codes_gives_the_reconstructions_and_keeps_the_raw_units(fitted):
    codes = fitted.encode(DIGITS[:5])
    assert codes.shape == (5, 16)
    np.testing.assert_array_equal(fitted.decode(codes), fitted.reconstruct(DIGITS[:5]))
    x = np.random.default_rng(0).normal(50, 9, (60, 3))
    rows = Autoencoder(hidden=(), code_size=3, epochs=60, batch_size=8, learning_rate=0.02)
    rows.fit(x, quiet=True)
    assert np.abs(rows.reconstruct(x) - x).mean() < 2  # in the units of x, not standardized


def test_the_default_code_of_a_narrow_table_is_half_its_columns():
    x = np.random.default_rng(0).normal(size=(20, 6))
    assert Autoencoder(epochs=1).fit(x, quiet=True).encode(x).shape == (20, 3)


def test_anomalies_have_higher_scores_than_the_threshold(fitted, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (50, 8, 8)).astype(np.uint8)
    fitted.save(tmp_path / "saved")
    loaded = load(tmp_path / "saved")
    threshold = np.quantile(loaded.error_quantiles, 0.99)
    assert (loaded.anomaly_scores(noise) > threshold).mean() > 0.9
    assert (loaded.anomaly_scores(DIGITS) > threshold).mean() < 0.1


@pytest.mark.parametrize(
    ("noise", "level", "changed", "values"),
    [
        ("masking", 0.3, 0.3, {0.0}),
        ("salt_and_pepper", 0.4, 0.4, {0.0, 1.0}),
        ("gaussian", 0.1, 1.0, None),
    ],
)
def test_noise_changes_the_fraction_of_values_that_it_should(noise, level, changed, values):
    x = np.full((100, 50), 0.5, np.float32)
    noisy = corrupt(x, noise, level, np.array([0, 1]), True).numpy()
    assert abs((noisy != x).mean() - changed) < 0.03
    if values is None:
        assert abs((noisy - x).std() - level) < 0.01
    else:
        assert set(np.unique(noisy[noisy != x])) == values
    same = corrupt(x, noise, level, np.array([0, 1]), True).numpy()
    other = corrupt(x, noise, level, np.array([0, 2]), True).numpy()
    assert (noisy == same).all() and (noisy != other).any()


def test_denoising_reports_psnr_before_and_after():
    trainer = Autoencoder(**SMALL, noise="gaussian").fit(DIGITS[:400], quiet=True)
    row = trainer.history[-1]
    assert row["validation/psnr"] == pytest.approx(-10 * np.log10(row["validation/mse"]))
    # black pixels: half of N(0, .3) is cut off, so the mean squared error is about .09 / 2
    assert 10 < row["validation/noisy_psnr"] < 15
    assert trainer.evaluate(DIGITS[:50]) == trainer.evaluate(DIGITS[:50])


def test_sparsity_adds_the_divergence_of_the_mean_activations():
    options = {
        **SMALL,
        "code_size": 2,
        "code_activation": "sigmoid",
        "rho": 0.2,
        "sparsity_weight": 3,
    }
    trainer = Autoencoder(**options).fit(DIGITS[:64], quiet=True)
    inputs = DIGITS[:4, ..., None]
    batch = Batch(inputs, np.zeros(4, np.float32), np.ones(4, np.float32))
    found = {k: np.asarray(v) for k, v in trainer.losses(batch, False).items()}
    mean = trainer.encode(inputs).mean(0)
    kl = (0.2 * np.log(0.2 / mean) + 0.8 * np.log(0.8 / (1 - mean))).sum()
    np.testing.assert_allclose(found["objective"], found["loss"] + 3 * kl / 64, rtol=1e-4)
    np.testing.assert_allclose(found["activation"], trainer.encode(inputs).mean(1), rtol=1e-5)


def test_layers_are_trained_one_after_another_and_then_together():
    kept = {}

    class Watching(Autoencoder):
        name = ""

        def epoch_end(self, epoch, run):
            kept[epoch] = {w.path: w.numpy() for w in self.net.weights}
            return {}

    Watching(hidden=(12,), code_size=4, pretrain_epochs=1, epochs=1).fit(DIGITS[:256], quiet=True)

    def moved(epoch):
        return {
            path.split("/")[-2]
            for path, value in kept[epoch].items()
            if not np.array_equal(value, kept[epoch - 1][path])
        }

    assert moved(2) == {"code", "decoder_0"}  # the second layer only
    assert moved(3) == {"dense_0", "code", "decoder_0", "decoder_outputs"}


@pytest.mark.parametrize(
    ("options", "x", "says"),
    [
        ({"code_size": 65}, DIGITS, "code_size=65 is larger than an input of 64 values"),
        ({"noise_level": 1.5, "noise": "masking"}, DIGITS, "noise_level=1.5 of masking noise must"),
        ({"rho": 0.1}, DIGITS, "code_activation='linear' must be 'sigmoid' if rho is given"),
        (
            {"loss": "bce"},
            DIGITS.reshape(-1, 64) / 7,
            "loss='bce' needs uint8 images, but the inputs are numeric rows",
        ),
        ({"net": "lstm"}, DIGITS, "net='lstm' takes sequences, which cannot be reconstructed"),
        ({"net": "lenet", "pretrain_epochs": 1}, DIGITS, "needs a net whose layers are mirrored"),
        ({}, ["a", "b"], "x contains texts; it must be images or numbers"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(options, x, says):
    with pytest.raises(AgentlabError, match=says):
        Autoencoder(**options).fit(x, quiet=True)


def test_a_classifier_starts_from_the_encoder(fitted, tmp_path):
    source = Autoencoder(hidden=(20,), code_size=4, epochs=1).fit(DIGITS[:200], quiet=True)
    source.save(tmp_path / "encoder")
    y = load_digits().target
    options = {"hidden": (20,), "epochs": 1, "pretrained": str(tmp_path / "encoder")}
    frozen = Classifier(**options, freeze_pretrained=True).fit(DIGITS[:200], y[:200], quiet=True)
    kernel = source.net.torso.denses[0].kernel.numpy()
    np.testing.assert_array_equal(frozen.net.torso.denses[0].kernel, kernel)
    with pytest.raises(AgentlabError, match=r"cannot be used|both must have the same architecture"):
        Classifier(**{**options, "hidden": (21,)}).fit(DIGITS[:200], y[:200], quiet=True)


def test_batches_give_the_same_as_arrays():
    inputs = DIGITS[:64, ..., None]
    options = {"validation_data": (inputs,), "quiet": True}
    arrays = Autoencoder(**SMALL).fit(inputs, **options)
    streamed = Autoencoder(**SMALL).fit(Arrays(inputs, np.zeros(64)), **options)
    assert arrays.score(inputs) == pytest.approx(streamed.score(inputs), rel=1e-3)
