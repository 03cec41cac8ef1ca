"""A replay gives back the transitions that were put in, and no others."""

import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlab.envs.vector import Step
from agentlab.errors import AgentlabError
from agentlab.replay import ReplayBuffer
from tests.replay.worlds import ACTIONS, Whole, World, assert_equal_batches, assert_faithful

LINE = spaces.Box(-np.inf, np.inf, (1,), np.float32)


def step_of(number, reward=1.0, terminated=False, truncated=False, over=None, n=1):
    """A step from ``number`` to ``number + 1``; a new episode begins at ``-number - 1``."""
    ended = np.arange(n) if terminated or truncated else np.arange(0)
    over = (terminated or truncated) if over is None else over
    following = -number - 1 if over else number + 1
    return Step(
        np.full((n, 1), number, np.float32),
        np.full(n, number % 5),
        np.full(n, reward, np.float32),
        np.full(n, 100 * reward, np.float32),
        np.full((n, 1), following, np.float32),
        np.full(n, terminated),
        np.full(n, truncated),
        ended,
        np.full((len(ended), 1), number + 1, np.float32),
        np.full(n, over),
    )


def line_replay(steps, n_step=1, gamma=0.5, capacity=20):
    replay = ReplayBuffer(LINE, ACTIONS, capacity, n_step=n_step, gamma=gamma)
    for step in steps:
        replay.add(step)
    return replay


def drawn(replay, draws=500):
    """What can be drawn, by slot: (observation, action, return, next observation, discount)."""
    batch = replay.sample(draws, np.random.default_rng(0))
    rows = zip(
        batch.indices.tolist(),
        batch.observations[:, 0].tolist(),
        batch.actions.tolist(),
        batch.returns.tolist(),
        batch.next_observations[:, 0].tolist(),
        batch.discounts.tolist(),
        strict=True,
    )
    return {slot: tuple(rest) for slot, *rest in rows}


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 3),
    stack=st.integers(1, 4),
    channels=st.integers(1, 2),
    n_step=st.integers(1, 4),
    alpha=st.sampled_from([None, 0.0, 0.6, 1.0]),
    spare=st.integers(0, 12),
    risk=st.sampled_from([0.0, 0.05, 0.3]),
    seed=st.integers(0, 1000),
)
def test_every_sampled_transition_was_added(n, stack, channels, n_step, alpha, spare, risk, seed):
    world = World(n, stack, channels, seed=seed, risk=risk)
    capacity = n * (n_step + stack + 1 + spare)
    options = {"frame_stack": stack, "n_step": n_step, "gamma": 0.9, "alpha": alpha}
    replay = ReplayBuffer(world.observation_space, ACTIONS, capacity, n, **options)
    whole, rng = Whole(n_step, 0.9), np.random.default_rng(seed)
    for _ in range(40):
        step = world.step()
        whole.steps.append(step)
        replay.add(step)
        if rng.random() < 0.1:
            replay.cut()
            whole.cut()
            world.reset()
        if len(replay):
            batch = replay.sample(9, rng)
            assert_faithful(replay, whole, batch)
            if alpha is not None:
                replay.update_priorities(batch.indices, rng.random(9) + 0.01)


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_every_complete_transition_is_sampled(alpha):
    world = World(n=2, stack=3)
    replay = ReplayBuffer(
        world.observation_space, ACTIONS, 20, 2, frame_stack=3, n_step=2, alpha=alpha
    )
    rng = np.random.default_rng(0)
    for count in range(1, 35):
        replay.add(world.step())
        # 10 rows; the last 2 lack next rows; once full, the first 2 lack their history.
        rows = max(0, min(count, 10) - 2) - (2 if count >= 10 else 0)
        assert len(replay) == 2 * rows
        if rows:
            batch = replay.sample(400, rng)
            assert len(np.unique(batch.indices)) == len(replay)


def test_the_oldest_rows_are_replaced():
    replay = line_replay([step_of(i) for i in range(8)], capacity=5)
    # 5 rows hold the steps 3 to 7; that of 7 has no successor yet. Step 5 lies where 0 was.
    one = 1.0, None, 0.5
    expected = {3: (3.0, 3), 4: (4.0, 4), 0: (5.0, 0), 1: (6.0, 1)}
    got = drawn(replay)
    assert got == {slot: (o, a, one[0], o + 1, one[2]) for slot, (o, a) in expected.items()}


