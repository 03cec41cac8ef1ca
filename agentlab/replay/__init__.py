"""The replay buffer: transitions, each observation stored once, sampled at random."""

from agentlab.replay.batch import Batch
from agentlab.replay.leaves import buffer_bytes
from agentlab.replay.replay_buffer import ReplayBuffer
from agentlab.replay.sum_tree import SumTree

__all__ = ["Batch", "ReplayBuffer", "SumTree", "buffer_bytes"]
