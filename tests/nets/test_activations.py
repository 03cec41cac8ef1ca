import subprocess
import sys

import keras
import numpy as np
import pytest

from agentlab.errors import InvalidArgument
from agentlab.nets import make_torso
from agentlab.nets.activation_names import ACTIVATIONS
from agentlab.nets.activations import FUNCTIONS, curve


@pytest.mark.parametrize(
    ("name", "x", "value", "slope"),
    [
        ("threshold", -0.1, 0, 0),
        ("threshold", 0.0, 1, 0),
        ("linear", -3.0, -3, 1),
        ("sigmoid", 0.0, 0.5, 0.25),
        ("tanh", 0.0, 0, 1),
        ("softmax", 0.0, 1 / 3, 2 / 9),
        ("softmax", np.log(2), 1 / 2, 1 / 4),
        ("relu", -1.0, 0, 0),
        ("relu", 2.0, 2, 1),
        ("leaky_relu", -1.0, -0.2, 0.2),
        ("elu", -1.0, np.exp(-1) - 1, np.exp(-1)),
        ("selu", 1.0, 1.05070098, 1.05070098),
        ("softplus", 0.0, np.log(2), 0.5),
        ("gelu", 0.0, 0, 0.5),
        ("silu", 0.0, 0, 0.5),
    ],
)
def test_values_and_derivatives_are_those_of_the_formulas(name, x, value, slope):
    values, slopes = curve(name, [x])
    np.testing.assert_allclose(values, [value], atol=1e-7)
    np.testing.assert_allclose(slopes, [slope], atol=1e-7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_the_slopes_of_the_functions(name):
    x = np.array([-2.3, -0.7, 0.4, 1.9])
    (high, slopes), (low, _) = curve(name, x + 1e-6), curve(name, x - 1e-6)
    np.testing.assert_allclose((high - low) / 2e-6, slopes, atol=1e-5)


def resolves(name):
    try:
        return callable(keras.activations.get(name))
    except ValueError:
        return False


def test_activation_names_are_those_of_keras():
    others = {"deserialize", "get", "serialize"}
    public = {name for name in dir(keras.activations) if not name.startswith("_")} - others
    assert set(ACTIVATIONS) == {name for name in public if resolves(name)}


def test_an_unknown_activation_is_refused():
    with pytest.raises(InvalidArgument, match="activation='tahn' is unknown; did you mean 'tanh'"):
        make_torso("mlp", (4,), activation="tahn")


def test_an_unknown_activation_is_refused_before_tensorflow_is_loaded():
    code = """
import sys
from agentlab.errors import InvalidArgument
from agentlab.nets import make_torso
try:
    make_torso("mlp", (4,), activation="tahn")
except InvalidArgument:
    sys.exit("tensorflow" in sys.modules)
sys.exit(2)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
