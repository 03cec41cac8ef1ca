from __future__ import annotations

import csv
import gzip
import hashlib
import http.server
import io
import tarfile
import threading
from functools import partial

import numpy as np
import pytest

from agentlab.data import cache, originals
from agentlab.data.set_readers import HOUSES, PRICE
from agentlab.data.sets import SETS, load
from agentlab.errors import AgentlabError

COLUMNS = [*HOUSES.split(), PRICE]


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path_factory):
    """An empty cache, and sources that nothing listens at."""
    monkeypatch.setenv("AGENTLAB_DATA", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(
        originals,
        "FILES",
        {name: ("http://127.0.0.1:9/", sha256) for name, (_, sha256) in originals.FILES.items()},
    )


PACKAGED, BY_HAND = ("iris", "colors"), ("fer2013",)
DOWNLOADED = [name for name in SETS if name not in PACKAGED + BY_HAND]


def become_the_original(monkeypatch, path, url=None):
    files = dict(originals.FILES)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    files[path.name] = (url or files[path.name][0], sha256)
    monkeypatch.setattr(originals, "FILES", files)


def write_mnist(folder, train=6, test=4, **changed):
    folder.mkdir(exist_ok=True)
    parts = {
        "x_train": np.full((train, 28, 28), 7, np.uint8),
        "y_train": np.arange(train, dtype=np.uint8),
        "x_test": np.full((test, 28, 28), 9, np.uint8),
        "y_test": np.arange(test, dtype=np.uint8),
    }
    np.savez(folder / "mnist.npz", **{**parts, **changed})
    return folder / "mnist.npz"


def add_file(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_lines(path, *lines):
    path.parent.mkdir(exist_ok=True)
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


@pytest.mark.parametrize("name", DOWNLOADED)
def test_without_network_and_copy_the_error_has_one_line(name):
    with pytest.raises(AgentlabError) as told:
        load(name)
    sentence = str(told.value)
    assert sentence.startswith("http://127.0.0.1:9/") and "\n" not in sentence
    assert (
        "cannot be downloaded: Connection refused; pass a folder with a copy as --data-dir"
        in sentence
    )
    assert ("--stand-in" in sentence) == (name in ("mnist", "boston", "shakespeare", "sunspots"))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_the_error_for_a_folder_without_copies_names_the_searched_files(name, tmp_path):
    with pytest.raises(AgentlabError, match=r"^data_dir='.*' must contain .* or in a subfolder "):
        load(name, tmp_path)


@pytest.mark.parametrize("folder", [None, "."])
def test_a_set_that_cannot_be_downloaded_says_where_it_comes_from(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AgentlabError, match="fer2013 must be downloaded manually from kaggle.com"):
        load("fer2013", folder)


@pytest.mark.parametrize("name", PACKAGED)
def test_sets_of_installed_packages_need_no_download(name):
    assert len(load(name).train[0])


def test_the_error_for_a_missing_folder_names_it():
    with pytest.raises(AgentlabError, match="data_dir='nowhere' is not a folder"):
        load("mnist", "nowhere")


def test_an_unknown_name_is_refused():
    with pytest.raises(AgentlabError, match="data set 'minst' is unknown; did you mean 'mnist'"):
        load("minst")


def test_a_data_set_is_downloaded_verified_and_cached(monkeypatch, tmp_path):
    path = write_mnist(tmp_path)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = partial(Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        become_the_original(monkeypatch, path, url)
        load("mnist", quiet=True)
        server.shutdown()
    mnist = load("mnist")  # from the cache
    assert (cache.cache_folder() / "mnist" / "mnist.npz").read_bytes() == path.read_bytes()
    x, y = mnist.train
    assert x.shape == (6, 28, 28) and x.dtype == np.uint8 and x[0, 0, 0] == 7
    assert y.tolist() == [0, 1, 2, 3, 4, 5] and y.dtype == np.int32
    assert len(mnist.test[0]) == 4 and mnist.validation is None
    assert mnist.classes == list(range(10))
    assert mnist.notes == (
        f"mnist: 6 training and 4 test images from {url}mnist.npz; "
        "LeCun, Cortes and Burges, CC BY-SA 3.0",
    )


@pytest.mark.parametrize("folder", ["", "mnist"])
def test_a_copy_that_differs_from_the_original_is_used_with_a_note(tmp_path, folder):
    write_mnist(tmp_path / folder)
    notes = load("mnist", tmp_path).notes
    assert notes[0].startswith(f"mnist: 6 training and 4 test images from {tmp_path / folder}")
    assert notes[1:] == (
        "mnist.npz is not the original file: 6 of the original's 60,000 training images, "
        "4 of the original's 10,000 test images",
    )


def test_a_copy_that_equals_the_original_is_used_without_a_note(monkeypatch, tmp_path):
    become_the_original(monkeypatch, write_mnist(tmp_path))
    assert len(load("mnist", tmp_path).notes) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not an archive", "it is not a zip archive"),
        (None, "it is not a zip archive"),
        ({"x_test": np.zeros((4, 8, 8), np.uint8)}, r"uint8 \[4, 8, 8\] .* \[n, 28, 28\]"),
        ({"x_test": np.zeros((4, 28, 28))}, r"images are float64"),
        ({"y_test": np.full(4, 10)}, "classes must be from 0 to 9"),
        ({"y_test": np.zeros(3, int)}, r"classes \[3\]"),
        ({"y_test": np.array([1, 2, 3, None])}, "Object arrays cannot be loaded"),
    ],
)
def test_a_damaged_copy_raises_an_error_of_one_line(tmp_path, content, told):
    path = write_mnist(tmp_path, **(content if isinstance(content, dict) else {}))
    if not isinstance(content, dict):
        path.write_bytes(content or path.read_bytes()[:-100])
    with pytest.raises(
        AgentlabError, match=rf"mnist\.npz is damaged or in another format: .*{told}"
    ):
        load("mnist", tmp_path)


def test_an_archive_that_lacks_an_array_is_refused(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros((1, 28, 28), np.uint8))
    with pytest.raises(
        AgentlabError, match=r"mnist\.npz is damaged or in another format: .*y_train"
    ):
        load("mnist", tmp_path)


def test_cifar10_is_read_from_the_originals_binary_form(tmp_path):
    # One record: class 3; all red 1, the first row of green 2, all blue 3.
    record = bytes([3]) + bytes([1] * 1024) + bytes([2] * 32 + [0] * 992) + bytes([3] * 1024)
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
            add_file(archive, f"cifar-10-batches-bin/{name}.bin", record * 2)
    cifar10 = load("cifar10", tmp_path)
    x, y = cifar10.train
    assert x.shape == (10, 32, 32, 3) and y.tolist() == [3] * 10
    assert x[0, 0, 31].tolist() == [1, 2, 3] and x[0, 1, 0].tolist() == [1, 0, 3]
    assert len(cifar10.test[1]) == 2 and cifar10.classes[3] == "cat"


def test_cifar10_is_read_from_two_smaller_archives(tmp_path):
    for name, n in (("train10k", 5), ("test2k", 3)):
        x, y = np.zeros((n, 32, 32, 3), np.uint8), np.arange(n)
        np.savez(tmp_path / f"cifar10_{name}.npz", x=x, y=y)
    cifar10 = load("cifar10", tmp_path)
    assert cifar10.sizes() == {"training": 5, "test": 3}
    assert cifar10.notes[1] == (
        "cifar10_train10k.npz and cifar10_test2k.npz are not the original files: 5 of the "
        "original's 50,000 training images, 3 of the original's 10,000 test images"
    )
    (tmp_path / "cifar10_test2k.npz").unlink()
    with pytest.raises(AgentlabError, match=r"must contain .* or cifar10_test\*\.npz"):
        load("cifar10", tmp_path)


def test_boston_is_split_alike_from_either_form(tmp_path):
    rows = np.random.default_rng(0).random((10, 14)).round(3)
    (tmp_path / "csv").mkdir()
    with open(tmp_path / "csv/boston_housing.csv", "w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows([COLUMNS, *rows.tolist()])
    np.savez(tmp_path / "boston_housing.npz", x=rows[:, :13], y=rows[:, 13])
    ours, keras = load("boston", tmp_path / "csv"), load("boston", tmp_path)
    for part in ("train", "test"):
        for a, b in zip(getattr(ours, part), getattr(keras, part), strict=True):
            assert np.array_equal(a, b)
    assert ours.sizes() == {"training": 8, "test": 2} and ours.names == COLUMNS[:13]
    x = np.concatenate([ours.train[0], ours.test[0]])
    assert np.array_equal(np.sort(x[:, 0]), np.sort(rows[:, 0]))


def test_a_boston_file_with_a_text_among_its_numbers_is_named_with_row_and_column(tmp_path):
    rows = [COLUMNS, [1] * 14, [1] * 12 + ["?x", 1]]
    with open(tmp_path / "boston_housing.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(AgentlabError, match="row 3, column 'lstat' contains '[?]x'"):
        load("boston", tmp_path)


def test_imdb_gives_texts_and_classes(tmp_path):
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as archive:
        add_file(archive, "aclImdb/README", b"read me")
        add_file(archive, "aclImdb/test/neg/0_1.txt", b"Dull.")
        add_file(archive, "aclImdb/train/pos/0_9.txt", "Très bon.<br /><br />See it!".encode())
        add_file(archive, "aclImdb/train/unsup/0_0.txt", b"unlabeled")
        add_file(archive, "aclImdb/train/neg/0_2.txt", b"Bad")
    imdb = load("imdb", tmp_path)
    assert imdb.train[0].tolist() == ["Très bon.  See it!", "Bad"]
    assert imdb.train[1].tolist() == [1, 0] and imdb.train[0].dtype == object
    assert imdb.test[0].tolist() == ["Dull."] and imdb.classes == ["negative", "positive"]


def test_an_archive_without_reviews_is_refused(tmp_path):
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as archive:
        add_file(archive, "aclImdb/test/neg/0_1.txt", b"Dull.")
    with pytest.raises(AgentlabError, match=r"tar\.gz is damaged .*: it contains no reviews"):
        load("imdb", tmp_path)
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(AgentlabError, match=r"tar\.gz is damaged"):
        load("imdb", tmp_path)


@pytest.mark.parametrize("name", ["shakespeare.txt", "input.txt.gz"])
def test_the_last_tenth_of_shakespeare_is_the_test_split(monkeypatch, tmp_path, name):
    text = "To be, or not to be."
    files = {**originals.FILES, "shakespeare.txt": ("", hashlib.sha256(text.encode()).hexdigest())}
    monkeypatch.setattr(originals, "FILES", files)
    content = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    shakespeare = load("shakespeare", tmp_path)
    assert shakespeare.train == ("To be, or not to b",) and shakespeare.test == ("e.",)
    assert len(shakespeare.notes) == 1  # compressed, it is still the original


def test_a_text_that_differs_from_the_original_has_a_note(tmp_path):
    (tmp_path / "input.txt").write_text("Words, words, words.")
    assert load("shakespeare", tmp_path).notes[1].startswith("input.txt is not the original file")
    (tmp_path / "input.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(AgentlabError, match=r"input\.txt is damaged .*'utf-8' codec"):
        load("shakespeare", tmp_path)


def test_multi30k_has_three_parts_of_sentence_pairs(tmp_path):
    for part, lines in (("train", "ab"), ("val", "c"), ("test_2016_flickr", "d")):
        write_lines(tmp_path / f"multi30k/{part}.en.gz", *lines)
        write_lines(tmp_path / f"multi30k/{part}.fr.gz", *lines.upper())
    multi30k = load("multi30k-en-fr", tmp_path)
    assert multi30k.train == (["a", "b"], ["A", "B"])
    assert multi30k.validation == (["c"], ["C"]) and multi30k.test == (["d"], ["D"])
    with pytest.raises(AgentlabError, match=r"must contain train\.en\.gz and train\.de\.gz"):
        load("multi30k-en-de", tmp_path)


def test_val_is_the_test_split_if_there_is_no_other(tmp_path):
    for part in ("train", "val"):
        write_lines(tmp_path / f"{part}.en.gz", "a sentence ", "b")
        write_lines(tmp_path / f"{part}.de", "ein Satz", "B")
    multi30k = load("multi30k-en-de", tmp_path)
    assert multi30k.validation is None
    assert multi30k.test == (["a sentence", "b"], ["ein Satz", "B"])
    assert multi30k.notes[-1] == (
        "there is no test_2016_flickr: val is the test split, and validation comes out of train"
    )


def test_the_error_for_damaged_sentences_names_the_file(tmp_path):
    for language in ("en", "de"):
        for part in ("train", "val"):
            write_lines(tmp_path / f"{part}.{language}.gz", "a", "b")
    write_lines(tmp_path / "train.de.gz", "a")
    with pytest.raises(AgentlabError, match=r"train\.de\.gz is .*: it has 1 lines, but train\.en"):
        load("multi30k-en-de", tmp_path)
    path = tmp_path / "train.en.gz"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(AgentlabError, match=r"train\.en\.gz is damaged"):
        load("multi30k-en-de", tmp_path)


def test_sunspots_are_split_by_time(tmp_path):
    rows = [f'"1749-{i:02}",{i}.5' for i in range(1, 11)]
    write_lines(tmp_path / "monthly-sunspots.csv", '"Month","Sunspots"', *rows)
    sunspots = load("sunspots", tmp_path)
    assert sunspots.train[0][:, 0].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]
    assert sunspots.test[0].tolist() == [[9.5], [10.5]] and sunspots.names == ["Sunspots"]


def test_digits_replace_mnist_on_request():
    from sklearn.datasets import load_digits

    mnist = load("mnist", stand_in=True)
    x, y = mnist.train
    assert x.shape == (1438, 28, 28) and x.dtype == np.uint8 and y.dtype == np.int32
    assert len(mnist.test[0]) == 359 and x.max() == 255
    assert mnist.notes == (
        "scikit-learn's digits of 8x8, enlarged to 28x28 replace mnist, so scores are not "
        "comparable: 1,438 training and 359 test images",
    )
    # Enlarging hardly changes the mean.
    small = load_digits().images.mean() * 255 / 16
    assert abs(np.concatenate([x, mnist.test[0]]).mean() - small) < 1
    again = load("mnist", stand_in=True)
    assert np.array_equal(again.test[0], mnist.test[0])


def test_boston_shakespeare_and_sunspots_have_replacements():
    boston = load("boston", stand_in=True)
    assert boston.train[0].shape == (354, 10) and boston.names[0] == "age"
    shakespeare = load("shakespeare", stand_in=True)
    assert (
        len(shakespeare.train[0]) > 100_000 and "the help texts of Python" in shakespeare.notes[0]
    )
    sunspots = load("sunspots", stand_in=True)
    assert sunspots.train[0].shape[1] == 1 and sunspots.names == ["IBM"]
    assert sunspots.train[0][0, 0] == pytest.approx(10.970438)


@pytest.mark.parametrize("name", ["cifar10", "imdb", "multi30k-en-de", "multi30k-en-fr"])
def test_a_data_set_without_a_stand_in_raises_an_error(name):
    with pytest.raises(AgentlabError, match=f"^stand_in=True is not available for {name}$"):
        load(name, stand_in=True)
