"""Training on several devices and in several processes."""

from agentlab.scale.distribution import STRATEGIES, distributed

__all__ = ["STRATEGIES", "distributed"]
