"""Options of training: epochs, batches, optimizer, regularization and early stopping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agentlab.config import Options, option
from agentlab.errors import InvalidArgument
from agentlab.training.optimizer_names import check_optimizer
from agentlab.training.optimizers import ScheduleName, make_optimizer, make_schedule


@dataclass(frozen=True)
class Optimization(Options):
    """Options of all trainers."""

    epochs: int = option(10, "passes over the training data", ge=1)
    batch_size: int = option(64, "examples per batch", ge=1)
    optimizer: str = option("adam", "name of a Keras optimizer")
    learning_rate: float = option(1e-3, "peak learning rate", gt=0)
    schedule: ScheduleName = option("constant", "learning rate schedule")
    warmup_steps: int = option(0, "updates over which the learning rate warms up from 0", ge=0)
    momentum: float | None = option(
        None, "momentum of sgd and rmsprop; none for the optimizer's default", ge=0, lt=1
    )
    nesterov: bool = option(False, "use Nesterov momentum (sgd only)")
    l1: float = option(0.0, "weight of the L1 penalty on all kernels", ge=0)
    l2: float = option(0.0, "weight of the L2 penalty on all kernels", ge=0)
    max_grad_norm: float | None = option(
        None, "clip the global gradient norm to this; none for no clipping", gt=0
    )
    patience: int | None = option(
        None, "stop after N epochs without improvement of the validation metric", ge=1
    )
    precision: Literal["float32", "bfloat16"] = option("float32", "dtype of computations")
    validation_split: float = option(
        0.1, "fraction of the training data to use for validation if none is given", ge=0, lt=1
    )

    def check(self) -> None:
        """Raise ``InvalidArgument`` if an option is out of bounds or contradicts another."""
        super().check()
        check_optimizer(self.optimizer)
        if self.nesterov and not self.momentum:
            raise InvalidArgument(
                f"nesterov=True needs momentum greater than 0, such as 0.9, not {self.momentum}"
            )

    def make_optimizer(
        self, updates: int, learning_rate: float | None = None, **arguments: Any
    ) -> Any:
        """Create the Keras optimizer for a number of updates.

        Args:
            updates: length of the learning rate schedule.
            learning_rate: peak learning rate; ``None`` for the configured one.
            arguments: further arguments of the optimizer.

        Raises:
            AgentlabError: for an optimizer that does not exist or does not support momentum, or a
                warm-up that is not shorter than ``updates``.
        """
        rate = self.learning_rate if learning_rate is None else learning_rate
        schedule = make_schedule(self.schedule, rate, updates, self.warmup_steps)
        if self.momentum is not None:
            arguments["momentum"] = self.momentum
        if self.nesterov:
            arguments["nesterov"] = True
        return make_optimizer(self.optimizer, schedule, **arguments)
