"""``BiasBaseline``: ratings predicted from the mean, the user's bias and the item's bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from agentlab.components import State
from agentlab.data.batches import Array

ROUNDS = 20
ARRAYS = ("users", "items", "levels", "held_users", "held_items")


class BiasBaseline:
    """Predicts mean + user bias + item bias, fitted by alternating least squares (Koren 2008).

    Args:
        users, items: numbers of users and items.
        penalty: L2 penalty that shrinks each bias toward 0, as a number of ratings.

    >>> baseline = BiasBaseline(2, 2, penalty=0.0)
    >>> baseline.fit(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 3.0, 2.0]))
    >>> baseline.predict(np.array([1]), np.array([1])).round(3).tolist()
    [4.0]
    """

    def __init__(self, users: int, items: int, penalty: float) -> None:
        self.penalty, self.mean = penalty, 0.0
        self.user_bias, self.item_bias = np.zeros(users), np.zeros(items)

    def fit(self, users: Array, items: Array, ratings: Array, cases: str = "user") -> None:
        """Fit the biases.

        Args:
            users: indices ``[n]``.
            items: indices ``[n]``.
            ratings: ``[n]``.
            cases: ``"user"`` or ``"item"``, whose biases are fitted last.
        """
        self.mean = float(ratings.mean())
        self.user_bias[:], self.item_bias[:] = 0, 0
        sides = [(items, self.item_bias), (users, self.user_bias)]
        for _ in range(ROUNDS):
            for numbers, bias in sides if cases == "user" else sides[::-1]:
                bias[:] = 0
                rest = ratings - self.predict(users, items)
                count = np.bincount(numbers, minlength=len(bias)) + self.penalty
                bias[:] = np.bincount(numbers, rest, len(bias)) / np.maximum(count, 1e-9)

    def predict(self, users: Array, items: Array) -> Array:
        """Return the ratings of pairs, ``[n]``; an index of -1 is an unknown user or item."""
        user = np.where(users >= 0, self.user_bias[users], 0.0)
        item = np.where(items >= 0, self.item_bias[items], 0.0)
        return np.asarray(self.mean + user + item)

    def state(self) -> State:
        """Return the biases and the mean."""
        return {
            "mean": self.mean,
            "user_bias": self.user_bias.copy(),
            "item_bias": self.item_bias.copy(),
        }

    def restore(self, state: Any) -> None:
        """Restore a state returned by ``state``."""
        self.mean = float(state["mean"])
        self.user_bias, self.item_bias = state["user_bias"].copy(), state["item_bias"].copy()


class KnownRatings:
    """The training ratings as indices, and which other ratings exist.

    Attributes:
        users, items, levels: the training ratings, int32 ``[n]``.
        held_users, held_items: the users and items of held-out ratings, int32 ``[m]``.
    """

    def __init__(self) -> None:
        self.users = self.items = self.levels = np.zeros(0, np.int32)
        self.held_users = self.held_items = np.zeros(0, np.int32)

    def hold(self, users: Array, items: Array) -> None:
        """Add held-out ratings, indices ``[m]``; -1 for unknown users and items."""
        both = (users >= 0) & (items >= 0)
        self.held_users = np.concatenate([self.held_users, users[both]])
        self.held_items = np.concatenate([self.held_items, items[both]])

    def rated_by(self, user: int) -> Array:
        """Return the indices of all items that a user has rated, held-out ones included."""
        held = self.held_items[self.held_users == user]
        return np.concatenate([self.items[self.users == user], held])

    def matrix(self, users: int, items: int, by_item: bool) -> Array:
        """Return the levels of all ratings, int8 ``[cases, units]``; -1 if there is none.

        Args:
            users: number of users.
            items: number of items.
            by_item: whether the cases are items instead of users.
        """
        levels = np.full((users, items), -1, np.int8)
        levels[self.users, self.items] = self.levels
        return np.ascontiguousarray(levels.T) if by_item else levels

    def state(self) -> State:
        """Return the arrays."""
        return {name: getattr(self, name) for name in ARRAYS}

    def restore(self, state: Any) -> None:
        """Restore a state returned by ``state``."""
        for name in ARRAYS:
            setattr(self, name, state[name])
