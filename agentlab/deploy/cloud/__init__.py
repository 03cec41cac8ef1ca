"""Dockerfiles and job files that run agentlab commands in containers and in the cloud."""

from agentlab.deploy.cloud.job import Job, repeatable
from agentlab.deploy.cloud.platforms import PLATFORMS, Platform

__all__ = ["PLATFORMS", "Job", "Platform", "repeatable"]
