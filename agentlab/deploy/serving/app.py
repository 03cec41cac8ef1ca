"""The HTTP routes: those of TensorFlow Serving's REST API, and ``:act``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from agentlab.deploy.serving import bodies
from agentlab.deploy.serving.acting import act
from agentlab.deploy.serving.bodies import BadRequest
from agentlab.deploy.serving.guard import Guard
from agentlab.deploy.serving.metrics import Metrics
from agentlab.deploy.serving.store import Store
from agentlab.deploy.serving.version import Version
from agentlab.deploy.signature import Tensors
from agentlab.errors import text_of

log = logging.getLogger("agentlab.serve")
Handler = Callable[[Version, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Serving:
    """Settings of a server.

    Attributes:
        poll: seconds between checks for new versions.
        max_body: maximum size of a request body in bytes.
        token: bearer token that requests must contain; ``None`` for no authentication.
        session_seconds: seconds after which an idle session expires.
        max_sessions: maximum number of sessions per version.
    """

    poll: float = 2.0
    max_body: int = 32 << 20
    token: str | None = None
    session_seconds: float = 600.0
    max_sessions: int = 10_000


def make_app(store: Store, settings: Serving | None = None) -> Any:
    """Return the ASGI application that serves the models of a store.

    New versions in the store's folder are loaded while it runs.
    """
    settings = settings or Serving()
    metrics = Metrics(store)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(store, settings))
        yield
        watching.cancel()

    app = FastAPI(title="agentlab", docs_url=None, redoc_url=None, lifespan=lifespan)

    @app.get("/healthz")
    async def healthz() -> Response:
        """Answer 200 if every model has a loaded version, else 503."""
        missing = [name for name, model in store.models.items() if not model.live]
        ready = bool(store.models) and not missing
        return JSONResponse({"status": "ok" if ready else "loading"}, 200 if ready else 503)

    @app.get("/metrics")
    async def prometheus() -> Response:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models() -> Response:
        return JSONResponse({"models": sorted(store.models)})

    @app.get("/v1/models/{name}")
    @app.get("/v1/models/{name}/versions/{number}")
    async def status(name: str, number: str | None = None) -> Response:
        return JSONResponse({"model_version_status": _statuses(store, name, number)})

    @app.get("/v1/models/{name}/metadata")
    @app.get("/v1/models/{name}/versions/{number}/metadata")
    async def metadata(name: str, number: str | None = None) -> Response:
        return JSONResponse(_chosen(store, name, number).metadata())

    def add(verb: str, handler: Handler) -> None:
        async def handle(request: Request) -> Response:
            name, number = request.path_params["name"], request.path_params.get("number")
            started = time.perf_counter()
            content = await request.body()
            body = bodies.parse(content)
            version = _chosen(store, name, number, body.get("session"), verb == "act")
            code = 500
            try:
                with version.in_use():
                    answer = await handler(version, body)
                code = 200
            except BadRequest as error:
                code = error.status
                raise
            finally:
                metrics.add(version, verb, code, time.perf_counter() - started)
            return Response(json.dumps(answer), media_type="application/json")

        # Bypasses FastAPI's parsing of parameters, which is slower than a small network.
        for path in ("/v1/models/{name}", "/v1/models/{name}/versions/{number}"):
            app.add_route(f"{path}:{verb}", handle, ["POST"])

    add("predict", predict)
    add("classify", classify)
    add("act", lambda version, body: act(version, body, settings.max_sessions))

    @app.exception_handler(BadRequest)
    async def bad_request(request: Request, error: BadRequest) -> Response:
        return JSONResponse({"error": str(error)}, error.status)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def no_route(request: Request, error: HTTPException) -> Response:
        path = f"{request.method} {request.url.path[:100]}"
        return JSONResponse({"error": f"{path} does not exist"}, error.status_code)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": f"the model failed: {text_of(error)[:300]}"}, 500)

    return Guard(app, settings.max_body, settings.token)


async def predict(version: Version, body: dict[str, Any]) -> dict[str, Any]:
    """Answer ``:predict``."""
    inputs, in_rows = bodies.predict_inputs(body, version.inputs)
    outputs = _ordered(version, await version.batch(inputs))
    if in_rows:
        return {"predictions": bodies.rows_of(outputs)}
    return {"outputs": bodies.columns_of(outputs)}


async def classify(version: Version, body: dict[str, Any]) -> dict[str, Any]:
    """Answer ``:classify``: for each example, pairs of a class and its probability."""
    bodies.only(body, "signature_name", "examples", "context")
    if "probabilities" not in {info.name for info in version.outputs}:
        raise BadRequest(f"model {version.name!r} is not a classifier: use :predict")
    context = body.get("context", {})
    if not isinstance(context, dict):
        raise BadRequest(f"context must be an object, not {bodies.kind_of(context)}")
    examples = body.get("examples")
    if context and isinstance(examples, list):
        examples = [{**context, **e} if isinstance(e, dict) else e for e in examples]
    inputs = bodies.row_inputs(examples, version.inputs, "examples")
    rows = np.asarray((await version.batch(inputs))["probabilities"])
    if rows.ndim != 2:
        raise BadRequest(f"model {version.name!r} predicts several classes at once: use :predict")
    names = [str(each) for each in version.card.get("classes") or range(rows.shape[1])]
    return {"result": [list(map(list, zip(names, row, strict=True))) for row in rows.tolist()]}


def _ordered(version: Version, outputs: Tensors) -> Tensors:
    return {info.name: outputs[info.name] for info in version.outputs}


def _chosen(
    store: Store, name: str, number: str | None, session: Any = None, acting: bool = False
) -> Version:
    """Return the version for a request: the given one, that of its session, or the newest."""
    if number is not None:
        return store.version(name, number)
    if acting and isinstance(session, str):
        model = store.model(name)
        for version in [*model.live.values(), *model.draining]:
            if session in version.sessions:
                return version
    return store.newest(name)


def _statuses(store: Store, name: str, number: str | None) -> list[dict[str, Any]]:
    """Return the states of a model's versions, newest first, in TensorFlow Serving's format."""
    model = store.model(name)
    states = {n: ("END", "UNKNOWN", message) for n, (message, _) in model.failed.items()}
    states |= {version.number: ("UNLOADING", "OK", "") for version in model.draining}
    states |= dict.fromkeys(model.live, ("AVAILABLE", "OK", ""))
    if number is not None:
        if not number.isdecimal() or int(number[:20]) not in states:
            raise BadRequest(f"version {number[:20]} of model {name!r} does not exist", 404)
        states = {int(number): states[int(number)]}
    return [
        {
            "version": str(each),
            "state": state,
            "status": {"error_code": code, "error_message": message},
        }
        for each, (state, code, message) in sorted(states.items(), reverse=True)
    ]


async def _watch(store: Store, settings: Serving) -> None:
    """Load new versions and close old ones, until the server stops."""
    while True:
        await asyncio.sleep(settings.poll)
        try:
            for change in await asyncio.to_thread(store.load_new):
                change()
            store.drain(settings.session_seconds)
        except OSError as error:  # the folder may become available again
            log.warning("new versions cannot be loaded: %s", text_of(error))