def test_n_step_returns_stop_at_an_episodes_end():
    # Rewards 1, 2, 4, 8, 16, ...; the task terminates at step 2, gamma 1/2.
    steps = [step_of(i, reward=2.0**i, terminated=i == 2) for i in range(7)]
    got = drawn(line_replay(steps, n_step=3))
    assert got[0][2] == 1 + 2 / 2 + 4 / 4 and got[0][4] == 0
    assert got[1][2] == 2 + 4 / 2 and got[1][4] == 0
    assert got[2][2] == 4 and got[2][4] == 0
    assert got[3][2:] == (8 + 16 / 2 + 32 / 4, 6.0, 0.125)
    assert got.keys() == {0, 1, 2, 3}


def test_a_truncated_episode_bootstraps_from_its_final_observation():
    steps = [step_of(i, truncated=i == 2) for i in range(7)]
    got = drawn(line_replay(steps, n_step=2))
    assert got[0][2:] == (1.5, 2.0, 0.25)
    assert got[1][2:] == (1.5, 3.0, 0.25)  # the final observation, not -3, the next episode's
    assert got[2][2:] == (1.0, 3.0, 0.5)


def test_a_step_both_terminated_and_truncated_counts_as_terminated():
    steps = [step_of(i, terminated=i == 1, truncated=i == 1) for i in range(4)]
    assert drawn(line_replay(steps))[1][4] == 0


def test_cut_truncates_running_episodes():
    replay = line_replay([step_of(0), step_of(1, terminated=True), step_of(2)], n_step=2)
    replay.cut()
    replay.cut()  # a second time changes nothing
    for i in (10, 11, 12):
        replay.add(step_of(i))
    got = drawn(replay)
    assert got[1][2:] == (1.0, got[1][3], 0.0)  # had ended already
    assert got[2][2:] == (1.0, 3.0, 0.5)
    assert got[3][2:] == (1.5, 12.0, 0.25)


def test_cut_before_the_first_step_changes_nothing():
    replay = line_replay([])
    replay.cut()
    for i in range(3):
        replay.add(step_of(i))
    assert drawn(replay)[1] == (1.0, 1, 1.0, 2.0, 0.5)


def test_final_observations_are_removed_with_their_rows():
    replay = line_replay([], capacity=5)
    sizes = []
    for i in range(30):
        replay.add(step_of(i, truncated=i < 10))
        sizes.append(replay.nbytes)
    assert sizes[9] == sizes[-1] + 5 * 4  # 5 observations of 4 bytes


def images_step(before, after, terminated=False, over=False, truncated=False):
    """A step of one environment between stacks of 2 images of 1 pixel."""
    as_array = lambda stack: np.array(stack, np.uint8).reshape(1, 1, 1, 2)  # noqa: E731
    flag = lambda value: np.array([value])  # noqa: E731
    ended = np.flatnonzero([terminated or truncated])
    final = as_array([before[1], after[1]])[: len(ended)]
    one = np.ones(1, np.float32)
    return Step(
        as_array(before),
        np.zeros(1, np.int64),
        one,
        one,
        as_array(after),
        flag(terminated),
        flag(truncated),
        ended,
        final,
        flag(over),
    )


def test_a_lost_life_ends_the_return_but_not_the_stack():
    replay = ReplayBuffer(spaces.Box(0, 255, (1, 1, 2), np.uint8), ACTIONS, 10, frame_stack=2)
    replay.add(images_step([7, 7], [7, 8], terminated=True, over=False))
    replay.add(images_step([7, 8], [9, 9], terminated=True, over=True))
    replay.add(images_step([9, 9], [9, 10]))
    replay.add(images_step([9, 10], [10, 11]))
    batch = replay.sample(50, np.random.default_rng(0))
    expected = np.array([[7, 7], [7, 8], [9, 9]])
    np.testing.assert_array_equal(batch.observations[:, 0, 0], expected[batch.indices])
    discounts = np.array([0, 0, 0.99], np.float32)
    np.testing.assert_array_equal(batch.discounts, discounts[batch.indices])
    assert set(batch.indices.tolist()) == {0, 1, 2}


def test_clipped_rewards_are_stored():
    assert drawn(line_replay([step_of(i, reward=0.5) for i in range(3)]))[0][2] == 0.5


def test_moving_the_axis_of_stacked_frames_takes_no_copy():
    world = World(stack=4)
    replay = ReplayBuffer(world.observation_space, ACTIONS, 40, 2, frame_stack=4)
    for _ in range(8):
        replay.add(world.step())
    batch = replay.sample(3, np.random.default_rng(0))
    for observations in (batch.observations, batch.next_observations):
        assert observations.shape == (3, 2, 2, 4)
        assert observations.dtype == np.uint8
        assert np.moveaxis(observations, -1, 1).flags.c_contiguous


