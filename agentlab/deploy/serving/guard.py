"""Checks of every request: the size of its body, and its token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
OPEN = ("/healthz",)  # needs no token, since orchestrators probe it


class Guard:
    """ASGI middleware that rejects requests before the application reads them.

    Args:
        app: the application.
        max_body: maximum size of a body in bytes.
        token: bearer token that requests must contain; ``None`` for no authentication.
        on_refusal: called with the status code of a rejected request.
    """

    def __init__(
        self,
        app: Any,
        max_body: int,
        token: str | None,
        on_refusal: Callable[[int], None] = lambda status: None,
    ) -> None:
        self._app, self._limit, self._on_refusal = app, max_body, on_refusal
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle a connection; see the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"authorization", b"")
        needed = None if scope["path"] in OPEN else self._expected
        if needed is not None and not hmac.compare_digest(given, needed):
            await self._refuse(
                send, 401, "the header `Authorization: Bearer TOKEN` is missing or wrong"
            )
            return
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limit:
            await self._too_large(send)
            return
        if b"transfer-encoding" in headers:  # its length is not known in advance
            receive_all = await self._read(receive)
            if receive_all is None:
                await self._too_large(send)
                return
            receive = receive_all
        await self._app(scope, receive, send)

    async def _read(self, receive: Receive) -> Receive | None:
        """Read a body, and return a function that receives it; ``None`` if it is too large."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client disconnected
                break
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            more = message.get("more_body", False)
            if size > self._limit:
                return None
        whole = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

        async def received() -> Message:
            return whole.pop() if whole else await receive()

        return received

    async def _too_large(self, send: Send) -> None:
        await self._refuse(send, 413, f"the body must not exceed {self._limit:,} bytes")

    async def _refuse(self, send: Send, status: int, message: str) -> None:
        self._on_refusal(status)
        body = json.dumps({"error": message}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        # The body was not read, so no other request can follow on this connection.
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
