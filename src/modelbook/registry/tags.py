"""Git tags -> what they register: versions of models, and where those are in force. Pure.

The grammar is GTO's: `NAME@v1.2.0` registers a version, `NAME#prod` puts the version of its commit in force,
`!` behind either takes it back, and `NAME@deprecated` retires the whole name; each may end with `#COUNTER`.
In a monorepo the name is `DIR:NAME`, written `DIR=NAME` in a tag. Only annotated tags count, as they do to
GTO: a lightweight tag has no time, and the order of the tags is what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from modelbook.records import Problem, Promotion, Record, Tag

Action = Literal["register", "deregister", "assign", "unassign", "deprecate", "create"]

_NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9/_-]*[a-zA-Z0-9])?"
_NUMBER = r"(?:0|[1-9]\d*)"
_PRE = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = (
    rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE}(?:\.{_PRE})*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_TAG = re.compile(
    rf"(?P<name>(?:[a-zA-Z0-9_./-]+=)?{_NAME})"
    rf"(?:(?:#(?P<stage>{_NAME})|@(?P<version>{_VERSION}))(?P<cancel>!?)|@(?P<word>deprecated|created))"
    r"(?:#(?P<counter>\d+))?"
)
_SEMVER = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([^+]+))?")
_NUMBERS = re.compile(r"(\d+)")
_RANK: dict[Action, int] = {
    "create": 0,
    "deprecate": 1,
    "register": 2,
    "deregister": 3,
    "assign": 4,
    "unassign": 5,
}


class Event(Record, frozen=True, kw_only=True):
    """What one tag does.

    Attributes:
        environment: what GTO calls a stage: `prod`. counter: 0 when the tag has none.
    """

    action: Action
    name: str
    tag: Tag
    version: str = ""
    environment: str = ""
    counter: int = 0


class Version(Record, frozen=True, kw_only=True):
    """A version that is registered, or (`tag` None, named by its commit) a commit that is only assigned.

    Attributes:
        run: the run its tag names, or empty.
    """

    version: str
    commit: str
    tag: str | None = None
    date: str = ""
    author: str = ""
    run: str = ""


class Entry(Record, frozen=True, kw_only=True):
    """All that the tags say of one name.

    Attributes:
        versions: greatest first. environments: (environment, version), sorted.
        deprecated: the last word on it is that it is retired.
        promotions: each tag that changed what is in force, oldest first.
    """

    name: str
    versions: tuple[Version, ...] = ()
    environments: tuple[tuple[str, str], ...] = ()
    deprecated: bool = False
    promotions: tuple[Promotion, ...] = ()


def parse(tag: Tag) -> Event | None:
    """What a tag does; None for a plain one such as `v1.2.0`."""
    found = _TAG.fullmatch(tag.name)
    if found is None:
        return None
    return Event(
        action=_action(found),
        name=found["name"].replace("=", ":"),
        tag=tag,
        version=found["version"] or "",
        environment=found["stage"] or "",
        counter=int(found["counter"] or 0),
    )


def _action(found: re.Match[str]) -> Action:
    if found["word"]:
        return "deprecate" if found["word"] == "deprecated" else "create"
    cancelled = bool(found["cancel"])
    if found["version"]:
        return "deregister" if cancelled else "register"
    return "unassign" if cancelled else "assign"


def entries(tags: Iterable[Tag]) -> tuple[Entry, ...]:
    """Every name that annotated tags speak of, sorted."""
    events = [event for tag in tags if tag.annotated and (event := parse(tag)) is not None]
    events.sort(key=lambda event: (event.tag.time, event.counter, _RANK[event.action], event.tag.name))
    by_name: dict[str, _Ledger] = {}
    for event in events:
        by_name.setdefault(event.name, _Ledger(event.name)).add(event)
    return tuple(by_name[name].entry() for name in sorted(by_name))


def problems(tags: Iterable[Tag]) -> tuple[Problem, ...]:
    """Tags that read like GTO's and do nothing, because they are lightweight."""
    return tuple(
        Problem(
            path=f"refs/tags/{tag.name}",
            reason="a lightweight tag registers nothing: GTO's are annotated (`git tag -a`)",
        )
        for tag in tags
        if not tag.annotated and parse(tag) is not None
    )


def following(versions: Iterable[str], bump: str) -> str:
    """The version after the greatest release of a model: `v1.0.0` for the first.

    Args:
        bump: `major`, `minor` or `patch`.
    """
    released = [found for name in versions if (found := _SEMVER.fullmatch(name)) and not found[4]]
    if not released:
        return "v1.0.0"
    major, minor, patch = max(tuple(int(found[n]) for n in (1, 2, 3)) for found in released)
    return {
        "major": f"v{major + 1}.0.0",
        "minor": f"v{major}.{minor + 1}.0",
        "patch": f"v{major}.{minor}.{patch + 1}",
    }[bump]


