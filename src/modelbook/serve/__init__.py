"""An inference server for one package, which speaks the Open Inference Protocol V2.

It knows the package and nothing else: ONNX Runtime answers, no code of the training is imported and nothing
is unpickled.
"""

from __future__ import annotations

import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelbook.errors import ModelbookError
from modelbook.package.libraries import library
from modelbook.serve.fetched import NotInCache, NotPackaged, expect, fetch
from modelbook.serve.model import NoOnnx, Served, load

__all__ = [
    "Limits",
    "NoAddress",
    "NoLog",
    "NoOnnx",
    "NotInCache",
    "NotPackaged",
    "Served",
    "expect",
    "fetch",
    "load",
    "run",
]


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Attributes:
        body: bytes of a request's body.
        rows: rows of a request.
        seconds: for reading the body, and again for the answer; also how long a stop waits for requests.
        threads: that one answer may use, and that many answers at a time.
    """

    body: int = 10_000_000
    rows: int = 10_000
    seconds: float = 30.0
    threads: int = 1


BACKLOG = 2048
"""Connections that may wait to be accepted."""


class NoAddress(ModelbookError):
    """Nothing can listen at an address."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"can't listen at {host}:{port}: {reason}", hint="another port: --port, 0 for any")


class NoLog(ModelbookError):
    """The log of predictions can't be kept in a folder."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} can't hold a log: {reason}", hint="name a folder that can be written to")


def run(
    served: Served, host: str, port: int, limits: Limits, log: Path | None, started: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are answered and the log is written first.

    Args:
        started: called with the address once the socket is bound.

    Raises:
        MissingLibrary: the extra `serve` is not installed.
        NoAddress: the address is taken, or none of this machine's. NoLog: there is no writing there.
    """
    uvicorn = library("uvicorn", "serve")
    for name in ("fastapi", "prometheus_client", "orjson", *(["pyarrow"] if log else [])):
        library(name, "serve")
    if log:
        _writable(log)
    from modelbook.serve.app import application

    config = uvicorn.Config(
        application(served, limits, log),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=max(1, round(limits.seconds)),
        server_header=False,
    )
    # uvicorn stops in good order and then sends itself the signal again: that one shall end nothing.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    with _bound(host, port) as listener:
        address, bound = listener.getsockname()[:2]
        started(f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}")
        uvicorn.Server(config).run(sockets=[listener])


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NoLog(folder, error.strerror or str(error)) from None


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, number)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise NoAddress(host, port, error.strerror or str(error)) from None
    return listener
