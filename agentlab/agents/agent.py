"""The Agent API: what every algorithm, built in or your own, is written against."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.components import State
from agentlab.envs.spaces import space_from_json, space_to_json
from agentlab.envs.vector import Array, Step, check_num_envs
from agentlab.errors import InvalidArgument
from agentlab.learner import Learner
from agentlab.training.histograms import network_histograms
from agentlab.training.pretrained import start_from

spaces = gymnasium.spaces
Extras = dict[str, Any]
Space = gymnasium.Space[Any]


class Agent(Learner):
    """Chooses actions for a vector of environments, and learns from what follows.

    A custom agent overrides ``act``; one that learns overrides ``observe``; one with networks,
    buffers or tables makes them in ``build`` and names them in ``components`` (or overrides
    ``state`` and ``restore``); one with a recurrent state overrides ``reset``. Everything is
    batched over the environments: a leading axis ``n``.

    Attributes:
        observation_spaces: kinds of observation space that it takes.
        action_spaces: kinds of action space that it takes.
        supports_recurrent: whether it can learn with a recurrent network.
        finished: set it to end training before all steps are made.
        net: its network; ``None`` where it has none.
        actor: a copy of ``net`` that acts while ``net`` learns; ``None`` where it has none.
        update: the compiled gradient step of ``net``; ``None`` where it has none.
        last_batch: the minibatch that ``update`` saw last, for histograms of gradients.
        background: runs ``update`` while environments are stepped; ``None`` where it has none.

    Args:
        observation_space: the space of one environment's observations.
        action_space: the space of one environment's actions.
        num_envs: how many environments it acts in at a time.
        config: an instance of ``Config``, or ``None`` for its defaults.
        seed: seeds every random number in the agent, kept as ``self.rng``.

    Raises:
        InvalidArgument: for spaces that it does not take.
    """

    kind = "agent"
    observation_spaces: ClassVar[tuple[type, ...]] = (
        spaces.Box,
        spaces.Discrete,
        spaces.MultiDiscrete,
        spaces.MultiBinary,
    )
    action_spaces: ClassVar[tuple[type, ...]] = observation_spaces
    supports_recurrent: ClassVar[bool] = False
    finished: bool = False
    net: Any = None
    actor: Any = None
    update: Any = None
    last_batch: Any = None
    background: Any = None

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        num_envs: int,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(config, seed)
        self.observation_space, self.action_space = observation_space, action_space
        self.num_envs = num_envs
        self._pretrained = getattr(self.config, "pretrained", None)  # until it has been read
        self._check_spaces()
        self.build()

    def build(self) -> None:
        """Make networks, optimizers and buffers for the spaces; called by the constructor."""

    @abstractmethod
    def act(self, observations: Array, explore: bool = True) -> Array | tuple[Array, Extras]:
        """Choose one action for each environment.

        Args:
            observations: ``[n, ...]``, of the observation space's dtype.
            explore: act as in training; ``False`` asks for the best known action.

        Returns:
            Actions, ``[n, ...]``, of the action space's dtype; or a tuple of these and extras, such
            as log-probabilities and values, which ``observe`` finds in ``step.extras``.
        """

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Clear the recurrent state of environments in which a new episode begins.

        Called before the first ``act`` in all environments, and in training and evaluation alike
        after every step that ended an episode.

        Args:
            episode_starts: bool ``[n]``, true where the next observation is the first of its
                episode. A new ``n`` means other environments.
        """

    def observe(self, step: Step) -> Mapping[str, float] | None:
        """Take in one step of all environments, and learn where learning is due.

        Returns:
            Metrics to log (losses, norms, ...), or ``None`` when there is nothing new.
        """
        return None

    def on_train_start(self) -> None:
        """Read what learning starts with: the weights of a pretrained torso.

        Called before the first step of a training, but not where a run is resumed: only its start
        may depend on other folders.
        """
        if self._pretrained is not None:
            start_from(self._pretrained, self.torsos())
            self._pretrained = None
            self.actor.update(self.net)

    def torsos(self) -> list[Any]:
        """Return the torsos that start with pretrained weights."""
        return []

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        """Note that new episodes begin although the last step did not end the ones before.

        Called where a training starts, and where a resume could not bring episodes back: whatever
        waits for the next step is truncated. The default is ``reset``.

        Args:
            envs: bool ``[num_envs]``, true where a new episode begins.
        """
        self.reset(envs)

    def on_train_end(self) -> None:
        """Take in learning under way; called after the last checkpoint of a training."""

    # Watching

    def histograms(self) -> Mapping[str, Array]:
        """Return weights and gradients to draw histograms of, by name."""
        if self.net is None:
            return {}
        if self.background is not None:
            self.background.wait()
        return network_histograms(self.net, self.update, self.last_batch)

    def graph(self) -> Any:
        """Return a traced TensorFlow function for TensorBoard's graph view, or ``None``."""
        return None if self.update is None else self.update.graph()

    def summary(self) -> str | None:
        """Return what was learned as a text to print after training, or ``None``."""
        return None

    # Acting elsewhere

    def policy_state(self) -> State:
        """Return what acting without exploration depends on, as it is acted on now."""
        return copy.deepcopy(self.state()) if self.actor is None else self.actor.weights()

    def restore_policy(self, state: State) -> None:
        """Act as the agent did whose ``policy_state`` this is."""
        if self.actor is None:
            self.restore(state)
        else:
            self.actor.set_weights(state)
            self.actor.copy_to(self.net)

    def evaluation_copy(self, num_envs: int, seed: int) -> Self:
        """Return an agent of its own, with random numbers of its own, that acts as this one does.

        ``restore_policy(agent.policy_state())`` brings the copy up to date.
        """
        copied = type(self)(self.observation_space, self.action_space, num_envs, self.config, seed)
        copied.restore_policy(self.policy_state())
        return copied

    def predict(self, observation: Any, explore: bool = False) -> Any:
        """Return the action for one observation of one environment, as ``env.step`` takes it.

        For agents without a recurrent state; others act through ``act`` and ``reset``.

        Args:
            observation: one element of the observation space.
            explore: act as in training instead of by the best known action.
        """
        batch = np.asarray(observation, self.observation_space.dtype)[None]
        chosen = self.act(batch, explore)
        action = (chosen[0] if isinstance(chosen, tuple) else chosen)[0]
        return action.item() if isinstance(self.action_space, spaces.Discrete) else action

    # Saving

    def state(self) -> State:
        pending: State = {}
        if self.background is not None and self.background.busy:
            # The network has learned; what it learned is not acted on yet.
            result = self.background.wait()
            pending = {"pending/result": result}
            pending |= {f"pending/actor/{name}": w for name, w in self.actor.weights().items()}
        return {**super().state(), **pending}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._pretrained = None  # its weights, or what became of them, are among the state
        if self.actor is not None:
            self.actor.update(self.net)
        if self.background is not None:
            self.background.restore(
                {"result": state["pending/result"]} if "pending/result" in state else {}
            )
            prefix = "pending/actor/"
            weights = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if weights:
                self.actor.set_weights(weights)

    def specification(self) -> dict[str, Any]:
        return {
            "num_envs": self.num_envs,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
        }

    @classmethod
    def from_specification(
        cls,
        specification: Mapping[str, Any],
        config: Any,
        seed: int,
        models: Mapping[str, Any],
        *,
        num_envs: int | None = None,
    ) -> Self:
        """Make the agent for the spaces that were saved.

        Args:
            specification: what ``specification`` returned.
            config: an instance of ``Config``.
            seed: as given to the constructor.
            models: not used: networks are built from the configuration.
            num_envs: act in that many environments instead of as many as it was trained in.
        """
        return cls(
            space_from_json(specification["observation_space"]),
            space_from_json(specification["action_space"]),
            check_num_envs(num_envs or specification["num_envs"]),
            config,
            seed,
        )

    def _check_spaces(self) -> None:
        for what, space, kinds in (
            ("observations", self.observation_space, self.observation_spaces),
            ("actions", self.action_space, self.action_spaces),
        ):
            if not isinstance(space, kinds):
                names = [kind.__name__ for kind in kinds]
                known = ", ".join(names[:-1]) + " or " * (len(names) > 1) + names[-1]
                raise InvalidArgument(
                    f"algo={self.name or type(self).__name__!r} needs {known} {what}, but the "
                    f"environment has {space}"
                )
        if getattr(self.config, "recurrent", False) and not self.supports_recurrent:
            raise InvalidArgument(
                f"net={self.config.net!r} is recurrent, but algo={self.name!r} learns from single "
                "steps; use algo='pg'"
            )
