"""Train an agent: the same as `agentlab train`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
