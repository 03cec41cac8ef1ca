from __future__ import annotations

import json

import numpy as np
import pytest

from agentlab.data.preprocessor_kinds import load_preprocessor
from agentlab.data.text import Characters, Subwords, Words
from agentlab.data.text_files import read_text
from agentlab.errors import AgentlabError

SENTENCES = [
    "a dog runs through the green park",
    "two dogs run through a park",
    "the children are running in the park",
    "ein hund läuft durch den grünen park",
    "zwei hunde laufen durch einen park",
    "die kinder rennen im park",
]


def test_characters_are_numbered_in_sorted_order():
    characters = Characters.fit("cab\nab")
    assert characters.characters == "\nabc" and characters.size == 4
    assert characters.encode("abc\n").tolist() == [1, 2, 3, 0]
    assert characters.encode("abc\n").dtype == np.int32
    assert characters.decode(np.array([3, 1, 2])) == "cab"


def test_the_error_for_an_unknown_character_names_it():
    with pytest.raises(AgentlabError, match="the character 'é' does not occur in the training"):
        Characters.fit("cafe").encode("café")


def test_unknown_characters_share_an_id_on_request():
    characters = Characters.fit("ab", unknown=True)
    assert characters.size == 3
    assert characters.encode("axb").tolist() == [1, 0, 2]
    assert characters.decode([1, 0, 2]) == "a\ufffdb"


def test_characters_of_a_fixed_length_are_padded_with_zero_and_truncated_at_the_end():
    characters = Characters.fit(["ab", "c"], length=3)
    ids = characters.encode(["ab", "cabb"])
    assert ids.tolist() == [[1, 2, 0], [3, 1, 2]]
    assert characters.decode(ids[0]) == "ab"
    both = Characters.fit("ab", length=3, unknown=True)
    assert both.encode("b!").tolist() == [3, 1, 0] and both.size == 4


def test_characters_without_a_padding_id_do_not_pad():
    characters = Characters.fit("ab")
    assert characters.encode(["ab", "ba"]).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(AgentlabError, match="length=None: set it"):
        characters.encode(["a", "ab"])


def test_duplicate_or_no_characters_raise_an_error():
    for wrong in ("", "aba"):
        with pytest.raises(AgentlabError, match=f"characters='{wrong}' must be"):
            Characters(wrong)


def test_the_most_frequent_words_get_ids_and_ties_go_by_the_alphabet():
    words = Words.fit(["The dog, the cat", "the dog! a bird"], size=5, length=6)
    assert words.words == ["the", "dog", "a"] and words.size == 5
    assert words.encode("THE bird saw a dog").tolist() == [2, 1, 1, 4, 3, 0]
    assert words.encode(["the dog"] * 2).shape == (2, 6)
    assert words.decode([2, 1, 3, 0, 0]) == "the <unknown> dog"


def test_words_keep_apostrophes_but_not_punctuation():
    words = Words.fit(["Don't say 'well-done_so' in 1978!"], lower=False)
    assert sorted(words.words) == ["1978", "Don't", "done", "in", "say", "so", "well"]


def test_punctuation_marks_are_words_on_request():
    assert Words.fit(["oh! oh!"], punctuation=True).words == ["!", "oh"]


def test_long_texts_are_truncated_at_the_end():
    words = Words(["a", "b", "c"], length=2)
    assert words.encode("a b c").tolist() == [2, 3]


def test_texts_without_words_raise_an_error():
    with pytest.raises(AgentlabError, match="the training texts contain no words"):
        Words.fit(["?!", ""])
    with pytest.raises(AgentlabError, match="size=2 must be 3 or more"):
        Words.fit(["a"], size=2)
    with pytest.raises(AgentlabError, match="length=0 must be from 1 to"):
        Words.fit(["a"], length=0)


@pytest.mark.parametrize("method", ["unigram", "bpe"])
def test_decoding_inverts_encoding_for_subwords_of_two_languages(method):
    subwords = Subwords.fit(SENTENCES, size=60, method=method)
    assert subwords.size <= 60
    for sentence in SENTENCES:
        assert subwords.decode(subwords.encode(sentence)) == sentence
    # A word that was never seen is cut into pieces that were.
    assert subwords.decode(subwords.encode("parkhunde")) == "parkhunde"


