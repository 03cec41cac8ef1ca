"""The original files of public data sets: downloads, or copies in a user's folder."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
from pathlib import Path

from agentlab.data.cache import cache_folder, checksum, fetch
from agentlab.errors import AgentlabError
from agentlab.runs.reading import read_bytes

MAX_TEXT = 1 << 28  # bytes; the largest text of these data sets has 2 MB
KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"

# File names, URLs and SHA-256.
FILES = {
    "ml-100k.zip": (
        "https://files.grouplens.org/datasets/movielens/",
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    ),
    "5976027": (  # olivettifaces.mat
        "https://ndownloader.figshare.com/files/",
        "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794",
    ),
    "mnist.npz": (KERAS, "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"),
    "boston_housing.npz": (
        KERAS,
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "cifar-10-binary.tar.gz": (
        "https://www.cs.toronto.edu/~kriz/",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "aclImdb_v1.tar.gz": (
        "https://ai.stanford.edu/~amaas/data/sentiment/",
        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    ),
    "shakespeare.txt": (
        "https://storage.googleapis.com/download.tensorflow.org/data/",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "monthly-sunspots.csv": (
        "https://raw.githubusercontent.com/jbrownlee/Datasets/master/",
        "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3",
    ),
    "train.en.gz": (MULTI30K, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    "train.de.gz": (MULTI30K, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "train.fr.gz": (MULTI30K, "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
    "val.en.gz": (MULTI30K, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    "val.de.gz": (MULTI30K, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "val.fr.gz": (MULTI30K, "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
    "test_2016_flickr.en.gz": (
        MULTI30K,
        "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    ),
    "test_2016_flickr.de.gz": (
        MULTI30K,
        "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    ),
    "test_2016_flickr.fr.gz": (
        MULTI30K,
        "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    ),
}


class Originals:
    """Finds the files of a data set in the user's folder, or downloads them.

    Args:
        folder: name of the data set's folder in the cache, and optionally in ``data_dir``.
        data_dir: the user's folder with copies, in it or in its subfolder ``folder``; ``None``
            downloads the files.
        instead: appended to the error message of a failed download.
        quiet: show no progress of downloads.

    Attributes:
        used: the files found so far, in that order.
        altered: the files among them that differ from the originals.

    Raises:
        AgentlabError: if ``data_dir`` is not a folder.
    """

    def __init__(
        self, folder: str, data_dir: Path | str | None, instead: str = "", quiet: bool = False
    ) -> None:
        self.folder, self.instead, self.quiet = folder, instead, quiet
        self.data_dir = None if data_dir is None else Path(data_dir)
        if self.data_dir is not None and not self.data_dir.is_dir():
            raise AgentlabError(f"data_dir={str(data_dir)!r} is not a folder")
        self.used: list[Path] = []
        self.altered: list[Path] = []

    def find(self, original: str, *others: str) -> Path | None:
        """Return the path of a file, downloaded unless a folder of copies is given.

        Args:
            original: its name in ``FILES``.
            others: other names, or patterns of names, of copies.

        Returns:
            ``None`` if the folder of copies does not have the file.
        """
        base, sha256 = FILES[original]
        if self.data_dir is None:
            path = fetch(
                base + original, sha256, cache_folder() / self.folder, self.instead, self.quiet
            )
            self.used.append(path)
            return path
        found = self.copy(original, *others)
        if found is not None and sha256 not in (checksum(found), _checksum_inside(found)):
            self.altered.append(found)
        return found

    def copy(self, *patterns: str) -> Path | None:
        """Return the first file in the user's folder that matches a pattern; ``None`` for none."""
        if self.data_dir is None:
            return None
        for pattern in patterns:
            for folder in (self.data_dir / self.folder, self.data_dir):
                for path in sorted(folder.glob(pattern)):
                    self.used.append(path)
                    return path
        return None

    def get(self, original: str, *others: str) -> Path:
        """Return the path of a file as ``find`` does.

        Raises:
            AgentlabError: if the folder of copies does not have the file.
        """
        path = self.find(original, *others)
        if path is None:
            raise self.missing(original, *others)
        return path

    def missing(self, *names: str) -> AgentlabError:
        """Return an error with the file names that were searched."""
        return AgentlabError(
            f"data_dir={str(self.data_dir)!r} must contain {' or '.join(names)}, directly or in a "
            f"subfolder {self.folder}"
        )

    @property
    def origin(self) -> str:
        """The source of the files: the folder of copies, a URL, or the common prefix of URLs."""
        if not self.used:
            return "an installed package"
        if self.data_dir is not None:
            return str(self.used[0].parent)
        urls = [FILES[path.name][0] + path.name for path in self.used]
        return urls[0] if len(urls) == 1 else os.path.commonprefix(urls).rpartition("/")[0]


def contents(path: Path) -> bytes:
    """Return the bytes of a file, decompressed if it is a gzip file."""
    stored = read_bytes(path, MAX_TEXT)
    if not stored.startswith(b"\x1f\x8b"):
        return stored
    with gzip.GzipFile(fileobj=io.BytesIO(stored)) as file:
        unpacked = file.read(MAX_TEXT + 1)
    if len(unpacked) > MAX_TEXT:
        raise OSError(errno.EFBIG, f"it unpacks to more than {MAX_TEXT:,} bytes", str(path))
    return unpacked


def _checksum_inside(path: Path) -> str:
    """Return the SHA-256 of the content of a compressed text; "" for other files."""
    if path.suffixes[-2:] != [".txt", ".gz"]:
        return ""
    try:
        return hashlib.sha256(contents(path)).hexdigest()
    except (OSError, EOFError):  # damaged; the reader of the file raises the error
        return ""
