"""List environments: the same as `agentlab envs`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["envs", *sys.argv[1:]]))
