"""Variational autoencoders: the bound, its parts, samples and refusals."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from agentlab.data import Batch
from agentlab.errors import AgentlabError
from agentlab.unsupervised import VAE

DIGITS = (load_digits().images * 15.9).astype(np.uint8)  # [1797, 8, 8]
SMALL = {"hidden": (32,), "latent_dim": 2, "batch_size": 32, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def fitted():
    return VAE(**SMALL, epochs=5, binarize=True, seed=1).fit(DIGITS, quiet=True)


def test_the_bound_rises_and_is_the_sum_of_its_parts(fitted):
    losses = [row["validation/loss"] for row in fitted.history]
    assert losses[-1] < 0.9 * losses[0]
    row = fitted.history[-1]
    total = row["validation/reconstruction"] + row["validation/kl"]
    assert row["validation/loss"] == pytest.approx(total, rel=1e-5)
    assert row["validation/kl"] > 0.5  # the latent variables are used


def test_the_divergence_is_that_of_a_gaussian_from_the_standard_normal(fitted):
    inputs = DIGITS[:3, ..., None]
    batch = Batch(inputs, np.zeros(3, np.float32), np.ones(3, np.float32))
    kl = np.asarray(fitted.losses(batch, False)["kl"])
    x = np.asarray(fitted.targets(inputs, -1)) * 255
    means, log_variances = (np.asarray(part) for part in fitted.net.distribution(x))
    expected = 0.5 * (np.exp(log_variances) + means**2 - 1 - log_variances).sum(1)
    np.testing.assert_allclose(kl, expected, rtol=1e-4)


def test_more_importance_samples_give_a_tighter_bound(fitted):
    x = DIGITS[:200]
    one, many = fitted.log_likelihood(x, 1).mean(), fitted.log_likelihood(x, 100).mean()
    assert -fitted.evaluate(x)["loss"] == pytest.approx(one, abs=2)  # with one sample, the ELBO
    assert one < many < one + 10


def test_each_update_binarizes_anew_with_gray_levels_as_probabilities(fitted):
    gray = np.full((500, 8, 8, 1), 64, np.uint8)
    one, other = (np.asarray(fitted.targets(gray, count)) for count in (1, 2))
    assert set(np.unique(one)) == {0, 1} and (one != other).any()
    assert one.mean() == pytest.approx(64 / 255, abs=0.01)


def test_samples_and_the_manifold_are_images(fitted):
    samples = fitted.sample(5, seed=1)
    assert samples.shape == (5, 8, 8, 1) and samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, fitted.sample(5, seed=1))
    assert (samples != fitted.sample(5, seed=2)).any()
    grid = fitted.manifold(3)
    assert grid.shape == (9, 8, 8, 1)
    np.testing.assert_array_equal(grid[4], fitted.decode(np.zeros((1, 2)))[0])


def test_numbers_get_a_gaussian_likelihood_with_a_learned_deviation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1)) @ np.ones((1, 4)) + rng.normal(0, 0.1, (400, 4))
    vae = VAE(**{**SMALL, "latent_dim": 1}, epochs=15).fit(x, quiet=True)
    assert not vae.bernoulli
    assert float(vae.net.log_scale.numpy()) < -0.5  # from 0
    assert np.corrcoef(vae.sample(500, seed=0).T)[0, 1] > 0.5  # columns are alike, as in x


@pytest.mark.parametrize(
    ("options", "x", "says"),
    [
        ({"binarize": True}, DIGITS.reshape(-1, 64) / 7, "binarize=True needs"),
        ({"likelihood": "bernoulli"}, DIGITS.reshape(-1, 64) / 7, "likelihood='bernoulli' needs"),
        ({"latent_dim": 65}, DIGITS, "latent_dim=65 is larger than an input of 64 values"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(options, x, says):
    with pytest.raises(AgentlabError, match=says):
        VAE(**options).fit(x, quiet=True)


def test_the_manifold_of_more_dimensions_is_refused():
    vae = VAE(hidden=(4,), latent_dim=3, epochs=1).fit(DIGITS[:32], quiet=True)
    with pytest.raises(AgentlabError, match="latent_dim=3 must be 2 to draw the manifold"):
        vae.manifold()
