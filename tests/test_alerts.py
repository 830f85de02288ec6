"""What is new about a monitor, and that each thing is told once: real HTTP on loopback, real logs."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

import forge_stub
from modelbook import alerts, spec
from modelbook.cli import main
from modelbook.errors import SpecError
from modelbook.forge import ForgeError, webhook
from modelbook.history.notices import parsed
from modelbook.records import Event, Finding, Notice, Watch

OK, WARNING, BREACH = "ok", "warning", "breach"


def drift(status: str, column: str = "temp", kind: str = "drift", measure: str = "psi") -> Finding:
    value = {OK: 0.01, WARNING: 0.2, BREACH: 0.3}[status]
    return Finding(
        kind=kind, column=column, measure=measure, value=value, warning=0.1, breach=0.25, status=status
    )


def seen(batch: str, status: str, *more: Finding, **facts: Any) -> Watch:
    """A batch whose one column stands like that."""
    if status not in (OK, WARNING, BREACH):
        return Watch(monitor="flights", batch=batch, status=status, reason="no rows")
    found = (drift(status), *more)
    worst = max((item.status for item in found), key=alerts.rank)
    return Watch(monitor="flights", batch=batch, status=worst, findings=found, **facts)


def said(notice: Notice | None) -> list[tuple[str, str, str, str]]:
    return [
        (event.batch, event.column or event.kind, event.before, event.status)
        for event in (notice.events if notice else ())
    ]


class Ear:
    """A channel that hears all that is new, and keeps what it heard."""

    def __init__(self, level: str = WARNING) -> None:
        self.level = level
        self.log: list[Notice] = []

    def hear(self, *watches: Watch) -> list[tuple[str, str, str, str]]:
        if first := alerts.adopted("flights", watches, self.log, "ear"):
            self.log.append(first)
        found = alerts.news("flights", watches, self.log, "ear", self.level)
        if found:
            self.log.append(found)
        return said(found)


# -- what is new


def test_what_lasts_is_told_when_it_begins_gets_worse_and_ends() -> None:
    ear = Ear()
    months = [seen("04", OK)]
    heard = [ear.hear(*months)]
    for name, status in (
        ("05", WARNING),
        ("06", WARNING),
        ("07", BREACH),
        ("08", BREACH),
        ("09", OK),
        ("10", OK),
    ):
        months.append(seen(name, status))
        heard += [ear.hear(*months), ear.hear(*months)]
    assert [item for item in heard if item] == [
        [("05", "temp", OK, WARNING)],
        [("07", "temp", WARNING, BREACH)],
        [("09", "temp", BREACH, OK)],
    ]


def test_nothing_between_two_tellings_is_lost() -> None:
    ear = Ear()
    ear.hear(seen("04", OK))
    heard = ear.hear(seen("04", OK), seen("05", BREACH), seen("06", OK))
    assert heard == [("06", "temp", BREACH, OK), ("05", "temp", OK, BREACH)]


def test_a_new_channel_hears_of_the_newest_batch_alone() -> None:
    ear = Ear()
    assert ear.hear(seen("04", BREACH), seen("05", OK), seen("06", WARNING)) == [("06", "temp", OK, WARNING)]
    assert ear.log[0].events == ()
    assert ear.hear(seen("04", BREACH), seen("05", OK), seen("06", WARNING)) == []


def test_labels_that_come_late_are_told_of_the_batch_they_are_of() -> None:
    ear = Ear()
    ear.hear(seen("04", OK), seen("05", WARNING, waiting=True))
    score = drift(BREACH, "", "performance", "roc_auc")
    heard = ear.hear(seen("04", OK), seen("05", WARNING, score))
    assert heard == [("05", "performance", OK, BREACH)]
    assert ear.hear(seen("04", OK), seen("05", WARNING, score)) == []


def test_what_a_batch_cannot_tell_has_not_ended() -> None:
    ear = Ear()
    score = drift(BREACH, "", "performance", "roc_auc")
    months = [seen("04", BREACH, score)]
    ear.hear(*months)
    months.append(seen("05", "unreadable"))
    assert ear.hear(*months) == [("05", "batch", OK, "unreadable")]
    months.append(seen("06", BREACH, waiting=True))
    assert ear.hear(*months) == [("06", "batch", "unreadable", OK)]
    assert ear.log[-1].status == BREACH
    months.append(seen("07", OK, Finding(kind="quality", column="temp", measure="column", status=BREACH)))
    months[-1] = msgspec.structs.replace(months[-1], findings=months[-1].findings[1:], status=BREACH)
    assert ("07", "temp", BREACH, OK) not in ear.hear(*months)


def test_a_channel_for_breaches_hears_of_no_warning() -> None:
    ear = Ear(BREACH)
    months = [seen("04", OK), seen("05", WARNING)]
    assert ear.hear(*months) == []
    months.append(seen("06", BREACH))
    assert ear.hear(*months) == [("06", "temp", WARNING, BREACH)]
    months.append(seen("07", WARNING))
    assert ear.hear(*months) == [("07", "temp", BREACH, WARNING)]


def test_what_happens_again_is_news_again_with_an_id_of_its_own() -> None:
    ear = Ear()
    for status in (OK, BREACH, OK, BREACH):
        ear.hear(seen("04", OK), seen("05", status))
    sent = [item for item in ear.log if item.events]
    assert sent[0].events == sent[2].events
    assert len({item.id for item in sent}) == 3
    again = alerts.news("flights", [seen("04", OK), seen("05", OK)], ear.log, "ear")
    assert again == alerts.news("flights", [seen("04", OK), seen("05", OK)], ear.log, "ear")


def test_a_notice_says_since_when() -> None:
    months = [seen("04", OK), seen("05", BREACH), seen("06", BREACH, drift(BREACH, "wind"))]
    known = Notice(monitor="flights", channel="ear", known={"04": {}, "05": {"drift psi temp": BREACH}})
    found = alerts.news("flights", months, [known], "ear")
    assert found is not None
    assert (found.status, found.batch, found.since) == (BREACH, "06", "05")
    assert alerts.headline(found) == "flights is in breach: batch 06 since 05"
    assert alerts.lines(found) == ["06: breach, drift wind: psi 0.3, limit 0.25"]


def test_hostile_names_are_text_in_slack() -> None:
    event = Event(batch="<!channel>", kind="drift", column="<https://evil|x>", status=BREACH, says="&")
    notice = Notice(monitor="m", channel="s", batch="<!channel>", since="x", events=(event,))
    made = alerts.slack(notice, {"project": "<!here>", "url": ""})
    assert "<" not in made["text"]
    assert {block["text"]["type"] for block in made["blocks"]} == {"plain_text"}


# -- webhooks


@dataclass
class Hook:
    """A receiver: what came, and how it answers next."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    slow: float = 0.0
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """One that waits for nobody when it ends."""

    daemon_threads = True
    block_on_close = False


