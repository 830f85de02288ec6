"""What is new about a monitor since somebody was last told, and how it is said. Pure.

    news(watches, told, channel) -> Notice to send, or None

Each batch is compared with the one before it, and a batch that was judged again, for its labels have come,
with what was told of it. So something that lasts is told when it begins and when it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from modelbook.records import Event, Finding, Notice, Watch

RANK = {"ok": 0, "warning": 1}
"""How bad a status is; all others, of batches that are broken or cannot be judged, are 2."""

MOST_EVENTS = 200
"""Events of one notice that are kept, the newest."""

MOST_SAID = 20
"""Those that are written out in a message."""

_LONGEST = 300
_HEADS = {"ok": "is well again", "warning": "has a warning", "breach": "is in breach"}

Bad = dict[str, str]
"""What is bad about a batch -> how bad."""


def rank(status: str) -> int:
    """How bad a status is, from 0 to 2."""
    return RANK.get(status, 2)


def since(watches: Sequence[Watch]) -> Watch:
    """The first of all batches in a row, up to the newest, that are like it; oldest first, at least one."""
    first = watches[-1]
    for item in reversed(watches):
        if item.status != first.status:
            break
        first = item
    return first


def news(
    name: str, watches: Sequence[Watch], told: Sequence[Notice], channel: str, level: str = "warning"
) -> Notice | None:
    """What a channel has not been told of a monitor; None when there is nothing.

    Args:
        watches: all results of the monitor, oldest first.
        told: what the log says, oldest first.
        level: `breach` leaves warnings out.
    """
    if not watches:
        return None
    known = _known(told, channel)
    fresh: dict[str, Bad] = {}
    events: list[Event] = []
    before: Bad = {}
    for item in watches:
        now = bad(item, before)
        events += _events(item, known.get(item.batch, before), now, rank(level))
        if known.get(item.batch) != now:
            fresh[item.batch] = now
        before = now
    if not events:
        return None
    fresh[watches[-1].batch] = before
    events.sort(key=lambda event: (event.batch, rank(event.status)), reverse=True)
    number = sum(item.channel == channel for item in told)
    return _notice(name, watches, channel, number, tuple(events[:MOST_EVENTS]), fresh)


def adopted(name: str, watches: Sequence[Watch], told: Sequence[Notice], channel: str) -> Notice | None:
    """What a channel is to be held to know that was never told anything: all batches but the newest."""
    if not watches or any(item.channel == channel for item in told):
        return None
    known: dict[str, Bad] = {}
    before: Bad = {}
    for item in watches[:-1]:
        known[item.batch] = before = bad(item, before)
    return Notice(monitor=name, channel=channel, known=known)


def _notice(
    name: str,
    watches: Sequence[Watch],
    channel: str,
    number: int,
    events: tuple[Event, ...],
    fresh: dict[str, Bad],
) -> Notice:
    """News with an id that is the same until somebody was told, and another one should they happen again."""
    said = msgspec.json.encode([name, channel, number, events, fresh], order="deterministic")
    return Notice(
        monitor=name,
        channel=channel,
        id=hashlib.sha256(said).hexdigest()[:32],
        status=_status(watches[-1], fresh[watches[-1].batch]),
        batch=watches[-1].batch,
        since=since(watches).batch,
        events=events,
        known=fresh,
    )


def _status(item: Watch, found: Bad) -> str:
    return item.status if item.reason else max(found.values(), key=rank, default="ok")


def _known(told: Iterable[Notice], channel: str) -> dict[str, Bad]:
    return {batch: found for item in told if item.channel == channel for batch, found in item.known.items()}


def bad(item: Watch, before: Bad) -> Bad:
    """What is bad about a batch, each by a name that is the same in all batches.

    What this batch cannot tell is as it was before: anything but its own state where it cannot be judged,
    performance without labels, and drift of a column that is gone.
    """
    found = {_key(one): one.status for one in item.findings if one.status != "ok"}
    if item.reason:
        found["batch"] = item.status
    lost = {one.column for one in item.findings if one.measure in ("column", "type")}
    for key, status in before.items():
        kind, _, column = _parts(key)
        untold = item.reason or (kind == "performance" and item.waiting) or (column and column in lost)
        if untold and kind != "batch" and rank(status) > rank(found.get(key, "ok")):
            found[key] = status
    return found


def _key(item: Finding) -> str:
    return " ".join((item.kind, item.measure, item.column)).strip()


def _parts(key: str) -> tuple[str, str, str]:
    """Kind, measure and column."""
    kind, _, rest = key.partition(" ")
    measure, _, column = rest.partition(" ")
    return kind, measure, column


def _events(item: Watch, was: Bad, now: Bad, least: int) -> Iterator[Event]:
    findings = {_key(one): one for one in item.findings}
    for key in sorted({*was, *now}):
        old, new = was.get(key, "ok"), now.get(key, "ok")
        ranks = rank(old), rank(new)
        if old != new and max(ranks) >= least and (key == "batch" or not item.reason):
            yield _event(item, key, old, new, findings.get(key))


def _event(item: Watch, key: str, old: str, new: str, found: Finding | None) -> Event:
    kind, measure, column = _parts(key)
    says = sentence(found) if found else item.reason if new != "ok" else f"{measure or kind} is fine again"
    return Event(
        batch=item.batch,
        kind=kind,
        column=column,
        measure=measure,
        before=old,
        status=new,
        says=says[:_LONGEST],
    )


def sentence(item: Finding) -> str:
    """A finding in words: what, how much, and the limit."""
    limit = item.breach if item.status == "breach" else item.warning
    value = "cannot be measured" if item.value is None else f"{item.value:.4g}"
    bound = f", limit {limit:g}" if limit is not None else ""
    note = f" ({item.note})" if item.note else ""
    return f"{item.measure} {value}{bound}{note}"


def worse(item: Notice) -> bool:
    """Whether something got to be as bad as can be."""
    return any(rank(event.status) == 2 > rank(event.before) for event in item.events)


# -- how it is said


def headline(item: Notice) -> str:
    """One line: the monitor, how it is and since when."""
    head = _HEADS.get(item.status, f"cannot be judged, for its newest batch is {item.status}")
    start = f" since {item.since}" if item.since != item.batch else ""
    return f"{item.monitor} {head}: batch {item.batch}{start}"


def line(event: Event) -> str:
    """An event as one line of text."""
    what = " ".join(filter(None, (event.kind, event.column)))
    moved = event.status if event.before == "ok" else f"{event.before} → {event.status}"
    return f"{event.batch}: {moved}, {what}: {event.says}"


def lines(item: Notice) -> list[str]:
    """Its events as text, the newest first, and how many more there are."""
    more = len(item.events) - MOST_SAID
    said = [line(event) for event in item.events[:MOST_SAID]]
    return [*said, *([f"and {more} more"] if more > 0 else [])]


def payload(item: Notice, about: Mapping[str, str]) -> dict[str, Any]:
    """What a webhook gets, as `docs/monitoring.md` says.

    Args:
        about: more about the monitor: `project`, `model`, `environment`, `url`.
    """
    plain = msgspec.to_builtins(item)
    kept = ("version", "id", "monitor", "status", "batch", "since", "events")
    return {**{key: plain[key] for key in kept}, **about, "text": headline(item)}


def slack(item: Notice, about: Mapping[str, str]) -> dict[str, Any]:
    """The same for Slack's incoming webhooks and those that take the same: text, and blocks of plain text."""
    title = f"{about['project']}: {headline(item)}"
    blocks: list[dict[str, Any]] = [_block("header", title[:150])]
    blocks += [_block("section", text[:2900]) for text in lines(item)]
    if about.get("url"):
        blocks.append(
            {"type": "section", "text": {"type": "mrkdwn", "text": f"<{_escaped(about['url'])}|More>"}}
        )
    return {"text": _escaped(title[:1000]), "blocks": blocks}


def _block(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "%7C")
