"""The base class of all agents, built-in and custom."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.space_checks import check_spaces
from agentlab.components import State
from agentlab.description import read_description
from agentlab.envs.parts import ARRAYS, batch_of_one
from agentlab.envs.spaces import space_from_json, space_to_json
from agentlab.envs.vector import Array, Step, check_num_envs
from agentlab.learner import Learner
from agentlab.training.graph import network_graph
from agentlab.training.histograms import network_histograms
from agentlab.training.pretrained import start_from

spaces = gymnasium.spaces
Extras = dict[str, Any]
Space = gymnasium.Space[Any]


class Agent(Learner):
    """Chooses actions in a batch of environments and learns from the transitions.

    A custom agent overrides ``act``. If it learns, it also overrides ``observe``; if it has
    networks, buffers or tables, it creates them in ``build`` and returns them from ``components``
    (or overrides ``state`` and ``restore``); if it has a recurrent state, it overrides ``reset``.
    All arrays are batched over the environments: their first axis is ``n``.

    Attributes:
        observation_spaces: classes of the observation spaces that it supports.
        action_spaces: classes of the action spaces that it supports.
        supports_recurrent: whether it can learn with a recurrent network.
        learned: names of the components that ``init_from`` copies; without a network, of entries
            of ``state``.
        finished: set this to end training early.
        net: its network, or ``None``.
        encoding: turns observations into inputs of ``net``, or ``None``.
        actor: a copy of ``net`` that acts while ``net`` learns, or ``None``.
        update: the compiled gradient step of ``net``, or ``None``.
        last_batch: the last minibatch passed to ``update``, for histograms of gradients.
        background: runs ``update`` while environments are stepped, or ``None``.
        environment: ``settings`` of the environments that the agent was made for; saved with it.

    Args:
        observation_space: the space of one environment's observations.
        action_space: the space of one environment's actions.
        num_envs: number of environments that it acts in at once.
        config: an instance of ``Config``, or ``None`` for its defaults.
        seed: seeds the agent's random number generator, ``self.rng``.

    Raises:
        InvalidArgument: for spaces that it does not support.
    """

    kind = "agent"
    observation_spaces: ClassVar[tuple[type, ...]] = ARRAYS
    action_spaces: ClassVar[tuple[type, ...]] = observation_spaces
    supports_recurrent: ClassVar[bool] = False
    learned: ClassVar[Collection[str] | None] = None
    finished: bool = False
    net: Any = None
    encoding: Any = None
    actor: Any = None
    update: Any = None
    last_batch: Any = None
    background: Any = None
    environment: Mapping[str, Any] | None = None

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
        self._pretrained = getattr(self.config, "pretrained", None)  # until it is loaded
        check_spaces(self)
        self.build()

    def build(self) -> None:
        """Create networks, optimizers and buffers for the spaces; called by the constructor."""

    @abstractmethod
    def act(self, observations: Array, explore: bool = True) -> Array | tuple[Array, Extras]:
        """Choose one action for each environment.

        Args:
            observations: ``[n, ...]``, of the observation space's dtype.
            explore: act as in training; ``False`` selects the greedy action.

        Returns:
            Actions, ``[n, ...]``, of the action space's dtype; or a tuple of actions and a dict of
            extras, such as log-probabilities and values, passed to ``observe`` as ``step.extras``.
        """

    def reset(self, episode_starts: npt.NDArray[np.bool_]) -> None:
        """Clear the recurrent state of environments in which a new episode starts.

        Called before the first ``act``, for all environments, and after every step that ended an
        episode, in training and in evaluation.

        Args:
            episode_starts: bool ``[n]``, true if the next observation is the first of an episode.
                ``n`` changes when the agent moves to a different set of environments.
        """

    def observe(self, step: Step) -> Mapping[str, float] | None:
        """Process one step of all environments, and learn if an update is due.

        Returns:
            Metrics to log (losses, norms, ...), or ``None`` if there are none.
        """
        return None

    def on_train_start(self) -> None:
        """Load the weights of the pretrained torso, if the configuration names one.

        Called before the first training step, but not when a run is resumed: a resumed run must
        depend on nothing outside its own folder.
        """
        if self._pretrained is not None:
            start_from(self._pretrained, self.torsos())
            self._pretrained = None
            self.actor.update(self.net)

    def torsos(self) -> list[Any]:
        """Return the torsos that ``config.pretrained`` initializes."""
        return []

    def on_episodes_cut(self, envs: npt.NDArray[np.bool_]) -> None:
        """Truncate episodes that are abandoned: the next step belongs to new ones.

        Called when training starts, and when environments are reset although their last step did
        not end an episode. Transitions that wait for the next step are truncated. The default calls
        ``reset``.

        Args:
            envs: bool ``[num_envs]``, true where a new episode begins.
        """
        self.reset(envs)

    def finish_update(self) -> dict[str, float] | None:
        """Wait for the update in the background, act by its weights and return its metrics."""
        metrics: dict[str, float] | None = None
        if self.background is not None:
            metrics = self.background.finish()
        if metrics is not None:
            self.actor.update(self.net)
        return metrics

    def on_train_end(self) -> None:
        """Finish the update in progress; called after the last checkpoint of a training."""
        self.finish_update()

    # Monitoring

    def histograms(self) -> Mapping[str, Array]:
        """Return weights and gradients by name, to plot as histograms."""
        if self.net is None:
            return {}
        if self.background is not None:
            self.background.wait()
        return network_histograms(self.net, self.update, self.last_batch)

    def graph(self) -> Any:
        """Return the network, traced from observations to actions, for TensorBoard, or ``None``."""
        return None if self.net is None else network_graph(self.inference_model())

    def summary(self) -> str | None:
        """Return a text about what was learned, printed after training, or ``None``."""
        return None

    # Acting elsewhere

    def policy_state(self) -> State:
        """Return the state that greedy actions depend on."""
        if self.actor is None:
            return copy.deepcopy(self.state())
        normalizer = {} if self.encoding is None else self.encoding.state()
        return {**self.actor.weights(), **normalizer}

    def restore_policy(self, state: State) -> None:
        """Load the ``policy_state`` of another agent of this class."""
        if self.actor is None:
            self.restore(state)
        else:
            weights = dict(state)
            if self.encoding is not None:
                self.encoding.restore({name: weights.pop(name) for name in self.encoding.state()})
            self.actor.set_weights(weights)
            self.actor.copy_to(self.net)

    def evaluation_copy(self, num_envs: int, seed: int) -> Self:
        """Return a copy of this agent's policy, which ``restore_policy`` brings up to date."""
        copied = type(self)(self.observation_space, self.action_space, num_envs, self.config, seed)
        copied.environment = self.environment
        copied.restore_policy(self.policy_state())
        return copied

    def predict(self, observation: Any, explore: bool = False) -> Any:
        """Return the action for a single observation, ready to pass to ``env.step``.

        For agents without a recurrent state; use ``act`` and ``reset`` for the others.

        Args:
            observation: one observation of the environment.
            explore: act as in training instead of greedily.
        """
        chosen = self.act(batch_of_one(self.observation_space, observation), explore)
        action = (chosen[0] if isinstance(chosen, tuple) else chosen)[0]
        return action.item() if isinstance(self.action_space, spaces.Discrete) else action

    # Saving

    def state(self) -> State:
        pending: State = {}
        if self.background is not None and self.background.busy:
            # The network is updated, but the actor still acts by the weights before the update.
            result = self.background.wait()
            pending = {"pending/result": result}
            pending |= {f"pending/actor/{name}": w for name, w in self.actor.weights().items()}
        return {**super().state(), **pending}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._pretrained = None  # the state includes its weights, or what became of them
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
            "environment": self.environment,
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
        """Create the agent for the saved spaces.

        Args:
            specification: the return value of ``specification``.
            config: an instance of ``Config``.
            seed: as for the constructor.
            models: unused; networks are built from the configuration.
            num_envs: number of environments; ``None`` for the number it was trained in.
        """
        stored = [space_from_json(specification[f"{s}_space"]) for s in ("observation", "action")]
        n = check_num_envs(num_envs or specification["num_envs"])
        agent = cls(stored[0], stored[1], n, config, seed)
        agent.environment = specification.get("environment")
        return agent

    @classmethod
    def load(cls, directory: Path | str, **options: Any) -> Self:
        """Load an agent; see ``Learner.load``.

        With a different ``num_envs`` the replay buffer starts empty: its rows are environments'.
        """
        agent = super().load(directory, **options)
        if agent.num_envs != read_description(directory)["specification"]["num_envs"]:
            agent.drop_left()
        return agent
