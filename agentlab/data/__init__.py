"""Data: public sets, files of the user's own, what turns them into numbers, and batches of them.

Whatever is fitted (means, vocabularies, categories) is fitted on the training split only.
"""

from agentlab.data.batches import Arrays, Batch, Batches, split_indices
from agentlab.data.preprocessors import (
    PREPROCESSORS,
    Preprocessor,
    load_preprocessor,
    make_preprocessor,
)

__all__ = [
    "PREPROCESSORS",
    "Arrays",
    "Batch",
    "Batches",
    "Preprocessor",
    "load_preprocessor",
    "make_preprocessor",
    "split_indices",
]
