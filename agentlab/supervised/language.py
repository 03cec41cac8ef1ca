"""``LanguageModel``: recurrent character-level language models."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from agentlab.config import option, override
from agentlab.data import Batch, Batches
from agentlab.data.streams import Streams
from agentlab.data.text import Characters
from agentlab.data.text_files import text_of
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.lazy import keras, tf
from agentlab.runs import Run
from agentlab.training.callbacks import Callback
from agentlab.training.losses import cross_entropy
from agentlab.training.optimization import Optimization
from agentlab.training.optimizers import ScheduleName
from agentlab.training.presented import Table
from agentlab.training.stages import Stage
from agentlab.training.steps import Sums
from agentlab.training.trainer import Trainer

SHOWN = 400  # characters generated after each epoch, for TensorBoard
READ_AT_ONCE = 32  # streams of a validation or test text


@dataclass(frozen=True)
class LanguageModelConfig(Optimization):
    """Hyperparameters of ``language_model``."""

    epochs: int = override(Optimization, "epochs", 20)
    batch_size: int = option(64, "parallel streams of text", ge=1)
    learning_rate: float = override(Optimization, "learning_rate", 2e-3)
    schedule: ScheduleName = override(Optimization, "schedule", "cosine")
    max_grad_norm: float | None = override(Optimization, "max_grad_norm", 1.0)
    cell: Literal["lstm", "gru", "peephole", "simple"] = option("lstm", "recurrent cell")
    units: tuple[int, ...] = option((512,), "units of each layer, first to last", ge=1)
    embedding: int = option(64, "dimensions of the character embedding", ge=1)
    dropout: float = option(0.3, "dropout rate of the layers' inputs and outputs", ge=0, lt=1)
    length: int = option(
        128, "characters per window of truncated backpropagation through time", ge=1
    )


class LanguageModel(Trainer):
    """Minimizes -log p(next character | all previous characters), in nats.

    The text is read in parallel streams from beginning to end. Recurrent states carry over from
    window to window; gradients are truncated at the window's beginning (Graves 2013, section 2;
    Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks").

    Attributes:
        preprocessor: the characters of the training text.
    """

    name = "language_model"
    Config: ClassVar[type] = LanguageModelConfig
    component_names = (*Trainer.component_names, "carried")
    config: LanguageModelConfig
    preprocessor: Characters | None
    carried: Any = None  # recurrent states between windows
    _reading: Any = None  # the same during evaluation

    def fit(  # type: ignore[override]
        self,
        text: str,
        *,
        validation_data: str | None = None,
        run: Run | None = None,
        quiet: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train the network.

        Args:
            text: the training text.
            validation_data: the validation text; ``None`` holds out the fraction
                ``validation_split`` at the beginning of ``text``, so that a test text directly
                follows the training text.
            run: saves metrics, samples and checkpoints; training resumes from its newest one.
            quiet: show no progress.
            callbacks: called during training.

        Raises:
            AgentlabError: if the text is too short, or the net does not match its characters.
        """
        config = self.config
        if validation_data is None and config.validation_split:
            end = round(len(text) * config.validation_split)
            text, validation_data = text[end:], text[:end]
        self.preprocessor = Characters.fit(text, unknown=True)
        train = Streams(self.preprocessor.encode(text), config.batch_size, config.length)
        held_out = None if validation_data is None else self._stream(validation_data)
        return self.train(train, held_out, run, quiet, callbacks)

    def build(self, data: Batches) -> None:
        """Build a recurrent network with one logit per character of the training text."""
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
        head_seed = self.seed + 1000
        self.net = Headed(torso, self.preprocessor.size, config.dropout, head_seed, name="net")

    def check_net(self, data: Batches) -> None:
        """Check that a net that the user passed matches the characters of the text."""
        from agentlab.nets.headed import Headed
        from agentlab.nets.rnn import RNN

        assert self.preprocessor is not None
        size, torso = self.preprocessor.size, getattr(self.net, "torso", None)
        fits = isinstance(self.net, Headed) and self.net.units == size
        if not (fits and isinstance(torso, RNN) and torso.vocabulary == size):
            raise AgentlabError(
                f"net={self.net.name!r} does not match a text of {size} distinct characters; it "
                f"must be Headed(RNN(vocabulary={size}), {size})"
            )

    def _stream(self, text: str) -> Streams:
        assert self.preprocessor is not None
        return Streams(self.preprocessor.encode(text), READ_AT_ONCE, self.config.length)

    def training_only(self) -> Collection[str]:
        """Return the state that is part of checkpoints but not of ``save``."""
        return {*super().training_only(), "carried"}

    def begin_stage(self, stage: Stage, updates: int, example: Batch, ragged: bool) -> None:
        """Make the optimizer, the compiled step and the recurrent states."""
        state = self.net.torso.initial_state(len(example.weights))
        self.carried = [tf.Variable(part, trainable=False) for part in state]
        super().begin_stage(stage, updates, example, ragged)

    def _go_on(self, inputs: Any, state: Any, training: bool) -> tuple[Any, Any]:
        """Return the logits of the next characters and the last recurrent state."""
        ids, begins = inputs
        net = self.net
        features, state = net.torso.run(ids, list(state), begins, training)
        if net.drop is not None:
            features = net.drop(features, training=training)
        return net.head(features), state

    def losses(self, batch: Batch, training: bool) -> dict[str, Any]:
        """Return ``loss`` (nats) and ``accuracy`` of each character, ``[b, time]``."""
        logits, state = self._go_on(batch.inputs, self.carried, training)
        if training:
            for variable, part in zip(self.carried, state, strict=True):
                variable.assign(part)
        return _measured(logits, batch.targets)

    def test_step(self, batch: Batch) -> Mapping[str, Any]:
        """Return means over a batch that continues the previous one of an evaluation."""
        sums, step = self.compiled("test_step", self._make_test_step)
        if self._reading is None:
            self._reading = self.net.torso.initial_state(len(batch.weights))
        found, self._reading = step(batch, self._reading)
        means: Mapping[str, Any] = sums.means(found.numpy())
        return means

    def _make_test_step(self) -> tuple[Sums, Any]:
        sums = Sums()

        def step(batch: Batch, state: Any) -> Any:
            logits, state = self._go_on(batch.inputs, state, False)
            return sums.of(_measured(logits, batch.targets), batch.weights), state

        return sums, tf.function(step, reduce_retracing=True)

    def evaluate_batches(self, batches: Batches) -> dict[str, float]:
        """Return the means of ``test_step`` over a text, read from its beginning."""
        self._reading = None
        return super().evaluate_batches(batches)

    def evaluate(self, text: str) -> dict[str, float]:
        """Return ``loss`` (nats per character), ``bits``, ``perplexity`` and ``accuracy``.

        The whole ``text`` is read in 32 streams (fewer for a short text) with recurrent states.
        """
        self.check_fitted()
        means = self.evaluate_batches(self._stream(text))
        loss = means["loss"]
        return {**means, "bits": loss / math.log(2), "perplexity": math.exp(loss)}

    def epoch_end(self, epoch: int, run: Run | None) -> dict[str, float]:
        """Generate a sample text for TensorBoard."""
        if run is not None:
            written = self.generate("\n", SHOWN, seed=self.seed)
            run.text("written", epoch, f"```\n{written}\n```")
        return {}

    def predict(self, prompts: Sequence[str], length: int = 200) -> list[str]:
        """Return a continuation of each of ``prompts``; see ``generate``."""
        return [self.generate(prompt, length) for prompt in prompts]

    def format_prediction(
        self,
        source: str,
        *,
        length: int = 500,
        temperature: float = 0.7,
        top_k: int | None = None,
        seed: int = 0,
        encoding: str | None = None,
        **options: Any,
    ) -> list[str]:
        """Return the text in a file, or ``source`` itself, with a continuation."""
        return [self.generate(text_of(source, encoding), length, temperature, top_k, seed)]

    def tabulate(self, source: str, **options: Any) -> Table:
        """Return the text of ``format_prediction`` as the only cell of a table."""
        return ["prediction"], [self.format_prediction(source, **options)]

    def inference_model(self) -> Any:
        """Return a Keras model from ids ``[n, time]`` to ``probabilities`` of the next character.

        They are float32 ``[n, characters]``, for the character after each row.
        """
        self.check_fitted()
        ids = keras.Input((None,), dtype="int32", name="ids")
        logits = keras.ops.cast(self.net(ids, training=False)[:, -1], "float32")
        return keras.Model(ids, {"probabilities": keras.ops.softmax(logits)}, name=self.name)

    def generate(
        self,
        prompt: str = "\n",
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str:
        """Generate text.

        Args:
            prompt: the beginning of the text, at least one character.
            length: number of characters to add.
            temperature: divisor of the logits; higher values give more varied text, 0 always takes
                the most probable character.
            top_k: sample only from the ``top_k`` most probable characters; ``None`` for all.
            seed: seed of the random generator.

        Returns:
            The prompt and its continuation.

        Raises:
            AgentlabError: for an empty prompt, or an argument out of range.
        """
        self.check_fitted()
        assert self.preprocessor is not None
        if not prompt:
            raise InvalidArgument(
                "prompt='' is empty; it must have at least one character, such as a newline"
            )
        if not temperature >= 0:
            raise InvalidArgument(f"temperature={temperature} must be 0 or more")
        if length < 1:
            raise InvalidArgument(f"length={length} must be 1 or more")
        if top_k is not None and top_k < 1:
            raise InvalidArgument(f"top_k={top_k} must be 1 or more, or None for all")
        if not 0 <= seed < 2**31:
            raise InvalidArgument(f"seed={seed} must be from 0 to 2**31 - 1")
        from agentlab.nets.generation import make_generator

        ids = self.compiled("generate", lambda: make_generator(self.net))(
            self.preprocessor.encode(prompt)[None],
            tf.constant(length),
            tf.constant(float(temperature)),
            None if top_k is None else min(top_k, self.preprocessor.size),
            tf.constant([seed, 0]),
        )
        return prompt + self.preprocessor.decode(ids.numpy().tolist())


def _measured(logits: Any, targets: Any) -> dict[str, Any]:
    accuracy = tf.argmax(logits, -1, tf.int32) == targets
    return {"loss": cross_entropy(logits, targets), "accuracy": accuracy}
