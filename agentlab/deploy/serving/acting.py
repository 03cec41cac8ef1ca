"""``:act``: greedy actions of an agent, whose recurrent state the server keeps in a session."""

from __future__ import annotations

import time
from typing import Any

from agentlab.deploy.serving import bodies
from agentlab.deploy.serving.bodies import BadRequest, Body
from agentlab.deploy.serving.version import Session, Version
from agentlab.deploy.signature import Tensors

MAX_ID = 200  # maximum length of a session's id


async def act(version: Version, body: Body, max_sessions: int) -> dict[str, Any]:
    """Answer ``:act``.

    Args:
        version: the version of the agent.
        body: ``observation``; and for recurrent agents ``session``, an id of the episode that the
            client chooses, ``episode_start`` (default: false), whether this is the first
            observation of the episode, and ``episode_end`` (default: false), whether it is the
            last.
        max_sessions: maximum number of sessions.

    Returns:
        ``action`` and ``version``; for recurrent agents also ``session`` and ``step``, the number
        of actions in the episode so far.

    Raises:
        BadRequest: for a malformed body.
    """
    bodies.only(body, "observation", "session", "episode_start", "episode_end")
    if "actions" not in {info.name for info in version.outputs}:
        raise BadRequest(f"model {version.name!r} is not an agent: use :predict")
    if "observation" not in body:
        raise BadRequest("the body lacks 'observation'")
    infos = [info for info in version.inputs if info.name not in version.state]
    rows = [body["observation"]]
    observation = bodies.row_inputs(rows, infos, "observation", body.has_booleans)
    if not version.state:
        outputs = await version.batch(observation)
        return {"action": _action(outputs), "version": str(version.number)}
    key, ends = _session_id(body), _flag(body, "episode_end")
    session = version.sessions.get(key)
    if session is None or _flag(body, "episode_start"):
        if session is None and len(version.sessions) >= max_sessions:
            raise BadRequest(f"{max_sessions:,} sessions are already open; end some first", 503)
        session = version.sessions[key] = version.new_session()
    action = await _step(version, session, observation)
    if ends and version.sessions.get(key) is session:
        del version.sessions[key]
    number = str(version.number)
    return {"action": action, "version": number, "session": key, "step": session.steps}


async def _step(version: Version, session: Session, observation: Tensors) -> Any:
    """Return the next action of a session, whose requests run one at a time."""
    async with session.lock:
        outputs = await version.batch({**observation, **session.state})
        session.state = {name: outputs[new] for name, new in version.state.items()}
        session.steps, session.used = session.steps + 1, time.monotonic()
    return _action(outputs)


def _action(outputs: Tensors) -> Any:
    return outputs["actions"][0].tolist()


def _session_id(body: dict[str, Any]) -> str:
    key = body.get("session")
    if not isinstance(key, str) or not 0 < len(key) <= MAX_ID:
        raise BadRequest(
            f"this agent is recurrent: `session` must be a string of 1 to {MAX_ID} characters that "
            "identifies an episode"
        )
    return key


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false, not {bodies.kind_of(value)}")
    return value
