import numpy as np
import pytest

from agentlab.data import Arrays
from agentlab.unsupervised.gan_scores import Scores
from agentlab.unsupervised.sample_scores import (
    diversity,
    frechet_distance,
    kernel_distance,
    precision_recall,
    sample_scores,
)

RNG = np.random.default_rng(0)


def test_the_frechet_distance_of_two_normal_distributions_is_that_of_the_formula():
    # Means 0 and 2 apart, variances 1 and 9 in one dimension: 4 + (1 - 3)^2 = 8.
    first = np.array([[-1.0], [1.0]]) / np.sqrt(2)
    second = np.array([[-3.0], [3.0]]) / np.sqrt(2) + 2
    assert frechet_distance(first, second) == pytest.approx(8)
    assert frechet_distance(second, first) == pytest.approx(8)


def test_the_frechet_distance_handles_correlated_features():
    x = RNG.normal(size=(4000, 3)) @ RNG.normal(size=(3, 3))
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-6)
    # The distance does not depend on the axes.
    y = 2 * x[:, [1, 0, 2]]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y), rel=1e-6)


def test_the_kernel_distance_is_unbiased_and_grows_with_the_difference():
    x, y = RNG.normal(size=(2, 1500, 4))
    assert abs(kernel_distance(x, y)) < 0.02
    assert kernel_distance(x, y + 1) > kernel_distance(x, y + 0.3) > 0.02


def test_the_kernel_distance_of_two_pairs_is_that_of_the_formula():
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [1.0]])
    # k(0, 1) = 1 within x, k(1, 1) = 8 within y, and a mean of (1 + 1 + 8 + 8) / 4 between.
    assert kernel_distance(x, y) == pytest.approx(1 + 8 - 2 * 4.5)


def test_precision_falls_with_unreal_samples_and_recall_with_missing_ones():
    real = RNG.normal(size=(600, 2))
    assert min(precision_recall(real, RNG.normal(size=(600, 2)))) > 0.9
    precision, recall = precision_recall(real, np.concatenate([real[:300], real[:300] + 50]))
    assert precision == pytest.approx(0.5, abs=0.02) and recall > 0.8
    half = real[real[:, 0] > 0]
    precision, recall = precision_recall(real, half + RNG.normal(0, 0.01, half.shape))
    assert precision > 0.95 and 0.4 < recall < 0.7


def test_diversity_is_one_for_equal_and_zero_for_constant_samples():
    real = RNG.normal(size=(500, 3))
    assert diversity(real, RNG.normal(size=(500, 3))) == pytest.approx(1, abs=0.1)
    assert diversity(real, np.ones((500, 3))) == 0


def test_scores_of_a_few_constant_samples_are_finite():
    scores = sample_scores(RNG.normal(size=(3, 4)), np.zeros((3, 4)))
    assert all(np.isfinite(list(scores.values())))


def test_held_out_inputs_are_taken_from_the_whole_split():
    sorted_rows = np.linspace(0, 9, 1000).astype(np.float32)[:, None]
    held_out = Arrays(sorted_rows, np.zeros(1000, np.int32))
    scores = Scores(None, 100).of(held_out, lambda n: sorted_rows[:: 1000 // n])
    assert scores["frechet"] < 0.01  # 20 compared with the first 100 rows
