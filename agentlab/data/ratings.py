"""Ratings of items by users: checking, reading and splitting them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.csv_frame import read_frame
from agentlab.errors import AgentlabError, InvalidArgument

MAX_LEVELS = 20  # distinct ratings
MAX_CELLS = 2_000_000_000  # users times items, in bytes
# Names of columns, without case, spaces and underscores.
COLUMNS = {
    "user": ("user", "userid", "userno", "customer", "customerid", "reader"),
    "item": ("item", "itemid", "movie", "movieid", "film", "filmid", "book", "bookid", "product",
             "productid", "isbn", "song", "songid"),
    "rating": ("rating", "ratings", "score", "stars", "userrating"),
    "title": ("title", "name", "movietitle", "itemname"),
}  # fmt: skip


class Ratings(NamedTuple):
    """Ratings read from a file.

    Attributes:
        x: users and items, strings ``[n, 2]``.
        y: ratings, float64 ``[n]``.
        titles: the titles of items by id; empty if the file has none.
    """

    x: Array
    y: Array
    titles: dict[str, str]


def read_ratings(
    path: str, encoding: str | None = None, users: bool = True, ratings: bool = True
) -> Ratings:
    """Read a CSV file with the columns user, item and rating, and optionally title.

    Args:
        path: the file.
        encoding: ``None`` infers it.
        users: whether a user column is required; otherwise all ratings are of one user.
        ratings: whether a rating column is required.

    Raises:
        AgentlabError: for a missing file or column, or ratings that are not numbers; the message
            contains the row.
    """
    frame = read_frame(path, encoding=encoding)
    found = {what: _column(frame, names) for what, names in COLUMNS.items()}
    needed = {"user": users, "item": True, "rating": ratings}
    for what, is_needed in needed.items():
        if is_needed and found[what] is None:
            known = ", ".join(map(str, frame.columns))
            raise AgentlabError(
                f"{path} has no column of {what}s, but the columns {known}; name one {what!r}"
            )
    items = ids(frame[found["item"]].to_numpy(object))
    owner = np.full(len(frame), "") if not users else ids(frame[found["user"]].to_numpy(object))
    y = np.zeros(len(frame))
    if found["rating"] is not None:
        import pandas as pd

        y = pd.to_numeric(frame[found["rating"]], errors="coerce").to_numpy(np.float64)
        if not np.isfinite(y).all():
            row = int(np.argmin(np.isfinite(y)))
            value = frame[found["rating"]].iloc[row]
            raise AgentlabError(f"{path}, row {row + 2}: rating {value!r} is not a number")
    titles: dict[str, str] = {}
    if found["title"] is not None:
        titles = dict(zip(items.tolist(), frame[found["title"]].astype(str), strict=True))
    return Ratings(np.column_stack([owner, items]), y, titles)


def read_titles(path: str, encoding: str | None = None) -> dict[str, str]:
    """Return the titles of items by id, from a CSV file with the columns item and title.

    Raises:
        AgentlabError: for a missing file or column.
    """
    frame = read_frame(path, encoding=encoding)
    item, title = (_column(frame, COLUMNS[what]) for what in ("item", "title"))
    if item is None or title is None:
        known = ", ".join(map(str, frame.columns))
        raise AgentlabError(f"{path} must have the columns item and title, but has {known}")
    names = ids(frame[item].to_numpy(object)).tolist()
    return dict(zip(names, frame[title].astype(str), strict=True))


def _column(frame: Any, names: Sequence[str]) -> Any:
    plain = {str(name).lower().replace("_", "").replace(" ", ""): name for name in frame.columns}
    return next((plain[name] for name in names if name in plain), None)


def ids(values: Any) -> Array:
    """Return ids of users or items as strings ``[n]``; whole numbers are written without ``.0``.

    >>> ids([1, 2.0, "a"]).tolist()
    ['1', '2', 'a']
    """
    return np.array([_id(value) for value in np.asarray(values, object).tolist()], dtype=str)


def _id(value: Any) -> str:
    text = str(value).strip()
    return text.removesuffix(".0") if isinstance(value, float) else text


def check_ratings(x: Any, y: Any = None) -> tuple[Array, Array]:
    """Return users and items as strings ``[n, 2]``, and ratings as float64 ``[n]``.

    Args:
        x: users and items, ``[n, 2]``.
        y: ratings ``[n]``; ``None`` for zeros.

    Raises:
        InvalidArgument: for other shapes, ratings that are not finite, or no ratings.
    """
    x = np.asarray(x, object)
    if x.ndim != 2 or x.shape[1] != 2:
        raise InvalidArgument(
            f"x has the shape {list(x.shape)}; it must be [n, 2]: the user and the item of each "
            "rating"
        )
    if not len(x):
        raise InvalidArgument("x has no rows; at least one rating is needed")
    pairs = np.column_stack([ids(x[:, 0]), ids(x[:, 1])])
    ratings = np.zeros(len(x)) if y is None else np.asarray(y)
    if ratings.shape != (len(x),) or ratings.dtype.kind not in "biuf":
        raise InvalidArgument(
            f"y has the shape {list(ratings.shape)} and the dtype {ratings.dtype}; it must be "
            f"{len(x)} numbers, the ratings of x"
        )
    if not np.isfinite(ratings).all():
        row = int(np.argmin(np.isfinite(ratings)))
        raise InvalidArgument(f"y[{row}]={ratings[row]} must be a finite number")
    return pairs, ratings.astype(np.float64)


def check_levels(y: Array) -> Array:
    """Return the distinct ratings in increasing order.

    Raises:
        InvalidArgument: for a single rating, or more than 20 different ones.
    """
    values = np.unique(y)
    if len(values) < 2:
        raise InvalidArgument(
            f"all ratings are {values[0]:g}; at least 2 different ones are needed"
        )
    if len(values) > MAX_LEVELS:
        raise InvalidArgument(
            f"y has {len(values)} different ratings, but at most {MAX_LEVELS} are supported; round "
            "them"
        )
    return np.asarray(values)


def check_size(users: int, items: int) -> None:
    """Raise ``InvalidArgument`` if a matrix of all users and items does not fit into memory."""
    if users * items > MAX_CELLS:
        raise InvalidArgument(
            f"x has {users:,} users times {items:,} items, which is more than {MAX_CELLS:,}; leave "
            "out rare ones"
        )


def like_first_fold(
    x: Array, users: Collection[str], fraction: float = 0.2, share: float = 0.42
) -> Array:
    """Return which ratings to hold out, as in the fold u1 of MovieLens-100k, bool ``[n]``.

    That fold holds out about 42 % of the ratings of some users, which are 20 % of all.

    Args:
        x: users and items, ``[n, 2]``.
        users: the users to choose from.
        fraction: fraction of all ratings to hold out.
        share: fraction of the ratings of a chosen user.
    """
    rng = np.random.default_rng(0)
    held = np.zeros(len(x), bool)
    for user in rng.permutation(sorted(users)):
        if held.sum() >= fraction * len(x):
            break
        rows = np.flatnonzero(x[:, 0] == user)
        if len(rows) >= 2:
            held[rng.choice(rows, max(1, int(share * len(rows))), replace=False)] = True
    return held
