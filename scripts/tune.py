"""Search for hyperparameters: the same as `agentlab tune`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["tune", *sys.argv[1:]]))
