"""Gymnasium's normalizing wrappers, whose statistics would be lost with the environment."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import gymnasium
from gymnasium import wrappers

from agentlab.config import flag_of
from agentlab.errors import InvalidArgument

Env = gymnasium.Env[Any, Any]
Normalized = Literal["observations", "returns"]


class _Kind(NamedTuple):
    wrapper: type[Any]  # of Gymnasium, which the agent's own normalizer can replace
    statistics: str  # the attribute with its statistics, by which other such classes are found
    others: type[Any]  # wrappers that may be around it, since they change something else


KINDS: dict[Normalized, _Kind] = {
    "observations": _Kind(wrappers.NormalizeObservation, "obs_rms", gymnasium.RewardWrapper),
    "returns": _Kind(wrappers.NormalizeReward, "return_rms", gymnasium.ObservationWrapper),
}
HARMLESS = (
    wrappers.TimeLimit,
    wrappers.OrderEnforcing,
    wrappers.PassiveEnvChecker,
    wrappers.RecordEpisodeStatistics,
    gymnasium.ActionWrapper,
)


def without_normalizing_wrappers(env: Env, id: str) -> tuple[Env, set[Normalized]]:
    """Remove NormalizeObservation and NormalizeReward, which the agent's normalizers replace.

    The running statistics of these wrappers belong to one environment: they would not be saved
    with the agent, and evaluation and ``play`` would start from scratch.

    Args:
        env: the environment.
        id: its id, for messages.

    Returns:
        The environment, and what the agent has to normalize instead.

    Raises:
        InvalidArgument: if the wrapper cannot be removed, because it is not Gymnasium's own or
            because a wrapper around it depends on normalized values.
    """
    removed: set[Normalized] = set()
    around: list[Any] = []
    current = env
    while isinstance(current, gymnasium.Wrapper):
        what = _normalizes(current)
        if what is None:
            around.append(current)
        else:
            _check_removable(current, what, around, id)
            removed.add(what)
            if around:
                around[-1].env = current.env
            else:
                env = current.env
        current = current.env
    return env, removed


def _normalizes(wrapper: Any) -> Normalized | None:
    """Return what a wrapper normalizes by running statistics."""
    for what, kind in KINDS.items():
        if kind.statistics in vars(wrapper):
            return what
    return None


def _check_removable(wrapper: Any, what: Normalized, around: list[Any], id: str) -> None:
    kind, option = KINDS[what], f"normalize_{what}"
    name = type(wrapper).__name__
    reason = ""
    if type(wrapper) is not kind.wrapper:
        reason = "is not Gymnasium's"
    for outer in around:
        if not isinstance(outer, (*HARMLESS, kind.others)):
            reason = f"is inside {type(outer).__name__}"
    if reason:
        raise InvalidArgument(
            f"env={id!r} is wrapped in {name}, whose running statistics would not be saved with "
            f"the agent, and which cannot be replaced, since it {reason}: remove it, and let the "
            f"agent normalize with {option}=True ({flag_of(option)})"
        )
