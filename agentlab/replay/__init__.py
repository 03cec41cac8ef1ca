"""Replay buffer: what was seen and done, kept once and drawn from at random."""

from agentlab.replay.replay_buffer import Batch, ReplayBuffer
from agentlab.replay.sum_tree import SumTree

__all__ = ["Batch", "ReplayBuffer", "SumTree"]
