import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import agentlab
from agentlab.agents.q_table import QTable, QTableConfig, policy_text
from agentlab.agents.state_numbers import StateNumbers
from agentlab.envs.parts import as_parts
from agentlab.envs.vector import Step
from agentlab.errors import AgentlabError
from agentlab.runs import Run
from agentlab.testing.envs import Sign

METHODS = ["q_learning", "sarsa", "expected_sarsa"]


class Chain(gymnasium.Env):
    """Cells 0 to 3 in a row; action 1 goes right, 0 left; paid 1 for reaching the last."""

    observation_space = spaces.Discrete(4)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cell = self.t = 0
        return 0, {}

    def step(self, action):
        self.t += 1
        self.cell = max(0, self.cell + (1 if action == 1 else -1))
        done = self.cell == 3
        return self.cell, float(done), done, self.t == 20 and not done, {}


def q_table(n=1, observation_space=None, action_space=None, **options):
    return QTable(
        observation_space or spaces.Discrete(4),
        action_space or spaces.Discrete(2),
        n,
        QTableConfig(**options),
    )


def step(states, actions, rewards, following, terminated=(), truncated=()):
    """One step of ``len(states)`` environments; those that end start again in state 0."""
    n = len(states)
    flags = [np.isin(np.arange(n), which) for which in (terminated, truncated)]
    ended = np.flatnonzero(flags[0] | flags[1])
    observed_next, rewards = np.array(following), np.float32(rewards)
    following = observed_next.copy()
    following[ended] = 0
    return Step(
        np.array(states), np.array(actions), rewards, rewards, following, *flags, ended,
        observed_next[ended], flags[0] | flags[1],
    )  # fmt: skip


# Half of each error is taken away, rewards are halved each step; every row is known.
HALVES = {"learning_rate": 0.5, "gamma": 0.5}
TABLE = np.array([[0.0, 1.0], [2.0, 4.0], [6.0, 3.0], [0.0, 0.0]])


def halves(method, n=1, share=0.5, **options):
    agent = q_table(
        n, method=method, epsilon_start=share, epsilon_end=share, **{**HALVES, **options}
    )
    agent.table[:] = TABLE
    return agent


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("q_learning", 2.0),  # 1 + .5 * (1 + .5 * 4 - 1)
        ("expected_sarsa", 1.875),  # V = .5 * 4 + .5 * 3 = 3.5;  1 + .5 * (1 + .5 * 3.5 - 1)
    ],
)
def test_a_value_moves_towards_reward_and_next_value(method, expected):
    agent = halves(method)
    agent.observe(step([0], [1], [1], [1]))
    assert agent.table[0].tolist() == [0, expected]
    assert agent.table[1:].tolist() == TABLE[1:].tolist()
    assert agent.visits.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_follows_a_termination(method):
    agent = halves(method)
    agent.observe(step([0], [1], [2], [1], terminated=[0]))
    assert agent.table[0, 1] == 1.5  # 1 + .5 * (2 - 1)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("q_learning", 2.0),  # 0 + .5 * (1 + .5 * 6 - 0)
        ("expected_sarsa", 1.8125),  # V = .5 * 6 + .5 * 4.5 = 5.25;  .5 * (1 + .5 * 5.25)
    ],
)
def test_a_cut_episode_goes_on_in_its_true_last_state(method, expected):
    agent = halves(method)
    agent.observe(step([0], [0], [1], [2], truncated=[0]))
    assert agent.table[0, 0] == expected


def test_sarsa_draws_what_would_have_followed_a_cut():
    agent = halves("sarsa", share=0.0)  # greedy: 6 in state 2
    agent.observe(step([0], [0], [1], [2], truncated=[0]))
    assert agent.table[0, 0] == 2.0
    agents = [halves("sarsa", share=1.0) for _ in range(20)]  # at random: 6 or 3
    for seed, agent in enumerate(agents):
        agent.rng = np.random.default_rng(seed)
        agent.observe(step([0], [0], [1], [2], truncated=[0]))
    assert {agent.table[0, 0] for agent in agents} == {2.0, 1.25}  # .5 * (1 + .5 * 3) = 1.25


