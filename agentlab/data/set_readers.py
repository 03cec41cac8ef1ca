"""Readers of the files of public data sets: the originals, and copies in other formats.

Each function takes ``Originals``, which finds its files, and returns the data set. Besides
``AgentlabError`` it raises one of ``DAMAGE`` if the file found last is damaged.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.data_set import HELD_OUT, DataSet, split_set, text_set
from agentlab.data.originals import Originals, contents
from agentlab.data.series import read_series, split_series
from agentlab.runs.reading import read_arrays

DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)

MAX_MEMBER = 1 << 26  # bytes; a batch of CIFAR-10 has 31 million
THINGS = "airplane automobile bird cat deer dog frog horse ship truck"
HOUSES = "crim zn indus chas nox rm age dis rad tax ptratio b lstat"
PRICE = "medv"


def mnist(files: Originals) -> DataSet:
    """Read MNIST: 28x28 grayscale images."""
    path = files.get("mnist.npz")
    train, test = (
        _images((28, 28), *_arrays(path, f"x_{part}", f"y_{part}")) for part in ("train", "test")
    )
    return DataSet(train, test, classes=list(range(10)))


def cifar10(files: Originals) -> DataSet:
    """Read CIFAR-10: 32x32x3, from the original binary files or two npz files of x and y."""
    original, copies = "cifar-10-binary.tar.gz", ("cifar10_train*.npz", "cifar10_test*.npz")
    path, classes = files.get(original, copies[0]), THINGS.split()
    if path.suffix == ".npz":
        train = _images((32, 32, 3), *_arrays(path, "x", "y"))
        test = _images((32, 32, 3), *_arrays(files.get(original, copies[1]), "x", "y"))
        return DataSet(train, test, classes=classes)
    with tarfile.open(path) as archive:
        batches = [_cifar10_batch(archive, f"data_batch_{i}.bin") for i in range(1, 6)]
        test = _cifar10_batch(archive, "test_batch.bin")
    x, y = map(np.concatenate, zip(*batches, strict=True))
    return DataSet((x, y), test, classes=classes)


def _cifar10_batch(archive: tarfile.TarFile, name: str) -> tuple[Array, Array]:
    """Read records of a class and an image, channels first."""
    stored = _member(archive, f"cifar-10-batches-bin/{name}")
    records = np.frombuffer(stored, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    x = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return _images((32, 32, 3), np.ascontiguousarray(x), records[:, 0])


def _member(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> bytes:
    found = archive.getmember(member) if isinstance(member, str) else member
    if found.size > MAX_MEMBER:
        raise ValueError(f"{found.name} in it has {found.size:,} bytes")
    stored = archive.extractfile(found)
    if stored is None:
        raise ValueError(f"{found.name} in it is not a file")
    return stored.read()


def _arrays(path: Path, *names: str) -> list[Array]:
    arrays = read_arrays(path, names)
    return [arrays[name] for name in names]


def _images(shape: tuple[int, ...], x: Array, y: Array) -> tuple[Array, Array]:
    if x.shape[1:] != shape or x.dtype != np.uint8 or y.shape != x.shape[:1] or not len(x):
        raise ValueError(
            f"images are {x.dtype} {list(x.shape)} and classes {list(y.shape)}, but must be uint8 "
            f"{['n', *shape]} and ['n']".replace("'", "")
        )
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise ValueError("classes must be from 0 to 9")
    return x, y.astype(np.int32)


def boston(files: Originals) -> DataSet:
    """Read the Boston houses, from Keras' npz or a CSV file with 13 features and medv."""
    path, names = files.get("boston_housing.npz", "boston_housing.csv"), HOUSES.split()
    if path.suffix == ".csv":
        rows = read_series(path, [*names, PRICE], time="rows").values
        x, y = rows[:, :-1], rows[:, -1]
    else:
        x, y = (array.astype(np.float64) for array in _arrays(path, "x", "y"))
    if x.shape != (len(y), len(names)):
        raise ValueError(f"x has the shape {list(x.shape)}, but must have [{len(y)}, 13]")
    return split_set(x, y, names=names)


def imdb(files: Originals) -> DataSet:
    """Read the movie reviews, with line breaks replaced by spaces."""
    parts: dict[str, tuple[list[str], list[int]]] = {"train": ([], []), "test": ([], [])}
    with tarfile.open(files.get("aclImdb_v1.tar.gz")) as archive:
        for member in archive:
            match member.name.split("/"):
                case [*_, "train" | "test" as part, "neg" | "pos" as label, _] if member.isfile():
                    text = _member(archive, member).decode("utf-8").replace("<br />", " ")
                    parts[part][0].append(text)
                    parts[part][1].append(int(label == "pos"))
    if not all(x for x, _ in parts.values()):
        raise ValueError("it contains no reviews such as aclImdb/train/pos/0_9.txt")
    train, test = ((np.array(x, object), np.array(y, np.int32)) for x, y in parts.values())
    return DataSet(train, test, classes=["negative", "positive"])


def shakespeare(files: Originals) -> DataSet:
    """Read the plays as one text."""
    path = files.get("shakespeare.txt", "shakespeare.txt.gz", "input.txt", "input.txt.gz")
    return text_set(contents(path).decode("utf-8"))


def multi30k(source: str, target: str, files: Originals) -> DataSet:
    """Read image captions in two languages; val is the test split if there is no other."""

    def lines(part: str, language: str) -> list[str] | None:
        path = files.find(f"{part}.{language}.gz", f"{part}.{language}")
        if path is None:
            return None
        text = contents(path).decode("utf-8").strip("\n")
        return [line.strip() for line in text.split("\n")]

    def pairs(part: str) -> tuple[list[str], list[str]] | None:
        x = lines(part, source)
        y = lines(part, target)
        if x is None or y is None:
            return None
        if len(x) != len(y):
            raise ValueError(f"it has {len(y)} lines, but {part}.{source} has {len(x)}")
        return x, y

    train, held_out, test = map(pairs, ("train", "val", "test_2016_flickr"))
    if train is None:
        raise files.missing(f"train.{source}.gz and train.{target}.gz")
    if test is not None:
        return DataSet(train, test, held_out)
    if held_out is None:
        raise files.missing(
            *(f"{p}.{source}.gz and .{target}.gz" for p in ("val", "test_2016_flickr"))
        )
    note = "there is no test_2016_flickr: val is the test split, and validation comes out of train"
    return DataSet(train, held_out, notes=(note,))


def sunspots(files: Originals) -> DataSet:
    """Read the monthly numbers of sunspots."""
    series = read_series(files.get("monthly-sunspots.csv"), ["Sunspots"], time="rows")
    train, test = split_series(series.values, HELD_OUT)
    return DataSet((train,), (test,), names=series.names)