def test_nested_spaces_keep_their_structure():
    observation_space = spaces.Dict(
        {
            "a": spaces.Box(-1, 1, (2,), np.float32),
            "b": spaces.Tuple([spaces.Discrete(300, start=-1), spaces.MultiBinary(3)]),
        }
    )
    action_space = spaces.Tuple([spaces.MultiDiscrete([3, 4]), spaces.Box(0, 1, ())])
    n = 2
    rng = np.random.default_rng(0)

    def observations(size=n):
        numbers = rng.integers(-1, 299, size=size)
        return {
            "a": rng.random((size, 2), np.float32),
            "b": (numbers, rng.integers(2, size=(size, 3), dtype=np.int8)),
        }

    replay = ReplayBuffer(observation_space, action_space, 20, n)
    now, steps = observations(), []
    for i in range(6):
        following, actions = observations(), (rng.integers(3, size=(n, 2)), rng.random(n))
        truncated = np.array([i == 2, False])
        ended = np.flatnonzero(truncated)
        final = observations(len(ended))
        zeros = np.zeros(n, np.float32)
        step = Step(
            now, actions, zeros, zeros, following, zeros > 0, truncated, ended, final, truncated
        )
        replay.add(step)
        steps.append(step)
        now = following
    batch = replay.sample(60, rng)
    assert batch.observations["b"][0].dtype == np.int64
    assert batch.actions[0].dtype == np.int64 and batch.actions[1].dtype == np.float32
    for k, slot in enumerate(batch.indices.tolist()):
        row, env = divmod(slot, n)
        step = steps[row]
        successor = step.final_observations if slot == 4 else step.next_observations
        place = 0 if slot == 4 else env
        pairs = [
            (batch.observations["a"], step.observations["a"][env]),
            (batch.observations["b"][0], step.observations["b"][0][env]),
            (batch.observations["b"][1], step.observations["b"][1][env]),
            (batch.next_observations["a"], successor["a"][place]),
            (batch.next_observations["b"][0], successor["b"][0][place]),
            (batch.actions[0], step.actions[0][env]),
            (batch.actions[1], step.actions[1][env].astype(np.float32)),
        ]
        for got, expected in pairs:
            np.testing.assert_array_equal(got[k], expected)
    assert 4 in batch.indices  # the truncated one


@pytest.mark.parametrize(
    ("space", "size"),
    [
        (spaces.Discrete(256), 1),
        (spaces.Discrete(256, start=-128), 1),
        (spaces.Discrete(257), 2),
        (spaces.Discrete(2, start=-200), 2),
        (spaces.Discrete(2, start=2**40), 8),
    ],
)
def test_discrete_actions_are_stored_in_the_smallest_type_that_holds_them(space, size):
    small = ReplayBuffer(LINE, spaces.Discrete(2), 100).nbytes
    assert ReplayBuffer(LINE, space, 100).nbytes == small + 100 * (size - 1)
    replay = line_replay([])
    replay = ReplayBuffer(LINE, space, 100)
    edges = [int(space.start), int(space.start + space.n - 1)]
    for i in range(4):
        step = step_of(i)
        step.actions = np.array([edges[i % 2]])
        replay.add(step)
    batch = replay.sample(40, np.random.default_rng(0))
    assert set(batch.actions.tolist()) == set(edges)
    assert batch.actions.dtype == np.int64


@pytest.mark.parametrize("compress", [False, True])
def test_equal_generators_give_equal_batches(compress):
    world = World(stack=3)
    replay = ReplayBuffer(
        world.observation_space, ACTIONS, 40, 2, frame_stack=3, n_step=2, compress=compress
    )
    for _ in range(30):
        replay.add(world.step())
    one, other = (replay.sample(7, np.random.default_rng(5)) for _ in range(2))
    assert_equal_batches(one, other)
    assert (replay.sample(7, np.random.default_rng(6)).indices != one.indices).any()


@pytest.mark.parametrize("stack", [1, 3])
@pytest.mark.parametrize("kept", ["compressed", "file"])
def test_all_storages_give_the_same_batches(stack, kept, tmp_path):
    world = World(stack=stack, channels=2)
    options = {"frame_stack": stack, "n_step": 2}
    kept = {"compress": True} if kept == "compressed" else {"path": tmp_path / "new" / "folder"}
    plain = ReplayBuffer(world.observation_space, ACTIONS, 40, 2, **options)
    other = ReplayBuffer(world.observation_space, ACTIONS, 40, 2, **options, **kept)
    for i in range(50):
        step = world.step()
        for replay in (plain, other):
            replay.add(step)
            if i % 9 == 0:
                replay.cut()
        if i % 9 == 0:
            world.reset()
        if len(plain):
            batches = (replay.sample(11, np.random.default_rng(i)) for replay in (plain, other))
            assert_equal_batches(*batches)


