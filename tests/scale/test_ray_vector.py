"""Environments in actors that are lost and replaced; the actors here are threads."""

import os
import socket
import threading

import gymnasium
import numpy as np
import pytest

import agentlab
from agentlab.envs import EnvFailure, make_envs
from agentlab.errors import AgentlabError
from agentlab.scale.env_actor import EnvActor
from agentlab.scale.ray_vector import ATTEMPTS, RayVector


class ThreadActor:
    """An actor in a thread; ``die`` cuts its connection, as the kernel does for a dead process."""

    def __init__(self):
        self.key = os.urandom(8)
        self._actor = EnvActor(self.key, "127.0.0.1")
        self.address = self._actor.address()
        self._connections = []
        accept = self._actor._listener.accept

        def accepted():
            self._connections.append(accept())
            return self._connections[-1]

        self._actor._listener.accept = accepted
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            self._actor.serve()
        except OSError:
            assert self.dead

    dead = False

    def die(self):
        self.dead = True
        with socket.socket(fileno=os.dup(self._connections[0].fileno())) as own:
            own.shutdown(socket.SHUT_RDWR)

    def end(self):
        self.thread.join(5)


class Threads:
    cpus = 4

    def __init__(self):
        self.actors = []

    def start_actor(self):
        self.actors.append(ThreadActor())
        return self.actors[-1]

    def close(self):
        pass


@pytest.fixture
def cluster():
    return Threads()


@pytest.fixture
def told():
    return []


@pytest.fixture
def make(cluster, told):
    made = []

    def make(env, n, actors=2, **options):
        def vector(*given):
            return RayVector(*given, actors=actors, report=told.append, cluster=cluster)

        made.append(make_envs(env, n, vector=vector, **options))
        return made[-1]

    yield make
    for envs in made:
        envs.close()


FIELDS = ("observations", "rewards", "raw_rewards", "next_observations", "terminated")
FIELDS += ("truncated", "ended", "final_observations", "episode_over")


def assert_equal(step, other):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(step, name), getattr(other, name), name)


def play(envs, local, steps, before=lambda t: None, seed=0):
    """Step two vectors with the same actions, and compare all results."""
    rng = np.random.default_rng(seed)
    np.testing.assert_array_equal(envs.reset(seed=3), local.reset(seed=3))
    for t in range(steps):
        before(t)
        actions = np.array([local.action_space.sample() for _ in range(local.num_envs)])
        if isinstance(local.action_space, gymnasium.spaces.Discrete):
            actions = rng.integers(local.action_space.n, size=local.num_envs)
        step = envs.step(actions)
        assert step.lost is None
        assert_equal(step, local.step(actions))


def test_results_equal_those_of_local_environments(make):
    for actors in (1, 2, 4):
        with make_envs("CartPole-v1", 5) as local:
            play(make("CartPole-v1", 5, actors), local, 100)
    with make_envs("Pendulum-v1", 3, workers=0) as local:
        play(make("Pendulum-v1", 3), local, 30)


def test_lost_actors_leave_no_trace(make, cluster, told):
    def kill(t):
        if t % 10 == 5:
            alive = [actor for actor in cluster.actors if not actor.dead]
            alive[t % 20 == 5].die()

    with make_envs("CartPole-v1", 5) as local:
        play(make("CartPole-v1", 5), local, 100, kill)
    assert len(told) == 10 and len(cluster.actors) == 12
    assert "the Ray actor of environments 0 to 1 was lost; another one takes over" in told


def test_a_lost_atari_game_is_replayed_from_the_emulators_state(make, cluster, told):
    options = {"preprocessing": agentlab.Preprocessing(grayscale=True, resize=84, frame_stack=4)}
    options["max_num_frames_per_episode"] = 60
    options["frameskip"] = 4

    def kill(t):
        if t == 20:  # in the second episode, whose seed is that of the first
            cluster.actors[-1].die()

    with make_envs("ALE/Pong-v5", 1, workers=0, **options) as local:
        play(make("ALE/Pong-v5", 1, 1, **options), local, 24, kill)
    assert len(told) == 1


class Parts(gymnasium.Env):
    """Observations of two arrays."""

    observation_space = gymnasium.spaces.Dict(
        {
            "place": gymnasium.spaces.Box(-1, 1, (3,)),
            "image": gymnasium.spaces.Box(0, 255, (5, 5, 1), np.uint8),
        }
    )
    action_space = gymnasium.spaces.MultiDiscrete([2, 3])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observe(np.zeros(2)), {}

    def observe(self, action):
        image = self.np_random.integers(256, size=(5, 5, 1), dtype=np.uint8)
        return {"place": np.array([*action, self.steps], np.float32) / 10, "image": image}

    def step(self, action):
        self.steps += 1
        return self.observe(action), float(action[1]), False, self.steps == 6, {}


