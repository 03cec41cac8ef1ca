"""k-means beside scikit-learn: clusters, mini-batches, streams, its layer and its refusals."""

import numpy as np
import pytest
from sklearn import cluster
from sklearn.datasets import load_digits, load_iris

from agentlab.data import Arrays
from agentlab.errors import AgentlabError
from agentlab.unsupervised import KMeans

X, Y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted():
    return KMeans(n_clusters=3).fit(X)


def test_clusters_of_irises_agree_with_species_and_scikit_learn(fitted):
    theirs = cluster.KMeans(3, n_init=10, random_state=0).fit(X)
    assert fitted.inertia_ == pytest.approx(theirs.inertia_, rel=0.01)
    metrics = fitted.evaluate(X, Y)
    assert metrics["adjusted_rand"] >= 0.73 and metrics["silhouette"] > 0.5
    assert metrics["loss"] == pytest.approx(fitted.inertia_ / len(X))


@pytest.mark.parametrize("streamed", [False, True])
def test_mini_batches_come_close(fitted, streamed):
    kmeans = KMeans(n_clusters=3, batch_size=50, max_iter=20)
    kmeans.fit(Arrays(X, Y) if streamed else X)
    assert kmeans.inertia_ < 1.1 * fitted.inertia_


def test_the_layer_returns_distances_and_the_export_clusters(fitted):
    given = np.asarray(fitted.layer()(X.astype(np.float32)))
    np.testing.assert_allclose(given, fitted.transform(X), atol=1e-3)
    outputs = fitted.inference_model()(X.astype(np.float32))
    np.testing.assert_array_equal(np.asarray(outputs["predictions"]), fitted.predict(X))
    labels, distances = fitted.clusters(X)
    assert distances == pytest.approx(fitted.transform(X)[np.arange(len(X)), labels])


@pytest.mark.parametrize(
    ("x", "k", "words"),
    [
        (X[:5], 6, "n_clusters=6 must be at most 5, the number of rows"),
        (np.repeat(X[:2], 4, axis=0), 3, "n_clusters=3 must be at most 2, the number of different"),
        (np.ones((9, 2)), 2, "all columns of x are constant"),
        (np.array([["a"], ["b"]]), 2, "x contains the text|texts"),
    ],
)
def test_bad_data_are_refused_in_a_sentence(x, k, words):
    with pytest.raises(AgentlabError, match=words):
        KMeans(n_clusters=k).fit(x)


def test_the_plots_show_elbow_silhouette_and_centers(fitted):
    assert set(fitted.plots(X, Y)) == {"elbow", "silhouette", "clusters"}
    images = (load_digits().images[:200] * 15).astype(np.uint8)
    assert "centers" in KMeans(n_clusters=4, n_init=1).fit(images).plots(images)
