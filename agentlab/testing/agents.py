"""The conformance suite of agents: what every algorithm keeps to, to run on a class of your own.

::

    from agentlab.testing.agents import check_agent

    check_agent(MyAgent)

or as one test for each property::

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
    """Run all checks on an agent's class; see ``AgentCase`` for the arguments.

    Raises:
        AssertionError: with one sentence for each property that the agent lacks.
        AgentlabError: where none of the suite's environments suits the agent.
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
    """Return an agent's actions for first observations of episodes, without extras.

    They are drawn under a seed of their own; the agent's generator is left as it was.
    """
    before = agent.rng.bit_generator.state
    agent.rng.bit_generator.state = np.random.default_rng(1).bit_generator.state
    agent.reset(np.ones(len(observations), np.bool_))
    chosen = agent.act(observations, explore)
    agent.rng.bit_generator.state = before
    return np.asarray(chosen[0] if isinstance(chosen, tuple) else chosen)


def check_constructor(case: AgentCase) -> None:
    """The constructor keeps what it is given."""
    with case.make_envs() as envs:
        agent = case.make(envs, seed=3)
    given = (envs.observation_space, envs.action_space, envs.num_envs, case.config, 3)
    kept = (agent.observation_space, agent.action_space, agent.num_envs, agent.config, agent.seed)
    require(kept == given, f"the constructor was given {given}, but the agent has {kept}")


def check_configuration(case: AgentCase) -> None:
    """The configuration survives JSON, and each option has a help text."""
    check_config(case.cls, case.config)


def check_refuses_other_spaces(case: AgentCase) -> None:
    """Spaces that the class does not list are refused in one sentence."""
    with case.make_envs() as envs:
        observations, actions = envs.observation_space, envs.action_space
    for space in SPACES:
        if not isinstance(space, case.cls.observation_spaces):
            refusal(partial(case.cls, space, actions, 2, case.config), f"observations {space}")
        if not isinstance(space, case.cls.action_spaces):
            refusal(partial(case.cls, observations, space, 2, case.config), f"actions {space}")


def check_actions(case: AgentCase) -> None:
    """Actions have the shape and the dtype of the action space and lie in it."""
    for number, envs in enumerate(case.make_all_envs()):
        with envs:
            observations = np.array(envs.reset(seed=0))
            space: Any = envs.action_space
            try:
                agent = case.make(envs)
            except AgentlabError:
                require(number, f"the agent refuses {envs.observation_space} and {space}")
                continue  # a table, say, of all images would be too large
        before = observations.copy()
        for explore in (True, False):
            actions = act(agent, observations, explore)
            called = f"act(observations, explore={explore})"
            wanted = (len(observations), *(space.shape or ()))
            require(actions.shape == wanted, f"{called} has shape {actions.shape}, not {wanted}")
            same_kind = np.can_cast(actions.dtype, space.dtype, "same_kind")
            require(same_kind, f"{called} has dtype {actions.dtype}, not {space.dtype}")
            outside = [a for a in actions.astype(space.dtype) if not space.contains(a)]
            require(not outside, f"{called} gives {outside[:1]}, which is not in {space}")
        require(np.array_equal(observations, before), "act changes the observations it is given")


def check_greedy_actions(case: AgentCase) -> None:
    """An evaluation copy acts as the agent does, repeatably, and leaves it as it was."""
    agent = case.whole[0]
    before, rng = copy.deepcopy(agent.state()), agent.rng.bit_generator.state
    copied = agent.evaluation_copy(7, seed=1)
    one, other = (act(copied, case.observations) for _ in range(2))
    require(np.array_equal(one, other), "with one seed it chooses other actions the second time")
    changed = differing(before, agent.state())
    require(not changed, f"acting by an evaluation copy changes the agent's {changed}")
    same_rng = agent.rng.bit_generator.state == rng
    require(same_rng, "an evaluation copy draws from the agent's own random generator")
    _require_same_actions(case, agent, copied, "an evaluation copy")


def check_one_observation(case: AgentCase) -> None:
    """``predict`` acts on a single observation as ``act`` does on a batch of one."""
    agent = case.whole[0]
    if getattr(agent.config, "recurrent", False):
        return
    alone = agent.evaluation_copy(1, seed=1)  # seeded as act seeds
    action, expected = alone.predict(case.observations[0]), act(agent, case.observations[:1])[0]
    require(np.array_equal(action, expected), f"predict gives {action}, but act gives {expected}")


