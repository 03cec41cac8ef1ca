"""PCA beside scikit-learn: components, streams, constant columns, its layer and its export."""

import numpy as np
import pytest
from sklearn import decomposition
from sklearn.datasets import load_digits, load_iris

from agentlab.data import Arrays
from agentlab.errors import AgentlabError
from agentlab.unsupervised import PCA

IRIS = load_iris().data
DIGITS = (load_digits().images * 15.9).astype(np.uint8)  # [1797, 8, 8]


def assert_same(ours, theirs, x):
    """Compare with scikit-learn after aligning the signs of the components."""
    signs = np.sign((ours.components_ * theirs.components_).sum(1))
    np.testing.assert_allclose(ours.components_ * signs[:, None], theirs.components_, atol=1e-5)
    np.testing.assert_allclose(ours.transform(x) * signs, theirs.transform(x), atol=1e-5)
    ratios = theirs.explained_variance_ratio_
    np.testing.assert_allclose(ours.explained_variance_ratio_, ratios, atol=1e-5)


def test_a_line_by_hand():
    # The points 1, 2, 3 times (3, 4) lie on a line; the variance along it is that of 5, 10, 15.
    pca = PCA(n_components=1).fit([[3.0, 4.0], [6.0, 8.0], [9.0, 12.0]])
    np.testing.assert_allclose(pca.components_, [[0.6, 0.8]])
    np.testing.assert_allclose(pca.explained_variance_, [25])
    np.testing.assert_allclose(pca.transform([[9.0, 12.0]]), [[5]])
    np.testing.assert_allclose(pca.decode([[5.0]]), [[9, 12]])


@pytest.mark.parametrize("rows", [150, 3])  # by the covariance, and by singular values
@pytest.mark.parametrize("whiten", [False, True])
def test_it_equals_scikit_learn(rows, whiten):
    x = IRIS[:rows] if rows > 4 else IRIS[::60]
    ours = PCA(n_components=2, whiten=whiten).fit(x)
    assert_same(ours, decomposition.PCA(2, whiten=whiten).fit(x), x)
    for name, value in ours.evaluate(x).items():  # logged without another pass over x
        assert ours.history[-1][f"train/{name}"] == pytest.approx(value, abs=1e-9)


def test_a_large_mean_does_not_cancel_digits():
    ours, theirs = PCA(n_components=3).fit(IRIS + 1e6), decomposition.PCA(3).fit(IRIS)
    signs = np.sign((ours.components_ * theirs.components_).sum(1))
    np.testing.assert_allclose(
        ours.transform(IRIS + 1e6) * signs, theirs.transform(IRIS), atol=1e-5
    )


def test_a_fraction_of_the_variance_chooses_the_number_of_components():
    pca = PCA(n_components=0.95).fit(DIGITS)
    ratios = np.cumsum(decomposition.PCA().fit(DIGITS.reshape(-1, 64)).explained_variance_ratio_)
    assert len(pca.components_) == int(np.argmax(ratios >= 0.95)) + 1
    assert pca.score(DIGITS) == pytest.approx(ratios[len(pca.components_) - 1])


def test_streams_and_files_give_the_components_of_arrays(tmp_path):
    x = np.random.default_rng(0).normal(size=(9000, 5)) @ np.diag([5, 4, 3, 2, 1.0])
    np.save(tmp_path / "x.npy", x)
    mapped = PCA(n_components=3).fit(np.load(tmp_path / "x.npy", mmap_mode="r"))
    streamed = PCA(n_components=3).fit(Arrays(x, np.zeros(len(x))))
    for ours in (mapped, streamed):
        assert_same(ours, decomposition.PCA(3).fit(x), x)


def test_the_layer_can_precede_any_network_and_is_not_trained():
    import keras

    pca = PCA(n_components=2).fit(IRIS)
    net = keras.Sequential([keras.Input((4,)), pca.layer(), keras.layers.Dense(3)])
    assert len(net.trainable_variables) == 2
    given = np.asarray(pca.layer()(IRIS.astype(np.float32)))
    np.testing.assert_allclose(given, pca.transform(IRIS), atol=1e-4)


def test_the_export_takes_raw_images():
    pca = PCA(n_components=5).fit(DIGITS)
    given = np.asarray(pca.inference_model()(DIGITS[:20, ..., None])["codes"])
    np.testing.assert_allclose(given, pca.transform(DIGITS[:20]), atol=1e-4)
    assert pca.reconstruct(DIGITS[:20]).dtype == np.uint8


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (IRIS[:5], {"n_components": 5}, "n_components=5 must be at most 4"),
        (IRIS[:3], {"n_components": 4}, "n_components=4 must be at most 3"),
        (IRIS[:1], {}, "1 row"),
        (np.ones((9, 3)), {"n_components": 1}, "all columns of x are constant"),
        (np.c_[IRIS, np.ones(150)], {"n_components": 5}, "column 4 of x is constant"),
        (np.c_[IRIS, np.ones(150)], {}, "column 4 of x is constant"),
        (np.c_[IRIS, np.ones(150)], {"standardize": True}, "column 4 of x cannot be standardized"),
        (np.full((9, 2), np.nan), {}, "must be a finite number"),
    ],
)
def test_bad_data_are_refused_in_a_sentence(x, options, words):
    with pytest.raises(AgentlabError, match=words):
        PCA(**options).fit(x)


def test_a_fraction_must_be_below_one():
    with pytest.raises(AgentlabError, match=r"n_components=1\.5"):
        PCA(n_components=1.5)


def test_constant_columns_that_are_not_in_the_way_are_mentioned():
    with pytest.warns(UserWarning, match="column 4 of x is constant"):
        PCA(n_components=2).fit(np.c_[IRIS, np.ones(150)])


def test_the_plots_are_drawn():
    pca = PCA(n_components=5).fit(DIGITS)
    drawn = pca.plots(DIGITS[:100], load_digits().target[:100])
    names = {"explained_variance", "scatter", "scatter_3d", "components", "reconstructions"}
    assert set(drawn) == names
    points, labels, images = pca.projection(DIGITS, load_digits().target)
    assert points.shape == (1000, 5) and len(labels) == len(images) == 1000