@contextmanager
def hook() -> Iterator[Hook]:
    held = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.got.append((dict(self.headers), body))
            status, headers = held.answers.pop(0) if held.answers else (200, {})
            pause, held.slow = held.slow, 0.0
            time.sleep(pause)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
            except OSError:
                pass

        def log_message(self, *args: object) -> None:
            """Nothing."""

    with Server(("127.0.0.1", 0), Handler) as server:
        held.url = f"http://127.0.0.1:{server.server_address[1]}/s3cr3t"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield held
        finally:
            server.shutdown()
            thread.join()


def test_a_receiver_that_breaks_is_asked_again_as_it_wishes() -> None:
    pauses: list[float] = []
    with hook() as held:
        held.answers = [
            (500, {}),
            (429, {"Retry-After": "7"}),
            (503, {"Retry-After": "Thu, 01 Jan 1970 00:00:30 GMT"}),
        ]
        webhook.post(held.url, {"a": 1}, "ops", key="k", wait=pauses.append, now=lambda: 20.0)
    assert pauses == [1.0, 7.0, 10.0]
    assert {headers["Idempotency-Key"] for headers, _ in held.got} == {"k"}
    assert [body for _, body in held.got] == [{"a": 1}] * 4


@pytest.mark.parametrize(
    ("answers", "says", "tries"),
    [
        ([(500, {})] * 9, "the answer was 500, after 5 tries", 5),
        ([(429, {"Retry-After": "3600"})], "the answer was 429, after 1 tries", 1),
        ([(404, {})], "the answer was 404", 1),
        ([(307, {"Location": "http://127.0.0.1:1/elsewhere"})], "leads elsewhere, which is not followed", 1),
    ],
)
def test_tries_end_and_say_no_address(
    answers: list[tuple[int, dict[str, str]]], says: str, tries: int
) -> None:
    with hook() as held:
        held.answers = answers
        with pytest.raises(ForgeError) as caught:
            webhook.post(held.url, {}, "ops", key="k", wait=lambda _: None)
    assert says in str(caught.value)
    assert len(held.got) == tries
    assert "s3cr3t" not in str(caught.value) + caught.value.hint


def test_a_receiver_that_is_too_slow_is_asked_again() -> None:
    with hook() as held:
        held.slow = 1.0
        webhook.post(held.url, {}, "ops", key="k", seconds=0.2, wait=lambda _: None)
    assert len(held.got) == 2


@pytest.mark.parametrize(
    "url", ["s3cr3t", "ftp://s3cr3t/", "http://s3cr3t:port/", "http:///s3cr3t", "http://a b/s3cr3t"]
)
def test_what_is_no_address_is_not_shown(url: str) -> None:
    with pytest.raises(ForgeError) as caught:
        webhook.post(url, {}, "ops", key="k")
    assert "s3cr3t" not in str(caught.value) + caught.value.hint