def counter(tags: Iterable[Tag], name: str) -> int:
    """The next number for a tag of a name, which tells tags of one second apart."""
    events = [event for tag in tags if (event := parse(tag)) is not None and event.name == name]
    return max([len(events), *(event.counter for event in events)]) + 1


def order(version: str) -> tuple[int, list[tuple[int, int, str]], int, list[tuple[int, int, str]], str]:
    """A sort key: versions by semantic versioning, a release above its pre-releases; other names below.

    Numbers in other names count as numbers: `r10` is above `r9`.
    """
    found = _SEMVER.match(version)
    if found is None:
        return 0, [_part(text) for text in _NUMBERS.split(version)], 0, [], version
    pre = [_part(text) for text in found[4].split(".")] if found[4] else []
    return 1, [_part(found[n]) for n in (1, 2, 3)], not pre, pre, version


def _part(text: str) -> tuple[int, int, str]:
    """A number below any word, as semantic versioning has it."""
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


@dataclass
class _Line:
    """One version at one commit while its events are gathered."""

    version: str
    commit: str
    registered: Event | None = None
    withdrawn: bool = False
    environments: dict[str, Event] = field(default_factory=dict)


@dataclass
class _Ledger:
    """One name while its events are gathered, in the order of time."""

    name: str
    lines: dict[tuple[str, str], _Line] = field(default_factory=dict)
    deprecated: bool = False
    promotions: list[Promotion] = field(default_factory=list)
    in_force: dict[str, str] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Write the next event down."""
        self.deprecated = event.action == "deprecate"
        if event.version:
            line = self._line(event.version, event.tag.commit)
            line.withdrawn = event.action == "deregister"
            line.registered = line.registered if line.withdrawn else event
        elif event.environment:
            line = self._at(event.tag.commit)
            line.environments.pop(event.environment, None)
            if event.action == "assign":
                line.environments[event.environment] = event
        self._promote(event)

    def _promote(self, event: Event) -> None:
        """Write down where what is in force is not what it was before the event."""
        now = {name: version for name, (_, version) in self._assigned().items()}
        for name in sorted(now.keys() | self.in_force.keys()):
            version, before = now.get(name, ""), self.in_force.get(name, "")
            if version != before:
                tag = event.tag
                self.promotions.append(
                    Promotion(
                        environment=name, version=version, before=before, commit=tag.commit,
                        date=tag.date, author=tag.author, tag=tag.name,
                    )
                )  # fmt: skip
        self.in_force = now

    def _alive(self) -> list[_Line]:
        return [line for line in self.lines.values() if not line.withdrawn and _says_something(line)]

    def _assigned(self) -> dict[str, tuple[Event, str]]:
        """Environment -> the event that put a version in force there last, and that version."""
        found: dict[str, tuple[Event, str]] = {}
        for line in self._alive():
            for name, event in line.environments.items():
                if name not in found or _when(event) > _when(found[name][0]):
                    found[name] = event, line.version
        return found

    def _line(self, version: str, commit: str) -> _Line:
        return self.lines.setdefault((version, commit), _Line(version, commit))

    def _at(self, commit: str) -> _Line:
        """The version that a commit stands for: the last one registered there, else the commit itself."""
        named = [line for line in self.lines.values() if line.commit == commit and line.version != commit]
        return named[-1] if named else self._line(commit, commit)

    def entry(self) -> Entry:
        """What holds in the end."""
        assigned = self._assigned()
        versions = {line.version: _version(line) for line in self._alive()}  # the later of two commits wins
        return Entry(
            name=self.name,
            versions=tuple(versions[name] for name in sorted(versions, key=order, reverse=True)),
            environments=tuple((name, assigned[name][1]) for name in sorted(assigned)),
            deprecated=self.deprecated,
            promotions=tuple(self.promotions),
        )


def _says_something(line: _Line) -> bool:
    return line.registered is not None or bool(line.environments)


def _when(event: Event) -> tuple[int, int]:
    return event.tag.time, event.counter


def _version(line: _Line) -> Version:
    first = line.registered
    event = first or next(iter(line.environments.values()))
    return Version(
        version=line.version,
        commit=line.commit,
        tag=first.tag.name if first else None,
        date=event.tag.date,
        author=event.tag.author,
        run=first.tag.run if first else "",
    )
