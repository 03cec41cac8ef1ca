"""The conformance suite of agents: requirements that every agent class must meet.

::

    from agentlab.testing.agents import check_agent

    check_agent(MyAgent)

or with one test per check::

    CASE = AgentCase(MyAgent)

    @pytest.mark.parametrize("check", agent_checks())
    def test_my_agent(check):
        check(CASE)
"""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.loop import train
from agentlab.components import State
from agentlab.envs import Preprocessing, VectorEnv, make_envs
from agentlab.errors import AgentlabError
from agentlab.testing import envs as tiny
from agentlab.testing.agent_case import AgentCase
from agentlab.testing.conformance import (
    Check,
    check_config,
    differing,
    logged_rows,
    refusal,
    require,
    run_checks,
)

Array = npt.NDArray[Any]
SPACES = (
    gymnasium.spaces.Box(-1, 1, (2,)),
    gymnasium.spaces.Discrete(3),
    gymnasium.spaces.MultiDiscrete([2, 3]),
    gymnasium.spaces.MultiBinary(3),
    gymnasium.spaces.Text(4),
)


def check_agent(
    agent: Any,
    make_envs: Callable[[int], VectorEnv] | None = None,
    config: Any = None,
    steps: int = 128,
) -> None:
    """Run all checks on an agent class; see ``AgentCase`` for the arguments.

    Raises:
        AssertionError: if checks fail, with one sentence per failed check.
        AgentlabError: if the agent supports none of the suite's environments.
    """
    run_checks(agent_checks(), AgentCase(agent, make_envs, config, steps))


def agent_checks() -> list[Check[AgentCase]]:
    """Return the checks, each a function of an ``AgentCase`` that raises ``AssertionError``."""
    return [
        check_constructor,
        check_configuration,
        check_refuses_other_spaces,
        check_actions,
        check_greedy_actions,
        check_one_observation,
        check_seeded_repeat,
        check_resume,
        check_save_and_load,
        check_policy_state,
        check_number_of_environments,
        check_rewards_are_reported_unclipped,
        check_truncation,
        check_histograms,
        check_inference_model,
    ]


def act(agent: Any, observations: Array, explore: bool = False) -> Array:
    """Return an agent's actions for the initial observations of episodes, without extras.

    They are sampled with a fixed seed; the state of the agent's random generator is restored.
    """
    before = agent.rng.bit_generator.state
    agent.rng.bit_generator.state = np.random.default_rng(1).bit_generator.state
    agent.reset(np.ones(len(observations), np.bool_))
    chosen = agent.act(observations, explore)
    agent.rng.bit_generator.state = before
    return np.asarray(chosen[0] if isinstance(chosen, tuple) else chosen)


def check_constructor(case: AgentCase) -> None:
    """The constructor stores its arguments."""
    with case.make_envs() as envs:
        agent = case.make(envs, seed=3)
    given = (envs.observation_space, envs.action_space, envs.num_envs, case.config, 3)
    kept = (agent.observation_space, agent.action_space, agent.num_envs, agent.config, agent.seed)
    require(kept == given, f"the constructor is called with {given}, but the agent stores {kept}")


def check_configuration(case: AgentCase) -> None:
    """The configuration can be converted to JSON and back; each option has a help text."""
    check_config(case.cls, case.config)


def check_refuses_other_spaces(case: AgentCase) -> None:
    """Spaces that the class does not list raise an error of one line."""
    with case.make_envs() as envs:
        observations, actions = envs.observation_space, envs.action_space
    for space in SPACES:
        if not isinstance(space, case.cls.observation_spaces):
            refusal(partial(case.cls, space, actions, 2, case.config), f"observations {space}")
        if not isinstance(space, case.cls.action_spaces):
            refusal(partial(case.cls, observations, space, 2, case.config), f"actions {space}")


