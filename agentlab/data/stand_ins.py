"""Small data sets that ship with installed packages, for use without a network or a copy.

They are not subsets of the data sets that they replace, so scores are not comparable.
"""

from __future__ import annotations

import csv
import platform
from collections.abc import Callable

import numpy as np

from agentlab.data.data_set import HELD_OUT, DataSet, split_set, text_set
from agentlab.data.series import split_series


def digits() -> DataSet:
    """Return scikit-learn's 1,797 digits, 8x8 gray levels from 0 to 16, as 28x28 uint8 images."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    places = (
        np.arange(28) + 0.5
    ) * 8 / 28 - 0.5  # positions of the new pixel centers in the old image
    bilinear = np.stack([np.interp(places, np.arange(8), row) for row in np.eye(8)], axis=1)
    enlarged = bilinear @ x.reshape(-1, 8, 8) @ bilinear.T
    x, y = (enlarged * 255 / 16).round().astype(np.uint8), y.astype(np.int32)
    return split_set(x, y, classes=list(range(10)))


def diabetes() -> DataSet:
    """Return scikit-learn's 442 diabetes patients: 10 features and the disease progression."""
    from sklearn.datasets import load_diabetes

    patients = load_diabetes(scaled=False)
    return split_set(patients.data, patients.target, names=list(patients.feature_names))


def help_texts() -> DataSet:
    """Return the texts of Python's ``help`` topics, sorted by name."""
    from pydoc_data.topics import topics

    return text_set("\n\n".join(topics[name] for name in sorted(topics)))


def share_prices() -> DataSet:
    """Return matplotlib's monthly share price of IBM in dollars, float64 ``[time, 1]``."""
    from matplotlib.cbook import get_sample_data

    with open(str(get_sample_data("Stocks.csv", asfileobj=False)), encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        prices = np.array([[float(row["IBM"])] for row in rows if row["IBM"]])
    train, test = split_series(prices, HELD_OUT)
    return DataSet((train,), (test,), names=["IBM"])


# For each data set: its replacement, in words; the unit of its size; the function that loads it.
STAND_INS: dict[str, tuple[str, str, Callable[[], DataSet]]] = {
    "mnist": ("scikit-learn's digits of 8x8, enlarged to 28x28", "images", digits),
    "boston": ("scikit-learn's diabetes patients", "rows", diabetes),
    "shakespeare": (
        f"the help texts of Python {platform.python_version()}",
        "characters",
        help_texts,
    ),
    "sunspots": ("matplotlib's monthly share prices of IBM", "months", share_prices),
}
