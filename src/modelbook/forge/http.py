"""One REST API behind one token: JSON in and out, with retries, bounded waiting and no surprises.

No redirect is followed with the token, no token is part of a message, no answer is read without a bound.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from modelbook.errors import ModelbookError

MOST_BYTES = 16_000_000
"""The longest answer that is read."""

MOST_WAITING = 300.0
"""Seconds that one command waits for an API, all waits together."""

PAGE, MOST_PAGES = 100, 100
"""Objects on a page of a list, and pages that are read of one."""

TRIES = 5
SECONDS = 30.0
_TRANSIENT = frozenset({500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})

Method = Literal["GET", "POST", "PATCH", "PUT"]


class ForgeError(ModelbookError):
    """The API did not do what it was asked to (exit status 2)."""

    def __init__(self, what: str, why: str, hint: str = "") -> None:
        super().__init__(f"{what}: {why}", hint=hint)


class Forbidden(ForgeError):
    """The token may not do this, or cannot see the place."""


class ForgeLimit(ForgeError):
    """The API's rate limit lasts longer than we wait."""


class Uncertain(ForgeError):
    """A request may or may not have had its effect: the connection or the server broke meanwhile."""


@dataclass(frozen=True)
class Answer:
    """What the API said. `body` is decoded JSON, None when there was none."""

    status: int
    headers: Message
    body: Any


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect would carry the token to wherever it leads."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """No request to make."""


def _check(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ForgeError("API address", f"expected https://HOST/..., found {url!r}")
    return url.rstrip("/")


@dataclass
class Client:
    """An API and who we are to it.

    Attributes:
        base: its address, such as `https://api.github.com`.
        headers: sent with every request, the token's among them; never shown.
        wait: `time.sleep`, or what stands in for it in a test. now: seconds since 1970.
    """

    base: str
    headers: Mapping[str, str] = field(repr=False)
    wait: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    waited: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.base = _check(self.base)
        # http.client would put a header with a line break in it, whole, into its own error.
        if any(not value.isprintable() or not value.isascii() for value in self.headers.values()):
            raise ForgeError(
                "token", "it has characters that no token has", "look for a line break in the secret"
            )
        self._opener = urllib.request.build_opener(Stay)

    def get(self, path: str, what: str) -> Answer:
        """Read something. `what` names it in errors."""
        return self.ask("GET", path, what)

    def page(self, path: str, number: int, what: str) -> tuple[list[dict[str, Any]], bool]:
        """One page of a list of objects, and whether another follows."""
        answer = self.get(f"{path}per_page={PAGE}&page={number}", what)
        if not isinstance(answer.body, list) or not all(isinstance(item, dict) for item in answer.body):
            raise ForgeError(what, "the API's answer is no list")
        return answer.body, len(answer.body) == PAGE or 'rel="next"' in answer.headers.get("Link", "")

    def pages(self, path: str, what: str) -> Iterator[dict[str, Any]]:
        """Every object of a list, on all its pages. `path` ends with `?` or `&`."""
        for number in range(1, MOST_PAGES + 1):
            items, more = self.page(path, number, what)
            yield from items
            if not more:
                return
        raise ForgeError(what, f"there are more than {MOST_PAGES * PAGE:,}")

    def location(self, path: str, what: str) -> str:
        """Where a redirect leads to, unfollowed: an address on HTTPS, or on HTTP like the API itself."""
        answer = self._answer("GET", path, what, None, again=True)
        found = answer.headers.get("Location", "")
        if answer.status not in _MOVED:
            self._judged(answer, what)
        elif found.startswith(("https://", *(("http://",) if self.base.startswith("http://") else ()))):
            return found
        raise ForgeError(what, "the API does not say where it is")

    def ask(
        self, method: Method, path: str, what: str, body: object = None, *, again: bool | None = None
    ) -> Answer:
        """Send a request, again while that is safe and may help.

        Args:
            path: below the base address, with its leading slash; or a whole address.
            again: whether sending it twice is as good as once; so it is for all but POST.

        Raises:
            Forbidden: 401, 403 or 404. ForgeLimit: waiting would take too long.
            Uncertain: a POST that may have had its effect. ForgeError: anything else that is no answer.
        """
        return self._judged(self._answer(method, path, what, body, again=again), what)

    def _answer(self, method: Method, path: str, what: str, body: object, *, again: bool | None) -> Answer:
        for left in reversed(range(TRIES)):
            try:
                answer = self._once(method, path, what, body)
            except Uncertain:
                if not left or not (method != "POST" if again is None else again):
                    raise
                self.pause(2.0 ** (TRIES - left - 1), what)
                continue
            pause = self._limited(answer)
            if pause is None:
                return answer
            if not left:
                raise ForgeLimit(what, "the API's rate limit does not end", "run this job again later")
            self.pause(pause, what)
        raise AssertionError  # the last round returns or raises

    def pause(self, seconds: float, what: str) -> None:
        """Wait, within what all waits together may take.

        Raises:
            ForgeLimit: that would be longer.
        """
        if self.waited + seconds > MOST_WAITING:
            raise ForgeLimit(
                what,
                f"the API asks to wait {seconds:.0f} s more",
                "run this job again when its rate limit has ended",
            )
        self.waited += seconds
        self.wait(seconds)

    def _once(self, method: Method, path: str, what: str, body: object) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        url = path if path.startswith(("http://", "https://")) else self.base + path
        headers = {"User-Agent": "modelbook", **self.headers}
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 -- checked by _check
        try:
            with self._opener.open(request, timeout=SECONDS) as reply:
                return Answer(reply.status, reply.headers, _decoded(reply.read(MOST_BYTES + 1), what))
        except urllib.error.HTTPError as error:
            return self._refused(error, what)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Uncertain(
                what, f"no answer from the API ({type(reason).__name__})", "run this job again"
            ) from None

    def _refused(self, error: urllib.error.HTTPError, what: str) -> Answer:
        with error:
            if error.code in _TRANSIENT:
                raise Uncertain(what, f"the API answered {error.code}", "run this job again") from None
            try:
                said = json.loads(error.read(100_000))
            except (ValueError, OSError, http.client.HTTPException, RecursionError):
                said = None
        return Answer(error.code, error.headers, said)

    def _limited(self, answer: Answer) -> float | None:
        """Seconds until the rate limit ends; None when this is no rate limit."""
        if answer.status not in (403, 429):
            return None
        after = answer.headers.get("Retry-After", "")
        if after.isdecimal():
            return float(after) + 1
        reset = answer.headers.get("x-ratelimit-reset") or answer.headers.get("RateLimit-Reset") or ""
        spent = "0" in (
            answer.headers.get("x-ratelimit-remaining"),
            answer.headers.get("RateLimit-Remaining"),
        )
        if spent and reset.isdecimal():
            return max(0.0, float(reset) - self.now()) + 1
        return 60.0 if answer.status == 429 or "secondary rate limit" in _said(answer).lower() else None

    def _judged(self, answer: Answer, what: str) -> Answer:
        if answer.status < 300:
            return answer
        if answer.status in _MOVED:
            raise ForgeError(what, f"the API answered {answer.status} and sends us elsewhere")
        why = f"the API answered {answer.status}" + (f" ({_said(answer)})" if _said(answer) else "")
        if answer.status in (401, 403, 404):
            _forbid(answer.status, what, why)
        raise ForgeError(what, why)


def _forbid(status: int, what: str, why: str) -> NoReturn:
    if status == 401:
        raise Forbidden(what, why, "the token is wrong or has expired")
    raise Forbidden(
        what,
        why,
        "the token may not do this. Jobs of pull requests from forks get one that only reads: comment from "
        "the `workflow_run` workflow that `modelbook init` writes, with `pull-requests: write`",
    )


def _said(answer: Answer) -> str:
    """The message in an answer, printable and short; it is the server's word, so no more than a hint."""
    found = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
    return "".join(letter for letter in str(found) if letter.isprintable())[:200]


def _decoded(raw: bytes, what: str) -> Any:
    if len(raw) > MOST_BYTES:
        raise ForgeError(what, f"the API's answer is longer than {MOST_BYTES:,} bytes")
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ForgeError(what, "the API's answer is no JSON", "is this the address of an API?") from None
