"""What agents with a network have in common: learning in a thread, keeping, and showing weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from agentlab.agents.agent import Agent, State
from agentlab.agents.encoding import Encoding
from agentlab.config import option
from agentlab.errors import AgentlabError
from agentlab.lazy import tf
from agentlab.nets import TORSOS, make_torso
from agentlab.nets.budget import weights_within
from agentlab.training.pretrained import read_torso, take_over

WIDE = 256  # units from which a layer's products are quicker on several threads


@dataclass(frozen=True)
class DeepConfig:
    """What is to be chosen about an agent's network."""

    net: str = option("mlp", "torso by name, such as mlp, nature_cnn or small_cnn")
    hidden: tuple[int, ...] = option((64, 64), "units of the layers of an mlp or recurrent net")
    activation: str = option("tanh", "activation of the mlp's layers, by its Keras name")
    pretrained: str | None = option(
        None, "start with the torso of this run (of a trainer or an agent) or saved trainer"
    )
    freeze_pretrained: bool = option(False, "keep that torso's weights as they are")

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise AgentlabError(f"hidden={self.hidden} must be one or more positive numbers")
        if self.freeze_pretrained and self.pretrained is None:
            raise AgentlabError(
                "freeze_pretrained=True needs a pretrained torso: set pretrained to a run"
            )


class DeepAgent(Agent):
    """An agent that acts by a copy of its net while the net learns in a thread of its own.

    What is learned is acted on from the moment that learning is waited for, which follows from
    the steps made alone, so that a run repeats exactly under its seed. A subclass sets ``_net``,
    ``_optimizer`` and ``_actor``, and defines ``_gradients``.

    Attributes:
        supports_recurrent: whether it can learn with a recurrent net.
    """

    supports_recurrent: ClassVar[bool] = False

    _net: Any
    _optimizer: Any
    _actor: Any
    _gradients: Any  # compiled: the gradients and metrics of one minibatch

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        action_space: gymnasium.Space[Any],
        num_envs: int,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_space, action_space, num_envs, config, seed)
        net = self.config.net
        self._recurrent = net in TORSOS and TORSOS[net].takes == "sequences"
        if self._recurrent and not self.supports_recurrent:
            raise AgentlabError(
                f"net={net!r} is recurrent, but algo={self.name!r} learns from single steps; use "
                "algo='pg'"
            )
        # XLA makes small dense nets several times faster, but convolutions on a CPU slower.
        self._xla = net == "mlp" or self._recurrent
        self._encoding = Encoding(observation_space)
        self._pretrained = self.config.pretrained  # until it has been read
        tf.config.experimental.enable_op_determinism()  # a seed repeats a run bit for bit
        if self._xla and max(self.config.hidden) < WIDE:
            _use_one_thread()
        self._learner = ThreadPoolExecutor(1, thread_name_prefix=f"{self.name}-learner")
        self._learning: Future[dict[str, float]] | None = None
        self._last_batch: tuple[Any, ...] = ()  # arguments of _gradients

    def _make_torso(self, name: str, seed: int, **arguments: Any) -> Any:
        """Build the torso that ``config.net`` names for this agent's observations."""
        encoding, config = self._encoding, self.config
        arguments = {"scale": encoding.scale, "name": name, "seed": seed, **arguments}
        if config.net == "mlp":
            signed = encoding.dtype == np.int8
            defaults = {"hidden": config.hidden, "activation": config.activation, "signed": signed}
            arguments = {**defaults, **arguments}
        shape: tuple[Any, ...] = encoding.shape
        if self._recurrent:
            arguments["units"], shape = config.hidden, (None, math.prod(shape))
        torso = make_torso(config.net, shape, **arguments)
        torso.trainable = not config.freeze_pretrained
        return torso

    def _torsos(self) -> list[Any]:
        """All torsos that pretrained weights are loaded into."""
        return [self._net.torso]

    @classmethod
    def load(cls, directory: Path | str, num_envs: int | None = None) -> Self:
        with weights_within(Path(directory) / "weights.npz"):
            return super().load(directory, num_envs)

    def on_train_start(self) -> None:
        if self._pretrained is None:
            return
        found = read_torso(self._pretrained)
        for torso in self._torsos():
            take_over(torso, found, self._pretrained)
        self._pretrained = None
        self._actor.update()

    def _start(self, learn: Callable[..., dict[str, float]], *arguments: Any) -> None:
        """Let ``learn`` run in the learner's thread."""
        self._learning = self._learner.submit(learn, *arguments)

    def _finish(self) -> dict[str, float] | None:
        """Wait for the learning under way and act by what it learned from now on."""
        if self._learning is None:
            return None
        metrics, self._learning = self._learning.result(), None
        self._actor.update()
        return metrics

    def histograms(self) -> dict[str, npt.NDArray[Any]]:
        arrays = {f"weights/{v.path}": v.numpy() for v in self._net.trainable_variables}
        if self._last_batch:
            gradients, _ = self._gradients(*self._last_batch)
            for variable, gradient in zip(self._net.trainable_variables, gradients, strict=True):
                arrays[f"gradients/{variable.path}"] = gradient.numpy()
        return arrays

    def graph(self) -> Any:
        return self._gradients.get_concrete_function()

    def _variables(self) -> dict[str, Any]:
        """All that learning changes, by name."""
        variables = [*self._net.variables, *self._optimizer.variables]
        return {f"{i:03d}/{variable.path}": variable for i, variable in enumerate(variables)}

    def state(self) -> State:
        return {name: np.asarray(variable.numpy()) for name, variable in self._variables().items()}

    def restore(self, state: State) -> None:
        for name, variable in self._variables().items():
            variable.assign(state[name])
        self._pretrained = None  # its weights, or what became of them, are among these
        self._actor.update()


def _use_one_thread() -> None:
    """Keep TensorFlow's idle threads from spinning on the cores that step environments.

    Products as small as a narrow mlp's gain nothing from threads. It is too late, and no harm,
    where TensorFlow has been used before.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
