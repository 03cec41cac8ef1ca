"""Ratings: missing ones are not zeros, baselines, recommendations, and files."""

import numpy as np
import pytest

from agentlab.data.ratings import read_ratings
from agentlab.errors import AgentlabError
from agentlab.learner import load
from agentlab.nets.ratings import RatingsNet
from agentlab.testing.examples import ratings
from agentlab.unsupervised import RatingsRBM
from agentlab.unsupervised.bias_baseline import BiasBaseline

DATA = ratings()
OPTIONS = {
    "units": 4,
    "epochs": 120,
    "batch_size": 4,
    "validation_split": 0.0,
    "l2": 0.0,
    "learning_rate": 0.2,
}


@pytest.fixture(scope="module", params=["item", "user"])
def fitted(request):
    titles = {str(i): f"film {i}" for i in range(12)}
    return RatingsRBM(by=request.param, **OPTIONS).fit(*DATA.train, titles=titles, quiet=True)


def test_it_predicts_better_than_the_baseline_where_tastes_differ(fitted):
    metrics = fitted.evaluate(*DATA.test)
    assert metrics["rmse"] < 0.9 * metrics["baseline_rmse"]


def test_a_missing_rating_is_not_a_zero():
    net = RatingsNet(3, [1.0, 2.0, 3.0], prior=False, seed=1)
    net(np.array([[0, -1, 2]]))
    kernel = np.asarray(net.kernel).copy()
    rows, mask, machine = net.machine(np.array([[0, -1, 2]]))
    assert np.asarray(mask).reshape(3, 3).tolist() == [[1] * 3, [0] * 3, [1] * 3]
    logits = np.asarray(machine.hidden_logits(rows))
    np.testing.assert_allclose(logits, [kernel[0] + kernel[8]], rtol=1e-6)  # levels 0 and 2 alone


def test_the_baseline_of_a_case_is_computed_from_its_ratings():
    net = RatingsNet(2, [1.0, 2.0, 3.0], penalty=1.0)
    net(np.array([[2, -1]]))
    net.start(np.ones((2, 3)), np.array([0.5, -0.5]), 2.0)
    # The residual of the rating 3 is 3 - 2 - 0.5; the bias of the case is 0.5 / (1 + 1).
    np.testing.assert_allclose(net.baseline(np.array([[2, -1]])), [[2.75, 1.75]])


def test_biases_by_hand():
    # Without a penalty, two users and two items with three ratings are fitted exactly.
    baseline = BiasBaseline(2, 2, penalty=0.0)
    users, items = np.array([0, 0, 1]), np.array([0, 1, 0])
    baseline.fit(users, items, np.array([1.0, 3.0, 2.0]))
    np.testing.assert_allclose(baseline.predict(users, items), [1, 3, 2], atol=1e-3)
    np.testing.assert_allclose(baseline.predict(np.array([1]), np.array([1])), [4], atol=1e-2)


def test_recommendations_never_contain_what_a_user_has_rated(fitted):
    x, _ = DATA.train
    for user in range(16):
        rated = {str(item) for item in x[x[:, 0] == user, 1]}
        found = [item for item, _, _ in fitted.recommend(user, top=12)]
        assert not rated & set(found) and len(found) == 12 - len(rated)
    item, title, rating = fitted.recommend("3", top=1)[0]
    assert title == f"film {item}" and 1 <= rating <= 5


def test_held_out_ratings_are_not_recommended():
    x, y = DATA.train
    model = RatingsRBM(**{**OPTIONS, "epochs": 1, "validation_split": 0.2})
    model.fit(x[:-20], y[:-20], rated=x[-20:], quiet=True)
    for user in range(16):
        rated = {str(item) for item in x[x[:, 0] == user, 1]}
        assert not rated & {item for item, _, _ in model.recommend(user, top=12)}


def test_a_new_user_gets_items_of_the_same_taste_without_training(fitted):
    before = fitted.net.get_weights()
    found = fitted.recommend_for({0: 5, 2: 5, 4: 5, 1: 1, 3: 1}, top=3)
    assert {int(item) % 2 for item, _, _ in found} == {0}
    assert not {"0", "2", "4", "1", "3"} & {item for item, _, _ in found}
    for one, other in zip(before, fitted.net.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_is_loaded_with_its_ratings(fitted, tmp_path):
    fitted.save(tmp_path / "saved")
    loaded = load(tmp_path / "saved")
    assert loaded.recommend(3) == fitted.recommend(3)


def test_unknown_users_and_items_get_the_baseline(fitted):
    found = fitted.predict([["nobody", "nothing"], ["nobody", "3"]])
    item = fitted.baseline.item_bias[fitted.items.index("3")]
    np.testing.assert_allclose(found, [fitted.baseline.mean, fitted.baseline.mean + item])


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([[1], [2]], [1, 2], "the user and the item"),
        ([[1, 1], [2, 2]], [3, 3], "all ratings are 3"),
        ([[1, 1], [1, 2]], [1, 2], "only the user '1'"),
        ([[1, 1], [1, 1], [2, 2]], [1, 2, 3], "user '1' rates item '1' twice"),
        ([[1, 1], [2, 2]], [1, np.nan], "finite"),
        (np.random.default_rng(0).integers(0, 9, (40, 2)), np.arange(40), "40 different ratings"),
    ],
)
def test_bad_ratings_are_refused_in_a_sentence(x, y, words):
    with pytest.raises(AgentlabError, match=words):
        RatingsRBM(validation_split=0.0).fit(np.array(x), y, quiet=True)


def test_refusals_of_recommendations(fitted):
    with pytest.raises(AgentlabError, match="user='99' has no ratings"):
        fitted.recommend(99)
    with pytest.raises(AgentlabError, match="none of the 1 rated items"):
        fitted.recommend_for({99: 3})
    with pytest.raises(AgentlabError, match="rated contains 9, but ratings are from 1 to 5"):
        fitted.recommend_for({3: 9})


def test_columns_of_a_file_are_found_by_their_usual_names(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,10,4.5,0\n2,10,3,0\n")
    found = read_ratings(str(path))
    assert found.x.tolist() == [["1", "10"], ["2", "10"]] and found.y.tolist() == [4.5, 3.0]
    path.write_text("movieId,rating\n10,4.5\n")
    with pytest.raises(AgentlabError, match="no column of users"):
        read_ratings(str(path))
    path.write_text("user,item,rating\n1,2,good\n")
    with pytest.raises(AgentlabError, match="row 2: rating 'good' is not a number"):
        read_ratings(str(path))
