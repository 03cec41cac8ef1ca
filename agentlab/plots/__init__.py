"""Plots: learning curves, network diagrams and predictions."""