def check_actions(case: AgentCase) -> None:
    """Actions have the shape and dtype of the action space and are contained in it."""
    for number, envs in enumerate(case.make_all_envs()):
        with envs:
            observations = np.array(envs.reset(seed=0))
            space: Any = envs.action_space
            try:
                agent = case.make(envs)
            except AgentlabError:
                require(number, f"the agent refuses {envs.observation_space} and {space}")
                continue  # a table of all possible images, for example, would be too large
        before = observations.copy()
        for explore in (True, False):
            actions = act(agent, observations, explore)
            called = f"act(observations, explore={explore})"
            wanted = (len(observations), *(space.shape or ()))
            require(actions.shape == wanted, f"{called} has shape {actions.shape}, not {wanted}")
            same_kind = np.can_cast(actions.dtype, space.dtype, "same_kind")
            require(same_kind, f"{called} has dtype {actions.dtype}, not {space.dtype}")
            outside = [a for a in actions.astype(space.dtype) if not space.contains(a)]
            require(not outside, f"{called} returns {outside[:1]}, which is not in {space}")
        require(np.array_equal(observations, before), "act modifies its observations in place")


def check_greedy_actions(case: AgentCase) -> None:
    """An evaluation copy acts like the agent, reproducibly, and does not change the agent."""
    agent = case.whole[0]
    before, rng = copy.deepcopy(agent.state()), agent.rng.bit_generator.state
    copied = agent.evaluation_copy(7, seed=1)
    one, other = (act(copied, case.observations) for _ in range(2))
    require(np.array_equal(one, other), "two calls of act with the same seed give other actions")
    changed = differing(before, agent.state())
    require(not changed, f"an evaluation copy that acts changes the agent's {changed}")
    same_rng = agent.rng.bit_generator.state == rng
    require(same_rng, "an evaluation copy uses the agent's random generator")
    _require_same_actions(case, agent, copied, "an evaluation copy")


def check_one_observation(case: AgentCase) -> None:
    """``predict`` returns the same action for an observation as ``act`` for a batch of one."""
    agent = case.whole[0]
    if getattr(agent.config, "recurrent", False):
        return
    alone = agent.evaluation_copy(1, seed=1)  # seeded as act seeds
    action, expected = alone.predict(case.observations[0]), act(agent, case.observations[:1])[0]
    require(np.array_equal(action, expected), f"predict returns {action}, act returns {expected}")


def check_seeded_repeat(case: AgentCase) -> None:
    """Equal seeds give equal metrics, byte for byte, with and without a read-only callback."""
    rows, whole = case.first_half[2], logged_rows(case.whole[1])
    require(rows, "nothing was logged")
    require(rows == whole[: len(rows)], "two trainings with the same seed log different metrics")


def check_resume(case: AgentCase) -> None:
    """A run resumed from a checkpoint ends in the same state as an uninterrupted one."""
    (whole, run), (resumed, halves) = case.whole, case.resumed
    changed = differing(whole.state(), resumed.state())
    require(not changed, f"a resumed run and an uninterrupted one differ in {changed}")
    same = whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    require(same, "a resumed run and an uninterrupted one differ in the agent's random generator")
    metrics = [(r.path / "metrics.csv").read_bytes() for r in (run, halves)]
    require(metrics[0] == metrics[1], "a resumed run and an uninterrupted one log other metrics")


def check_save_and_load(case: AgentCase) -> None:
    """A loaded agent has the state of the saved one and chooses the same actions."""
    agent, folder = case.whole[0], case.folder / "saved"
    agent.save(folder)
    loaded = case.cls.load(folder)
    require(loaded.config == agent.config, "a loaded agent has another configuration")
    changed = differing(agent.state(), loaded.state())
    require(not changed, f"a loaded agent and the saved one differ in {changed}")
    _require_same_actions(case, agent, loaded, "a loaded agent")
    alone = case.cls.load(folder, num_envs=1)
    require(alone.num_envs == 1, f"load(..., num_envs=1) sets num_envs={alone.num_envs}")
    _require_same_actions(case, agent, alone, "an agent loaded with num_envs=1")


