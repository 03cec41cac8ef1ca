"""Gradient checks and conformance suites for users' own agents, trainers and estimators."""
