"""Train an agent: the same as `agentlab train`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["train", *sys.argv[1:]])
