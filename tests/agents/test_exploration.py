import itertools
import math

import pytest

from agentlab.agents.exploration import EpsilonGreedy, epsilon
from agentlab.errors import AgentlabError


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 1.0), (25, 0.775), (50, 0.55), (100, 0.1), (1000, 0.1)],  # 1 - .9 * step / 100, then .1
)
def test_a_linear_schedule_goes_down_in_equal_parts_and_stays(step, expected):
    assert epsilon(step, 1.0, 0.1, 100, "linear") == pytest.approx(expected)


def test_an_exponential_schedule_loses_the_same_share_of_the_way_every_step():
    values = [epsilon(step, 1.0, 0.1, 100, "exponential") for step in range(300)]
    assert values[0] == 1
    assert values[100] == pytest.approx(0.1 + 0.9 / math.e)
    left = [value - 0.1 for value in values]
    assert all(b / a == pytest.approx(math.exp(-1 / 100)) for a, b in itertools.pairwise(left))
    assert min(values) > 0.1


@pytest.mark.parametrize("schedule", ["linear", "exponential"])
def test_a_schedule_can_go_up_and_can_have_no_length(schedule):
    assert epsilon(1, 0.1, 0.5, 2, schedule) > 0.1
    assert epsilon(0, 1.0, 0.1, 0, schedule) == 0.1


@pytest.mark.parametrize("schedule", ["linear", "exponential"])
def test_the_result_is_a_plain_float(schedule):
    assert type(epsilon(3, 1, 0, 10, schedule)) is float


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epsilon_start": 1.5}, "epsilon_start=1.5 must be between 0 and 1"),
        ({"epsilon_end": -0.1}, "epsilon_end=-0.1 must be between 0 and 1"),
        ({"epsilon_steps": -1}, "epsilon_steps=-1 must be 0 or more"),
    ],
)
def test_bad_schedules_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        EpsilonGreedy(**options)


def test_the_options_are_a_schedule_over_the_whole_range():
    options = EpsilonGreedy(epsilon_start=0.0, epsilon_end=1.0, epsilon_steps=4)
    assert [options.epsilon_at(step) for step in (0, 1, 4, 9)] == [0, 0.25, 1, 1]
    assert EpsilonGreedy(0.0, 1.0, 0).epsilon_at(0) == 1
    exponential = EpsilonGreedy(1.0, 0.0, 4, "exponential")
    assert exponential.epsilon_at(4) == pytest.approx(math.exp(-1))
