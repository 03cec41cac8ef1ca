"""Each option of the user's own data has an effect on them, or is refused."""

from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from agentlab.errors import AgentlabError
from agentlab.experiments.source import OWN, USED, Source
from agentlab.experiments.training_data import choose_trainer, load_data

OPTIONS = [f for f in fields(Source) if f.name not in OWN]
OTHER = {  # values that differ from the defaults
    "target": "a",
    "kind": ("a=number",),
    "missing": ("-99",),
    "decimal": ",",
    "encoding": "cp1252",
    "task": "regression",
    "size": 8,
    "crop": 4,
    "skip_unreadable": True,
    "columns": ("a",),
    "time": "a",
    "group": "a",
    "frequency": "D",
    "gaps": "refuse",
    "titles": "titles.csv",
    "test": 0.3,
    "function": "or",
    "data_dir": "folder",
    "stand_in": True,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    rows = "".join(f"{i * 7 % 11},{i % 3}\n" for i in range(60))
    (folder / "table.csv").write_text("a,y\n" + rows)
    (folder / "text.txt").write_text("to be or not to be\n" * 20)
    (folder / "pairs.txt").write_text("one\teins\ntwo\tzwei\n" * 10)
    ratings = "".join(f"{i % 5},{i % 7},{i % 4}\n" for i in range(35))
    (folder / "ratings.csv").write_text("user,item,rating\n" + ratings)
    for label in "ab":
        (folder / "images" / label).mkdir(parents=True)
        for i in range(10):
            pixels = np.full((8, 8), 9 * i, np.uint8)
            Image.fromarray(pixels).save(folder / "images" / label / f"{i}.png")
    paths = {name: str(folder / "table.csv") for name in ("csv", "series")}
    paths |= {"text": str(folder / "text.txt"), "pairs": str(folder / "pairs.txt")}
    paths |= {"images": str(folder / "images"), "ratings": str(folder / "ratings.csv")}
    return {name: (path,) if name == "csv" else path for name, path in paths.items()}


class Recorded(Source):
    """A source that records the names of the options that are read."""

    def __getattribute__(self, name):
        object.__getattribute__(self, "__dict__").setdefault("read", set()).add(name)
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("own", "trainer"),
    [("csv", ""), ("images", ""), ("text", ""), ("series", ""), ("pairs", "")]
    + [("images", "autoencoder"), ("csv", "autoencoder"), ("ratings", "ratings_rbm")],
)
def test_loading_reads_exactly_the_options_that_apply(data, own, trainer):
    source = Recorded(**{own: data[own]}, target="y" if own == "csv" else None)
    read = object.__getattribute__(source, "__dict__")["read"]
    read.clear()  # the constructor checks all options
    load_data(source, None, 0, 0.1, trainer=trainer)
    assert read & {f.name for f in OPTIONS} == {*USED[own]} - ({"task"} if trainer else set())


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("field", OPTIONS, ids=lambda field: field.name)
def test_an_option_without_effect_is_refused_before_anything_is_read(own, field):
    missing = "no such file"
    given = {own: (missing,) if own == "csv" else missing, field.name: OTHER[field.name]}
    if field.name not in USED[own]:
        flag = field.name.replace("_", "-")
        with pytest.raises(AgentlabError, match=f"--{flag} has no effect on --{own}; it is for --"):
            choose_trainer(None, Source(**given), given)
    else:
        Source(**given).check_used()


def test_unsupervised_training_has_no_task():
    with pytest.raises(AgentlabError, match="--task has no effect"):
        Source(csv=("a.csv",), task="regression").check_used(unsupervised=True)