def test_observations_with_several_parts_are_replayed_too(make, cluster, told):
    def kill(t):
        if t == 9:
            cluster.actors[0].die()

    with make_envs(lambda: Parts(), 3) as local:
        local.action_space.seed(0)
        play(make(lambda: Parts(), 3), local, 20, kill)
    assert len(told) == 1


class Unrepeatable(gymnasium.Env):
    """Counts steps from a number that differs between processes."""

    observation_space = gymnasium.spaces.Box(-1e6, 1e6, (1,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)
    made = 0

    def __init__(self):
        Unrepeatable.made += 100
        self.offset = Unrepeatable.made

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.array([self.offset], np.float64), {}

    def step(self, action):
        self.steps += 1
        return np.array([self.offset + self.steps], np.float64), 1.0, self.steps == 7, False, {}


def test_an_episode_that_is_not_reproduced_is_truncated_and_does_not_count(make, cluster):
    envs = make(lambda: Unrepeatable(), 2)
    first = envs.reset(seed=0)
    actions = np.zeros(2, np.int64)
    for _ in range(3):
        envs.step(actions)
    cluster.actors[1].die()
    step = envs.step(actions)
    assert step.lost.tolist() == step.truncated.tolist() == [False, True]
    assert step.ended.tolist() == [1] and not step.episode_over.any()
    assert step.rewards.tolist() == [1, 0]
    assert step.final_observations[0] == step.observations[1] == first[1] + 3
    new = step.next_observations[1]
    assert new % 100 == 0 and new != first[1]  # the first observation of a new episode
    assert step.next_observations[0] == first[0] + 4
    following = envs.step(actions)
    assert following.lost is None and following.next_observations[1] == new + 1
    assert not following.truncated.any()


def test_a_lost_episode_is_not_part_of_any_return(make, cluster):
    from agentlab.agents.evaluation import _Tally
    from agentlab.agents.statistics import Episodes

    envs = make(lambda: Unrepeatable(), 2)
    envs.reset(seed=0)
    tally, episodes = _Tally(np.array([1, 1])), Episodes(2)
    for t in range(12):
        if t == 3:
            cluster.actors[1].die()
        step = envs.step(np.zeros(2, np.int64))
        tally.add(step, 100)
        episodes.add(step, 2 * t)
    assert tally.evaluation().returns.tolist() == tally.evaluation().lengths.tolist() == [7, 7]
    assert episodes.count == 2 and episodes.mean_length == 7


def test_a_checkpoint_is_restored_in_other_vectors(make, cluster):
    envs = make("CartPole-v1", 3)
    envs.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(30):
        envs.step(rng.integers(2, size=3))
    state = envs.state()
    with make_envs("CartPole-v1", 3) as local, make_envs("CartPole-v1", 3, workers=2) as workers:
        again = make("CartPole-v1", 3, 3)
        for other in (local, workers, again):
            assert not other.restore(state).any()
        for _ in range(30):
            actions = rng.integers(2, size=3)
            step = envs.step(actions)
            for other in (local, workers, again):
                assert_equal(step, other.step(actions))


def test_a_broken_environment_ends_the_run_with_its_own_message(make, told):
    envs = make("CartPole-v1", 2)
    envs.reset(seed=0)
    with pytest.raises(EnvFailure, match=r"step\(7\) raised"):
        envs.step(np.array([0, 7]))
    with pytest.raises(EnvFailure, match=r"step\(7\) raised"):
        envs.step(np.array([0, 0]))
    assert told == []


def test_actors_that_always_die_end_the_run(make, cluster, told):
    envs = make("CartPole-v1", 2, 1)
    envs.reset(seed=0)
    cluster.start_actor = lambda: DeadOnArrival()
    cluster.actors[0].die()
    with pytest.raises(
        EnvFailure, match=f"the actor of environments 0 to 1 and {ATTEMPTS} replacements"
    ):
        envs.step(np.zeros(2, np.int64))
    assert len(told) == ATTEMPTS


class DeadOnArrival:
    key = b"key"

    def __init__(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.address = held.getsockname()

    def end(self):
        pass


def test_more_actors_than_cpus_are_refused(cluster):
    with pytest.raises(AgentlabError, match="workers=5 must be at most 4"):
        make_envs(
            "CartPole-v1", 8, vector=lambda *given: RayVector(*given, actors=5, cluster=cluster)
        )


def test_the_learner_must_know_the_key():
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import Client

    actor = ThreadActor()
    with pytest.raises((AuthenticationError, EOFError, OSError)):
        Client(actor.address, authkey=b"a guess")
    with Client(actor.address, authkey=actor.key):
        pass
    actor.dead = True
    actor.end()
    assert not actor.thread.is_alive()
