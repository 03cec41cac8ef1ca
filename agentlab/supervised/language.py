"""Language models: nets that say which character comes next, and so write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np

from agentlab.config import option
from agentlab.data import Batches
from agentlab.data.streams import Streams
from agentlab.data.text import Characters
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.runs import Run
from agentlab.training.optimizers import ScheduleName
from agentlab.training.trainer import Trainer, TrainerConfig

SHOWN = 400  # characters written after each epoch, for TensorBoard
READ_AT_ONCE = 32  # streams of a held-out text


@dataclass(frozen=True)
class LanguageModelConfig(TrainerConfig):
    """Hyperparameters of ``language_model``."""

    epochs: int = option(20, "passes over the training data")
    batch_size: int = option(64, "streams of text that are read side by side")
    learning_rate: float = option(2e-3, "step size of the optimizer, at its highest")
    schedule: ScheduleName = option("cosine", "how the learning rate falls during the training")
    max_grad_norm: float | None = option(1.0, "bound on the gradient's norm; none for no bound")
    cell: Literal["lstm", "gru", "peephole", "simple"] = option("lstm", "cell of the net")
    units: tuple[int, ...] = option((512,), "units of each layer")
    embedding: int = option(64, "numbers that stand for a character")
    dropout: float = option(0.3, "fraction of each layer's inputs and outputs dropped in training")
    length: int = option(128, "characters that a gradient goes back through")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise AgentlabError(f"dropout={self.dropout} must be 0 or more and less than 1")
        for name in ("embedding", "length"):
            if getattr(self, name) < 1:
                raise AgentlabError(f"{name}={getattr(self, name)} must be 1 or more")


class LanguageModel(Trainer):
    """Minimizes -log p(next character | all before it), in nats.

    The text is read in parallel streams from beginning to end. What a layer remembers goes on from
    window to window, and gradients end at a window's edge (Graves 2013, section 2; Karpathy 2015,
    "The unreasonable effectiveness of recurrent neural networks").

    Attributes:
        preprocessor: the characters of the training text.
    """

    name = "language_model"
    Config: ClassVar[type] = LanguageModelConfig
    _compiled = (*Trainer._compiled, "_write")
    config: LanguageModelConfig
    preprocessor: Characters | None

    def fit(
        self,
        text: str,
        *,
        validation_data: str | None = None,
        run: Run | None = None,
        quiet: bool = False,
    ) -> Self:
        """Learn to go on with texts like ``text``.

        Args:
            text: what to learn from.
            validation_data: a text held out; ``None`` takes the fraction ``validation_split`` from
                the beginning of ``text``, so that a test on what follows it is on what comes next.
            run: where metrics, samples and checkpoints go, and where they are taken up again.
            quiet: show no progress.

        Raises:
            AgentlabError: for a text that is too short, or a net that was given and does not fit.
        """
        self._begin()
        config = self.config
        if validation_data is None and config.validation_split:
            end = round(len(text) * config.validation_split)
            text, validation_data = text[end:], text[:end]
        self.preprocessor = Characters.fit(text, unknown=True)
        train = Streams(self.preprocessor.encode(text), config.batch_size, config.length)
        if self.net is None:
            with self._precision():
                self.net = self._build()
        self._check_net()
        state = self.net.torso.initial_state(train.streams)
        # What is remembered from window to window; part of every checkpoint.
        self._carried = [tf.Variable(part, trainable=False) for part in state]
        held_out = None if validation_data is None else self._stream(validation_data)
        self._train(train, held_out, run, quiet)
        return self

    def _build(self) -> Any:
        from agentlab.nets.headed import Headed
        from agentlab.nets.rnn import RNN

        config = self.config
        assert self.preprocessor is not None
        torso = RNN(
            config.cell,
            config.units,
            return_sequences=True,
            vocabulary=self.preprocessor.size,
            embedding=config.embedding,
            dropout=config.dropout,
            seed=self.seed,
            name="torso",
        )
        torso.build((None, None))
        return Headed(torso, self.preprocessor.size, config.dropout, self.seed + 1000, name="net")

    def _check_net(self) -> None:
        """See that a net that was given reads and writes the characters of the text."""
        from agentlab.nets.headed import Headed
        from agentlab.nets.rnn import RNN

        assert self.preprocessor is not None
        size, torso = self.preprocessor.size, getattr(self.net, "torso", None)
        fits = isinstance(self.net, Headed) and self.net.units == size
        if not (fits and isinstance(torso, RNN) and torso.vocabulary == size):
            raise AgentlabError(
                f"net={self.net.name!r} does not fit a text of {size} characters: it must be "
                f"Headed(RNN(vocabulary={size}), {size})"
            )

    def _stream(self, text: str) -> Streams:
        assert self.preprocessor is not None
        return Streams(self.preprocessor.encode(text), READ_AT_ONCE, self.config.length)

    def _variables(self) -> list[Any]:
        return [*super()._variables(), *self._carried]

    def _forward(self, inputs: Any, training: bool) -> Any:
        outputs, state = self._go_on(inputs, self._carried, training)
        if training:
            for variable, part in zip(self._carried, state, strict=True):
                variable.assign(part)
        return outputs

    def _go_on(self, inputs: Any, state: Any, training: bool) -> tuple[Any, Any]:
        """Return logits of the next characters, and the state after the last one."""
        ids, begins = inputs
        net = self.net
        features, state = net.torso.run(ids, list(state), begins, training)
        if net.drop is not None:
            features = net.drop(features, training=training)
        return net.head(features), state

    def losses(self, outputs: Any, targets: Any) -> Any:
        from agentlab.training.losses import cross_entropy

        return cross_entropy(outputs, targets)

    def metrics(self, outputs: Any, targets: Any) -> dict[str, Any]:
        return {"accuracy": tf.argmax(outputs, -1, tf.int32) == targets}

    @cached_property
    def _test_step(self) -> Any:
        def step(batch: Any, state: Any) -> Any:
            inputs, targets, weights = batch
            outputs, state = self._go_on(inputs, state, False)
            return self._sums(outputs, targets, weights), state

        return tf.function(step, reduce_retracing=True)

    def _evaluate(self, batches: Batches) -> dict[str, float]:
        sums: Any = 0.0
        state = None
        for batch in batches.epoch(READ_AT_ONCE):
            if state is None:
                state = self.net.torso.initial_state(len(batch.weights))
            added, state = self._test_step(tuple(batch), state)
            sums = sums + added.numpy().astype(np.float64)
        return self._means(sums)

    def evaluate(self, text: str) -> dict[str, float]:
        """Return ``loss`` (nats a character), ``bits``, ``perplexity`` and ``accuracy``.

        All of ``text`` is read, in 32 streams (fewer of a short text) that remember all before.
        """
        self._need_net()
        means = self._evaluate(self._stream(text))
        loss = means["loss"]
        return {**means, "bits": loss / math.log(2), "perplexity": math.exp(loss)}

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Let the net write something for TensorBoard."""
        if run is not None:
            written = self.generate("\n", SHOWN, seed=self.seed)
            run.text("written", epoch, f"```\n{written}\n```")
        return {}

    def predict(self, prompts: Sequence[str], length: int = 200) -> list[str]:
        """Return how the net goes on with each of ``prompts``; see ``generate``."""
        return [self.generate(prompt, length) for prompt in prompts]

    def generate(
        self,
        prompt: str = "\n",
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str:
        """Write.

        Args:
            prompt: how the text begins; at least one character.
            length: how many characters to add.
            temperature: what logits are divided by: above 1 is bolder; 0 takes the likeliest.
            top_k: draw among the so many likeliest only; ``None`` for all.
            seed: equal seeds write equal texts.

        Returns:
            The prompt and what follows it.

        Raises:
            AgentlabError: for an empty prompt, or a number that is too small or too large.
        """
        self._need_net()
        assert self.preprocessor is not None
        if not prompt:
            raise AgentlabError(
                "prompt='' is empty; give one character at least, such as a newline"
            )
        if not temperature >= 0:
            raise AgentlabError(f"temperature={temperature} must be 0 or more")
        if length < 1:
            raise AgentlabError(f"length={length} must be 1 or more")
        if top_k is not None and top_k < 1:
            raise AgentlabError(f"top_k={top_k} must be 1 or more, or none for all")
        if not 0 <= seed < 2**31:
            raise AgentlabError(f"seed={seed} must be 0 or more and less than 2**31")
        ids = self._write(
            self.preprocessor.encode(prompt)[None],
            tf.constant(length),
            tf.constant(float(temperature)),
            None if top_k is None else min(top_k, self.preprocessor.size),
            tf.constant([seed, 0]),
        )
        return prompt + self.preprocessor.decode(ids.numpy().tolist())

    @cached_property
    def _write(self) -> Any:
        from agentlab.nets.decoding import draw

        def write(prompt: Any, length: Any, temperature: Any, top_k: int | None, seed: Any) -> Any:
            torso, head = self.net.torso, self.net.head

            def choose(features: Any, time: Any) -> Any:
                logits = tf.cast(head(features[:, -1]), tf.float32)
                # The id 0 stands for characters that were never seen.
                logits = tf.concat([tf.fill((1, 1), logits.dtype.min), logits[:, 1:]], axis=1)
                return tf.cond(
                    temperature > 0,
                    lambda: draw(logits, seed + tf.stack([0, time]), temperature, top_k),
                    lambda: tf.argmax(logits, -1, tf.int32),
                )

            features, state = torso.run(prompt, torso.initial_state(1))
            written = tf.TensorArray(tf.int32, length, element_shape=(1,))

            def advance(time: Any, token: Any, state: Any, written: Any) -> Any:
                written = written.write(time, token)
                features, state = torso.run(token[:, None], state)
                return time + 1, choose(features, time + 1), state, written

            _, _, _, written = tf.while_loop(
                lambda time, *_: time < length,
                advance,
                (tf.constant(0), choose(features, 0), state, written),
            )
            return written.concat()

        return tf.function(write, reduce_retracing=True, autograph=False)
