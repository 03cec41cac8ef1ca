"""Compare ``agentlab fit --csv`` with scikit-learn's HistGradientBoosting on ten tables.

    python benchmarks/tables.py [--seeds 3] [--only iris friedman] [--out docs/tables.md]

Both use their defaults on all tables. A quarter of the rows is held out as the test set. ``fit``
holds out a validation and a test split of its own, so its network learns from four fifths of the
rows that HistGradientBoosting learns from.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
from compare import machine
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import balanced_accuracy_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from agentlab.cli import main as agentlab

POINTS, PERCENT = 3.0, 5.0  # by which the network may be worse
HEADER = """# Tables of numbers and categories

Written by `python benchmarks/tables.py`: `agentlab fit --csv` against scikit-learn's
HistGradientBoosting, both with their defaults, on held-out test rows. Number of random splits, over
which the metrics are averaged: {seeds}. The network learns from four fifths of the rows that
HistGradientBoosting learns from, because `fit` holds out a validation and a test split of its own.
A negative difference means that agentlab is worse; up to {points:g} points, or {percent:g} %, is
acceptable. {machine}

| table | rows | columns | metric | agentlab | HistGradientBoosting | difference | acceptable |
|---|---|---|---|---|---|---|---|
"""


def _packaged(name: str) -> Callable[[int], pd.DataFrame]:
    """Return a function that loads a data set of scikit-learn, with the target in column ``y``."""

    def load(seed: int) -> pd.DataFrame:
        found = getattr(datasets, f"load_{name}")(as_frame=True)
        frame, y = found.data.copy(), found.target
        labels = getattr(found, "target_names", None)
        named = name in ("iris", "wine", "breast_cancer")
        return frame.assign(y=np.asarray(labels)[y] if named else y)

    return load


def _friedman(seed: int) -> pd.DataFrame:
    x, y = datasets.make_friedman1(1000, 10, noise=1.0, random_state=seed)
    return pd.DataFrame(x, columns=[f"x{i}" for i in range(10)]).assign(y=y.round(4))


def _moons(seed: int) -> pd.DataFrame:
    x, y = datasets.make_moons(600, noise=0.25, random_state=seed)
    return pd.DataFrame(x.round(4), columns=["a", "b"]).assign(y=np.array(["up", "down"])[y])


def _clients(seed: int) -> pd.DataFrame:
    """Return clients of a bank: numbers, categories, dates and missing cells; a yes/no target."""
    r, n = np.random.default_rng(seed), 2000
    job = r.choice(["clerk", "teacher", "farmer", "artist"], n)
    age, balance = r.integers(18, 80, n), r.lognormal(7, 1, n).round(2)
    since = pd.Timestamp("2015-01-01") + pd.to_timedelta(r.integers(0, 3000, n), "D")
    score = (age - 45) / 15 + np.log(balance) - 7 + 1.5 * (job == "farmer") - (job == "artist")
    score += (since.year - 2019) / 2 * (age > 50)
    frame = pd.DataFrame(
        {"age": age, "balance": balance, "job": job, "since": since.strftime("%Y-%m-%d")}
    )
    frame["balance"] = frame["balance"].mask(r.random(n) < 0.15)
    frame["job"] = frame["job"].mask(r.random(n) < 0.1)
    return frame.assign(y=np.where(score + r.logistic(0, 0.5, n) > 0, "yes", "no"))


def _rare(seed: int) -> pd.DataFrame:
    """Return a table with three classes, one of which has 4 % of the rows."""
    x, y = datasets.make_classification(
        2000,
        12,
        n_informative=6,
        n_classes=3,
        weights=[0.6, 0.36, 0.04],
        class_sep=1.5,
        flip_y=0,
        random_state=seed,
    )
    return pd.DataFrame(x.round(4), columns=[f"x{i}" for i in range(12)]).assign(
        y=[f"class {i}" for i in y]
    )


def _flats(seed: int) -> pd.DataFrame:
    """Return flats with their rents: numbers, categories, booleans and missing cells."""
    r, n = np.random.default_rng(seed), 1500
    town = r.choice(["Rome", "Oslo", "Bonn", "Lyon", "Graz"], n)
    size, floor = r.uniform(20, 160, n).round(1), r.integers(0, 9, n)
    price = (
        pd.Series(town).map({"Rome": 14, "Oslo": 22, "Bonn": 11, "Lyon": 13, "Graz": 10}).to_numpy()
    )
    rent = size * price * (1 + 0.03 * floor) + r.normal(0, 60, n)
    frame = pd.DataFrame({"town": town, "size": size, "floor": floor, "lift": r.random(n) < 0.5})
    frame["size"] = frame["size"].mask(r.random(n) < 0.05)
    return frame.assign(y=rent.round(2))


TABLES: dict[str, Callable[[int], pd.DataFrame]] = {
    **{name: _packaged(name) for name in ("iris", "wine", "breast_cancer", "digits", "diabetes")},
    "friedman": _friedman,
    "moons": _moons,
    "clients": _clients,
    "rare": _rare,
    "flats": _flats,
}


def network(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Any:
    """Return the predictions of ``agentlab fit --csv`` with its defaults."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        files = [str(Path(folder, name)) for name in ("train.csv", "test.csv", "out.csv")]
        train.to_csv(files[0], index=False)
        test.drop(columns="y").to_csv(files[1], index=False)
        fit = ["fit", "--csv", files[0], "--target", "y", "--seed", str(seed)]
        predict = ["predict", f"{folder}/runs/train", files[1], "--out", files[2]]
        for words in ([*fit, "--runs-dir", f"{folder}/runs"], predict):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = agentlab(words)
            if code:
                raise SystemExit(printed.getvalue())
        return pd.read_csv(files[2])["prediction"].to_numpy()


