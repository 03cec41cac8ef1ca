"""Every algorithm passes the conformance suite of agentlab.testing.agents."""

import pytest

from agentlab.agents import ALGORITHMS
from agentlab.testing.agents import AgentCase, agent_checks

CASES = {name: AgentCase(name) for name in ALGORITHMS}
SLOW = ("rainbow",)  # dqn with all its flags, which compiles longest


@pytest.mark.parametrize("check", agent_checks())
@pytest.mark.parametrize(
    "algo", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in ALGORITHMS]
)
def test_every_algorithm_conforms(algo, check):
    check(CASES[algo])
