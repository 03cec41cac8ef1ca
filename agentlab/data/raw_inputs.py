"""Checks and conversions of ``x``: arrays of numbers, texts, or named columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentlab.data.batches import Array
from agentlab.errors import InvalidArgument


def has_columns(x: Any) -> bool:
    """Return whether ``x`` has named columns: a DataFrame, a dict, or a list of dicts."""
    if hasattr(x, "toarray"):  # a sparse matrix, some kinds of which are mappings
        return False
    if isinstance(x, Mapping) or (hasattr(x, "columns") and hasattr(x, "iloc")):
        return True
    return isinstance(x, list | tuple) and len(x) > 0 and isinstance(x[0], Mapping)


def has_texts(x: Any) -> bool:
    """Return whether ``x`` contains at least one text.

    >>> has_texts(["a fine movie"]), has_texts([[1.0, 2.0]])
    (True, False)
    """
    while isinstance(x, list | tuple) and x:
        x = x[0]
    if isinstance(x, str):
        return True
    array = np.asarray(x)
    return array.dtype.kind in "OUT" and any(isinstance(item, str) for item in array.flat)


def as_numbers(x: Any) -> Array:
    """Return ``x`` as an array of finite numbers or booleans, without changing its dtype.

    Args:
        x: an array, nested lists or a DataFrame; arrays of Python numbers become float64.

    Raises:
        InvalidArgument: for texts, sparse matrices, ragged lists, or values that are not finite;
            the message names the first invalid value.

    >>> as_numbers([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if hasattr(x, "toarray"):
        raise InvalidArgument(
            f"x is a sparse matrix ({type(x).__name__}); pass the dense array x.toarray()"
        )
    try:
        array: Array = np.asarray(x)
        text = None
        if array.dtype.kind in "OUT":
            text = next((item for item in array.flat if isinstance(item, str)), None)
            array = array if text is not None else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"x must be an array of numbers: {error}") from error
    if text is not None:
        raise InvalidArgument(
            f"x contains the text {str(text)[:40]!r}; it must be an array of numbers"
        )
    if array.dtype.kind not in "biuf":
        raise InvalidArgument(f"x has the dtype {array.dtype}; it must be an array of numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = np.argwhere(~np.isfinite(array))[0].tolist()
        raise InvalidArgument(
            f"x{place}={array[tuple(place)]} must be a finite number, not NaN or inf"
        )
    return array


def is_bytes(array: Array) -> bool:
    """Return whether the values of an integer array of any dtype are pixels from 0 to 255.

    Arrays of only zeros and ones are ambiguous, and are not taken for pixels.
    """
    if array.dtype.kind not in "iu" or not array.size:
        return False
    return bool(array.min() >= 0 and 1 < array.max() <= 255)


def as_texts(x: Any) -> list[str]:
    """Return ``x`` as a flat list of texts.

    Args:
        x: a text, or a list, array or Series of texts.

    Raises:
        InvalidArgument: for numbers, missing values, or texts in more than one dimension.

    >>> as_texts("a fine movie")
    ['a fine movie']
    """
    if isinstance(x, str):
        return [x]
    array = x if isinstance(x, np.ndarray) else np.asarray(x, object)
    if array.dtype.kind not in "OUT":
        raise InvalidArgument(
            f"x contains numbers ({array.dtype} {list(array.shape)}); it must be a list of texts"
        )
    if array.ndim != 1:
        raise InvalidArgument(f"x has the shape {list(array.shape)}; texts must be a flat list [n]")
    for i, item in enumerate(array):
        if not isinstance(item, str):
            raise InvalidArgument(f"x[{i}]={item!r} must be a text")
    return [str(item) for item in array]


def as_frame(x: Any) -> Any:
    """Return named columns as a pandas DataFrame with strings as column names.

    Args:
        x: a DataFrame, a dict of columns, or a list of dicts, one per row.

    Raises:
        InvalidArgument: for anything else, columns of different lengths, or duplicate names.
    """
    import pandas as pd

    if not has_columns(x):
        raise InvalidArgument(
            f"x is a {type(x).__name__} without column names, but the model takes named columns; "
            "pass a DataFrame or a dict of columns"
        )
    try:
        frame = x if hasattr(x, "iloc") else pd.DataFrame(x)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"x must have columns of equal length: {error}") from error
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InvalidArgument(f"x has two columns {twice!r}; column names must be unique")
    return frame


def check_shape(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """Raise ``InvalidArgument`` unless ``shape`` is ``[n, *expected]``; ``None`` is any size."""
    fits = len(shape) == len(expected) + 1 and all(
        size is None or size == found for size, found in zip(expected, shape[1:], strict=True)
    )
    if not fits:
        sizes = ["n", *("any" if size is None else str(size) for size in expected)]
        raise InvalidArgument(
            f"x has the shape {list(shape)}, but the model takes [{', '.join(sizes)}]"
        )
