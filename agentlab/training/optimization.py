"""How a trainer goes through its examples: epochs, batches, optimizer, penalties, stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.training.optimizers import ScheduleName, make_optimizer, make_schedule


@dataclass(frozen=True)
class Optimization(Options):
    """What every trainer can be set to."""

    epochs: int = option(10, "passes over the training data", ge=1)
    batch_size: int = option(64, "examples in a batch", ge=1)
    optimizer: str = option("adam", "a Keras optimizer by name")
    learning_rate: float = option(1e-3, "step size of the optimizer, at its highest", gt=0)
    schedule: ScheduleName = option("constant", "how the learning rate falls during the training")
    warmup_steps: int = option(0, "updates over which the learning rate first rises from 0", ge=0)
    momentum: float | None = option(
        None, "momentum of sgd and rmsprop; none: the optimizer's own", ge=0, lt=1
    )
    nesterov: bool = option(False, "Nesterov's momentum, for sgd")
    l1: float = option(0.0, "weight of the L1 penalty on all kernels", ge=0)
    l2: float = option(0.0, "weight of the L2 penalty on all kernels", ge=0)
    max_grad_norm: float | None = option(
        None, "bound on the gradient's norm; none for no bound", gt=0
    )
    patience: int | None = option(
        None, "stop after N epochs without a better held-out metric", ge=1
    )
    precision: Literal["float32", "bfloat16"] = option("float32", "number format of the products")
    validation_split: float = option(
        0.1, "fraction of the training data held out, where none is given", ge=0, lt=1
    )

    def check(self) -> None:
        """Raise ``InvalidArgument`` where an option is out of bounds or contradicts another."""
        super().check()
        if self.nesterov and not self.momentum:
            raise InvalidArgument("nesterov=True needs a momentum, such as momentum=0.9")

    def make_optimizer(self, updates: int, learning_rate: float | None = None) -> Any:
        """Make the Keras optimizer for so many updates.

        Args:
            updates: over which the schedule runs.
            learning_rate: in place of the one configured.

        Raises:
            AgentlabError: for an optimizer that does not exist or takes no momentum, or a warm-up
                that leaves no updates.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        schedule = make_schedule(self.schedule, rate, updates, self.warmup_steps)
        arguments: dict[str, Any] = {} if self.momentum is None else {"momentum": self.momentum}
        if self.nesterov:
            arguments["nesterov"] = True
        return make_optimizer(self.optimizer, schedule, **arguments)
