"""Public data sets, users' files, preprocessors and batches.

Everything that is fitted (means, vocabularies, categories) is fitted on the training split only.
"""

from agentlab.data.batches import Arrays, Batch, Batches, split_indices
from agentlab.data.preprocessor_kinds import PREPROCESSORS, load_preprocessor
from agentlab.data.preprocessors import Preprocessor, make_preprocessor

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