def test_sarsa_waits_for_the_next_action_of_each_environment():
    agent = halves("sarsa", n=2)
    agent.observe(step([0, 0], [1, 0], [1, 1], [1, 2]))
    assert (agent.table == TABLE).all()  # neither next action is known
    agent.observe(step([1, 2], [0, 1], [0, 3], [2, 3], terminated=[1]))
    # Environment 0 took action 0 in state 1 (2), environment 1 action 1 in state 2 (3).
    assert agent.table[0, 1] == 1.5  # 1 + .5 * (1 + .5 * 2 - 1)
    assert agent.table[0, 0] == 1.25  # 0 + .5 * (1 + .5 * 3 - 0)
    assert agent.table[2, 1] == 3.0  # ended there, paid 3: no error
    assert agent.table[1, 0] == 2.0  # environment 0 waits again
    agent.observe(step([2, 0], [1, 0], [0, 0], [3, 0]))
    assert agent.table[1, 0] == 1.75  # 2 + .5 * (0 + .5 * 3 - 2)
    assert agent.visits.sum() == 4  # environment 1 began anew, nothing of it waited


def test_sarsa_drops_what_waited_when_episodes_are_cut():
    agent = halves("sarsa")
    agent.observe(step([0], [1], [1], [1]))
    agent.on_episodes_cut(np.array([True]))
    agent.observe(step([2], [0], [5], [3]))
    assert (agent.table == TABLE).all()


def test_environments_that_meet_in_an_entry_do_not_overshoot():
    agent = halves("q_learning", n=3)
    agent.observe(step([0, 0, 0], [1, 1, 1], [3, 3, 3], [3, 3, 3]))
    assert agent.table[0, 1] == 2.75  # 1, 2, 2.5, 2.75: half of what is left to 3, three times


def test_steps_shrink_with_visits():
    agent = q_table(learning_rate=1.0, learning_rate_decay=1.0, gamma=0.0)
    for reward in (4, 1, 1):
        agent.observe(step([0], [0], [reward], [1]))
    assert agent.table[0, 0] == pytest.approx(2)  # with 1 / visits: the mean of 4, 1, 1


def test_metrics_are_returned_once_in_a_while():
    agent = halves("q_learning", n=500)
    same = [0] * 500, [0] * 500, [0] * 500, [3] * 500  # Q is 0 and stays so
    assert agent.observe(step(*same)) is None
    assert agent.observe(step(*same)) == {"td_error": 0, "epsilon": 0.5}
    assert agent.observe(step(*same)) is None


def test_the_best_action_is_taken_greedily_and_ties_by_lot_only_when_exploring():
    agent = q_table(400, action_space=spaces.Discrete(3, start=5), epsilon_start=0, epsilon_end=0)
    agent.table[0] = [1, 7, 7]
    states = np.zeros(400, np.int64)
    assert set(agent.act(states, explore=False)) == {6}
    drawn = agent.act(states)
    assert set(drawn) == {6, 7}
    assert 150 < (drawn == 6).sum() < 250


def test_as_many_actions_are_random_as_epsilon_says():
    agent = q_table(10_000, epsilon_start=0.4, epsilon_end=0.4)
    agent.table[0] = [1, 0]
    other = agent.act(np.zeros(10_000, np.int64)).mean()
    assert other == pytest.approx(0.2, abs=0.02)  # half of the random ones


def test_epsilon_counts_steps_of_all_environments():
    agent = q_table(2, epsilon_start=1.0, epsilon_end=0.0, epsilon_steps=8)
    assert agent.epsilon == 1
    agent.observe(step([0, 0], [0, 0], [0, 0], [1, 1]))
    assert agent.epsilon == 0.75


def test_a_box_is_cut_at_edges_that_belong_to_the_upper_piece():
    numbers = StateNumbers(spaces.Box(-1, 1, (1,)), bins=4)
    places = [-9, -1, -0.51, -0.5, -0.01, 0, 0.49, 0.5, 1, 9, np.inf, -np.inf]
    assert numbers(np.array(places)[:, None]).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 0]
    assert numbers.count == 4


