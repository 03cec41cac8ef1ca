"""Folders of images become arrays of one shape, in splits without leakage."""

import json

import numpy as np
import pytest
from PIL import Image

from agentlab.data import Arrays
from agentlab.data.image_folder import ImageFolder
from agentlab.data.images import Images
from agentlab.data.preprocessor_kinds import load_preprocessor
from agentlab.errors import AgentlabError


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, np.uint8)).save(path)
    return path


def gray(value, height=4, width=6):
    return np.full((height, width), value)


def color(*rgb, height=4, width=6):
    return np.tile(np.array(rgb), (height, width, 1))


def zoo(folder, n=20, classes=("cat", "ant", "bee")):
    """Write images whose shade tells them apart: 80 times the class, plus the number."""
    for c, name in enumerate(classes):
        for i in range(n):
            save(folder / name / f"{i:03}.png", gray(80 * c + i))
    return folder


def rows_of(part, batch=7, seed=None):
    batches = list(part.epoch(batch, seed))
    assert len(batches) == part.count(batch)
    assert all((b.weights == 1).all() and len(b.weights) == len(b.inputs) for b in batches)
    return (np.concatenate([getattr(b, name) for b in batches]) for name in ("inputs", "targets"))


def parts(folder):
    return folder.train, folder.validation, folder.test


@pytest.mark.parametrize("memory_budget", [0, 10_000_000])
def test_splits_are_stratified_by_class(tmp_path, memory_budget):
    folder = ImageFolder(zoo(tmp_path), memory_budget=memory_budget)
    assert folder.classes == ["ant", "bee", "cat"]
    assert folder.preprocessor == Images(4, 6, 1)
    shades = []
    for part, size in zip(parts(folder), (14, 2, 4), strict=True):
        assert isinstance(part, Arrays) == (memory_budget > 0)
        inputs, targets = rows_of(part)
        assert (inputs.shape, inputs.dtype) == ((3 * size, 4, 6, 1), np.uint8)
        assert targets.dtype == np.int32
        assert np.bincount(targets).tolist() == [size] * 3
        assert ((inputs == inputs[:, :1, :1]).all(axis=(1, 2, 3))).all()
        # The order in which the classes were written was cat, ant, bee.
        assert np.array_equal(inputs[:, 0, 0, 0] // 80, (targets + 1) % 3)
        shades += inputs[:, 0, 0, 0].tolist()
    assert sorted(shades) == [80 * c + i for c in range(3) for i in range(20)]


def test_images_decoded_each_epoch_equal_those_in_memory(tmp_path):
    kept, lazy = (
        ImageFolder(zoo(tmp_path), memory_budget=memory_budget) for memory_budget in (10_000_000, 0)
    )
    for seed in (None, 5):
        for one, other in zip(parts(kept), parts(lazy), strict=True):
            for a, b in zip(rows_of(one, seed=seed), rows_of(other, seed=seed), strict=True):
                assert np.array_equal(a, b)


def test_the_seed_determines_the_splits(tmp_path):
    zoo(tmp_path)
    one, again, other = (
        set(list(rows_of(ImageFolder(tmp_path, seed=seed).test))[0][:, 0, 0, 0].tolist())
        for seed in (1, 1, 2)
    )
    assert one == again != other


def test_the_first_few_examples_are_of_several_classes(tmp_path):
    batch = next(iter(ImageFolder(zoo(tmp_path)).train.epoch(12)))
    assert len(set(batch.targets.tolist())) == 3


def test_train_and_test_folders_are_the_splits(tmp_path):
    zoo(tmp_path / "train", 6)
    zoo(tmp_path / "valid", 2)
    zoo(tmp_path / "test", 3)
    folder = ImageFolder(tmp_path)
    assert [part.size for part in parts(folder)] == [18, 6, 9]
    assert folder.classes == ["ant", "bee", "cat"]


def test_a_split_without_a_folder_is_taken_from_train(tmp_path):
    zoo(tmp_path / "train", 10)
    zoo(tmp_path / "test", 3)
    assert [part.size for part in parts(ImageFolder(tmp_path))] == [27, 3, 9]
    folder = ImageFolder(tmp_path, validation=0)
    assert (folder.train.size, folder.validation, folder.test.size) == (30, None, 9)


def test_a_class_may_be_called_train(tmp_path):
    zoo(tmp_path, classes=("train", "test", "ship"))
    assert ImageFolder(tmp_path).classes == ["ship", "test", "train"]


def test_shape_and_color_are_those_of_the_training_split(tmp_path):
    zoo(tmp_path / "train", 6)
    zoo(tmp_path / "val", 2)
    save(tmp_path / "test" / "ant" / "1.png", color(10, 200, 30, height=9, width=9))
    save(tmp_path / "val" / "ant" / "zz.png", color(1, 2, 3, height=9, width=9))
    folder = ImageFolder(tmp_path)
    assert folder.preprocessor == Images(4, 6, 1)
    assert "resized: 2 images of another size" in folder.describe()
    save(tmp_path / "train" / "ant" / "zz.png", color(1, 2, 3))
    assert ImageFolder(tmp_path).preprocessor == Images(4, 6, 3)


def test_images_of_other_sizes_are_resized(tmp_path):
    zoo(tmp_path, 5)
    save(tmp_path / "ant" / "wide.png", np.repeat([[0, 0, 240, 240]], 4, axis=0))
    folder = ImageFolder(tmp_path, size=2, validation=0, test=0)
    assert folder.preprocessor == Images(2, 2, 1)
    left, right = folder.preprocessor.read(tmp_path / "ant" / "wide.png")[0, 0, :, 0]
    assert 0 <= left < 60
    assert 180 < right <= 240
    assert ImageFolder(tmp_path, size=(3, 5)).preprocessor == Images(3, 5, 1)


def test_files_that_are_not_images_are_skipped_and_counted(tmp_path):
    zoo(tmp_path)
    (tmp_path / "labels.csv").write_text("a,b\n")
    (tmp_path / "ant" / "notes.txt").write_text("ants")
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "empty").mkdir()
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["ant", "bee", "cat"]
    assert folder.describe().splitlines() == [
        "classes: 3: ant, bee, cat",
        "images: 42 for training, 6 for validation, 12 for test; 4 x 6 pixels, gray",
        "left out: the folders empty",
        "skipped: 2 files in unsupported formats: 1 .csv, 1 .txt",
    ]


