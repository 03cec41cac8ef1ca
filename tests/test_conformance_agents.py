"""Every algorithm passes the conformance suite of agentlab.testing.agents."""

from functools import partial

import pytest

from agentlab import make_envs
from agentlab.agents import ALGORITHMS
from agentlab.testing.agents import (
    AgentCase,
    agent_checks,
    check_resume,
    check_save_and_load,
    check_seeded_repeat,
)
from agentlab.testing.envs import Sign

CONTINUOUS = partial(make_envs, partial(Sign, continuous=True))
RECALL = (check_seeded_repeat, check_resume, check_save_and_load)
VARIANTS = {  # algorithms that are options of others
    "iqn": AgentCase("dqn", config={"distribution": "iqn", "n_atoms": 4}, steps=64),
    "rainbow-iqn": AgentCase("rainbow", config={"distribution": "iqn", "n_atoms": 4}, steps=64),
    "ppo-gsde": AgentCase("ppo", CONTINUOUS, {"use_sde": True, "sde_sample_freq": 5}, 64),
    "crossq": AgentCase("sac", CONTINUOUS, {"crossq": True, "policy_delay": 3}, 64),
}
CASES = {name: AgentCase(name) for name in ALGORITHMS}
SLOW = ("rainbow",)  # dqn with all its flags, which compiles longest


@pytest.mark.parametrize("check", agent_checks())
@pytest.mark.parametrize(
    "algo", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ALGORITHMS]
)
def test_every_algorithm_conforms(algo, check):
    check(CASES[algo])


@pytest.mark.parametrize("check", RECALL)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.slow
def test_every_variant_repeats_resumes_and_loads_bit_for_bit(variant, check):
    check(VARIANTS[variant])
