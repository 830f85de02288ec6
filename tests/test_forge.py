"""The poster: one comment on a pull request, whatever the API does, and nothing for a hostile artifact."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import forge_stub
from forge_stub import BOT, HEAD, REPOSITORY, TOKEN, Stub, archive, event, pull
from modelbook import forge
from modelbook.errors import ModelbookError
from modelbook.forge import http, untrusted

MARKER = "<!-- modelbook:diff models -->"
TEXT = f"{MARKER}\nNo model changed."


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A forge on loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with forge_stub.forge() as running:
        yield running


def client(stub: Stub, token: str = TOKEN) -> tuple[http.Client, list[float]]:
    """A client of the stub, and the seconds it waited without anyone waiting."""
    made = forge.github.client(stub.url, token)
    waits: list[float] = []
    made.wait, made.now = waits.append, lambda: 1_000.0
    return made, waits


def thread(stub: Stub, token: str = TOKEN) -> tuple[forge.PullRequest, list[float]]:
    """Pull request 7 of the stub."""
    made, waits = client(stub, token)
    return forge.PullRequest(made, REPOSITORY, 7, f"{stub.url}/graphql"), waits


def merge_request(stub: Stub) -> forge.MergeRequest:
    """Merge request 3 of the stub."""
    return forge.MergeRequest(forge.gitlab.client(stub.url, TOKEN), "acme/models", 3)


def bodies(stub: Stub) -> list[str]:
    return [item["body"] for item in stub.comments]


def test_a_first_comment_is_created_and_the_next_edits_it(stub: Stub) -> None:
    assert forge.publish(thread(stub)[0], MARKER, TEXT) == "created"
    assert forge.publish(thread(stub)[0], MARKER, f"{TEXT} Twice.") == "edited"
    assert bodies(stub) == [f"{TEXT} Twice."]


def test_the_same_text_is_left_alone(stub: Stub) -> None:
    stub.say(BOT, TEXT.replace("\n", "\r\n") + "\n")
    assert forge.publish(thread(stub)[0], MARKER, TEXT) == "unchanged"
    assert not stub.count("PATCH")
    assert not stub.count("POST", "comments")


def test_nothing_to_tell_makes_no_comment_but_updates_one(stub: Stub) -> None:
    assert forge.publish(thread(stub)[0], MARKER, TEXT, quiet=True) == "silent"
    assert bodies(stub) == []
    stub.say(BOT, f"{MARKER}\nroc_auc fell")
    assert forge.publish(thread(stub)[0], MARKER, TEXT, quiet=True) == "edited"
    assert bodies(stub) == [TEXT]


def test_a_comment_of_someone_else_is_never_edited(stub: Stub) -> None:
    for author in ("mallory", "github-actions", "other[bot]"):
        stub.say(author, f"{MARKER}\nmine")
    stub.comments.append({"id": 4, "user": None, "body": f"{MARKER}\nof an account that is gone"})
    stub.say(BOT, f"hello\n{MARKER}")
    stub.say(BOT, "<!-- modelbook:diff other -->\nof another name")
    before = bodies(stub)
    assert forge.publish(thread(stub)[0], MARKER, TEXT) == "created"
    assert bodies(stub) == [*before, TEXT]


def test_ours_is_found_on_a_later_page(stub: Stub) -> None:
    for _ in range(250):
        stub.say("ada", "a remark")
    stub.say(BOT, f"{MARKER}\nold")
    assert forge.publish(thread(stub)[0], MARKER, TEXT) == "edited"
    assert stub.count("GET", "comments") == 3
    assert bodies(stub)[-1] == TEXT


def test_of_two_of_ours_the_oldest_is_kept_up_to_date(stub: Stub) -> None:
    stub.say(BOT, f"{MARKER}\nfirst")
    stub.say(BOT, f"{MARKER}\nsecond")
    for _ in range(2):
        forge.publish(thread(stub)[0], MARKER, TEXT)
    assert bodies(stub) == [TEXT, f"{MARKER}\nsecond"]


BREAKABLE = [("GET", "comments"), ("PATCH", "comments"), ("POST", "graphql")]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 0])
@pytest.mark.parametrize(
    ("method", "pattern"), [("GET", "comments"), ("PATCH", "comments"), ("POST", "graphql")]
)
def test_a_server_that_breaks_is_asked_again(stub: Stub, method: str, pattern: str, status: int) -> None:
    stub.say(BOT, f"{MARKER}\nold")
    for _ in range(2):
        stub.fail(method, pattern, status, body="<html>")
    poster, waits = thread(stub)
    assert forge.publish(poster, MARKER, TEXT) in ("edited", "unchanged")
    assert bodies(stub) == [TEXT]
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("status", [502, 0])
def test_a_create_that_broke_is_never_repeated_blindly(stub: Stub, status: int) -> None:
    """With 0 the comment was made and only the answer got lost; with 502 it was not."""
    stub.fail("POST", "comments", status)
    poster, _ = thread(stub)
    assert forge.publish(poster, MARKER, TEXT) in ("created", "unchanged")
    assert bodies(stub) == [TEXT]


def test_a_server_that_stays_broken_is_given_up(stub: Stub) -> None:
    for _ in range(20):
        stub.fail("GET", "comments", 503)
    poster, waits = thread(stub)
    with pytest.raises(forge.ForgeError, match="the pull request's comments: the API answered 503"):
        forge.publish(poster, MARKER, TEXT)
    assert waits == [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    ("status", "headers", "body", "seconds"),
    [
        (429, {"Retry-After": "7"}, {}, 8.0),
        (403, {"Retry-After": "7"}, {"message": "secondary rate limit"}, 8.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, {}, 31.0),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "1030"}, {}, 31.0),
        (403, {}, {"message": "You have exceeded a secondary rate limit"}, 60.0),
        (429, {}, [], 60.0),
    ],
)
@pytest.mark.parametrize(("method", "pattern"), [("GET", "comments"), ("POST", "comments")])
def test_a_rate_limit_is_waited_for(
    stub: Stub, method: str, pattern: str, status: int, headers: dict[str, str], body: Any, seconds: float
) -> None:
    stub.fail(method, pattern, status, headers, body)
    poster, waits = thread(stub)
    assert forge.publish(poster, MARKER, TEXT) == "created"
    assert waits == [seconds]
    assert bodies(stub) == [TEXT]


def test_waiting_has_an_end(stub: Stub) -> None:
    stub.fail("GET", "comments", 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4600"})
    poster, waits = thread(stub)
    with pytest.raises(http.ForgeLimit, match="asks to wait 3601 s more") as caught:
        forge.publish(poster, MARKER, TEXT)
    assert "run this job again" in caught.value.hint
    assert waits == []


def test_many_short_waits_have_an_end_too(stub: Stub) -> None:
    for _ in range(10):
        stub.fail("GET", "comments", 429, {"Retry-After": "100"})
    poster, waits = thread(stub)
    with pytest.raises(http.ForgeLimit):
        forge.publish(poster, MARKER, TEXT)
    assert sum(waits) <= http.MOST_WAITING


def test_a_token_that_only_reads_is_explained(stub: Stub) -> None:
    stub.fail("POST", "comments", 403, {}, {"message": "Resource not accessible by integration"})
    poster, waits = thread(stub)
    with pytest.raises(http.Forbidden, match=r"403 \(Resource not accessible by integration\)") as caught:
        forge.publish(poster, MARKER, TEXT)
    assert "from forks" in caught.value.hint
    assert "`pull-requests: write`" in caught.value.hint
    assert waits == []
    assert stub.count("POST", "comments") == 1


def test_whoever_the_token_is_finds_its_own_comment_again(stub: Stub) -> None:
    """GraphQL refuses some tokens: people's are known by /user, and others are a workflow's own."""
    stub.viewer = "ada"
    for done in ("created", "edited"):
        stub.fail("POST", "/graphql", 403)
        assert forge.publish(thread(stub)[0], MARKER, f"{MARKER}\n{done}") == done
    stub.viewer = BOT
    for done in ("created", "edited"):
        stub.fail("POST", "/graphql", 403)
        stub.fail("GET", "/user", 403)
        assert forge.publish(thread(stub)[0], MARKER, f"{MARKER}\n{done}") == done
    assert [item["user"]["login"] for item in stub.comments] == ["ada", BOT]


def test_a_wrong_token_is_not_shown(stub: Stub) -> None:
    for token in ("not-the-t0ken", "not-the-t0ken\nX-Evil: 1", "not-the-t0ken\u20ac"):
        with pytest.raises(ModelbookError) as caught:
            forge.publish(thread(stub, token)[0], MARKER, TEXT)
        assert "t0ken" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"
    assert "t0ken" not in repr(client(stub, "not-the-t0ken")[0])


def test_a_redirect_does_not_get_the_token(stub: Stub) -> None:
    stub.fail("GET", "comments", 301, {"Location": f"{stub.url}/blobs/elsewhere"})
    with pytest.raises(forge.ForgeError, match="sends us elsewhere"):
        forge.publish(thread(stub)[0], MARKER, TEXT)
    assert stub.moved == []


@pytest.mark.parametrize("body", [b"<html>", b"{", b"[" * 100_000, {"message": "x"}, [1], [{"body": "x"}]])
def test_an_answer_that_is_none_makes_no_comment(stub: Stub, body: Any) -> None:
    stub.fail("GET", "comments", 200, {}, body)
    with pytest.raises(forge.ForgeError):
        forge.publish(thread(stub)[0], MARKER, TEXT)
    assert bodies(stub) == []


def test_an_endless_answer_is_not_read(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 1_000)
    stub.fail("GET", "comments", 200, {}, [{"id": 1, "body": "x" * 2_000}])
    with pytest.raises(forge.ForgeError, match="longer than 1,000 bytes"):
        forge.publish(thread(stub)[0], MARKER, TEXT)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x", "api.github.com", "https://me:pw@host", "http://"]
)
def test_only_an_address_on_the_web_is_one(url: str) -> None:
    with pytest.raises(forge.ForgeError, match="API address"):
        forge.github.client(url, TOKEN)


def test_gitlab_notes(stub: Stub) -> None:
    stub.notes = [{"id": n, "author": {"id": 5}, "body": f"{MARKER} not ours"} for n in range(120)]
    stub.notes.append({"id": 500, "author": {"id": 77}, "body": f"{MARKER}\nsystem", "system": True})
    assert forge.publish(merge_request(stub), MARKER, TEXT) == "created"
    assert forge.publish(merge_request(stub), MARKER, f"{TEXT}!") == "edited"
    assert forge.publish(merge_request(stub), MARKER, f"{TEXT}!") == "unchanged"
    assert [note["body"] for note in stub.notes if note["author"]["id"] == 77][1:] == [f"{TEXT}!"]


# The run of a fork, and what it may claim.


def claim(number: object = 7, head: object = HEAD, **more: object) -> bytes:
    """What our workflow writes beside the diff."""
    return json.dumps({"number": number, "head": head, **more}).encode()


def triggered(
    stub: Stub, files: dict[str, bytes] | bytes, cause: dict[str, Any] | None = None
) -> forge.Triggered:
    """What comes of an artifact."""
    stub.artifacts["modelbook-diff"] = archive(files) if isinstance(files, dict) else files
    found = forge.triggering(client(stub)[0], REPOSITORY, cause or event(), "modelbook-diff")
    assert found is not None
    return found


def test_the_artifact_of_a_fork_is_read(stub: Stub) -> None:
    stub.pulls[7] = pull()
    found = triggered(stub, {"pull.json": claim(), "diff.json": b"{}"})
    assert found == forge.Triggered(number=7, head=HEAD, verdict=b"{}", current=True)
    assert len(stub.moved) == 1
    assert not {"Authorization", "PRIVATE-TOKEN"} & set(stub.moved[0])


def test_a_pull_request_that_has_moved_on_is_known(stub: Stub) -> None:
    stub.pulls[7] = pull(head="b" * 40)
    assert not triggered(stub, {"pull.json": claim(), "diff.json": b"{}"}).current


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (pull(source="victim/models"), "does not come from mallory/models"),
        (pull(target="acme/other"), "is not one of acme/models"),
        ({"head": {"sha": HEAD, "repo": None}}, "does not come from"),
    ],
)
def test_a_pull_request_of_someone_else_is_refused(stub: Stub, there: dict[str, Any], why: str) -> None:
    stub.pulls[7] = there
    with pytest.raises(forge.Untrusted, match=why) as caught:
        triggered(stub, {"pull.json": claim(), "diff.json": b"{}"})
    assert caught.value.exit_code == 1


def test_another_commit_than_the_runs_is_refused(stub: Stub) -> None:
    stub.pulls[7] = pull(head="b" * 40)
    with pytest.raises(forge.Untrusted, match="another commit than its run"):
        triggered(stub, {"pull.json": claim(head="b" * 40), "diff.json": b"{}"})


def test_a_run_that_no_pull_request_started_is_refused(stub: Stub) -> None:
    with pytest.raises(forge.Untrusted, match="not started by a pull request"):
        triggered(stub, {"pull.json": claim(), "diff.json": b"{}"}, event(cause="push"))


def test_a_pull_request_that_is_not_there(stub: Stub) -> None:
    with pytest.raises(http.Forbidden):
        triggered(stub, {"pull.json": claim(number=8), "diff.json": b"{}"})


@pytest.mark.parametrize(
    "raw",
    [
        claim(number="7"),
        claim(number=-7),
        claim(number="7/../../../other/repo/pulls/1"),
        claim(number=7.5),
        claim(number=True),
        claim(head="main"),
        claim(head=HEAD + "/x"),
        claim(extra=1),
        b"{}",
        b"[]",
        b"",
        b"\xff",
        b"[" * 1_000_000,
    ],
    ids=range(13),
)
def test_a_claim_that_we_do_not_write_is_refused(stub: Stub, raw: bytes) -> None:
    stub.pulls[7] = pull()
    with pytest.raises(forge.Untrusted, match=r"pull\.json"):
        triggered(stub, {"pull.json": raw, "diff.json": b"{}"})
    assert not stub.count("GET", "/pulls/")


@pytest.mark.parametrize(
    "names",
    [
        ("pull.json",),
        ("pull.json", "diff.json", "../../evil"),
        ("pull.json", "diff.json", "/etc/passwd"),
        ("pull.json", "../diff.json"),
        ("pull.json", "diff.json", "comment.md"),
        tuple(f"{number}" for number in range(5_000)),
        (),
    ],
    ids=range(7),
)
def test_other_files_than_ours_are_refused(stub: Stub, names: tuple[str, ...]) -> None:
    with pytest.raises(forge.Untrusted, match="and nothing else"):
        triggered(stub, dict.fromkeys(names, b"x"))


def test_a_link_in_the_archive_is_refused(stub: Stub) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        opened.writestr("pull.json", claim())
        link = zipfile.ZipInfo("diff.json")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/proc/self/environ")
    with pytest.raises(forge.Untrusted, match=r"diff\.json in the artifact is no plain file"):
        triggered(stub, made.getvalue())


def test_two_files_of_one_name_are_refused(stub: Stub) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened, pytest.warns(UserWarning, match="Duplicate"):
        for name in ("pull.json", "diff.json", "diff.json"):
            opened.writestr(name, "{}")
    with pytest.raises(forge.Untrusted, match="and nothing else"):
        triggered(stub, made.getvalue())


def test_a_bomb_is_not_unpacked(stub: Stub) -> None:
    with pytest.raises(forge.Untrusted, match=r"diff\.json in the artifact is larger than"):
        triggered(stub, {"pull.json": claim(), "diff.json": b"0" * (untrusted.MOST_FILE + 1)})


def test_a_huge_archive_is_not_read(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "MOST_ARCHIVE", 500)
    with pytest.raises(forge.Untrusted, match="artifact is larger than 500 bytes"):
        triggered(stub, os.urandom(5_000))


@pytest.mark.parametrize("raw", [b"", b"PK\x03\x04", b"#!/bin/sh\n" * 50, archive({"diff.json": b"{}"})[:-5]])
def test_what_is_no_archive_is_refused(stub: Stub, raw: bytes) -> None:
    with pytest.raises(forge.Untrusted, match="no ZIP archive"):
        triggered(stub, raw)


def test_a_run_without_an_artifact(stub: Stub) -> None:
    assert forge.triggering(client(stub)[0], REPOSITORY, event(), "modelbook-diff") is None


def test_files_on_disk_are_plain_and_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").write_bytes(b"x" * 20)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    assert forge.file(tmp_path / "real") == b"x" * 20
    for name in ("link", "pipe", "nothing", "."):
        with pytest.raises(forge.Untrusted):
            forge.file(tmp_path / name)
    monkeypatch.setattr(untrusted, "MOST_FILE", 10)
    with pytest.raises(forge.Untrusted, match="larger than 10 bytes"):
        forge.file(tmp_path / "real")


@pytest.mark.parametrize(
    ("found", "number"),
    [
        ({"pull_request": {"number": 7}}, 7),
        ({}, None),
        ({"pull_request": None}, None),
        ({"pull_request": {"number": "7"}}, None),
    ],
)
def test_the_pull_request_of_an_event(found: dict[str, Any], number: int | None) -> None:
    assert forge.pull_request_of(found) == number
