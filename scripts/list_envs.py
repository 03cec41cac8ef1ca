"""List environments: the same as `agentlab envs`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["envs", *sys.argv[1:]])