def test_start_and_end_ids_of_subwords_are_optional():
    subwords = Subwords.fit(SENTENCES, size=60)
    plain = subwords.encode("the dog").tolist()
    assert subwords.encode("the dog", start=True, end=True).tolist() == [1, *plain, 2]
    ids = subwords.encode(["the dog", "the"], end=True)
    assert ids.shape == (2, len(plain) + 1)
    assert ids[1, -1] == 0 and 2 in ids[1]
    assert subwords.decode([1, *plain, 2, plain[0], 0]) == "the dog"
    assert 3 in subwords.encode("щ")
    assert "".join(subwords.pieces(plain)) == "▁the▁dog"


def test_equal_texts_give_equal_subwords():
    fitted = [json.dumps(Subwords.fit(SENTENCES, size=60).to_json()) for _ in range(2)]
    assert fitted[0] == fitted[1]


def test_a_size_larger_than_the_text_allows_gives_fewer_subwords():
    for method in ("unigram", "bpe"):
        assert 4 < Subwords.fit(["a few words"], size=1_000, method=method).size < 100


def test_a_size_smaller_than_the_alphabet_raises_an_error():
    with pytest.raises(AgentlabError, match="size=10 is too small for texts of 2. different"):
        Subwords.fit(SENTENCES, size=10)
    with pytest.raises(AgentlabError, match="the training texts are empty"):
        Subwords.fit(["", " "])
    with pytest.raises(AgentlabError, match="method='word' must be unigram or bpe"):
        Subwords.fit(SENTENCES, method="word")


def test_training_subwords_prints_nothing(capfd):
    Subwords.fit(SENTENCES, size=60)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "preprocessor",
    [
        Characters.fit("abc é", length=4, unknown=True),
        Words.fit(["a b c é"], size=4, length=3, lower=False, punctuation=True),
        Subwords.fit(SENTENCES, size=60, length=7),
    ],
    ids=lambda preprocessor: preprocessor.kind,
)
def test_a_vocabulary_is_restored_from_json(preprocessor, tmp_path):
    described = json.loads(json.dumps(preprocessor.to_json()))
    again = load_preprocessor(preprocessor.kind, described)
    assert type(again) is type(preprocessor) and again.size == preprocessor.size
    assert again.to_json() == preprocessor.to_json()
    file = tmp_path / "lines.txt"
    file.write_text("a b\nc é a\n", encoding="utf-8")
    assert again.read(str(file)) == ["a b", "c é a"]
    assert np.array_equal(
        again.transform(again.read(str(file))), preprocessor.encode(["a b", "c é a"])
    )
    assert np.array_equal(again.transform(again.read("a b")), preprocessor.encode(["a b"]))
    with pytest.raises(AgentlabError, match=r"id 99 is not one of the vocabulary's"):
        again.decode([99])


@pytest.mark.parametrize(
    ("kind", "described"),
    [
        ("characters", {"characters": "ab"}),
        ("words", {"words": None, "length": 3, "lower": True, "punctuation": True}),
        ("words", {"words": ["a"], "length": "3", "lower": True, "punctuation": True}),
        ("subwords", {"model": "rubbish!", "length": None}),
        ("subwords", {"model": "cnViYmlzaA==", "length": None}),
        ("subwords", {"model": "", "length": None}),
    ],
)
def test_a_damaged_description_raises_an_error(kind, described):
    with pytest.raises(AgentlabError, match="damaged"):
        load_preprocessor(kind, described)


def test_without_length_characters_read_a_file_as_one_example(tmp_path):
    file = tmp_path / "play.txt"
    file.write_bytes(b"ab\r\nba\n")
    characters = Characters.fit(read_text(file))
    assert characters.transform(characters.read(str(file))).tolist() == [[1, 2, 0, 2, 1, 0]]


def test_the_error_for_a_file_without_text_names_it(tmp_path):
    words = Words(["a"], length=3)
    with pytest.raises(AgentlabError, match="there is no file .*missing.txt"):
        words.read(str(tmp_path / "missing.txt"))
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(AgentlabError, match="empty.txt is empty"):
        words.read(str(tmp_path / "empty.txt"))
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(AgentlabError, match="latin.txt is not UTF-8: byte 3 is 0xe9"):
        words.read(str(tmp_path / "latin.txt"))
    with pytest.raises(AgentlabError, match="the text ' ' is empty"):
        words.read(" ")
    assert words.transform(words.read("a " * 5000)).tolist() == [
        [2, 2, 2]
    ]  # too long for a file's name
