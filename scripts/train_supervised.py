"""Train a network on examples: the same as `agentlab fit`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["fit", *sys.argv[1:]])
