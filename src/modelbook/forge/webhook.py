"""One JSON message to an address that is itself a secret: it is in no error, and nothing is followed."""

from __future__ import annotations

import email.utils
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from urllib.parse import urlsplit

from modelbook.forge.http import ForgeError, Stay

TRIES = 5
SECONDS = 10.0
"""That an answer may take."""

MOST_WAITING = 120.0
"""Seconds between tries, all together."""

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


def post(
    url: str,
    body: object,
    what: str,
    *,
    key: str,
    seconds: float = SECONDS,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> None:
    """Send a message, again while that may help; every try carries the same key.

    Args:
        url: where to; never shown.
        what: who is told, in errors.
        key: the header `Idempotency-Key`, by which a receiver knows that it has the message already.
        seconds: that each try may take.

    Raises:
        ForgeError: nobody took it.
    """
    request = _request(url, body, what, key)
    waited = 0.0
    for attempt in range(TRIES):
        why, after = _once(request, what, seconds, now)
        if not why:
            return
        pause = after if after is not None else 2.0**attempt
        if attempt + 1 == TRIES or waited + pause > MOST_WAITING:
            break
        waited += pause
        wait(pause)
    raise ForgeError(
        what, f"{why}, after {attempt + 1} tries", "it will be told by the next modelbook monitor alert"
    )


def _request(url: str, body: object, what: str, key: str) -> urllib.request.Request:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isascii() or not url.isprintable() or " " in url:
        raise ForgeError(what, "the variable holds no web address", "expected https://HOST/...")
    headers = {"Content-Type": "application/json", "User-Agent": "modelbook", "Idempotency-Key": key}
    return urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")  # noqa: S310 -- checked


def _once(
    request: urllib.request.Request, what: str, seconds: float, now: Callable[[], float]
) -> tuple[str, float | None]:
    """(why it may help to try again, or nothing; after how many seconds, where the receiver says so)."""
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=seconds):
            return "", None
    except urllib.error.HTTPError as error:
        with error:
            if error.code in _AGAIN:
                return f"the answer was {error.code}", _after(error.headers, now())
            moved = " and leads elsewhere, which is not followed" if 300 <= error.code < 400 else ""
            raise ForgeError(what, f"the answer was {error.code}{moved}", "is the address right?") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return f"no answer ({type(reason).__name__})", None


def _after(headers: Message, now: float) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as a date."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