def test_files_are_read_by_the_preprocessor(tmp_path):
    zoo(tmp_path, 2)
    preprocessor = load_preprocessor("images", json.loads(json.dumps(Images(4, 6, 1).to_json())))
    assert preprocessor == Images(4, 6, 1)
    one = preprocessor.read(str(tmp_path / "ant" / "001.png"))
    assert one.shape == (1, 4, 6, 1)
    assert (one == 81).all()
    assert preprocessor.read(tmp_path)[:, 0, 0, 0].tolist() == [80, 81, 160, 161, 0, 1]
    with pytest.raises(AgentlabError):
        load_preprocessor("images", {"height": 0, "width": 3, "channels": 1})


def read(path, channels=3, height=4, width=6):
    return Images(height, width, channels).read(path)[0]


def test_images_of_all_modes(tmp_path):
    path = tmp_path / "a.png"
    save(path, color(10, 20, 30))
    assert (read(path) == [10, 20, 30]).all()
    assert (read(path, 1) == 18).all()  # 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
    save(path, gray(77))
    assert (read(path) == 77).all()
    Image.fromarray(np.full((4, 6), 0x1234, np.uint16)).save(path)
    assert (read(path, 1) == 0x12).all()
    transparent = np.zeros((4, 6, 4), np.uint8)
    transparent[:, 3:] = [10, 20, 30, 255]
    Image.fromarray(transparent).save(path)
    assert (read(path)[:, :3] == 255).all()
    assert (read(path)[:, 3:] == [10, 20, 30]).all()
    Image.fromarray(gray(1).astype(bool)).save(path)
    assert (read(path) == 255).all()
    Image.fromarray(color(10, 20, 30).astype(np.uint8)).quantize(4).save(tmp_path / "a.gif")
    assert (read(tmp_path / "a.gif") == [10, 20, 30]).all()


