"""Seeds: one number from which all that is random in a run follows."""

from __future__ import annotations

import random
import sys

import numpy as np

from agentlab.errors import AgentlabError


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and, where it has been imported, TensorFlow and Keras.

    TensorFlow is also told to use only operations that give the same result every time. Call it
    after the modules that need TensorFlow have been imported: it is not loaded for this.

    Raises:
        AgentlabError: for a seed outside 0 .. 2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise AgentlabError(f"seed={seed} is not a whole number from 0 to {2**32 - 1}")
    random.seed(seed)
    np.random.seed(seed)
    if "tensorflow" in sys.modules:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


def derive_seed(*keys: int) -> int:
    """Mix whole numbers (a run's seed, a checkpoint's number, ...) into a seed of 31 bits.

    Different keys, also of different number, give unrelated seeds.

    Raises:
        AgentlabError: for a negative key.
    """
    if min(keys, default=0) < 0:
        raise AgentlabError(f"seed={min(keys)} is negative; use 0 or more")
    # SeedSequence takes missing keys for zeros, so their number is mixed in too.
    state = np.random.SeedSequence([len(keys), *keys]).generate_state(1)
    return int(state[0] >> np.uint32(1))
