"""Run episodes with an agent: the same as `agentlab play`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["play", *sys.argv[1:]]))