def boosting(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> Any:
    """Return the predictions of HistGradientBoosting with its defaults."""
    both = pd.concat([train, test])
    x = both.drop(columns="y")
    for name in x.select_dtypes(exclude="number"):
        if x[name].nunique() > 100:
            x[name] = pd.to_datetime(x[name]).astype("int64")
        else:
            x[name] = x[name].astype("category")
    cls = HistGradientBoostingRegressor if _numeric(train) else HistGradientBoostingClassifier
    model = cls(categorical_features="from_dtype", random_state=seed)
    return model.fit(x[: len(train)], train["y"]).predict(x[len(train) :])


def _numeric(frame: pd.DataFrame) -> bool:
    """Return whether the target is a number to predict."""
    return frame["y"].dtype.kind in "if" and frame["y"].nunique() > 20


def measure(name: str, seed: int) -> tuple[pd.DataFrame, float, float]:
    """Return a table, and the test metric of the network and of HistGradientBoosting."""
    frame = TABLES[name](seed)
    regression = _numeric(frame)
    train, test = train_test_split(
        frame, test_size=0.25, random_state=seed, stratify=None if regression else frame["y"]
    )
    found = []
    for method in (network, boosting):
        predicted = method(train, test, seed)
        if regression:
            found.append(float(root_mean_squared_error(test["y"], predicted)))
        else:
            found.append(
                100 * float(balanced_accuracy_score(test["y"].astype(str), predicted.astype(str)))
            )
    return frame, found[0], found[1]


def main(words: list[str] | None = None) -> int:
    """Measure the tables, print and write a table of the results and return the exit code."""
    parser = argparse.ArgumentParser("tables.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="splits per table")
    parser.add_argument("--only", nargs="*", choices=[*TABLES], help="tables to measure")
    parser.add_argument("--out", help="Markdown file to write")
    options = parser.parse_args(words)
    text = HEADER.format(seeds=options.seeds, points=POINTS, percent=PERCENT, machine=machine())
    for name in options.only or TABLES:
        results = [measure(name, seed) for seed in range(options.seeds)]
        frame = results[0][0]
        ours, theirs = mean(r[1] for r in results), mean(r[2] for r in results)
        regression = _numeric(frame)
        worse = 100 * (ours / theirs - 1) if regression else theirs - ours
        unit, bar = ("%", PERCENT) if regression else ("points", POINTS)
        row = (
            f"| {name} | {len(frame):,} | {frame.shape[1] - 1} | "
            f"{'RMSE' if regression else 'balanced accuracy, %'} | {ours:.4g} | {theirs:.4g} | "
            f"{-worse:+.1f} {unit} | {'yes' if worse <= bar else 'no'} |"
        )
        print(row, flush=True)
        text += row + "\n"
    if options.out:
        Path(options.out).write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