def check_policy_state(case: AgentCase) -> None:
    """``policy_state`` can be pickled, is a copy, and makes another agent act the same."""
    agent = case.whole[0].evaluation_copy(2, seed=1)
    taken: State = agent.policy_state()
    sent = pickle.loads(pickle.dumps(taken))
    with case.make_envs() as envs:
        other = case.make(envs, seed=9)
    other.restore_policy(sent)
    _require_same_actions(case, case.whole[0], other, "an agent after restore_policy")
    for value in taken.values():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value.fill(0)
    changed = differing(sent, agent.policy_state())
    require(not changed, f"policy_state must be a copy, but shares {changed} with the agent")


def _require_same_actions(case: AgentCase, one: Any, other: Any, what: str) -> None:
    first, second = (act(agent, case.observations) for agent in (one, other))
    require(np.array_equal(first, second), f"{what} chooses other actions")


def check_number_of_environments(case: AgentCase) -> None:
    """The agent learns in any number of environments, and ``observe`` reports finite numbers."""
    for n in (1, 5):
        with case.make_envs(n) as envs:
            agent, observations = case.make(envs), envs.reset(seed=0)
            agent.reset(np.ones(n, np.bool_))
            for _ in range(case.steps if n == 1 else 3):  # compiling the updates takes seconds
                chosen = agent.act(observations)
                actions, extras = chosen if isinstance(chosen, tuple) else (chosen, {})
                step = envs.step(actions)
                step.extras = extras
                _require_finite(agent.observe(step), n)
                if len(step.ended):
                    agent.reset(step.terminated | step.truncated)
                observations = step.next_observations


def _require_finite(metrics: Mapping[str, float] | None, n: int) -> None:
    for name, value in (metrics or {}).items():
        is_number = isinstance(value, int | float) and math.isfinite(value)
        require(is_number, f"observe returns {name}={value!r} with num_envs={n}; it must be finite")


def check_rewards_are_reported_unclipped(case: AgentCase) -> None:
    """Reported returns use the environment's rewards even if the agent learns from clipped ones."""
    if case.own_envs:
        return
    env = case.suitable()[0]

    def scaled() -> tiny.Env:
        return gymnasium.wrappers.TransformReward(env(), lambda reward: 100 + 100 * float(reward))

    with make_envs(scaled, 2, preprocessing=Preprocessing(clip_rewards=True)) as envs:
        result = train(case.make(envs), envs, 24, quiet=True)
    # Ten steps per episode with rewards from 100 to 200, which clipping would make 1.
    require(result.mean_return > 100, f"mean_return={result.mean_return} is of clipped rewards")


def check_truncation(case: AgentCase) -> None:
    """An agent with a discount factor treats truncation and termination differently."""
    other = None if case.own_envs else case.suitable()[0]()
    if not isinstance(other, tiny.Sign) or not getattr(case.config, "gamma", 0):
        return
    other_kind = partial(type(other), continuous=other.continuous, truncate=True)
    truncated = case.train(None, case.steps, make_envs=partial(make_envs, other_kind))
    changed = differing(case.first_half[0].state(), truncated.state())
    require(changed, "the agent treats truncated episodes like terminated ones")


def check_histograms(case: AgentCase) -> None:
    """All arrays of ``histograms`` are finite."""
    for name, array in case.whole[0].histograms().items():
        require(np.isfinite(array).all(), f"the histogram {name} has values that are not finite")


def check_inference_model(case: AgentCase) -> None:
    """The exported model returns the agent's actions for raw observations."""
    agent = case.whole[0]
    try:
        model = agent.inference_model()
    except AgentlabError:
        return  # it has no network
    given = np.asarray(model(case.observations)["actions"])
    expected = act(agent.evaluation_copy(7, seed=1), case.observations)
    same = np.allclose(given, expected, atol=1e-5)
    require(same, f"inference_model returns {given}, but act returns {expected}")
