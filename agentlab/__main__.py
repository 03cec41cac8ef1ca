"""``python -m agentlab``: the same as the command ``agentlab``."""

from agentlab.cli import run_process

run_process()