def test_every_cell_of_a_space_has_a_number_of_its_own():
    box = StateNumbers(spaces.Box(0, 3, (2, 1)), bins=3)
    cells = np.array([[[i], [j]] for i in range(3) for j in range(3)])
    assert box(cells).tolist() == list(range(9))
    digits = StateNumbers(spaces.MultiDiscrete([2, 3], start=[1, -1]))
    cells = np.array([[i, j] for i in (1, 2) for j in (-1, 0, 1)])
    assert digits(cells).tolist() == list(range(6))
    assert StateNumbers(spaces.Discrete(3, start=7))(np.array([7, 9])).tolist() == [0, 2]
    bits = StateNumbers(spaces.MultiBinary((1, 2)))
    assert bits(np.array([[[0, 0]], [[0, 1]], [[1, 0]], [[1, 1]]])).tolist() == [0, 1, 2, 3]


def test_the_parts_of_a_tuple_are_numbered_together():
    blackjack = spaces.Tuple([spaces.Discrete(4), spaces.Discrete(3, start=1), spaces.Discrete(2)])
    numbers, parts = StateNumbers(blackjack), as_parts(blackjack)
    every = [
        parts.row({"0": a, "1": b, "2": c}) for a in range(4) for b in (1, 2, 3) for c in (0, 1)
    ]
    assert sorted(numbers(np.stack(every)).tolist()) == list(range(24)) and numbers.count == 24


def test_a_box_in_a_dict_is_binned_and_a_mask_is_not_part_of_the_state():
    space = spaces.Dict(
        x=spaces.Box(0, 1, (1,)), level=spaces.Discrete(3), action_mask=spaces.MultiBinary(2)
    )
    numbers, parts = StateNumbers(space, bins=2), as_parts(space)
    every = [
        parts.row({"x": np.float32([x]), "level": level, "action_mask": np.int8([0, 1])})
        for level in range(3)
        for x in (0.2, 0.7)
    ]
    assert sorted(numbers(np.stack(every)).tolist()) == list(range(6)) and numbers.count == 6


def test_a_given_range_stands_in_for_bounds():
    space = spaces.Box(np.float32([-np.inf, 0]), np.float32([np.inf, 100]))
    numbers = StateNumbers(space, 2, (-2.0, 0.0), (2.0, 10.0))
    assert numbers(np.array([[-1, 4], [1, 6]])).tolist() == [0, 3]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_way_along_a_chain(method):
    envs = agentlab.make_envs(Chain, 2)
    agent = agentlab.make_agent(QTable, envs, method=method, epsilon_steps=2000, gamma=0.9)
    agentlab.train(agent, envs, 4000, quiet=True)
    assert agent.table[:3].argmax(1).tolist() == [1, 1, 1]
    assert agentlab.evaluate(agent, envs, 4).lengths.tolist() == [3] * 4
    if method == "q_learning":  # .9 ** 2, .9, 1
        np.testing.assert_allclose(agent.table[:3, 1], [0.81, 0.9, 1], atol=0.01)


def test_a_cut_box_is_learned():
    envs = agentlab.make_envs(Sign, 2)
    agent = agentlab.make_agent(QTable, envs, bins=2, gamma=0.5, epsilon_steps=1000)
    agentlab.train(agent, envs, 2000, quiet=True)
    assert agentlab.evaluate(agent, envs, 10).mean == 10


