"""Small data sets from installed packages, for unsupervised learning; nothing is held out."""

from __future__ import annotations

import numpy as np

from agentlab.data.data_set import DataSet
from agentlab.data.originals import Originals


def iris(files: Originals) -> DataSet:
    """Return scikit-learn's 150 irises: 4 measurements in cm, and the species."""
    from sklearn.datasets import load_iris

    found = load_iris()
    rows = found.data, found.target.astype(np.int32)
    return DataSet(rows, rows, classes=list(found.target_names), names=list(found.feature_names))


def colors(files: Originals) -> DataSet:
    """Return matplotlib's 949 XKCD colors, RGB from 0 to 1, and their names."""
    from matplotlib.colors import XKCD_COLORS, to_rgb

    x = np.array([to_rgb(code) for code in XKCD_COLORS.values()])
    y = np.array([name.removeprefix("xkcd:") for name in XKCD_COLORS])
    return DataSet((x, y), (x, y), names=["red", "green", "blue"])