# -- the command

PROJECT = """\
name: late <flights>
alerts:
  ops: {to: webhook, url_from: OPS_URL}
  team: {to: slack, url_from: TEAM_URL, level: breach}
  issue: {to: github-issue}
monitors:
  flights:
    reference: data/ref.csv
    batches: data/b-*.csv
    alerts: [CHANNELS]
"""

Told = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(webhook, "MOST_WAITING", 0.0)
    for name in ("OPS_URL", "TEAM_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ref.csv").write_text("temp\n1\n", encoding="utf-8")
    return tmp_path


def judged(root: Path, *watches: Watch) -> None:
    """Results of batches, as stages write them."""
    folder = root / "runs" / "monitors" / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    for item in watches:
        (folder / f"{item.batch}.json").write_bytes(msgspec.json.encode(item))


def told(root: Path, *options: str, channels: str = "ops") -> Result:
    (root / "mlproject.yaml").write_text(PROJECT.replace("CHANNELS", channels), encoding="utf-8")
    done = CliRunner().invoke(main, ["monitor", "alert", "--repo", str(root), *options])
    assert "s3cr3t" not in done.output
    return done


def log(root: Path) -> tuple[Notice, ...]:
    file = root / "runs" / "alerts" / "flights.jsonl"
    return parsed(file.read_bytes(), "flights")[0] if file.is_file() else ()


