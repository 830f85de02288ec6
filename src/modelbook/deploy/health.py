"""Programs that a deployment runs, and whether what was deployed is well."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, build_opener

from modelbook import _process
from modelbook.deploy.order import words
from modelbook.errors import MissingProgram
from modelbook.spec.models import Health
from modelbook.spec.placeholders import fill

PAUSE = 0.5
"""Seconds before it is asked again."""
_LONGEST = 200


def wait(health: Health | None, values: Mapping[str, str], root: Path) -> str:
    """Ask until it is well or its time is over; why it is not well, or an empty text."""
    if health is None:
        return ""
    end = time.monotonic() + health.timeout
    while True:
        left = max(end - time.monotonic(), 0.1)
        if health.command is not None:
            fault = ran(health.command, values, root, left)
        else:
            fault = _answer(_address(health, values), left)
        if not fault:
            return ""
        if time.monotonic() + PAUSE >= end:
            return f"not well after {health.timeout:g} s: {fault}"
        time.sleep(PAUSE)


def shown(health: Health, values: Mapping[str, str]) -> str:
    """What is asked, for a person."""
    if health.command is not None:
        return shlex.join(words(health.command, values))
    return _address(health, values)


def ran(command: str, values: Mapping[str, str], root: Path, timeout: float | None = None) -> str:
    """Run a command at a project's root, without a shell; what went wrong, or an empty text."""
    try:
        argv, env = words(command, values), _process.own_bin_first()
        status = _process.stream(argv, cwd=root, env=env, timeout=timeout)
    except MissingProgram as error:
        return str(error)
    except OSError as error:
        return f"the command can't be run: {error.strerror}"
    if status == _process.TOOK_TOO_LONG and timeout is not None:
        return "the command took too long"
    return f"the command ended with status {status}" if status else ""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Nobody is followed: another server's answer says nothing of this one."""


def _address(health: Health, values: Mapping[str, str]) -> str:
    return fill(health.url or "", lambda name: quote(values[name], safe=""))


def _answer(address: str, timeout: float) -> str:
    """What is wrong with the answer of an address, or an empty text."""
    try:
        with build_opener(_NoRedirect).open(address, timeout=timeout) as answer:
            status = answer.status
    except HTTPError as error:
        status = error.code
        error.close()
    except (OSError, HTTPException, ValueError) as error:
        return f"no answer: {' '.join(str(error).split())[:_LONGEST]}"
    return "" if 200 <= status < 300 else f"it answers with status {status}"
