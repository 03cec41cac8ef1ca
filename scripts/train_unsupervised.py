"""Train unsupervised models: the same as `agentlab fit-unsupervised`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["fit-unsupervised", *sys.argv[1:]])
