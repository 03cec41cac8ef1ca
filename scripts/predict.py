"""Predict with a trained network: the same as `agentlab predict`."""

import sys

from agentlab.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))
