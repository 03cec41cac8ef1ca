"""``Serving``: the settings of a server, which are the flags of ``agentlab serve``."""

from __future__ import annotations

from dataclasses import dataclass

from agentlab.config import Options, option

TOKEN = "AGENTLAB_SERVE_TOKEN"


@dataclass(frozen=True)
class Serving(Options):
    """Settings of a server."""

    port: int = option(8501, "TCP port; 0 for any free port", ge=0, le=65_535)
    host: str = option("127.0.0.1", "address to listen on; 0.0.0.0 for all network interfaces")
    token: str | None = option(
        None,
        "bearer token that requests must contain; without it, the value of the "
        f"environment variable {TOKEN}, if it is set",
    )
    kept: int = option(1, "number of versions of each model to load, the newest ones", ge=1)
    poll: float = option(2.0, "seconds between checks for new versions", gt=0)
    max_body: int = option(32 << 20, "maximum size of a request body in bytes", ge=1)
    session_seconds: float = option(600.0, "seconds after which an idle session expires", gt=0)
    max_sessions: int = option(10_000, "maximum number of sessions of recurrent agents", ge=1)
