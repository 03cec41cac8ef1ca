"""Recommendations for a user."""

from __future__ import annotations

from pathlib import Path

from agentlab.errors import AgentlabError
from agentlab.experiments.results.loading import load_with
from agentlab.experiments.results.writing import check_suffix, write_table

Ranking = list[tuple[str, str, float]]  # id, title and predicted rating


def recommend(
    path: Path | str,
    user: str | None = None,
    rated: str | None = None,
    top: int = 10,
    out: Path | str | None = None,
    encoding: str | None = None,
) -> Ranking:
    """Return the items with the highest predicted ratings that a user has not rated yet.

    Args:
        path: the folder of a run or of a saved learner with ``recommend``.
        user: a user with ratings in the training data.
        rated: a CSV file with the columns item and rating, for a new user, without training.
        top: number of items.
        out: a CSV file to write; ``None`` for none.
        encoding: of ``rated``; ``None`` infers it.

    Returns:
        The id, the title and the predicted rating of each item, the best first.

    Raises:
        AgentlabError: unless exactly one of ``user`` and ``rated`` is given; for an unknown user,
            an unreadable file or an unsuitable learner.
    """
    if (user is None) == (rated is None):
        raise AgentlabError(
            "pass either --user ID, a user of the training data, or --rated FILE, a CSV file with "
            "the columns item and rating"
        )
    if out is not None:
        check_suffix(out, (".csv",))
    learner = load_with(path, "recommend", "recommend items")
    found: Ranking
    if user is not None:
        found = learner.recommend(user, top)
    else:
        found = learner.recommend_for(learner.rated_in(rated, encoding), top)
    if out is not None:
        write_table(out, ["item", "title", "prediction"], found)
    return found
