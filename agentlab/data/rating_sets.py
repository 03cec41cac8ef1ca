"""Reader of MovieLens-100k."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.data_set import DataSet
from agentlab.data.originals import Originals, contents
from agentlab.data.ratings import like_first_fold

ARCHIVE = "ml-100k.zip"
MAX_MEMBER = 1 << 26  # bytes; u.data has 2 million
WHOLE = 462  # u1 holds out ratings of users up to this number


def movielens100k(files: Originals) -> DataSet:
    """Read the official fold u1 of MovieLens-100k: users and items ``[n, 2]``, and ratings.

    Without u1.test, some of u1.base is held out in the same way.
    """
    path = files.get(ARCHIVE, "u1.base.gz", "u1.base")
    member = _zipped(path) if path.suffix == ".zip" else _unzipped(path.parent)
    base, titles = _ratings(member("u1.base")), _titles(member("u.item"))
    test = member("u1.test")
    if test is not None:
        return DataSet(base, _ratings(test), titles=titles)
    x, y = base
    whole = [user for user in set(x[:, 0].tolist()) if int(user) > WHOLE]
    held = like_first_fold(x, whole)
    note = (
        "there is no u1.test: the test split is 42 % of the ratings of some users in u1.base, "
        "similar to how u1.test was made"
    )
    return DataSet((x[~held], y[~held]), (x[held], y[held]), titles=titles, notes=(note,))


def _zipped(path: Path) -> Callable[[str], bytes | None]:
    def read(name: str) -> bytes | None:
        with zipfile.ZipFile(path) as archive:
            found = next((i for i in archive.infolist() if i.filename.endswith(f"/{name}")), None)
            if found is None or found.file_size > MAX_MEMBER:
                return None
            return archive.read(found)

    return read


def _unzipped(folder: Path) -> Callable[[str], bytes | None]:
    def read(name: str) -> bytes | None:
        for path in (folder / f"{name}.gz", folder / name):
            if path.is_file():
                return contents(path)
        return None

    return read


def _ratings(stored: bytes | None) -> tuple[Array, Array]:
    """Read tab-separated lines of user, item, rating and time."""
    if stored is None:
        raise ValueError("it has no u1.base")
    rows = np.loadtxt(io.BytesIO(stored), np.int64, delimiter="\t", ndmin=2)
    if rows.shape[1] != 4 or not len(rows):
        raise ValueError(f"it has {rows.shape[1]} columns instead of 4")
    return rows[:, :2].astype(str), rows[:, 2].astype(np.float64)


def _titles(stored: bytes | None) -> dict[str, str]:
    """Read lines of movie id and title, separated by ``|``."""
    lines = (stored or b"").decode("latin-1").splitlines()
    return dict(line.split("|")[:2] for line in lines if line.count("|") >= 2)
