"""Predictions and recommendations of a trained ``RatingsRBM``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.ratings import check_ratings, ids, read_ratings
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.training.presented import Table
from agentlab.unsupervised.bias_baseline import BiasBaseline, KnownRatings

BLOCK = 256  # cases per forward pass
RIDGE = 20.0  # L2 penalty of a new user's weights on the hidden units, if the cases are items
Ranking = list[tuple[str, str, float]]  # id, title and predicted rating


class Recommending:
    """The methods of ``RatingsRBM`` for known and new users."""

    config: Any
    net: Any
    users: list[str]
    items: list[str]
    titles: dict[str, str]
    values: list[float]
    baseline: BiasBaseline
    known: KnownRatings
    blend: float = 1.0
    _levels: Any = None

    @property
    def by_item(self) -> bool:
        """Whether the cases are items."""
        return bool(self.config.by == "item")

    def levels(self) -> Array:
        """Return the levels of the training ratings, int8 ``[cases, units]``; -1 if missing."""
        if self._levels is None:
            self._levels = self.known.matrix(len(self.users), len(self.items), self.by_item)
        return np.asarray(self._levels)

    def title(self, item: str) -> str:
        """Return the title of an item, or its id if it has none."""
        return self.titles.get(item, item)

    def indices(self, x: Array) -> tuple[Array, Array]:
        """Return the indices of users and items, int32 ``[n]``; -1 for unknown ones.

        Args:
            x: ids as strings, ``[n, 2]``.
        """
        found = []
        for side, names in enumerate((self.users, self.items)):
            places = np.searchsorted(names, x[:, side]).clip(0, len(names) - 1)
            found.append(np.where(np.asarray(names)[places] == x[:, side], places, -1))
        return found[0].astype(np.int32), found[1].astype(np.int32)

    def predict(self, x: Any) -> Array:
        """Return the expected ratings of users and items, float64 ``[n]``.

        For users or items without training ratings, it falls back to the bias baseline.

        Args:
            x: the user and the item of each rating, ``[n, 2]``.
        """
        self.check_fitted()  # type: ignore[attr-defined]
        pairs, _ = check_ratings(x)
        users, items = self.indices(pairs)
        found = self.baseline.predict(users, items)
        both = (users >= 0) & (items >= 0)
        cases, units = (items, users) if self.by_item else (users, items)
        levels = self.levels()
        known = np.unique(cases[both])
        for part in np.array_split(known, max(-(-len(known) // BLOCK), 1)):
            rows = np.flatnonzero(both & np.isin(cases, part))
            expected = np.asarray(self.net(levels[part]))
            found[rows] = expected[np.searchsorted(part, cases[rows]), units[rows]]
        clipped: Array = found.clip(self.values[0], self.values[-1])
        return clipped

    def recommend(self, user: Any, top: int = 10) -> Ranking:
        """Return the unrated items with the highest predicted ratings for a user.

        Items with held-out ratings count as rated.

        Args:
            user: the user's id.
            top: number of items.

        Returns:
            The id, the title and the predicted rating of each item.

        Raises:
            InvalidArgument: for an unknown user.
        """
        self.check_fitted()  # type: ignore[attr-defined]
        name = str(ids([user])[0])
        if name not in self.users:
            raise InvalidArgument(
                f"user={name!r} has no ratings in the training data; pass the user's ratings "
                "instead (--rated FILE)"
            )
        pairs = np.column_stack([np.full(len(self.items), name), np.array(self.items)])
        rated = self.known.rated_by(self.users.index(name))
        return self._top(self.predict(pairs), rated, top)

    def recommend_for(self, rated: Mapping[str, float], top: int = 10) -> Ranking:
        """Return recommended items for a new user, without retraining.

        If cases are users, the new user is one more case. If cases are items, the user's weights on
        the hidden units are fitted to the given ratings by ridge regression.

        Args:
            rated: the user's ratings by item.
            top: number of items.

        Raises:
            InvalidArgument: if no rated item is known.
        """
        self.check_fitted()  # type: ignore[attr-defined]
        given = {str(ids([item])[0]): float(value) for item, value in rated.items()}
        known = {item: i for i, item in enumerate(self.items) if item in given}
        if not known:
            raise InvalidArgument(
                f"none of the {len(given)} rated items has ratings in the training data"
            )
        places = np.array(list(known.values()))
        ratings = np.array([given[item] for item in known])
        low, high = self.values[0], self.values[-1]
        if ratings.min() < low or ratings.max() > high:
            raise InvalidArgument(
                f"rated contains {ratings[(ratings < low) | (ratings > high)][0]:g}, but ratings "
                f"are from {low:g} to {high:g}"
            )
        predicted = self._new_user(places, ratings)
        return self._top(predicted.clip(low, high), places, top)

    def _new_user(self, places: Array, ratings: Array) -> Array:
        """Return the predicted ratings of all items for a new user, ``[items]``."""
        if not self.by_item:
            levels = np.full((1, len(self.items)), -1, np.int8)
            levels[0, places] = np.abs(ratings[:, None] - np.array(self.values)).argmin(1)
            found: Array = np.asarray(self.net(levels), np.float64)
            return np.asarray(found[0])
        base = self.baseline.mean + self.baseline.item_bias
        base = base + (ratings - base[places]).sum() / (len(places) + self.baseline.penalty)
        hidden = self._features().astype(np.float64)
        hidden -= hidden.mean(0)
        some = hidden[places]
        square = some.T @ some + RIDGE * np.eye(some.shape[1])
        weights = np.linalg.solve(square, some.T @ (ratings - base[places]))
        return np.asarray(base + hidden @ weights)

    def _features(self) -> Array:
        """Return the hidden units of all cases, float32 ``[cases, units]``."""
        parts = np.array_split(self.levels(), -(-len(self.levels()) // BLOCK))
        return np.concatenate([np.asarray(self.net.hidden(part)) for part in parts])

    def projection(self, *data: Any) -> tuple[Array, Any, Array | None]:
        """Return the hidden units of the cases, and the titles or ids."""
        names = [self.title(i) for i in self.items] if self.by_item else self.users
        return self._features(), names, None

    def _top(self, predicted: Array, rated: Array, top: int) -> Ranking:
        if top < 1:
            raise InvalidArgument(f"top={top} must be 1 or more")
        order = np.argsort(-predicted, kind="stable")
        order = order[~np.isin(order, rated)][:top]
        items = [self.items[i] for i in order]
        return [
            (item, self.title(item), float(predicted[i]))
            for item, i in zip(items, order, strict=True)
        ]

    def read(self, source: str, encoding: str | None = None) -> Array:
        """Return users and items from a CSV file with the columns user and item, ``[n, 2]``."""
        return read_ratings(source, encoding, ratings=False).x

    def tabulate(self, source: str, *, encoding: str | None = None, **options: Any) -> Table:
        """Return the predicted ratings of the users and items in a CSV file as a table."""
        pairs = self.read(source, encoding)
        rows = zip(pairs.tolist(), self.predict(pairs), strict=True)
        header = ["user", "item", "prediction"]
        return header, [[user, item, f"{rating:.4f}"] for (user, item), rating in rows]

    def rated_in(self, source: str, encoding: str | None = None) -> dict[str, float]:
        """Return the ratings by item from a CSV file with the columns item and rating.

        Raises:
            AgentlabError: if the file has ratings of several users.
        """
        found = read_ratings(source, encoding, users=False)
        items = found.x[:, 1].tolist()
        if len(set(items)) < len(items):
            raise AgentlabError(
                f"{source} rates an item twice; it must have the ratings of one user, one per item"
            )
        return dict(zip(items, found.y.tolist(), strict=True))
