"""Measurements of self-organizing maps of 949 named colors; run by ``compare.py``."""

from __future__ import annotations

from steady import Meter, serve

SIDE = 30  # units


def som(meter: Meter) -> None:
    """Train the map of the recipe colors-som; a step is a map."""
    from agentlab.data.sets import load
    from agentlab.unsupervised import SOM

    x, _ = load("colors", quiet=True).train
    while True:
        SOM(map_rows=SIDE, map_columns=SIDE).fit(x, quiet=True)
        if meter.tick(1):
            return


if __name__ == "__main__":
    serve({"som": som}, ("agentlab", "scikit-learn", "numpy"))