def check_seeded_repeat(case: AgentCase) -> None:
    """Equal seeds give equal metrics, byte for byte, whether or not a callback looks on."""
    rows, whole = case.first_half[2], logged_rows(case.whole[1])
    require(rows, "nothing was logged")
    require(rows == whole[: len(rows)], "two trainings with the same seed log different metrics")


def check_resume(case: AgentCase) -> None:
    """A run that is resumed from a checkpoint ends as one that was never stopped."""
    (whole, run), (resumed, halves) = case.whole, case.resumed
    changed = differing(whole.state(), resumed.state())
    require(not changed, f"after a resume these differ from an unbroken run: {changed}")
    same = whole.rng.bit_generator.state == resumed.rng.bit_generator.state
    require(same, "after a resume the random generator differs from that of an unbroken run")
    metrics = [(r.path / "metrics.csv").read_bytes() for r in (run, halves)]
    require(metrics[0] == metrics[1], "a resumed run logs other metrics than an unbroken one")


def check_save_and_load(case: AgentCase) -> None:
    """A loaded agent has the state of the one that was saved and acts as it does."""
    agent, folder = case.whole[0], case.folder / "saved"
    agent.save(folder)
    loaded = case.cls.load(folder)
    require(loaded.config == agent.config, "load(save()) has another configuration")
    changed = differing(agent.state(), loaded.state())
    require(not changed, f"save and load change {changed}")
    _require_same_actions(case, agent, loaded, "an agent that was saved and loaded")
    alone = case.cls.load(folder, num_envs=1)
    require(alone.num_envs == 1, f"load(..., num_envs=1) has num_envs={alone.num_envs}")
    _require_same_actions(case, agent, alone, "an agent that was loaded with num_envs=1")


def check_policy_state(case: AgentCase) -> None:
    """``policy_state`` pickles, is a copy, and makes another agent act alike."""
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
    require(not changed, f"policy_state shares {changed} with the agent that it was taken from")


def _require_same_actions(case: AgentCase, one: Any, other: Any, what: str) -> None:
    first, second = (act(agent, case.observations) for agent in (one, other))
    require(np.array_equal(first, second), f"{what} chooses other actions")


def check_number_of_environments(case: AgentCase) -> None:
    """The agent learns in any number of environments, and ``observe`` reports finite numbers."""
    for n in (1, 5):
        with case.make_envs(n) as envs:
            agent, observations = case.make(envs), envs.reset(seed=0)
            agent.reset(np.ones(n, np.bool_))
            for _ in range(case.steps if n == 1 else 3):  # learning takes seconds to compile
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
        require(is_number, f"observe reports {name}={value!r} in {n} environments, not a number")


def check_rewards_are_reported_unclipped(case: AgentCase) -> None:
    """Returns are those of the environment, whatever the rewards that the agent learns from."""
    if case.own_envs:
        return
    env = case.suitable()[0]

    def scaled() -> tiny.Env:
        return gymnasium.wrappers.TransformReward(env(), lambda reward: 100 + 100 * float(reward))

    with make_envs(scaled, 2, preprocessing=Preprocessing(clip_rewards=True)) as envs:
        result = train(case.make(envs), envs, 24, quiet=True)
    # Ten steps an episode, each paid from 100 to 200, and from 1 to 1 where that is clipped.
    require(result.mean_return > 100, f"clipped rewards give a return of {result.mean_return}")


def check_truncation(case: AgentCase) -> None:
    """An agent that discounts learns from a truncation something else than from a termination."""
    other = None if case.own_envs else case.suitable()[0]()
    if not isinstance(other, tiny.Sign) or not getattr(case.config, "gamma", 0):
        return
    other_kind = partial(type(other), continuous=other.continuous, truncate=True)
    truncated = case.train(None, case.steps, make_envs=partial(make_envs, other_kind))
    changed = differing(case.first_half[0].state(), truncated.state())
    require(changed, "it learns the same whether episodes terminate or are truncated")


def check_histograms(case: AgentCase) -> None:
    """``histograms`` holds finite arrays."""
    for name, array in case.whole[0].histograms().items():
        require(np.isfinite(array).all(), f"the histogram {name} holds values that are not finite")


def check_inference_model(case: AgentCase) -> None:
    """The exported model chooses the same actions from raw observations."""
    agent = case.whole[0]
    try:
        model = agent.inference_model()
    except AgentlabError:
        return  # it has no network
    given = np.asarray(model(case.observations)["actions"])
    expected = act(agent.evaluation_copy(7, seed=1), case.observations)
    require(
        np.allclose(given, expected, atol=1e-5), f"inference_model gives {given}, not {expected}"
    )
