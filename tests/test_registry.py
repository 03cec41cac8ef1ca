"""Classes by name."""

import subprocess
import sys

import pytest

from agentlab.errors import InvalidArgument
from agentlab.registry import KINDS, Registry, registry_of

SHAPES = Registry("shape", {"fraction": "fractions:Fraction", "missing": "no_such_module:Shape"})


def test_a_registry_is_a_mapping_of_paths_and_loads_classes():
    assert list(SHAPES) == ["fraction", "missing"] and len(SHAPES) == 2
    assert SHAPES["fraction"] == "fractions:Fraction" and "fraction" in SHAPES
    cls = SHAPES.load("fraction")
    assert cls.__name__ == "Fraction"
    assert SHAPES.name_of(cls) == "fraction"
    assert SHAPES.name_of(int) is None


def test_an_unknown_name_is_refused_with_the_nearest_or_all():
    with pytest.raises(InvalidArgument, match="shape='fractoin' is unknown.*did you mean 'fract"):
        SHAPES.load("fractoin")
    with pytest.raises(InvalidArgument, match="shape='x' is unknown; choose from fraction"):
        SHAPES.check("x")
    with pytest.raises(InvalidArgument, match="shape=None is unknown"):
        SHAPES.check(None)


def test_a_check_imports_nothing():
    SHAPES.check("missing")
    with pytest.raises(ModuleNotFoundError):
        SHAPES.load("missing")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_registry_of_classes_that_exist(kind):
    registry = registry_of(kind)
    for name in registry:
        cls = registry.load(name)
        assert (cls.kind, registry.name_of(cls)) == (kind, name)


def test_an_unknown_kind_raises_an_error():
    with pytest.raises(InvalidArgument, match="kind='agnet' is unknown; did you mean 'agent'"):
        registry_of("agnet")


def test_names_of_algorithms_need_no_tensorflow():
    code = (
        "import sys; from agentlab.registry import registry_of; "
        "assert 'pg' in registry_of('agent'); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
