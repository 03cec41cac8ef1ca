"""Compare the restricted Boltzmann machine with BernoulliRBM of scikit-learn on MNIST.

    python benchmarks/boltzmann.py [--units 100] [--epochs 10] [--no-peer] [--classify]

Prints the pseudo-likelihood of the test images, estimated by scikit-learn's formula for both, and
the wall-clock and CPU time of training. ``--classify`` adds the test error of a
logistic regression on the hidden units.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from compare import machine

ROUNDS = 5  # each estimates the pseudo-likelihood from one pixel per image
C = 0.3  # inverse penalty of the logistic regression, chosen on 10,000 training images


def main(words: list[str] | None = None) -> int:
    """Train both, print a table and return the exit code."""
    parser = argparse.ArgumentParser("boltzmann.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--units", type=int, default=100, help="hidden units")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--data-dir", help="folder of mnist.npz")
    parser.add_argument("--no-peer", action="store_true", help="leave out scikit-learn")
    parser.add_argument("--classify", action="store_true", help="classify by the hidden units")
    options = parser.parse_args(words)

    from agentlab.data.sets import load

    data = load("mnist", options.data_dir, quiet=True)
    sides = (
        {"agentlab RBM": ours} if options.no_peer else {"agentlab RBM": ours, "BernoulliRBM": peer}
    )
    print(machine(), end="\n\n")
    last = f"{'error':>9}" if options.classify else ""
    print(f"{'':<14}{'pseudo-likelihood':>19}{'seconds':>10}{'CPU seconds':>13}{last}")
    for name, train in sides.items():
        wall, cpu = time.perf_counter(), time.process_time()
        model = train(data.train[0], options.units, options.epochs)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        tested = np.mean([model.score_samples(flat(data.test[0])).mean() for _ in range(ROUNDS)])
        error = f"{error_of(model.transform, data):9.2%}" if options.classify else ""
        print(f"{name:<14}{tested:19.1f}{wall:10.1f}{cpu:13.1f}{error}", flush=True)
    return 0


def ours(x: Any, units: int, epochs: int) -> Any:
    """Train as the recipe mnist-rbm does; return a ``BernoulliRBM`` with the weights."""
    from sklearn.neural_network import BernoulliRBM

    from agentlab.unsupervised import RBM

    trained = RBM(units=units, epochs=epochs, validation_split=0.0).fit(x, quiet=True).net.machine
    model = BernoulliRBM(units)
    model.components_ = np.asarray(trained.kernel).T
    model.intercept_visible_ = np.asarray(trained.visible_bias)
    model.intercept_hidden_ = np.asarray(trained.hidden_bias)
    model.random_state_ = np.random.RandomState(0)
    return model


def peer(x: Any, units: int, epochs: int) -> Any:
    """Train with scikit-learn, with the learning rate of its example on digits."""
    from sklearn.neural_network import BernoulliRBM

    return BernoulliRBM(units, learning_rate=0.06, n_iter=epochs, random_state=0).fit(flat(x))


def flat(x: Any) -> Any:
    """Return images as rows of numbers from 0 to 1, float32 ``[n, 784]``."""
    return x.reshape(len(x), -1).astype(np.float32) / 255


def error_of(transform: Callable[[Any], Any], data: Any) -> float:
    """Return the test error of a logistic regression on the hidden units."""
    from sklearn.linear_model import LogisticRegression

    (x, y), (x_test, y_test) = data.train, data.test
    model = LogisticRegression(C=C, max_iter=200).fit(transform(flat(x)), y)
    return 1 - float(model.score(transform(flat(x_test)), y_test))


if __name__ == "__main__":
    sys.exit(main())
