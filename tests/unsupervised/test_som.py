"""Self-organizing maps: the batch rule by hand, lattices, errors, and their quality."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from agentlab.data.packaged_sets import colors
from agentlab.errors import AgentlabError
from agentlab.unsupervised import SOM
from agentlab.unsupervised.lattice import Lattice

X, Y = load_iris(return_X_y=True)


def test_the_neighborhood_weighs_sums_as_by_hand():
    # Units 0 and 1 are neighbors; with sigma = 1 the weight at distance 1 is exp(-1/2).
    near, far = np.exp(-0.5), np.exp(-2)
    sums = np.array([[1.0], [0.0], [10.0]], np.float32)
    expected = [[1 + 10 * far], [near + 10 * near], [far + 10]]
    np.testing.assert_allclose(Lattice("rectangle", 1, 3).smooth(sums, 1.0), expected, rtol=1e-6)
    # On a torus the two ends of the row are neighbors.
    expected = [[1 + 10 * near], [near + 10 * near], [near + 10]]
    np.testing.assert_allclose(Lattice("torus", 1, 3).smooth(sums, 1.0), expected, rtol=1e-6)


def test_inner_units_have_eight_neighbors_or_six():
    counts = {}
    for topology in ("rectangle", "hexagon", "torus"):
        pairs = Lattice(topology, 5, 6).pairs()
        counts[topology] = np.bincount(pairs.ravel(), minlength=30)
    assert counts["rectangle"][14] == 8 and counts["rectangle"][0] == 3
    assert counts["hexagon"][14] == 6
    assert (counts["torus"] == 8).all()


def test_named_colors_reach_the_errors_of_the_documentation():
    (x, _), _ = (lambda d: (d.train, d.test))(colors(None))
    som = SOM(map_rows=30, map_columns=30).fit(x, quiet=True)
    metrics = som.evaluate(x)
    assert metrics["quantization_error"] <= 0.031
    assert metrics["topographic_error"] <= 0.035


@pytest.mark.parametrize("topology", ["rectangle", "hexagon", "torus"])
def test_training_reduces_the_error_and_repeats(topology):
    som = SOM(map_rows=6, map_columns=5, topology=topology, epochs=20).fit(X, quiet=True)
    errors = [row["train/quantization_error"] for row in som.history]
    assert som.evaluate(X)["quantization_error"] < errors[0]
    again = SOM(map_rows=6, map_columns=5, topology=topology, epochs=20).fit(X, quiet=True)
    np.testing.assert_array_equal(som.weights_, again.weights_)
    assert set(som.plots(X, Y)) == {"u_matrix", "labels"}


def test_the_u_matrix_is_high_between_two_groups():
    x = np.r_[np.zeros((30, 2)), np.ones((30, 2))] + np.random.default_rng(0).normal(
        0, 0.01, (60, 2)
    )
    som = SOM(map_rows=1, map_columns=10).fit(x, quiet=True)
    gaps = som.u_matrix()[0]
    assert gaps[4:6].max() > 5 * min(gaps[0], gaps[-1])


@pytest.mark.parametrize(
    ("x", "words"), [(X[:1], "1 row"), (np.ones((5, 2)), "constant"), (np.ones(5), "shape")]
)
def test_bad_data_are_refused_in_a_sentence(x, words):
    with pytest.raises(AgentlabError, match=words):
        SOM(map_rows=3, map_columns=3).fit(x, quiet=True)
