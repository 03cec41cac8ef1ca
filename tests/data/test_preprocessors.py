import json
from importlib import import_module

import numpy as np
import pytest

from agentlab.data import load_encoder
from agentlab.data.preprocessors import ENCODERS
from agentlab.data.text import Words
from agentlab.errors import AgentlabError


@pytest.mark.parametrize("kind", ENCODERS)
def test_every_encoder_is_found_under_its_kind(kind: str) -> None:
    module, name = ENCODERS[kind].split(":")
    assert getattr(import_module(module), name).kind == kind


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_damaged_description_is_refused_in_one_sentence(kind: str) -> None:
    with pytest.raises(AgentlabError) as caught:
        load_encoder(kind, {"nonsense": 1})
    assert str(caught.value).startswith(f"the saved encoder {kind!r} is damaged")
    assert "\n" not in str(caught.value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(AgentlabError, match="the saved encoder 'smells' is unknown"):
        load_encoder("smells", {})


def test_an_encoder_encodes_alike_after_a_journey_through_json() -> None:
    words = Words.fit(["a fine film", "a dull film"], 100, 4)
    loaded = load_encoder("words", json.loads(json.dumps(words.to_json())))
    texts = ["a fine day", "film film film film film"]
    np.testing.assert_array_equal(loaded.encode(texts), words.encode(texts))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(loaded.read("a dull film"), words.encode(["a dull film"]))
