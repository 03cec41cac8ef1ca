"""Measurements of supervised training, with agentlab and plain Keras; run by ``compare.py``.

The data are noise of the same shape as the real data, which does not affect the speed.
"""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from metered import FOREVER, measure_fit, measure_keras_fit
from steady import Meter, serve

import agentlab

IMAGES = 128  # per batch
STREAMS, LENGTH, CHARACTERS, UNITS = 32, 64, 65, 512
PAIRS, TOKENS, SUBWORDS, WIDTH = 64, 16, 6000, 256


def digits(meter: Meter) -> None:
    """Train the network of the recipe mnist-cnn; a step is an image."""
    _measure(meter, *_digits())


def digits_keras(meter: Meter) -> None:
    """Train the same network with ``fit`` of Keras."""
    from agentlab.nets import make_net

    _, (images, numbers) = _digits()
    net = make_net("lenet", (28, 28, 1), 10, 0, scale=255.0)
    _measure_keras(meter, net, images[..., None], numbers, IMAGES)


def text(meter: Meter) -> None:
    """Train a language model of one LSTM layer; a step is a character."""
    from agentlab.supervised import LanguageModel

    letters = np.random.default_rng(0).integers(CHARACTERS, size=400_000) + ord("0")
    model = LanguageModel(
        units=(UNITS,),
        batch_size=STREAMS,
        length=LENGTH,
        dropout=0.0,
        epochs=FOREVER,
        validation_split=0.0,
    )
    _measure(meter, model, ("".join(map(chr, letters)),))


def text_keras(meter: Meter) -> None:
    """Train the same network of Keras layers with ``fit`` of Keras."""
    import keras

    layers = keras.layers
    net = keras.Sequential(
        [
            layers.Embedding(CHARACTERS, 64),
            layers.LSTM(UNITS, return_sequences=True),
            layers.Dense(CHARACTERS),
        ]
    )
    ids = np.random.default_rng(0).integers(CHARACTERS, size=(6000, LENGTH + 1), dtype=np.int32)
    _measure_keras(meter, net, ids[:, :-1], ids[:, 1:], STREAMS, LENGTH, clipnorm=1.0)


def pairs(meter: Meter) -> None:
    """Train the default translator, a GRU with Luong attention; a step is a target token."""
    from agentlab.data.sentence_pairs import SentencePairs
    from agentlab.nets.seq2seq import Seq2Seq
    from agentlab.supervised import Translator

    sources, targets = _sentences()
    translator = Translator(
        batch_size=PAIRS, epochs=FOREVER, dropout=0.0, max_grad_norm=1.0, bleu_every=0
    )
    translator.net = Seq2Seq(SUBWORDS, SUBWORDS, WIDTH, WIDTH, dropout=0.0, tied=False, seed=0)
    translator.net.build(((None, None), (None, None)))
    translator.given_net = True
    translator.fit = lambda run, quiet: translator.train(  # type: ignore[method-assign]
        SentencePairs(sources, targets), None, run, quiet
    )
    _measure(meter, translator, ())


def pairs_keras(meter: Meter) -> None:
    """Train the same network of Keras layers with ``fit`` of Keras."""
    import keras

    layers = keras.layers
    source, target = (keras.Input((None,), dtype="int32") for _ in range(2))
    encoder = layers.Bidirectional(layers.GRU(WIDTH // 2, return_sequences=True, return_state=True))
    memory, *ends = encoder(layers.Embedding(SUBWORDS, WIDTH, mask_zero=True)(source))
    start = layers.Dense(WIDTH, "tanh")(layers.Concatenate()(ends))
    embedded = layers.Embedding(SUBWORDS, WIDTH, mask_zero=True)(target)
    decoded = layers.GRU(WIDTH, return_sequences=True)(embedded, initial_state=start)
    context = layers.Attention()([layers.Dense(WIDTH, use_bias=False)(decoded), memory])
    vector = layers.Dense(WIDTH, "tanh")(layers.Concatenate()([context, decoded]))
    net = keras.Model([source, target], layers.Dense(SUBWORDS)(vector))
    sources, targets = _sentences()
    shifted = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=1)
    _measure_keras(meter, net, [sources, shifted], targets, PAIRS, TOKENS, clipnorm=1.0)


def _digits() -> tuple[Any, tuple[Any, Any]]:
    """Return the recipe's classifier, and noise with the shape of MNIST and labels."""
    from agentlab.supervised import Classifier

    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(100 * IMAGES, 28, 28), dtype=np.uint8)
    classifier = Classifier("lenet", batch_size=IMAGES, epochs=FOREVER, validation_split=0.0)
    return classifier, (images, rng.integers(10, size=len(images)))


def _sentences() -> tuple[Any, Any]:
    """Return sources and targets, int32 ``[n, tokens]``, without padding."""
    shape = (2, 100 * PAIRS, TOKENS)
    sources, targets = np.random.default_rng(0).integers(4, SUBWORDS, shape, dtype=np.int32)
    return sources, targets


def _measure(meter: Meter, trainer: Any, data: tuple[Any, ...]) -> None:
    """Fit ``trainer`` in a run, as the command does, and count examples or tokens."""
    with (
        tempfile.TemporaryDirectory() as folder,
        agentlab.Run.create(folder, "benchmark", {}) as run,
    ):
        measure_fit(meter, trainer, *data, run=run)


def _measure_keras(
    meter: Meter, net: Any, x: Any, y: Any, batch: int, steps: int = 1, **options: Any
) -> None:
    """Fit ``net`` with Keras, with Adam and the same metrics as agentlab."""
    import keras

    keras.utils.set_random_seed(0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(1e-3, **options), loss, metrics=["accuracy"])
    measure_keras_fit(meter, net, x, y, batch=batch, steps=steps)


if __name__ == "__main__":
    serve(
        {
            "digits": digits,
            "digits_keras": digits_keras,
            "text": text,
            "text_keras": text_keras,
            "pairs": pairs,
            "pairs_keras": pairs_keras,
        },
        ("agentlab", "tensorflow", "keras", "numpy"),
    )