def test_a_file_holds_the_observations_and_leaves_nothing_behind(tmp_path):
    world = World(stack=3)
    replay = ReplayBuffer(
        world.observation_space, ACTIONS, 40, 2, frame_stack=3, path=tmp_path / "new"
    )
    assert str(tmp_path / "new") in Path("/proc/self/maps").read_text()
    assert not list((tmp_path / "new").iterdir())
    del replay


def test_an_unwritable_path_is_reported(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AgentlabError, match="cannot hold the replay buffer"):
        ReplayBuffer(LINE, ACTIONS, 40, path=tmp_path / "file" / "folder")


def test_compression_saves_memory_and_its_bytes_are_counted():
    world = World(n=1, side=84, stack=4)
    make = lambda: ReplayBuffer(  # noqa: E731
        world.observation_space, ACTIONS, 20, frame_stack=4, compress=True
    )
    noise, flat = make(), make()
    for i in range(45):
        step = world.step()
        noise.add(step)
        for name in ("observations", "next_observations", "final_observations"):
            setattr(step, name, np.full_like(getattr(step, name), i))
        flat.add(step)
    assert flat.nbytes < 20 * 84 * 84 / 5 + 84 * 84
    finals = 84 * 84 * 20
    assert 20 * 84 * 84 < noise.nbytes < 20 * 84 * 84 * 1.05 + finals + 84 * 84


def test_without_lz4_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lz4.block", None)
    with pytest.raises(AgentlabError, match="pip install lz4"):
        ReplayBuffer(LINE, ACTIONS, 40, compress=True)


@pytest.mark.parametrize("alpha", [None, 0.6])
def test_a_transition_of_84x84_images_takes_at_most_7300_bytes(alpha):
    space = spaces.Box(0, 255, (84, 84, 4), np.uint8)
    replay = ReplayBuffer(space, spaces.Discrete(18), 1000, 8, frame_stack=4, n_step=3, alpha=alpha)
    assert 84 * 84 < replay.nbytes / 1000 <= 7300


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capacity": 23, "num_envs": 4, "n_step": 3, "frame_stack": 2}, "capacity=23 must be 24"),
        ({"num_envs": 0}, "num_envs=0"),
        ({"n_step": 0}, "n_step=0"),
        ({"frame_stack": 0}, "frame_stack=0"),
        ({"frame_stack": 3}, "frame_stack=3 must be 1"),
        ({"gamma": 1.5}, "gamma=1.5"),
        ({"gamma": float("nan")}, "gamma=nan"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"compress": True, "path": "x"}, "path='x' must be none"),
        ({"observation_space": spaces.Text(5)}, "cannot be stored in a replay buffer"),
        ({"observation_space": spaces.Discrete(5), "frame_stack": 2}, "frame_stack=2 must be 1"),
    ],
)
def test_invalid_arguments_are_refused(options, message):
    space = spaces.Box(0, 255, (2, 2, 2), np.uint8)
    arguments = {"observation_space": space, "action_space": ACTIONS, "capacity": 100, **options}
    with pytest.raises(AgentlabError, match=message) as caught:
        ReplayBuffer(**arguments)
    assert "\n" not in str(caught.value)


def test_the_smallest_capacity_works():
    world = World(n=2, stack=2)
    replay = ReplayBuffer(world.observation_space, ACTIONS, 12, 2, frame_stack=2, n_step=3)
    for _ in range(20):
        replay.add(world.step())
    assert len(replay) == 2 * 2


def test_sampling_without_transitions_is_refused():
    replay = line_replay([step_of(0), step_of(1)], n_step=2)
    rng = np.random.default_rng(0)
    assert len(replay) == 0
    with pytest.raises(AgentlabError, match="add 3 steps or more"):
        replay.sample(1, rng)
    replay.add(step_of(2))
    assert len(replay) == 1
    assert len(replay.sample(10, rng).returns) == 10  # more than there are
    with pytest.raises(AgentlabError, match="batch=0"):
        replay.sample(0, rng)
    with pytest.raises(AgentlabError, match="beta=2"):
        replay.sample(1, rng, beta=2)
    with pytest.raises(AgentlabError, match="alpha=None"):
        replay.update_priorities([0], [1.0])
    with pytest.raises(AgentlabError, match="has num_envs=1, but the step has 2 environments"):
        replay.add(step_of(3, n=2))
