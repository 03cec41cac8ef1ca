import math

import keras
import numpy as np
import pytest

from agentlab.errors import AgentlabError
from agentlab.training.optimizers import SCHEDULES, make_schedule

# Of 70 updates at a rate of 1: before any, after 35, and before the last.
GOLDEN = {
    "constant": (1.0, 1.0, 1.0),
    "linear": (1.0, 0.5, 1 / 70),
    "cosine": (1.0, 0.5, (1 + math.cos(math.pi * 69 / 70)) / 2),
    "exponential": (1.0, 0.1, 0.01 ** (69 / 70)),
    "inverse_time": (1.0, 1 / 5.5, 1 / (1 + 9 * 69 / 70)),
    "step": (1.0, 0.1, 0.01),
    "restarts": (1.0, (1 + math.cos(math.pi / 8)) / 2, (1 + math.cos(math.pi * 39 / 40)) / 2),
    "inverse_sqrt": (1.0, 1 / 6, 1 / math.sqrt(70)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_has_its_golden_values(name):
    # Without its rise a constant rate is no schedule, but the number itself.
    schedule = make_schedule(name, 1.0, 70)
    found = [schedule if name == "constant" else schedule(step) for step in (0, 35, 69)]
    np.testing.assert_allclose(found, GOLDEN[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_warmup_rises_in_a_straight_line_and_the_rest_follows(name):
    schedule = make_schedule(name, 0.5, 70 + 20, warmup_steps=20)
    np.testing.assert_allclose([schedule(step) for step in (0, 9, 19)], [0.025, 0.25, 0.5])
    # After the rise all is as without one, but for the root, which counts from its start.
    after = [schedule(20 + step) for step in (0, 35, 69)]
    golden = [0.5 * value for value in GOLDEN[name]]
    if name == "inverse_sqrt":
        golden = [0.5, 0.5 * math.sqrt(20 / 55), 0.5 * math.sqrt(20 / 89)]
    np.testing.assert_allclose(after, golden, rtol=1e-5, atol=1e-7)


def test_steps_fall_at_half_and_at_three_quarters():
    schedule = make_schedule("step", 1.0, 100)
    rates = [float(schedule(step)) for step in (49, 50, 74, 75, 99)]
    np.testing.assert_allclose(rates, [1, 0.1, 0.1, 0.01, 0.01])


def test_each_restart_lasts_twice_as_long():
    schedule = make_schedule("restarts", 1.0, 70)
    rates = [float(schedule(step)) for step in (0, 5, 9, 10, 20, 29, 30, 50, 69)]
    ends = [(1 + math.cos(math.pi * (1 - 1 / n))) / 2 for n in (10, 20, 40)]
    np.testing.assert_allclose(
        rates, [1, 0.5, ends[0], 1, 0.5, ends[1], 1, 0.5, ends[2]], atol=1e-6
    )


@pytest.mark.parametrize("name", ["linear", "cosine", "restarts"])
def test_beyond_its_end_a_schedule_stays_at_its_end(name):
    schedule = make_schedule(name, 1.0, 70)
    np.testing.assert_allclose([schedule(step) for step in (70, 700)], 0, atol=1e-6)


def test_a_schedule_survives_a_journey_through_json():
    schedule = make_schedule("cosine", 0.1, 50, warmup_steps=5)
    described = keras.saving.serialize_keras_object(schedule)
    loaded = keras.saving.deserialize_keras_object(described)
    assert loaded.get_config() == schedule.get_config()
    assert float(loaded(17)) == float(schedule(17))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sawtooth", 0.1, 10), "schedule='sawtooth' is unknown; choose from constant, linear"),
        (("linear", 0.1, 10, 10), "warmup_steps=10 must be less than the 10 updates"),
        (("linear", 0.1, 10, -1), "warmup_steps=-1 must be less"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(arguments, says):
    with pytest.raises(AgentlabError, match=says):
        make_schedule(*arguments)
