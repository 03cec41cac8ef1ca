"""Generating texts from recurrent language models."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from agentlab.nets.decoding import draw


def make_generator(net: Any) -> Any:
    """Compile the generation of a text, one character after the other.

    Args:
        net: ``Headed`` on a recurrent torso that takes ids; the id 0 is never generated.

    Returns:
        A function of a prompt ``[1, time]``, a length, a temperature, ``top_k`` (an integer or
        ``None``) and a seed ``[2]`` that returns int32 ``[length]``.
    """

    def write(prompt: Any, length: Any, temperature: Any, top_k: int | None, seed: Any) -> Any:
        torso, head = net.torso, net.head

        def choose(features: Any, time: Any) -> Any:
            logits = tf.cast(head(features[:, -1]), tf.float32)
            # The id 0 stands for unknown characters.
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
