"""Translator: number words in reverse order, from one language to another."""

import math
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
import tensorflow as tf

from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.supervised.translations import scores
from agentlab.supervised.translator import Translator

ENGLISH = ["One", "two", "three", "four", "five", "six", "seven"]
GERMAN = dict(
    zip(ENGLISH, ["eins", "zwei", "Drei", "vier", "fünf", "sechs", "sieben"], strict=True)
)
SMALL = {
    "units": 48,
    "embedding": 48,
    "feed_forward": 96,
    "layers": 1,
    "vocabulary": 60,
    "batch_size": 32,
    "learning_rate": 0.01,
    "schedule": "linear",
    "warmup_steps": 20,
    "dropout": 0.0,
    "max_length": 40,
}


def sentences(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Make sentences of one to five numbers, and the same in German from back to front."""
    rng = np.random.default_rng(seed)
    sources = [" ".join(rng.choice(ENGLISH, rng.integers(1, 6))) for _ in range(n)]
    return sources, [" ".join(GERMAN[word] for word in s.split()[::-1]) for s in sources]


TRAIN, TEST = sentences(600), sentences(60, seed=1)


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator("luong", epochs=10, **SMALL).fit(*TRAIN, quiet=True)


def test_a_regular_language_is_learned(translator: Translator) -> None:
    metrics = translator.evaluate(*TEST)
    assert metrics["bleu"] > 90 and metrics["chrf"] > 90
    assert metrics["loss"] < 0.3
    assert translator.score(*TEST) == metrics["bleu"]
    assert [set(epoch) for epoch in translator.history] == [
        {"train/loss", "validation/loss", "validation/bleu"}
    ] * 10


def test_the_order_of_texts_does_not_matter(translator: Translator) -> None:
    sources = TEST[0]
    several = translator.predict(sources)
    assert len(several) == len(sources)
    assert translator.predict(sources[::-1]) == several[::-1]
    assert translator.predict(sources[3]) == [several[3]]
    assert translator.predict([]) == []


def test_a_blank_sentence_gives_an_empty_translation(translator: Translator) -> None:
    first, second = translator.predict([" ", "two One"])
    assert first == "" and second == "eins zwei"


def test_greedy_search_is_a_beam_of_one(translator: Translator) -> None:
    assert translator.predict(["two three"], beam=1) == ["Drei zwei"]


def test_the_inference_model_translates_greedily(translator: Translator) -> None:
    assert translator.preprocessor is not None and translator.target_tokenizer is not None
    ids = translator.preprocessor.encode(["two three", "One"], end=True)
    ids = np.pad(ids, ((0, 0), (0, 10 - ids.shape[1])))
    outputs = translator.inference_model()(ids)
    texts = [translator.target_tokenizer.decode(row) for row in outputs["tokens"].numpy()]
    assert texts == translator.predict(["two three", "One"], beam=1) == ["Drei zwei", "eins"]
    assert outputs["tokens"].shape == (2, 10)
    assert -1 < outputs["log_probabilities"].numpy().max() < 0


def test_the_loss_is_in_nats_a_subword_without_smoothing(translator: Translator) -> None:
    sources, targets = TEST[0][:1], TEST[1][:1]
    assert translator.preprocessor is not None and translator.target_tokenizer is not None
    read = translator.preprocessor.encode(sources, end=True)
    true = translator.target_tokenizer.encode(targets, end=True)
    shifted = np.concatenate([[[1]], true[:, :-1]], axis=1).astype(np.int32)
    logits = np.asarray(translator.net((read, shifted)), np.float64)[0]
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(true.shape[1]), true[0]].mean()
    assert translator.evaluate(sources, targets)["loss"] == pytest.approx(expected, rel=1e-4)


def test_scores_are_those_of_sacrebleu_on_cased_text() -> None:
    true = ["A small dog runs fast.", "It rains."]
    said = ["A small dog runs quickly.", "It rains."]
    metrics = scores(said, true)
    assert metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [true]).score)
    assert metrics["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [true]).score)
    # Of 9 words 8 match; of 7 pairs 5, of 5 triples 3, of 3 quadruples 1; no brevity penalty.
    expected = 100 * math.prod([8 / 9, 5 / 7, 3 / 5, 1 / 3]) ** 0.25
    assert metrics["bleu"] == pytest.approx(expected, rel=1e-6)
    assert scores(["a small dog runs fast.", "it rains."], true)["bleu"] < 100


def test_attention_is_drawn_for_some_sentences(translator: Translator) -> None:
    drawn = translator.plots(*TEST)
    assert list(drawn) == ["attention_1", "attention_2", "attention_3", "attention_4"]
    assert translator.preprocessor is not None
    pieces = translator.preprocessor.pieces(translator.preprocessor.encode(TEST[0][0], end=True))
    labels = [label.get_text() for label in drawn["attention_1"].axes[0].get_xticklabels()]
    assert labels == pieces


@pytest.mark.parametrize("net", ["bahdanau", "none", "transformer"])
def test_every_net_trains_translates_and_is_loaded(net: str, tmp_path: Path) -> None:
    options = {**SMALL, "epochs": 2, "units": 16, "embedding": 16, "joint": False}
    translator = Translator(net, **options).fit(*TRAIN, quiet=True)
    losses = [epoch["validation/loss"] for epoch in translator.history]
    assert losses[1] < losses[0] < math.log(60)
    translator.save(tmp_path)
    loaded = Translator.load(tmp_path)
    assert loaded.target_tokenizer is not loaded.preprocessor
    assert loaded.predict(TEST[0]) == translator.predict(TEST[0])
    assert bool(translator.plots(*TEST)) == (net != "none")


def test_translations_are_logged_with_the_metrics(tmp_path: Path) -> None:
    with Run.create(tmp_path, "run", {}) as run:
        options = {**SMALL, "epochs": 2, "units": 8, "embedding": 8, "bleu_every": 2}
        translator = Translator("none", **options).fit(*TRAIN, run=run, quiet=True)
    assert ["validation/bleu" in epoch for epoch in translator.history] == [False, True]
    tags = set()
    for path in (run.path / "tensorboard").glob("*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    assert any("translations" in tag for tag in tags)


LONG = "One " * 60


@pytest.mark.parametrize(
    ("sources", "targets", "says"),
    [
        (["One", "two"], ["eins"], "sources has 2 sentences and targets has 1"),
        ([], [], "both must have the same number, at least 1"),
        (["One", " "], ["eins", "zwei"], r"sources\[1\]=' ' must be a sentence"),
        (["One", "two"], ["eins", 2], r"targets\[1\]=2 must be a sentence"),
        ([*TRAIN[0], LONG], [*TRAIN[1], "eins"], r"sources\[600\] has \d+ subwords, more than max"),
    ],
)
def test_invalid_sentences_raise_an_error(sources, targets, says) -> None:
    options = {**SMALL, "validation_split": 0.0}
    with pytest.raises(AgentlabError, match=says):
        Translator("luong", **options).fit(sources, targets, quiet=True)


def test_translating_a_long_sentence_raises_an_error(translator: Translator) -> None:
    with pytest.raises(
        AgentlabError, match=r"texts\[1\] has \d+ subwords, more than max_length=40"
    ):
        translator.predict(["One", LONG])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"net": "loung"}, "net='loung' is not one of luong, bahdanau, none, transformer"),
        ({"dropout": 1.0}, "dropout=1.0 must be at least 0 and less than 1"),
        ({"max_length": 1}, "max_length=1 must be 2 or more"),
        ({"units": 0}, "units=0 must be 1 or more"),
        ({"bleu_every": -1}, "bleu_every=-1 must be 0 or more"),
    ],
)
def test_invalid_options_raise_an_error(options, says) -> None:
    with pytest.raises(AgentlabError, match=says):
        Translator(**options)


def test_translating_before_fit_raises_an_error() -> None:
    with pytest.raises(AgentlabError, match="has not been fitted"):
        Translator().predict(["One"])