def test_the_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was on its side
    wide = Image.fromarray(np.repeat([[0] * 3 + [255] * 3], 4, axis=0).astype(np.uint8))
    for c in "ab":
        (tmp_path / c).mkdir()
        for i in range(3):
            wide.save(tmp_path / c / f"{i}.png", exif=exif)
    preprocessor = ImageFolder(tmp_path, validation=0, test=0).preprocessor
    assert preprocessor == Images(6, 4, 1)
    turned = preprocessor.read(tmp_path / "a" / "0.png")[0, ..., 0]
    assert (turned[:3] == 0).all()
    assert (turned[3:] == 255).all()


def spoil(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("memory_budget", [0, 10_000_000])
def test_the_error_for_an_unreadable_image_names_the_file(tmp_path, memory_budget):
    spoil(zoo(tmp_path) / "bee" / "torn.png", b"no image at all")
    with pytest.raises(AgentlabError, match=r"bee/torn\.png is not a readable image; correct"):
        ImageFolder(tmp_path, memory_budget=memory_budget)


def test_the_error_for_a_truncated_image_names_the_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3))
    whole = save(zoo(tmp_path) / "bee" / "torn.png", noise).read_bytes()
    spoil(tmp_path / "bee" / "torn.png", whole[: len(whole) // 2])
    with pytest.raises(AgentlabError, match=r"bee/torn\.png is not a readable image: ") as caught:
        ImageFolder(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(AgentlabError, match=r"bee/torn\.png is not a readable image: "):
        Images(64, 64, 3).read(tmp_path / "bee" / "torn.png")


def test_programs_in_image_formats_are_not_run(tmp_path):
    spoil(tmp_path / "a.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 4\n%%EndComments\n")
    with pytest.raises(AgentlabError, match=r"a\.png is not a readable image$"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda p: None, {}, "the folder .* has no images in a subfolder per class, such as cat"),
        (lambda p: (p / "cat").mkdir(), {}, "has no images in a subfolder per class"),
        (lambda p: save(p / "1.png", gray(1)), {}, "has no images in a subfolder per class"),
        (
            lambda p: zoo(p, classes=["cat"]),
            {},
            "the folder .* has images of only one class, 'cat'; at least two classes",
        ),
        (lambda p: zoo(p, 2), {}, "has too few images of the class 'ant' to split: 2"),
        (
            lambda p: (zoo(p / "train"), zoo(p / "test", classes=["elk"])),
            {},
            r"test has a class 'elk' that .*train lacks",
        ),
        (
            lambda p: (zoo(p / "train"), (p / "test").mkdir()),
            {},
            "the folder .*test has no images in a subfolder per class",
        ),
        (zoo, {"size": 0}, "height=0 of images must be 1 or more"),
        (zoo, {"test": 1.0}, "test=1.0 must be a fraction"),
        (zoo, {"seed": -2}, "seed=-2"),
    ],
)
def test_invalid_arguments_raise_an_error_of_one_line(tmp_path, make, options, said):
    make(tmp_path)
    with pytest.raises(AgentlabError, match=said) as caught:
        ImageFolder(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_missing_paths_raise_an_error(tmp_path):
    with pytest.raises(AgentlabError, match="images='.*nothing' must be a folder"):
        ImageFolder(tmp_path / "nothing")
    with pytest.raises(AgentlabError, match=r"there is no image .*nothing\.png"):
        read(tmp_path / "nothing.png")
    with pytest.raises(AgentlabError, match="the folder .* contains no image"):
        Images(4, 6, 1).read(tmp_path)
    with pytest.raises(AgentlabError, match="trained on images with 4 channels"):
        Images(4, 6, 4).read(save(tmp_path / "a.png", gray(1)))
