"""Train a network on examples: the same as `agentlab fit`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["fit", *sys.argv[1:]]))
