"""Folders of images as found in practice: splits of any name, unreadable files, 16-bit images."""

import numpy as np
import pytest
from PIL import Image

from agentlab.data.image_folder import ImageFolder
from agentlab.data.images import Images
from agentlab.errors import AgentlabError


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def fill(folder, classes=("bar", "disc"), n=6, size=(12, 12)):
    for k, name in enumerate(classes):
        for i in range(n):
            rng = np.random.default_rng(100 * k + i)
            save(folder / name / f"{i}.png", rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    return folder


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Training", "Testing"),
        ("TRAIN", "Test"),
        ("shapes_train", "shapes_test"),
        ("train_set", "test_set"),
        ("Train/Train", "Test/Test"),
        ("data/train", "data/test"),
        ("training-set/training-set", "test-set/test-set"),
        ("Trainset", "Holdout"),
    ],
)
def test_splits_are_found_under_any_usual_name(tmp_path, train, test):
    fill(tmp_path / train, n=8)
    fill(tmp_path / test, n=3)
    folder = ImageFolder(tmp_path, validation=0)
    assert folder.classes == ["bar", "disc"]
    assert (folder.train.size, folder.test.size) == (16, 6)
    assert "splits: the folders" in folder.describe()


def test_a_test_folder_without_classes_is_left_out_and_reported(tmp_path):
    fill(tmp_path / "train", n=8)
    fill(tmp_path, ("test",), n=3)
    folder = ImageFolder(tmp_path, validation=0, test=0.25)
    assert (folder.train.size, folder.test.size) == (12, 4)  # split off the training folder
    assert "left out: the folder test, which has no subfolder per class" in folder.describe()


def test_a_training_folder_beside_unknown_folders_is_refused(tmp_path):
    fill(tmp_path / "train", n=8)
    fill(tmp_path / "later", n=3)
    with pytest.raises(AgentlabError, match="'train', as for a training split, beside 'later'"):
        ImageFolder(tmp_path)
    fill(tmp_path / "test", n=3)
    assert "left out: the folders later" in ImageFolder(tmp_path).describe()


def test_classes_may_be_inside_a_single_folder(tmp_path):
    fill(tmp_path / "archive" / "photos")
    folder = ImageFolder(tmp_path)
    assert folder.classes == ["bar", "disc"]
    assert f"classes are the folders in {tmp_path / 'archive' / 'photos'}" in folder.describe()


def test_photos_of_unsupported_formats_among_others_are_counted(tmp_path):
    fill(tmp_path)
    (tmp_path / "bar" / "photo.HEIC").write_bytes(b"ftypheic")
    assert "skipped: 1 files in unsupported formats: 1 .heic" in (ImageFolder(tmp_path).describe())


def test_hidden_folders_are_not_classes(tmp_path):
    fill(tmp_path, ("bar", "disc", ".ipynb_checkpoints", "__MACOSX"))
    assert ImageFolder(tmp_path).classes == ["bar", "disc"]


def test_a_class_with_only_unsupported_formats_is_named(tmp_path):
    fill(tmp_path)
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring" / "1.heic").write_bytes(b"x")
    with pytest.raises(
        AgentlabError, match=r"the class 'ring' of .* unsupported formats \(.heic\)"
    ):
        ImageFolder(tmp_path)
    (tmp_path / "ring" / "1.heic").rename(tmp_path / "ring" / "notes.txt")
    assert ImageFolder(tmp_path).classes == ["bar", "disc"]


def test_all_unreadable_files_are_named_at_once_or_left_out(tmp_path):
    fill(tmp_path, n=12, size=(40, 40))
    torn = [tmp_path / "bar" / "3.png", tmp_path / "disc" / "5.png"]
    for path in torn:
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(AgentlabError, match="2 images are not readable: .*--skip-unreadable") as e:
        ImageFolder(tmp_path, memory_budget=0)
    assert all(str(path) in str(e.value) for path in torn)
    folder = ImageFolder(tmp_path, skip_unreadable=True)
    assert folder.train.size + folder.validation.size + folder.test.size == 22
    assert "left out: 2 unreadable images" in folder.describe()


def test_bytes_after_an_image_do_not_make_it_unreadable(tmp_path):
    fill(tmp_path)
    path = tmp_path / "bar" / "3.png"
    path.write_bytes(path.read_bytes() + bytes(100_000))
    assert ImageFolder(tmp_path).classes == ["bar", "disc"]


@pytest.mark.parametrize("kind", ["twelve bits", "floats"])
def test_images_of_more_than_8_bits_keep_their_contrast(tmp_path, kind):
    rng = np.random.default_rng(0)
    for name in ("bar", "disc"):
        for i in range(6):
            values = rng.integers(1000, 1128, (12, 12))
            values[0, 0], values[0, 1] = 1000, 1127
            if kind == "floats":
                image = Image.fromarray((values / 1e4).astype(np.float32))
            else:
                image = Image.fromarray(values.astype(np.uint16))
            (tmp_path / name).mkdir(exist_ok=True)
            image.save(tmp_path / name / f"{i}.tif")
    folder = ImageFolder(tmp_path)
    assert len(np.unique(folder.train.inputs)) > 100
    assert (folder.train.inputs.min(), folder.train.inputs.max()) == (0, 255)
    again = type(folder.preprocessor).from_json(folder.preprocessor.to_json())
    path = tmp_path / "bar" / "0.tif"
    assert np.array_equal(again.read(path), folder.preprocessor.read(path))
    assert again.read(path).max() == 255


def test_large_photos_are_reduced_and_reported(tmp_path):
    fill(tmp_path, n=6, size=(300, 400))
    folder = ImageFolder(tmp_path)
    assert folder.preprocessor.input_shape == (96, 128, 3)
    assert "the first image is 300 x 400; --size sets another size" in folder.describe()
    assert ImageFolder(tmp_path, size=50).preprocessor.input_shape == (50, 50, 3)


def test_images_are_cropped_to_their_central_square_before_they_are_resized(tmp_path):
    image = np.zeros((12, 10), np.uint8)
    image[4:8, 3:7] = 200  # the center
    for label in ("a", "b"):
        for i in range(5):
            save(tmp_path / label / f"{i}.png", image)
    folder = ImageFolder(tmp_path, crop=4)
    assert folder.preprocessor.input_shape == (4, 4, 1)
    assert (folder.preprocessor.read(tmp_path / "a" / "0.png") == 200).all()
    again = Images.from_json(folder.preprocessor.to_json())
    assert again == folder.preprocessor
    whole = Images(12, 10, 1, crop=99).read(tmp_path / "a" / "0.png")
    np.testing.assert_array_equal(whole[0, ..., 0], image)
