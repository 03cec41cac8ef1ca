"""Readers of the face data sets Olivetti and FER2013."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from agentlab.data.batches import Array
from agentlab.data.csv_frame import read_frame
from agentlab.data.data_set import DataSet
from agentlab.data.originals import Originals
from agentlab.errors import AgentlabError
from agentlab.runs.reading import read_arrays

OLIVETTI = "5976027"  # the name of olivettifaces.mat at figshare
EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SIDE = 48  # pixels of a face in FER2013
MAX_MEMBER = 1 << 22  # bytes of an image; those of FER2013 have 2,000
USAGES = {"Training": 0, "PublicTest": 1, "PrivateTest": 2}


def olivetti(files: Originals) -> DataSet:
    """Read the Olivetti faces, uint8 ``[n, 64, 64]``, and persons; a fifth is the test split.

    All faces of a person are in the same split.
    """
    path = files.get(OLIVETTI, "olivettifaces.mat", "olivetti*.npz")
    if path.suffix == ".npz":
        arrays = read_arrays(path, ("faces", "person"))
        faces, person = arrays["faces"], arrays["person"]
    else:
        from scipy.io import loadmat

        faces = loadmat(path)["faces"].T.reshape(-1, 64, 64).transpose(0, 2, 1)
        person = np.arange(len(faces)) // 10
    if faces.shape[1:] != (64, 64) or faces.dtype != np.uint8 or len(person) != len(faces):
        raise ValueError(f"faces are {faces.dtype} {list(faces.shape)}, not uint8 [n, 64, 64]")
    persons = np.unique(person)
    held = np.isin(person, persons[-max(1, len(persons) // 5) :])
    y = person.astype(np.int32)
    return DataSet((faces[~held], y[~held]), (faces[held], y[held]))


def fer2013(files: Originals) -> DataSet:
    """Read FER2013: faces uint8 ``[n, 48, 48]`` and emotions, from fer2013.csv or images in a zip.

    In the CSV file, PublicTest is the validation split and PrivateTest the test split; a zip file
    must contain folders such as train/happy and test/happy.

    Raises:
        AgentlabError: without a folder of copies, since the set must be downloaded manually.
    """
    path = files.copy("fer2013.csv", "fer2013*.zip", "icml_face_data.csv")
    if path is None:
        raise AgentlabError(
            "fer2013 must be downloaded manually from kaggle.com; pass the folder with "
            "fer2013.csv, or a zip of train/EMOTION/*.jpg and test/EMOTION/*.jpg, as --data-dir"
        )
    if path.suffix == ".zip":
        return _faces_in_zip(path)
    frame = read_frame(str(path))
    frame.columns = [str(name).strip() for name in frame.columns]
    pixels = [np.fromstring(text, np.uint8, sep=" ") for text in frame["pixels"]]
    faces = np.stack(pixels).reshape(-1, SIDE, SIDE)
    usage = frame["Usage"].map(USAGES).to_numpy()
    y = frame["emotion"].to_numpy(np.int32)
    train, validation, test = ((faces[usage == i], y[usage == i]) for i in range(3))
    return DataSet(train, test, validation, classes=EMOTIONS)


def _faces_in_zip(path: Path) -> DataSet:
    from PIL import Image

    parts: dict[str, tuple[list[Array], list[int]]] = {"train": ([], []), "test": ([], [])}
    with zipfile.ZipFile(path) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            match info.filename.split("/"):
                case [*_, "train" | "test" as part, label, name] if name and label in EMOTIONS:
                    if info.file_size > MAX_MEMBER:
                        raise ValueError(f"{info.filename} in it has {info.file_size:,} bytes")
                    with Image.open(io.BytesIO(archive.read(info)), formats=("JPEG", "PNG")) as it:
                        face = np.asarray(it.convert("L").resize((SIDE, SIDE)))
                    parts[part][0].append(face)
                    parts[part][1].append(EMOTIONS.index(label))
    if not all(faces for faces, _ in parts.values()):
        raise ValueError("it contains no images such as train/happy/1.jpg and test/happy/1.jpg")
    train, test = ((np.stack(faces), np.array(y, np.int32)) for faces, y in parts.values())
    return DataSet(train, test, classes=EMOTIONS)
