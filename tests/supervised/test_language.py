"""LanguageModel: validation loss, recurrent states, generation, resuming."""

import keras
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.nets.headed import Headed
from agentlab.nets.rnn import RNN
from agentlab.supervised import LanguageModel

TEXT = "the cat sat on the mat and the dog sat on the log. " * 120
SMALL = {"units": (32,), "batch_size": 8, "length": 16, "learning_rate": 0.01, "dropout": 0.1}


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(epochs=4, **SMALL).fit(TEXT, quiet=True)


def test_a_regular_text_is_learned(model: LanguageModel) -> None:
    metrics = model.evaluate(TEXT[:1000])
    assert metrics["loss"] < 0.4
    assert metrics["bits"] == pytest.approx(metrics["loss"] / np.log(2))
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["loss"]))
    assert model.score(TEXT[:1000]) == metrics["loss"]


def test_it_generates_the_training_text(model: LanguageModel) -> None:
    written = model.generate("the cat", 40, temperature=0)
    assert len(written) == 47 and set(written.split()[:-1]) <= set(TEXT.split())
    assert model.generate("the ", 40, seed=1) == model.generate("the ", 40, seed=1)
    bold = {model.generate("the ", 40, temperature=3.0, seed=seed) for seed in range(3)}
    assert len(bold) == 3
    assert model.generate("the ", 40, top_k=1, seed=2) == model.generate("the ", 40, temperature=0)


def test_held_out_loss_is_the_mean_over_all_characters_with_full_context(
    model: LanguageModel,
) -> None:
    text = TEXT[7:300]
    ids = model.preprocessor.encode(text)
    # (292 - 16) // 16 = 17 streams of 18 characters, which the model reads in two windows.
    streams, nats = 17, []
    each = -(-292 // streams)
    for begin in range(0, 292, each):
        part = ids[begin : begin + each + 1]
        torso = model.net.torso
        features, _ = torso.run(part[None, :-1], torso.initial_state(1))
        logits = model.net.head(features).numpy()[0].astype(np.float64)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        nats.append(log_sum - logits[np.arange(len(part) - 1), part[1:]])
    counted = np.concatenate(nats)
    assert len(counted) == 292
    assert model.evaluate(text)["loss"] == pytest.approx(counted.mean(), rel=1e-5)


def test_texts_of_other_lengths_are_generated_without_recompiling(model: LanguageModel) -> None:
    for length in (20, 21):
        model.generate("the ", length)
    writer = model.compiled("generate", lambda: None)
    traced = writer.experimental_get_tracing_count()
    assert len(model.generate("the ", 33)) == 37
    assert writer.experimental_get_tracing_count() == traced


def test_a_custom_net_must_match_the_characters_of_the_text() -> None:
    size = len(set(TEXT)) + 1
    for known in (size, size + 1):
        torso = RNN(units=(4,), vocabulary=known)
        torso.build((None, None))
        model = LanguageModel(net=Headed(torso, known), epochs=1, batch_size=8, length=16)
        if known == size:
            assert len(model.fit(TEXT, quiet=True).generate("the ", 5)) == 9
        else:
            with pytest.raises(AgentlabError, match=f"must be Headed.*vocabulary={size}"):
                model.fit(TEXT, quiet=True)
    with pytest.raises(AgentlabError, match="net='mine' does not match a text of"):
        LanguageModel(net=keras.Sequential(name="mine"), **SMALL).fit(TEXT, quiet=True)


def test_unknown_characters_have_a_loss_but_are_never_generated(model: LanguageModel) -> None:
    assert (
        model.evaluate("the cät sat on the mat. " * 4)["loss"] > model.evaluate(TEXT[:96])["loss"]
    )
    assert "\ufffd" not in model.generate("é", 200, temperature=5.0)


def test_invalid_arguments_raise_an_error_of_one_line(model: LanguageModel) -> None:
    with pytest.raises(AgentlabError, match="length=16 needs 33"):
        LanguageModel(**SMALL).fit("too short", quiet=True)
    with pytest.raises(AgentlabError, match="prompt='' is empty"):
        model.generate("")
    with pytest.raises(AgentlabError, match="temperature=-1"):
        model.generate("the", temperature=-1.0)
    with pytest.raises(AgentlabError, match="temperature=nan"):
        model.generate("the", temperature=float("nan"))
    with pytest.raises(AgentlabError, match="top_k=0"):
        model.generate("the", top_k=0)
    with pytest.raises(AgentlabError, match="seed=2147483648"):
        model.generate("the", seed=2**31)
    with pytest.raises(AgentlabError, match=r"each item of units=\(0,\) must be 1 or more"):
        LanguageModel(**{**SMALL, "units": (0,)}).fit(TEXT, quiet=True)
    with pytest.raises(AgentlabError, match="length=0"):
        model.generate("the", 0)
    with pytest.raises(AgentlabError, match="call fit first"):
        LanguageModel().generate("the")


def test_its_keras_model_predicts_the_next_character(model: LanguageModel) -> None:
    ids = model.preprocessor.encode("the cat sat")[None]
    found = np.asarray(model.inference_model()(ids)["probabilities"])
    assert found.shape == (1, model.preprocessor.size)
    next_one = model.generate("the cat sat", 1, temperature=0)[-1]
    assert model.preprocessor.decode(found.argmax(1)) == next_one
