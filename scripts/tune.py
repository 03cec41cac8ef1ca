"""Search for hyperparameters: the same as `agentlab tune`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["tune", *sys.argv[1:]])
