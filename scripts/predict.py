"""Predict with a trained network: the same as `agentlab predict`."""

import sys

from agentlab.cli import run_process

if __name__ == "__main__":
    run_process(["predict", *sys.argv[1:]])
