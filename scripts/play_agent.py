"""Run episodes with an agent: the same as `agentlab play`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["play", *sys.argv[1:]])
