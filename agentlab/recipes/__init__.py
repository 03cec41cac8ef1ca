"""Named, ready configurations: the presets of each algorithm."""
