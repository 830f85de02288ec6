"""The HTTP side: routes of the protocol, limits, metrics, and the order of starting and stopping."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
import orjson
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from modelbook import __version__
from modelbook.serve import protocol
from modelbook.serve.metrics import Metrics
from modelbook.serve.model import Served
from modelbook.serve.protocol import Asked, BadRequest

if TYPE_CHECKING:
    from modelbook.serve import Limits

FEW = 64
"""Rows that are answered at once, without another thread: that takes longer to reach than they take."""

_LOG = logging.getLogger("uvicorn.error")


def application(served: Served, limits: Limits, log: Path | None) -> FastAPI:
    """The server of one model."""
    server = _Server(served, limits, log)
    app = FastAPI(
        title=served.name, version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        lifespan=server.lifespan,
    )  # fmt: skip
    app.add_exception_handler(HTTPException, _refused)
    app.add_api_route("/v2", server.about, methods=["GET"])
    app.add_api_route("/v2/health/live", server.live, methods=["GET"])
    app.add_api_route("/v2/health/ready", server.ready, methods=["GET"])
    app.add_api_route("/metrics", server.metrics, methods=["GET"])
    for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        app.add_api_route(model, server.model, methods=["GET"])
        app.add_api_route(f"{model}/ready", server.model_ready, methods=["GET"])
        app.add_route(f"{model}/infer", server.infer, methods=["POST"])
    return app


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    """What has no route, as the protocol words it."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _json(
        {"error": {404: "there is nothing here", 405: "not by this method"}.get(status, str(error))}, status
    )


class _Server:
    def __init__(self, served: Served, limits: Limits, log: Path | None) -> None:
        self._served, self._limits, self._log_folder = served, limits, log
        self._counts = Metrics(served)
        self._pool = ThreadPoolExecutor(limits.threads, "infer")
        self._log: Any = None
        self._ready = False

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Ready between the two; the log is whole when this ends."""
        if self._log_folder is not None:
            from modelbook.serve.log import PredictionLog

            self._log = PredictionLog(self._log_folder, self._served)
            self._counts.watch(self._log)
        self._ready = True
        try:
            yield
        finally:
            self._ready = False
            self._pool.shutdown()
            if self._log is not None:
                await asyncio.to_thread(self._log.close)

    async def about(self) -> Response:
        return _json({"name": "modelbook", "version": __version__, "extensions": []})

    async def live(self) -> Response:
        return _json({"live": True})

    async def ready(self) -> Response:
        return _json({"ready": self._ready}, 200 if self._ready else 503)

    async def metrics(self) -> Response:
        return Response(generate_latest(self._counts.registry), media_type=CONTENT_TYPE_LATEST)

    async def model(self, name: str, version: str = "") -> Response:
        unknown = self._unknown(name, version)
        return _json({"error": unknown}, 404) if unknown else _json(self._served.metadata())

    async def model_ready(self, name: str, version: str = "") -> Response:
        unknown = self._unknown(name, version)
        if unknown:
            return _json({"error": unknown}, 404)
        return _json({"name": name, "ready": self._ready}, 200 if self._ready else 503)

    async def infer(self, request: Request) -> Response:
        start = time.perf_counter()
        rows = 0
        try:
            unknown = self._unknown(**request.path_params)
            if unknown:
                raise BadRequest(unknown, 404)
            asked = protocol.parse(await self._body(request), self._served, self._limits.rows)
            results = await self._results(asked)
            rows = asked.rows
            response = Response(protocol.answer(self._served, asked, results), media_type="application/json")
            self._keep(asked, results)
        except BadRequest as error:
            response = _json({"error": str(error)}, error.status)
        except Exception as error:  # of the model: whoever asks next may get an answer
            _LOG.exception("the model failed")
            response = _json({"error": f"the model failed: {' '.join(str(error).split())[:300]}"}, 500)
        self._counts.count(response.status_code, rows, time.perf_counter() - start)
        return response

    def _unknown(self, name: str, version: str = "") -> str:
        if name != self._served.name:
            return f"unknown model {name[:100]!r}: this server has {self._served.name}"
        if version and version != self._served.version:
            return (
                f"{name} has no version {version[:100]!r} here: it is {self._served.version or 'without one'}"
            )
        return ""

    async def _body(self, request: Request) -> bytes:
        """The whole body, unless it is too large or takes too long to come."""
        if "inference-header-content-length" in request.headers:
            raise BadRequest("binary tensors are not supported: send data as JSON", 415)
        told = request.headers.get("content-length", "0")
        if told.isdecimal() and int(told) > self._limits.body:
            raise BadRequest(f"the body has {told} bytes: at most {self._limits.body} are taken", 413)
        try:
            async with asyncio.timeout(self._limits.seconds):
                parts, size = [], 0
                async for part in request.stream():
                    size += len(part)
                    if size > self._limits.body:
                        raise BadRequest(f"the body has more than {self._limits.body} bytes", 413)
                    parts.append(part)
        except TimeoutError:
            raise BadRequest(f"the body did not come within {self._limits.seconds:g} s", 408) from None
        return b"".join(parts)

    async def _results(self, asked: Asked) -> dict[str, Any]:
        options = onnxruntime.RunOptions()
        if asked.rows <= FEW:
            return self._run(asked, options)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await loop.run_in_executor(self._pool, self._run, asked, options)
        except TimeoutError:
            options.terminate = True  # frees the thread
            raise BadRequest(f"no answer within {self._limits.seconds:g} s: send fewer rows", 503) from None

    def _run(self, asked: Asked, options: Any) -> dict[str, Any]:
        names = list(self._served.outputs)
        return dict(zip(names, self._served.session.run(names, dict(asked.tensors), options), strict=True))

    def _keep(self, asked: Asked, results: dict[str, Any]) -> None:
        if self._log is not None:
            from modelbook.serve.log import Entry, now

            self._log.add(Entry(now(), asked.id or "", asked.tensors, results, asked.rows))
