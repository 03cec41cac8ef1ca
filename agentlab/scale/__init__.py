"""Training on several devices and in several processes."""

from agentlab.scale.distribution import STRATEGIES, distributed
from agentlab.scale.ray_cluster import RayCluster
from agentlab.scale.ray_vector import RayVector

__all__ = ["STRATEGIES", "RayCluster", "RayVector", "distributed"]
