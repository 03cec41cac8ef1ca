"""Data: public sets, files of the user's own, what turns them into numbers, and batches of them.

Whatever is fitted (means, vocabularies, categories) is fitted on the training part only.
"""

from agentlab.data.batches import Arrays, Batch, Batches, split_indices
from agentlab.data.preprocessors import Encoder, load_encoder

__all__ = ["Arrays", "Batch", "Batches", "Encoder", "load_encoder", "split_indices"]
