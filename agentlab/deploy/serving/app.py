"""The HTTP routes: those of TensorFlow Serving's REST API, and ``:act``."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agentlab.deploy.serving import bodies
from agentlab.deploy.serving.acting import act
from agentlab.deploy.serving.bodies import BadRequest, Body
from agentlab.deploy.serving.guard import Guard
from agentlab.deploy.serving.metrics import Metrics
from agentlab.deploy.serving.settings import Serving
from agentlab.deploy.serving.store import Store
from agentlab.deploy.serving.version import Version
from agentlab.deploy.signature import Tensors
from agentlab.errors import text_of

log = logging.getLogger("agentlab.serve")
Handler = Callable[[Version, Body], Awaitable[dict[str, Any]]]


def make_app(store: Store, settings: Serving | None = None) -> Any:
    """Return the ASGI application that serves the models of a store.

    New versions in the store's folder are loaded while it runs.
    """
    settings = settings or Serving()
    metrics = Metrics(store)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(store, settings))
        yield
        watching.cancel()

    async def healthz(request: Request) -> Response:
        """Answer 200 if every model has a loaded version, else 503."""
        missing = [name for name, model in store.models.items() if not model.live]
        ready = bool(store.models) and not missing
        return JSONResponse({"status": "ok" if ready else "loading"}, 200 if ready else 503)

    async def prometheus(request: Request) -> Response:
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    async def models(request: Request) -> Response:
        return JSONResponse({"models": sorted(store.models)})

    async def status(request: Request) -> Response:
        return JSONResponse({"model_version_status": _statuses(store, **request.path_params)})

    async def metadata(request: Request) -> Response:
        return JSONResponse(_chosen(store, **request.path_params).metadata())

    async def no_route(request: Request, error: Exception) -> Response:
        code = getattr(error, "status_code", 404)
        metrics.refuse(code)
        path = f"{request.method} {request.url.path[:100]}"
        return JSONResponse({"error": f"{path} does not exist"}, code)

    verbs: dict[str, Handler] = {
        "predict": predict,
        "classify": classify,
        "act": lambda version, body: act(version, body, settings.max_sessions),
    }
    paths = ("/v1/models/{name}", "/v1/models/{name}/versions/{number}")
    app = Starlette(
        routes=[
            *(
                Route(f"{path}:{verb}", _answers(store, metrics, verb, handler), methods=["POST"])
                for verb, handler in verbs.items()
                for path in paths
            ),
            *(Route(path, status) for path in paths),
            *(Route(f"{path}/metadata", metadata) for path in paths),
            Route("/v1/models", models),
            Route("/healthz", healthz),
            Route("/metrics", prometheus),
        ],
        exception_handlers={
            BadRequest: _refused,
            404: no_route,
            405: no_route,
            Exception: _failed,
        },
        lifespan=lifespan,
    )
    return Guard(app, settings.max_body, settings.token, metrics.refuse)


def _answers(store: Store, metrics: Metrics, verb: str, handler: Handler) -> Any:
    """Return an endpoint that answers the requests of a verb and counts them."""

    async def endpoint(request: Request) -> Response:
        name, number = request.path_params["name"], request.path_params.get("number")
        started = time.perf_counter()
        version, code = None, 500
        try:
            body = bodies.parse(await request.body())
            version = _chosen(store, name, number, body.get("session"), verb == "act")
            with version.in_use():
                answer = await handler(version, body)
            code = 200
        except BadRequest as error:
            code = error.status
            raise
        finally:
            if version is None:
                metrics.refuse(code, verb)
            else:
                metrics.add(version, verb, code, time.perf_counter() - started)
        return Response(json.dumps(answer), media_type="application/json")

    return endpoint


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, getattr(error, "status", 400))


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the model failed: {text_of(error)[:300]}"}, 500)


async def predict(version: Version, body: Body) -> dict[str, Any]:
    """Answer ``:predict``."""
    inputs, in_rows = bodies.predict_inputs(body, version.inputs)
    body.clear()  # the lists of numbers of waiting requests would slow down garbage collection
    outputs = _ordered(version, await version.batch(inputs))
    if in_rows:
        return {"predictions": bodies.rows_of(outputs)}
    return {"outputs": bodies.columns_of(outputs)}


async def classify(version: Version, body: Body) -> dict[str, Any]:
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
    inputs = bodies.row_inputs(examples, version.inputs, "examples", body.has_booleans)
    del examples
    body.clear()
    rows = np.asarray((await version.batch(inputs))["probabilities"])
    if rows.ndim != 2:
        raise BadRequest(f"model {version.name!r} predicts several classes at once: use :predict")
    names = [str(each) for each in version.card.get("classes") or range(rows.shape[1])]
    return {"result": [list(map(list, zip(names, row, strict=True))) for row in rows.tolist()]}


def _ordered(version: Version, outputs: Tensors) -> Tensors:
    return {info.name: outputs[info.name] for info in version.outputs}


def _chosen(
    store: Store,
    name: str,
    number: str | None = None,
    session: Any = None,
    acting: bool = False,
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


def _statuses(store: Store, name: str, number: str | None = None) -> list[dict[str, Any]]:
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
