import numpy as np
import pytest
from gymnasium import spaces

from agentlab.agents.encoding import Encoding
from agentlab.errors import AgentlabError

SPACES = {
    "floats": spaces.Box(-1, 1, (5,)),
    "bytes": spaces.Box(0, 255, (12, 12, 1), np.uint8),
    "pixels": spaces.Box(0, 1, (40, 40, 2), np.uint8),
    "changes": spaces.Box(-1, 1, (40, 40, 1), np.int8),
    "states": spaces.Discrete(7, start=2),
}


def test_only_wide_observations_of_zeros_and_ones_are_sparse():
    sparse = {kind for kind, space in SPACES.items() if Encoding(space).sparse}
    assert sparse == {"pixels", "changes"}


def test_discrete_observations_become_one_hot():
    assert Encoding(spaces.Discrete(3, start=5))(np.array([5, 7])).tolist() == [
        [1, 0, 0],
        [0, 0, 1],
    ]


def test_a_space_without_arrays_is_refused():
    with pytest.raises(
        AgentlabError, match="must be Box, Discrete, MultiDiscrete or MultiBinary, or a Dict"
    ):
        Encoding(spaces.Text(5))
