"""The estimator: a learner that is fitted without an epoch loop."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from agentlab import config as configs
from agentlab.components import State
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.learner import Learner


class Estimator(Learner):
    """A model that is fitted in closed form or by rules of its own, in scikit-learn's manner.

    A subclass writes ``fit`` and ``predict`` or ``transform``, and ``score``. What it learned are
    attributes with a trailing underscore, which its ``state`` and ``restore`` keep.

    Args:
        config: an instance of ``Config``; ``None`` makes one of ``options``.
        seed: seeds every random number that it draws.
        options: fields of ``Config`` by name.

    Raises:
        InvalidArgument: for an unknown option or an unfit value.
    """

    kind = "estimator"

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        if config is not None and options:
            raise InvalidArgument(f"options {', '.join(options)} are given beside a whole config")
        super().__init__(
            configs.from_dict(self.Config, options) if config is None else config, seed
        )

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Learn from data and return ``self``."""

    def state(self) -> State:
        """Return what was learned: all attributes that end in ``_``, and the components' state."""
        return {**super().state(), **{n: v for n, v in vars(self).items() if _is_learned(n)}}

    def restore(self, state: State) -> None:
        """Take back what ``state`` returned."""
        super().restore(state)
        for name, value in state.items():
            if _is_learned(name):
                setattr(self, name, value)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` has been called: whether there is an attribute that ends in ``_``."""
        return any(map(_is_learned, vars(self)))

    def check_fitted(self) -> None:
        """Raise ``AgentlabError`` before ``fit``."""
        if not self.fitted:
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")