def trained(steps, seed=0, run=None, method="sarsa"):
    envs = agentlab.make_envs(Chain, 3)
    agent = agentlab.make_agent(QTable, envs, seed, method=method, epsilon_steps=1000)
    agentlab.train(
        agent, envs, steps, run=run, seed=seed, log_every=90, checkpoint_every=400, quiet=True
    )
    return agent


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(tmp_path, method):
    unbroken = trained(1600, run=Run.create(tmp_path, "unbroken", {}), method=method)
    trained(1000, run=Run.create(tmp_path, "resumed", {}), method=method)
    # Forget what the end at 1000 saved: as if it had been killed between two checkpoints.
    latest = sorted((tmp_path / "resumed" / "checkpoints").glob("[0-9]*"))[-1]
    for file in latest.iterdir():
        if file.is_file():
            file.unlink()
    resumed = trained(1600, run=Run.open(tmp_path / "resumed"), method=method)
    assert (unbroken.table == resumed.table).all()
    assert (unbroken.visits == resumed.visits).all()
    assert unbroken.epsilon == resumed.epsilon
    assert unbroken.rng.bit_generator.state == resumed.rng.bit_generator.state
    metrics = [(tmp_path / name / "metrics.csv").read_bytes() for name in ("unbroken", "resumed")]
    assert metrics[0] == metrics[1]
    assert b"td_error" in metrics[0]


def test_a_saved_agent_acts_on_as_before(tmp_path):
    agent = trained(600)
    agent.save(tmp_path / "agent")
    loaded = QTable.load(tmp_path / "agent")
    assert loaded.epsilon == agent.epsilon < 1
    states = np.array([0, 1, 2])
    for explore in (True, False) * 50:
        assert (loaded.act(states, explore) == agent.act(states, explore)).all()
    assert (QTable.load(tmp_path / "agent", num_envs=1).table == agent.table).all()


def test_a_policy_is_drawn_as_the_map_is_seen():
    agent = q_table(grid=(2, 2), arrows="←→")
    agent.table[:] = [[0, 1], [1, 0], [1, 0], [0, 0]]
    agent.visits[:3] = 1
    assert policy_text(agent, (2, 2)) == "→ ←\n← ."
    assert agent.summary().endswith("\n→ ←\n← .")
    assert policy_text(agent, (1, 4)) == "→ ← ← ."


def test_without_arrows_a_policy_is_drawn_in_numbers():
    agent = q_table(action_space=spaces.Discrete(2, start=9))
    agent.table[:] = [[0, 1], [1, 0], [1, 0], [0, 0]]
    agent.visits[:3] = 1
    assert policy_text(agent, (2, 2)) == "10  9\n 9  ."
    assert agent.summary() is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be more than 0 and at most 1"),
        ({"learning_rate_decay": 2.0}, "learning_rate_decay=2.0 must be between 0 and 1"),
        ({"gamma": -0.5}, "gamma=-0.5 must be between 0 and 1"),
        ({"epsilon_start": 2.0}, "epsilon_start=2.0 must be between 0 and 1"),
        ({"initial_value": np.inf}, "initial_value=inf must be finite"),
        ({"bins": 0}, "bins=0 must be 1 or more"),
        ({"grid": (4,)}, r"grid=\(4,\) must be two positive integers"),
        ({"grid": (2, 3)}, r"grid=\(2, 3\) must have one cell for each of the 4 states"),
        ({"arrows": "←"}, "arrows='←' must be one symbol for each of the 2 actions"),
    ],
)
def test_bad_settings_are_refused_by_name(options, says):
    with pytest.raises(AgentlabError, match=says):
        q_table(**options)


UNBOUNDED = spaces.Box(-np.inf, np.inf, (2,))


@pytest.mark.parametrize(
    ("observations", "actions", "options", "says"),
    [
        (None, spaces.Box(-1, 1), {}, "algo='q_table' needs Discrete actions, but .* has Box"),
        (spaces.Text(4), None, {}, "algo='q_table' needs Box, Discrete, .* observations"),
        (UNBOUNDED, None, {}, r"low=\(\) must be set, since .* is unbounded"),
        (UNBOUNDED, None, {"low": (1.0,)}, r"low=\(1.0,\) must have one number for each dimension"),
        (UNBOUNDED, None, {"low": (0.0, 1.0), "high": (1.0, 1.0)}, r"low=.* must be less than"),
        (
            spaces.Box(0, 255, (210, 160)),
            None,
            {},
            "more than 20,000,000 entries for Box.* bins=10",
        ),
    ],
)
def test_spaces_without_a_table_are_refused(observations, actions, options, says):
    with pytest.raises(AgentlabError, match=says) as caught:
        q_table(1, observations, actions, **options)
    assert "\n" not in str(caught.value)
