import json
from importlib import import_module

import numpy as np
import pytest

from agentlab.data import load_preprocessor
from agentlab.data.preprocessor_kinds import PREPROCESSORS
from agentlab.data.text import Words
from agentlab.errors import AgentlabError


@pytest.mark.parametrize("kind", PREPROCESSORS)
def test_every_preprocessor_is_found_under_its_kind(kind: str) -> None:
    module, name = PREPROCESSORS[kind].split(":")
    assert getattr(import_module(module), name).kind == kind


@pytest.mark.parametrize("kind", PREPROCESSORS)
def test_a_damaged_description_raises_an_error_of_one_line(kind: str) -> None:
    with pytest.raises(AgentlabError) as caught:
        load_preprocessor(kind, {"nonsense": 1})
    assert str(caught.value).startswith(f"the saved preprocessor {kind!r} is damaged")
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_raises_an_error() -> None:
    with pytest.raises(AgentlabError, match="the saved preprocessor 'smells' is unknown"):
        load_preprocessor("smells", {})


def test_a_loaded_preprocessor_gives_the_same_outputs() -> None:
    words = Words.fit(["a fine movie", "a dull movie"], 100, 4)
    loaded = load_preprocessor("words", json.loads(json.dumps(words.to_json())))
    texts = ["a fine day", "movie movie movie movie movie"]
    np.testing.assert_array_equal(loaded.transform(texts), words.transform(texts))
    np.testing.assert_array_equal(
        loaded.transform(loaded.read("a dull movie")), words.encode(["a dull movie"])
    )