def test_each_thing_is_told_once_and_the_exit_status_says_so_too(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(root, seen("04", OK))
    with hook() as held:
        monkeypatch.setenv("OPS_URL", held.url)
        assert told(root).output == "There is nothing new.\n"
        assert log(root)[0].events == ()
        judged(root, seen("05", BREACH))
        done = told(root, "--dry-run")
        assert (done.exit_code, held.got) == (1, [])
        done = told(root, "--site", "https://example.org/site/")
        assert done.exit_code == 1
        assert "flights: told ops" in done.output
        assert "05: breach, drift temp: psi 0.3, limit 0.25" in done.output
        done = told(root)
        assert (done.exit_code, done.output) == (0, "There is nothing new.\n")
        judged(root, seen("06", OK))
        assert told(root).exit_code == 0
    first, second = (body for _, body in held.got)
    assert first == {
        "version": 1,
        "id": log(root)[2].id,
        "project": "late <flights>",
        "monitor": "flights",
        "model": "",
        "status": "breach",
        "batch": "05",
        "since": "05",
        "text": "flights is in breach: batch 05",
        "url": "https://example.org/site/monitoring/flights/index.html",
        "events": [
            {
                "batch": "05",
                "kind": "drift",
                "column": "temp",
                "measure": "psi",
                "before": "ok",
                "status": "breach",
                "says": "psi 0.3, limit 0.25",
            }
        ],
    }
    assert second["status"] == "ok"
    assert "s3cr3t" not in (root / "runs" / "alerts" / "flights.jsonl").read_text(encoding="utf-8")


def test_data_that_came_before_is_told_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(root, seen("04", OK), seen("05", BREACH), seen("06", OK), seen("07", BREACH))
    stages = "".join(
        f"  monitor-flights@{batch}:\n    cmd: x\n    deps:\n"
        "    - path: runs/monitors/flights.reference.json\n      hash: md5\n      md5: same\n      size: 1\n"
        f"    - path: samples/{batch}.csv\n      hash: md5\n      md5: {md5}\n      size: 1\n"
        for batch, md5 in (("04", "a"), ("05", "b"), ("06", "c"), ("07", "b"))
    )
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{stages}", encoding="utf-8")
    with hook() as held:
        monkeypatch.setenv("OPS_URL", held.url)
        assert told(root).output.startswith("flights: told ops\nflights is well again: batch 06")
        assert held.got[0][1]["batch"] == "06"


def test_who_could_not_be_told_is_told_by_the_next_one_and_nobody_else_is(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(root, seen("04", OK), seen("05", BREACH))
    with hook() as ops, hook() as team:
        monkeypatch.setenv("OPS_URL", ops.url)
        done = told(root, channels="ops, team")
        assert done.exit_code == 2
        assert "could not tell team: team: TEAM_URL is not set" in done.output
        monkeypatch.setenv("TEAM_URL", team.url)
        team.answers = [(500, {})]
        assert told(root, channels="ops, team").exit_code == 2
        judged(root, seen("06", BREACH))
        assert told(root, channels="ops, team").exit_code == 0
        assert (len(ops.got), len(team.got)) == (1, 2)
        assert told(root, channels="ops, team").output == "There is nothing new.\n"
    [_, (_, body)] = team.got
    assert body["text"] == "late &lt;flights&gt;: flights is in breach: batch 06 since 05"


def test_a_run_that_is_killed_in_between_loses_and_doubles_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the first of two was told and before the second; and while a line is written."""
    judged(root, seen("04", OK), seen("05", BREACH))
    (root / "mlproject.yaml").write_text(PROJECT.replace("CHANNELS", "ops, team"), encoding="utf-8")
    with hook() as ops, hook() as team:
        monkeypatch.setenv("OPS_URL", ops.url)
        monkeypatch.setenv("TEAM_URL", team.url)
        team.slow = 60.0
        child = os.fork()
        if not child:
            main(["monitor", "alert", "--repo", str(root)])
            os._exit(0)
        while not team.got:
            time.sleep(0.01)
        os.kill(child, 9)
        assert os.waitpid(child, 0)[1] == 9
        assert told(root, channels="ops, team").exit_code == 1
        assert len(ops.got) == 1
        keys = [headers["Idempotency-Key"] for headers, _ in team.got]
        assert len(keys) == 2 and len(set(keys)) == 1, "the receiver can tell that it has it"
        file = root / "runs" / "alerts" / "flights.jsonl"
        whole = file.read_bytes()
        file.write_bytes(whole[:-30])  # the last line, that the command itself said it, is cut off
        assert told(root, channels="ops, team").exit_code == 1
        assert told(root, channels="ops, team").exit_code == 0
        assert (len(ops.got), len(team.got)) == (1, 2)


@pytest.fixture
def github(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[forge_stub.Stub]:
    with forge_stub.forge() as stub:
        monkeypatch.setenv("GITHUB_API_URL", stub.url)
        monkeypatch.setenv("GITHUB_GRAPHQL_URL", f"{stub.url}/graphql")
        monkeypatch.setenv("GITHUB_REPOSITORY", forge_stub.REPOSITORY)
        monkeypatch.setenv("GITHUB_TOKEN", forge_stub.TOKEN)
        yield stub


def test_one_issue_is_opened_kept_up_to_date_and_closed(root: Path, github: forge_stub.Stub) -> None:
    github.issues.append(
        {
            "number": 1,
            "user": {"login": "mallory"},
            "state": "open",
            "body": "<!-- modelbook:alert flights -->",
        }
    )
    judged(root, seen("04", OK), seen("05", WARNING))
    assert told(root, channels="issue").exit_code == 0
    assert told(root, channels="issue").exit_code == 0
    assert len(github.issues) == 2, "what starts like ours but is another's is not ours"
    judged(root, seen("06", BREACH))
    told(root, channels="issue")
    judged(root, seen("07", OK))
    told(root, channels="issue")
    assert [item["state"] for item in github.issues] == ["open", "closed"]
    assert github.issues[0]["body"] == "<!-- modelbook:alert flights -->"
    assert ["is in breach" in github.comments[0]["body"], "is well again" in github.comments[1]["body"]] == [
        True,
        True,
    ]
    assert "is well again" in github.issues[1]["body"]
    judged(root, seen("08", BREACH))
    told(root, channels="issue")
    assert [item["state"] for item in github.issues] == ["open", "closed", "open"]


@pytest.mark.parametrize(
    ("method", "pattern"), [("POST", r"/issues$"), ("PATCH", "/issues/1"), ("POST", "/comments")]
)
def test_an_issue_says_nothing_twice_however_it_broke_off(
    root: Path, github: forge_stub.Stub, monkeypatch: pytest.MonkeyPatch, method: str, pattern: str
) -> None:
    monkeypatch.setattr("modelbook.forge.http.time.sleep", lambda _: None)
    github.fail(method, pattern, 0)
    for at, status in enumerate([OK, BREACH, WARNING, OK]):
        judged(root, seen(f"0{at}", status))
        told(root, channels="issue")
        told(root, channels="issue")
    assert [item["state"] for item in github.issues] == ["closed"]
    assert len(github.comments) == 2
    assert told(root, channels="issue").output == "There is nothing new.\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "url_from: OPS_URL",
            "url_from: 'https://hooks/s3cr3t'",
            "expected the name of an environment variable",
        ),
        (", url_from: OPS_URL", "", "webhook needs a url_from"),
        ("{to: github-issue}", "{to: github-issue, url_from: X}", "an issue has no url_from"),
        ("[CHANNELS]", "[opps]", "unknown alert opps, did you mean ops"),
        ("  ops:", "  here:", "here is what the log calls the command itself"),
    ],
)
def test_faults_of_alerts_are_told_and_no_secret_is(root: Path, old: str, new: str, says: str) -> None:
    text = PROJECT.replace(old, new).replace("[CHANNELS]", "[ops]")
    (root / "mlproject.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        spec.load(root)
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
