"""Replay memory: what was seen and done, kept once and drawn from at random."""

from agentlab.replay.replay import Batch, Replay
from agentlab.replay.sum_tree import SumTree

__all__ = ["Batch", "Replay", "SumTree"]
