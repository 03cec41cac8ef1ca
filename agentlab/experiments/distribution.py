"""Runs of trainers whose minibatches are split across devices or processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentlab.errors import InvalidArgument
from agentlab.registry import trainer_class
from agentlab.runs import FollowingRun, Run, this_task
from agentlab.scale import distributed
from agentlab.training.trainer import Trainer


def run_class(strategy: str | None) -> type[Run]:
    """Return the class of this process's run: one that writes nothing unless it is the chief's."""
    several = strategy in ("multiworker", "ps")
    return FollowingRun if several and not this_task().writes else Run


def open_to_train(path: Path | str) -> Run:
    """Open a trainer's run to resume it in this process; see ``Run.open``."""
    settings = Run.open(path).config.get("training")
    strategy = settings.get("strategy") if isinstance(settings, dict) else None
    return run_class(strategy).open(path, writing=True)


@contextmanager
def splitting(strategy: str | None, trainer: str) -> Iterator[None]:
    """Split the minibatches of a trainer according to the option ``strategy``.

    Raises:
        InvalidArgument: if its minibatches cannot be split.
    """
    if strategy is not None:
        cls = trainer_class(trainer)
        plain = getattr(cls, "train_step", None) is Trainer.train_step
        if not plain or cls.component_names != Trainer.component_names:
            raise InvalidArgument(
                f"strategy={strategy!r} is not supported by {trainer!r}, whose training step is "
                "not a single gradient step on independent examples; leave out --strategy"
            )
    with distributed(strategy):
        yield
