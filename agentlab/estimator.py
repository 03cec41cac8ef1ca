"""The base class of estimators: learners that are fitted without the epoch loop."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

from agentlab import config as configs
from agentlab.components import State
from agentlab.errors import AgentlabError, InvalidArgument
from agentlab.learner import Learner


class Estimator(Learner):
    """A model with the interface of scikit-learn, fitted in closed form or by its own algorithm.

    A subclass implements ``fit``, ``predict`` or ``transform``, and ``score``. As in scikit-learn,
    learned attributes end in an underscore; ``state`` and ``restore`` include them.

    Args:
        config: an instance of ``Config``; ``None`` creates one from ``options``.
        seed: seeds its random number generator.
        options: fields of ``Config`` by name.

    Raises:
        InvalidArgument: for an unknown option or an invalid value.
    """

    kind = "estimator"

    def __init__(self, config: Any = None, seed: int = 0, **options: Any) -> None:
        if config is not None and options:
            raise InvalidArgument(f"pass either config or {', '.join(options)}, not both")
        super().__init__(
            configs.from_dict(self.Config, options) if config is None else config, seed
        )

    @abstractmethod
    def fit(self, *data: Any, **options: Any) -> Self:
        """Fit the model to data and return ``self``."""

    def state(self) -> State:
        """Return the state of the components, and all attributes that end in ``_``, by name."""
        learned = {n: v for n, v in sorted(vars(self).items()) if _is_learned(n)}
        return {**super().state(), **learned}

    def restore(self, state: State) -> None:
        """Restore a state returned by ``state``."""
        super().restore(state)
        for name, value in state.items():
            if _is_learned(name):
                setattr(self, name, value)

    @property
    def fitted(self) -> bool:
        """Whether ``fit`` has been called, that is, whether any attribute ends in ``_``."""
        return any(map(_is_learned, vars(self)))

    def check_fitted(self) -> None:
        """Raise ``AgentlabError`` if ``fit`` has not been called."""
        if not self.fitted:
            raise AgentlabError(f"this {type(self).__name__} has not been fitted; call fit first")


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")
