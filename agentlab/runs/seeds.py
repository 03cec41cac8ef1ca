"""Seeding of all random number generators of a run."""

from __future__ import annotations

import random
import sys

import numpy as np

from agentlab.errors import InvalidArgument


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and, if imported, TensorFlow and Keras; make TensorFlow deterministic.

    Call this after the imports that need TensorFlow, which is not imported here.

    Raises:
        InvalidArgument: for a seed outside 0 .. 2**32 - 1.
    """
    if not 0 <= seed < 2**32:
        raise InvalidArgument(f"seed={seed} is not a whole number from 0 to {2**32 - 1}")
    random.seed(seed)
    np.random.seed(seed)
    if "tensorflow" in sys.modules:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()


def derive_seed(*keys: int) -> int:
    """Derive a 31-bit seed from whole numbers, such as a run's seed and an epoch's number.

    Different keys, or different numbers of keys, give independent seeds.

    Raises:
        InvalidArgument: for a negative key.

    >>> derive_seed(0, 1) == derive_seed(0, 1), derive_seed(0, 1) == derive_seed(1, 0)
    (True, False)
    """
    if min(keys, default=0) < 0:
        raise InvalidArgument(f"seed={min(keys)} is negative; use 0 or more")
    # SeedSequence pads with zeros, so the number of keys is included as well.
    state = np.random.SeedSequence([len(keys), *keys]).generate_state(1)
    return int(state[0] >> np.uint32(1))
