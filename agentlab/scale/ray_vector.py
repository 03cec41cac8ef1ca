"""Vectorized environments in actors of a Ray cluster, which are replaced when they are lost."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from agentlab.envs.episodes import ActionLog, Origin, Unfinished
from agentlab.envs.failures import EnvFailure
from agentlab.envs.registered_vector import NO_ENVS
from agentlab.envs.registrations import registrations
from agentlab.envs.replayed_vector import ReplayedVector
from agentlab.envs.vector import Array, Step, zeros_of
from agentlab.envs.worker import STEP
from agentlab.envs.worker_vector import in_words, pickled_for_process, split_evenly
from agentlab.errors import InvalidArgument
from agentlab.runs.aside import tell
from agentlab.scale.actor_link import ActorLink, Cluster
from agentlab.scale.env_actor import ARRAYS, ActorLost
from agentlab.scale.ray_cluster import RayCluster

ATTEMPTS = 5  # replacements in a row that may be lost without a step in between


class RayVector(ReplayedVector):
    """Environments stepped by the actors of a Ray cluster; actions are chosen by the learner.

    Each actor steps a fixed subset of the environments, preprocessing included, so results do not
    depend on timing or on the number of actors: they equal those of ``WorkerVector`` bit for bit.
    Every algorithm can learn from them, since the policy is evaluated in the learner, batched over
    all environments; actors need neither TensorFlow nor weights. The cost is one message to each
    actor at each step. Ray starts the actors and detects those that cannot run; the steps are
    exchanged over separate connections, at a tenth of the cost of calling an actor's method.

    An actor that is lost is replaced. Since an episode is determined by its seed and its actions,
    the new actor replays the episodes of the lost one and repeats the interrupted step: the results
    are as if nothing had happened. An environment that does not reproduce its last observation
    begins a new episode instead, and the interrupted one is truncated and not counted.

    Args:
        make: makes some of the environments, given the index of the first one and their number;
            sent to actors with cloudpickle.
        n: number of environments.
        id: id of the environment, for messages.
        address: ``"local"`` for a new cluster on this machine, or the address of a cluster.
        actors: number of actors, each on a CPU of the cluster; ``None`` for one for each CPU.
        report: called with a message about each lost actor.
        cluster: the cluster to use instead of the one at ``address``.

    Raises:
        AgentlabError: if Ray is not installed, the cluster cannot be reached or is too small, or an
            environment cannot be made there.
    """

    def __init__(
        self,
        make: Callable[[int, int], ReplayedVector],
        n: int,
        id: str,
        address: str = "local",
        actors: int | None = None,
        report: Callable[[str], None] = tell,
        cluster: Cluster | None = None,
    ) -> None:
        self.id, self.num_envs, self._report = id, n, report
        self._failure: EnvFailure | None = None
        self._links: list[ActorLink] = []
        with make(0, 1) as one:  # only to learn its spaces
            self.observation_space, self.action_space = one.observation_space, one.action_space
            self.frame_rate = one.frame_rate
            self._observations = np.repeat(one.observations, n, axis=0)
        self._action = zeros_of(self.action_space, "action", id)
        self._log = ActionLog(n)
        self._seed: int | None = None
        self._episodes = np.zeros(n, np.int64)
        self._origins: list[Origin] = [None] * n
        self._begun = False  # whether there are episodes to replay
        self._lost = np.zeros(n, np.bool_)  # whose episodes were not reproduced
        self._cluster = cluster or RayCluster(address, actors or 1)
        try:
            count = min(actors or self._cluster.cpus, n)
            if not 1 <= count <= self._cluster.cpus:
                raise InvalidArgument(
                    f"workers={count} must be at most {self._cluster.cpus}, the number of CPUs of "
                    f"the Ray cluster {address!r}"
                )
            self._slices = split_evenly(n, count)
            pickled, specs = pickled_for_process(make, id), registrations()
            for rows in self._slices:
                about = pickle.dumps((rows.start, rows.stop - rows.start, pickled, specs))
                self._links.append(ActorLink(self._cluster, about))
                with contextlib.suppress(ActorLost):  # it is replaced below
                    self._links[-1].start()
            for number in range(count):
                self._reply(number, b"")
        except BaseException:
            self.close()
            raise

    # The environments

    def reset(self, seed: int | None = None) -> Array:
        self._begun, self._lost[:] = False, False
        self._log.reset()
        self._observations = self._begin("reset", [(seed,)] * len(self._slices))
        self._begun = True
        return self._observations

    def step(self, actions: Array) -> Step:
        actions = np.asarray(actions, self._action.dtype)
        messages = [STEP + actions[rows].tobytes() for rows in self._slices]
        for number, message in enumerate(messages):
            self._send(number, message)
        step = self._empty_step(actions)
        final_observations = []
        for number, (message, rows) in enumerate(zip(messages, self._slices, strict=True)):
            content, offset, endings = self._reply(number, message)
            for name in ARRAYS:
                array = getattr(step, name)[rows]
                array[...] = np.ndarray(array.shape, array.dtype, content, offset)
                offset += array.nbytes
            if endings is not None:
                ended, final, begun = endings
                final_observations.append(final)
                for i, (episode, origin) in begun.items():
                    self._episodes[rows.start + i], self._origins[rows.start + i] = episode, origin
        if final_observations:
            step.ended = np.flatnonzero(step.terminated | step.truncated)
            step.final_observations = np.concatenate(final_observations)
        self._log.add(actions, step.episode_over)
        self._observations = step.next_observations
        return self._abandoned(step) if self._lost.any() else step

    def _empty_step(self, actions: Array) -> Step:
        """Return a step whose results are to be filled in, in which no episode ends."""
        known, n = self._observations, self.num_envs
        rewards, raw_rewards = np.empty(n, np.float32), np.empty(n, np.float64)
        terminated, truncated, episode_over = np.empty((3, n), np.bool_)
        return Step(
            known,
            actions,
            rewards,
            raw_rewards,
            np.empty_like(known),
            terminated,
            truncated,
            NO_ENVS,
            known[:0],
            episode_over,
        )

    def _abandoned(self, step: Step) -> Step:
        """Truncate the episodes that could not be reproduced, and begin new ones.

        They end with the last known observation; what followed it is unknown.
        """
        lost, final_observations = self._lost.copy(), step.true_next_observations.copy()
        final_observations[lost] = step.observations[lost]
        step.rewards[lost], step.raw_rewards[lost] = 0, 0
        step.terminated[lost], step.truncated[lost], step.episode_over[lost] = False, True, False
        step.ended = np.flatnonzero(step.terminated | step.truncated)
        step.final_observations, step.lost = final_observations[step.ended], lost
        step.next_observations = self.cut(lost)
        return step

    def group_states(self) -> list[tuple[int | None, Array, list[Origin]]]:
        return [(self._seed, self._episodes.copy(), list(self._origins))]

    def replay(self, unfinished: Unfinished) -> Array:
        self._begun, self._lost[:] = False, False
        found = self._begin("replay", [(unfinished.of(rows),) for rows in self._slices])
        self._begun = True
        return found

    def begin(self, envs: npt.NDArray[np.bool_]) -> Array:
        observations = self._begin("begin", [(envs[rows],) for rows in self._slices])
        self._lost &= ~envs
        return observations

    def render(self) -> npt.NDArray[np.uint8]:
        return np.asarray(self._call("render"), np.uint8)

    def render_final(self) -> npt.NDArray[np.uint8] | None:
        frame: npt.NDArray[np.uint8] | None = self._call("render_final")
        return frame

    def close(self) -> None:
        for link in self._links:
            link.end()
        self._links = []
        self._failure = self._failure or EnvFailure(f"env={self.id!r} is closed")
        self._cluster.close()

    # The actors

    def _begin(self, command: str, arguments: Sequence[tuple[Any, ...]]) -> Array:
        """Let all actors run a command that begins episodes; return the observations of all."""
        calls = [pickle.dumps((command, given)) for given in arguments]
        for number, message in enumerate(calls):
            self._send(number, message)
        observations = np.empty_like(self._observations)
        for number, (message, rows) in enumerate(zip(calls, self._slices, strict=True)):
            observations[rows] = self._begun_by(number, self._reply(number, message))
        return observations

    def _begun_by(self, number: int, reply: tuple[Array, int | None, Array, list[Origin]]) -> Array:
        """Record the episodes that an actor has begun, and return the observations."""
        rows = self._slices[number]
        observations, self._seed, self._episodes[rows], self._origins[rows] = reply
        return observations

    def _call(self, command: str) -> Any:
        """Return the reply of the first actor to a command."""
        message = pickle.dumps((command, ()))
        self._send(0, message)
        return self._reply(0, message)

    def _reply(self, number: int, message: bytes) -> Any:
        """Return the reply to a message that was sent; a new actor replies if this one is lost.

        An actor also replies to its start, for which ``message`` is empty.
        """
        while True:
            try:
                reply = self._receive(number)
                self._links[number].losses = 0
                return reply
            except ActorLost as error:
                self._replace(number, _reason(error))
                if not message:
                    return None
                self._send(number, message)

    def _replace(self, number: int, why: str) -> None:
        """Replace a lost actor, and replay the episodes of its environments."""
        link, envs = self._links[number], in_words(self._slices[number])
        while True:
            link.losses += 1
            if link.losses > ATTEMPTS:
                self._failure = EnvFailure(
                    f"env={self.id!r}: the actor of {envs} and {ATTEMPTS} replacements were "
                    f"lost{why}; perhaps the environment kills its process, or runs out of memory"
                )
                raise self._failure
            self._report(f"the Ray actor of {envs} was lost{why}; another one takes over")
            try:
                link.start()
                self._receive(number)
                if self._begun:
                    self._restart_episodes(number)
                return
            except ActorLost as error:
                why = _reason(error)

    def _restart_episodes(self, number: int) -> None:
        """Replay the unfinished episodes of a new actor's environments."""
        rows, log = self._slices[number], self._log.state()
        lengths = np.where(log["complete"], log["lengths"], 0)
        actions = log.get("actions", np.zeros((0, self.num_envs, *self._action.shape)))
        unfinished = Unfinished(
            self._seed, self._episodes, self._origins, lengths, actions.astype(self._action.dtype)
        )
        self._send(number, pickle.dumps(("replay", (unfinished.of(rows),))))
        found, *_ = self._receive(number)
        known = self._observations[rows]
        same = [np.array_equal(a, b) for a, b in zip(found, known, strict=True)]
        lost = ~np.array(same) | ~log["complete"][rows]
        if lost.any():  # such an episode may even have ended, so that it takes no further step
            self._send(number, pickle.dumps(("begin", (lost,))))
            self._begun_by(number, self._receive(number))
            self._lost[rows] |= lost
            self._log.begin(self._lost)

    def _send(self, number: int, message: bytes) -> None:
        if self._failure is not None:  # the replies of other actors have not been read
            raise self._failure
        self._links[number].send(message)

    def _receive(self, number: int) -> Any:
        try:
            return self._links[number].receive()
        except EnvFailure as failure:
            self._failure = failure
            raise


def _reason(error: ActorLost) -> str:
    return f" ({error})" if str(error) else ""
