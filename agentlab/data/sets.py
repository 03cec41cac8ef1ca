"""Public data sets by name, downloaded or read from a folder of copies.

::

    mnist = load("mnist")
    classifier.fit(*mnist.train, classes=mnist.classes).score(*mnist.test)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agentlab.config import did_you_mean
from agentlab.data import face_sets, packaged_sets, rating_sets, set_readers
from agentlab.data.data_set import DataSet
from agentlab.data.originals import Originals
from agentlab.data.stand_ins import STAND_INS
from agentlab.errors import AgentlabError

__all__ = ["SETS", "DataSet", "PublicSet", "load"]


@dataclass(frozen=True)
class PublicSet:
    """A data set that can be loaded by name.

    Attributes:
        read: reads the data set from its files.
        folder: its folder in the cache.
        unit: unit of its size: images, rows, ...
        sizes: sizes of the original's splits.
        credit: authors and license.
    """

    read: Callable[[Originals], DataSet]
    folder: str
    unit: str
    sizes: dict[str, int]
    credit: str


def load(
    name: str, data_dir: Path | str | None = None, stand_in: bool = False, quiet: bool = False
) -> DataSet:
    """Load a public data set from the cache, the internet or a folder of copies.

    Args:
        name: one of ``SETS``, which have these examples:

            - ``mnist``, ``cifar10``: images uint8 ``[n, 28, 28]`` and ``[n, 32, 32, 3]``, and
              classes int32 ``[n]``.
            - ``boston``: 13 features float64 ``[n, 13]``, and prices in $1000 float64 ``[n]``. A
              fifth is the test split.
            - ``imdb``: reviews, an object array ``[n]`` of texts, and classes int32 ``[n]``.
            - ``shakespeare``: a text. The last tenth is the test split.
            - ``multi30k-en-de``, ``multi30k-en-fr``: two lists of sentences, translations of one
              another. The test split is "flickr 2016".
            - ``movielens100k``: users and items as strings ``[n, 2]``, and ratings from 1 to 5; the
              test split is u1.test.
            - ``olivetti``, ``fer2013``: faces uint8 ``[n, 64, 64]`` and ``[n, 48, 48]``, and the
              person or the emotion int32 ``[n]``.
            - ``iris``, ``colors``: rows of 4 and 3 numbers, and species or names. Nothing is
              held out.
            - ``sunspots``: monthly means from 1749, float64 ``[time, 1]``. The last fifth is the
              test split.
        data_dir: a folder with copies, used instead of a download. Copies that differ from the
            original are accepted, with an entry in ``notes``.
        stand_in: load other, smaller data from an installed package, with an entry in ``notes``.
        quiet: show no progress of downloads.

    Raises:
        AgentlabError: for an unknown name, no network, a folder without copies, a damaged copy,
            or a set that has no stand-in.

    >>> digits = load("mnist", stand_in=True)
    >>> digits.train[0].shape, digits.train[0].dtype
    ((1438, 28, 28), dtype('uint8'))
    """
    if name not in SETS:
        hint = did_you_mean(name, SETS) or f"; it must be one of {', '.join(SETS)}"
        raise AgentlabError(f"data set {name!r} is unknown{hint}")
    public, instead = SETS[name], "; pass a folder with a copy as --data-dir"
    if name in STAND_INS:
        what, unit, make = STAND_INS[name]
        if stand_in:
            found = make()
            note = f"{what} replace {name}, so scores are not comparable: {_count(found, unit)}"
            return replace(found, notes=(note,))
        instead += f", or use {what} with --stand-in"
    elif stand_in:
        raise AgentlabError(f"stand_in=True is not available for {name}")
    files = Originals(public.folder, data_dir, instead, quiet)
    try:
        found = public.read(files)
    except set_readers.DAMAGE as error:
        reason = str(error.args[0] if isinstance(error, KeyError) else error).partition("\n")[0]
        raise AgentlabError(
            f"{files.used[-1]} is damaged or in another format: {reason}"
        ) from error
    first = f"{name}: {_count(found, public.unit)} from {files.origin}; {public.credit}"
    return replace(found, notes=(first, *_altered(files, found, public), *found.notes))


def _count(found: DataSet, unit: str) -> str:
    return " and ".join(f"{n:,} {part}" for part, n in found.sizes().items()) + f" {unit}"


def _altered(files: Originals, found: DataSet, public: PublicSet) -> list[str]:
    """Return a note on files that differ from the original, and on their number of examples."""
    if not files.altered:
        return []
    less = [
        f"{n:,} of the original's {public.sizes[part]:,} {part} {public.unit}"
        for part, n in found.sizes().items()
        if n != public.sizes[part]
    ]
    names = " and ".join(path.name for path in files.altered)
    verb = "is not the original file" if len(files.altered) == 1 else "are not the original files"
    return [f"{names} {verb}: {', '.join(less) or 'as many examples, but other bytes'}"]


TRANSLATIONS = {"training": 29_000, "validation": 1_014, "test": 1_000}
CAPTIONS = "Elliott et al. 2016, CC BY-NC-SA 4.0"
SETS = {
    "mnist": PublicSet(
        set_readers.mnist,
        "mnist",
        "images",
        {"training": 60_000, "test": 10_000},
        "LeCun, Cortes and Burges, CC BY-SA 3.0",
    ),
    "cifar10": PublicSet(
        set_readers.cifar10,
        "cifar10",
        "images",
        {"training": 50_000, "test": 10_000},
        "Krizhevsky 2009, free for research",
    ),
    "boston": PublicSet(
        set_readers.boston,
        "boston",
        "houses",
        {"training": 405, "test": 101},
        "Harrison and Rubinfeld 1978, public",
    ),
    "imdb": PublicSet(
        set_readers.imdb,
        "imdb",
        "reviews",
        {"training": 25_000, "test": 25_000},
        "Maas et al. 2011, free for research",
    ),
    "shakespeare": PublicSet(
        set_readers.shakespeare,
        "shakespeare",
        "characters",
        {"training": 1_003_855, "test": 111_539},
        "public domain",
    ),
    "multi30k-en-de": PublicSet(
        partial(set_readers.multi30k, "en", "de"),
        "multi30k",
        "pairs of sentences",
        TRANSLATIONS,
        CAPTIONS,
    ),
    "multi30k-en-fr": PublicSet(
        partial(set_readers.multi30k, "en", "fr"),
        "multi30k",
        "pairs of sentences",
        TRANSLATIONS,
        CAPTIONS,
    ),
    "sunspots": PublicSet(
        set_readers.sunspots,
        "sunspots",
        "months",
        {"training": 2_256, "test": 564},
        "monthly means from 1749 to 1983, public",
    ),
    "movielens100k": PublicSet(
        rating_sets.movielens100k,
        "movielens100k",
        "ratings",
        {"training": 80_000, "test": 20_000},
        "Harper and Konstan 2015, free for research",
    ),
    "olivetti": PublicSet(
        face_sets.olivetti,
        "olivetti",
        "faces",
        {"training": 320, "test": 80},
        "AT&T Laboratories Cambridge, free for research",
    ),
    "fer2013": PublicSet(
        face_sets.fer2013,
        "fer2013",
        "faces",
        {"training": 28_709, "validation": 3_589, "test": 3_589},
        "Goodfellow et al. 2013, free for research",
    ),
    "iris": PublicSet(
        packaged_sets.iris,
        "iris",
        "flowers",
        {"training": 150, "test": 150},
        "Fisher 1936, public; nothing is held out",
    ),
    "colors": PublicSet(
        packaged_sets.colors,
        "colors",
        "colors",
        {"training": 949, "test": 949},
        "XKCD color survey, CC0; nothing is held out",
    ),
}
