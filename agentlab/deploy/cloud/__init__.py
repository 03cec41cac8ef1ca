"""Files that run agentlab's commands in containers and on clouds."""

from agentlab.deploy.cloud.job import Job, repeatable
from agentlab.deploy.cloud.platforms import PLATFORMS, Platform

__all__ = ["PLATFORMS", "Job", "Platform", "repeatable"]
