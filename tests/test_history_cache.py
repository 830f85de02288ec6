"""The cache on disk: the same values as without it, whatever happens to its file or around it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import sample
from gitrepo import GitRepo, entry, lock
from modelbook import catalog, history
from modelbook.cli import main, source
from modelbook.history import Cache, Repository, cache, snapshots
from modelbook.records import Catalog, Commit, Run, Snapshot, Value

A = "a" * 32
DVC_YAML = """\
stages:
  train:
    foreach: [gbm, rf]
    do:
      cmd: train ${item}
      deps: [data]
      params: [lr, big]
      outs: ["out/${item}"]
      metrics: [{"m/${item}.json": {cache: false}}]
"""


def files(number: int) -> dict[str, str]:
    """A commit's files; the values are of every kind a cache might get wrong."""
    return {
        "dvc.yaml": DVC_YAML,
        "dvc.lock": lock(
            *(
                entry(
                    f"train@{item}",
                    deps={"data": A},
                    params={"params.yaml": {"lr": number, "on": "true", "list": "[1, 2.0, null]"}},
                    outs={f"out/{item}": A},
                )
                for item in ("gbm", "rf")
            )
        ),
        "params.yaml": f"lr: {number}\nbig: 1.0\n",
        "m/gbm.json": f'{{"acc": {number}, "nan": NaN, "far": -Infinity, "text": "é", "list": [1, null]}}',
        "m/rf.json": "not JSON",
        "raw.dvc": f"outs:\n- md5: {A}\n  size: {number}\n  path: raw\n",
        "broken.dvc": "{",
    }


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    made = GitRepo(tmp_path / "some-repo", bare=True)
    for number in range(3):
        made.commit(files(number))
    return made


def read(repo: GitRepo, folder: Path, refs: str = "all") -> tuple[Catalog, list[str]]:
    """The catalog by way of the cache, as the commands read it, and the cache's faults."""
    repository = Repository(repo.path)
    store = Cache(folder, repository.place, repository.name)
    found = source.read_through(store, repository, refs)
    return catalog.build(found.history, found.runs), store.faults


def fresh(repo: GitRepo, refs: str = "all") -> Catalog:
    return catalog.build(history.read(repo.path, refs))


def same(one: Catalog, other: Catalog) -> bool:
    """Equal, NaN and the types of numbers included."""
    return repr(one) == repr(other)


def only_file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commits that were read from Git."""
    seen: list[str] = []
    original = snapshots.Reader.read

    def spy(self: snapshots.Reader, tree: object, commit: Commit) -> Snapshot:
        seen.append(commit.sha)
        return original(self, tree, commit)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshots.Reader, "read", spy)
    return seen


def test_a_second_reading_reads_no_commit_and_is_equal(
    repo: GitRepo, tmp_path: Path, reads: list[str]
) -> None:
    expected = fresh(repo)
    first, _ = read(repo, tmp_path / "cache")
    reads.clear()
    second, faults = read(repo, tmp_path / "cache")
    assert reads == []
    assert not faults
    assert [len(snapshot.params) for snapshot in second.snapshots] == [2, 2, 2]
    assert len(reads) == 3  # the values of params files are read when someone asks
    assert same(first, expected)
    assert same(second, expected)
    assert second.problems


def test_only_new_commits_are_read(repo: GitRepo, tmp_path: Path, reads: list[str]) -> None:
    read(repo, tmp_path / "cache")
    reads.clear()
    new = repo.commit(files(7))
    assert same(read(repo, tmp_path / "cache")[0], fresh(repo))
    assert reads.count(new) == 2
    reads.clear()
    read(repo, tmp_path / "cache")
    assert reads == []


def test_refs_are_never_those_of_an_earlier_reading(repo: GitRepo, tmp_path: Path) -> None:
    read(repo, tmp_path / "cache")
    repo.tag("v1", fresh(repo).head)
    made, _ = read(repo, tmp_path / "cache")
    assert made.snapshots[0].commit.refs == ("main", "v1")
    assert same(made, fresh(repo))


def test_a_part_of_the_history_takes_from_the_file_of_all(repo: GitRepo, tmp_path: Path) -> None:
    first = fresh(repo).snapshots[-1].commit.sha
    repo.commit({**files(5), "x": "1"}, parents=[first], ref="refs/heads/side")
    repo.commit(files(0), "as before", parents=[], ref="refs/heads/other")
    for refs in ("HEAD", "all", "HEAD", "other", "side, other", "all"):
        assert same(read(repo, tmp_path / "cache", refs)[0], fresh(repo, refs)), refs


def test_another_parsers_file_is_not_used(
    repo: GitRepo, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(repo, tmp_path / "cache")
    old = only_file(tmp_path / "cache").read_bytes()
    reads.clear()
    monkeypatch.setattr(cache, "parser_version", lambda: "f" * 64)
    _, faults = read(repo, tmp_path / "cache")
    assert len(reads) == 3
    assert not faults  # nothing is wrong with it
    assert only_file(tmp_path / "cache").read_bytes() != old


def test_the_parser_version_is_of_the_source_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.parser_version.__wrapped__()
    original = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: original(path) + (b"#" if path.name == "yaml12.py" else b"")
    )
    assert len(before) == 64
    assert cache.parser_version.__wrapped__() != before


def test_another_name_of_the_repository_is_another_file(repo: GitRepo, tmp_path: Path) -> None:
    read(repo, tmp_path / "cache")
    repo.git.remotes.create("origin", "https://example.org/team/renamed.git")
    assert same(read(repo, tmp_path / "cache")[0], fresh(repo))
    assert sorted(path.name[:8] for path in (tmp_path / "cache").iterdir()) == ["renamed-", "some-rep"]


@pytest.mark.parametrize("harm", [b"", b"modelbook", b"modelbook cache 1\n", None], ids=repr)
def test_a_damaged_file_is_told_and_made_again(repo: GitRepo, tmp_path: Path, harm: bytes | None) -> None:
    read(repo, tmp_path / "cache")
    path = only_file(tmp_path / "cache")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if harm is None else harm)
    made, faults = read(repo, tmp_path / "cache")
    assert faults == [f"the cache {path} was damaged; everything was read again"]
    assert same(made, fresh(repo))
    assert path.read_bytes() == whole


@settings(max_examples=60)
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(place: int, bit: int) -> None:
    payload = cache.encode(sample.catalog().snapshots, sample.catalog().runs, "p")
    writer = cache.parser_version().encode()
    data = bytearray(b"".join([cache._MAGIC, writer, b"\n", cache._checksum(writer, payload), payload]))
    assert cache._decode(bytes(data)) is not None
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(cache._Bad):
        cache._decode(bytes(data))


def test_every_field_of_every_record_comes_back() -> None:
    made = sample.catalog()
    payload = cache.encode(made.snapshots, made.runs, made.project.name)
    stored = cache.Stored(msgspec.msgpack.decode(payload, type=cache._File))
    back = [stored.snapshot(one.commit, lambda one=one: tuple(one.params)) for one in made.snapshots]  # type: ignore[misc]
    held, runs = stored.runs()
    assert repr(back) == repr([*made.snapshots])
    for run in made.runs:
        assert repr(runs[run.id]) == repr(msgspec.structs.replace(run, commits=(), refs=()))
    shas = {one.commit.sha for one in made.snapshots}
    assert {(sha, run) for sha, ids in held.items() for run in ids} == {
        (sha, run.id) for run in made.runs for sha in run.commits if sha in shas
    }


def test_what_cannot_be_written_is_read_each_time(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    repo.commit({**files(1), "m/gbm.json": f'{{"huge": {10**40}}}'})
    assert same(read(repo, tmp_path / "cache")[0], fresh(repo))
    assert same(read(repo, tmp_path / "cache")[0], fresh(repo))
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_cannot_be_written_is_told(repo: GitRepo, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    made, faults = read(repo, tmp_path / "cache")
    assert same(made, fresh(repo))
    assert any("cannot be" in fault for fault in faults)


def test_few_new_commits_do_not_write_a_long_history_again(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    for number in range(60):
        repo.commit({"params.yaml": f"a: {number}\n"})
    read(repo, tmp_path / "cache")
    before = only_file(tmp_path / "cache").stat().st_ino
    repo.commit({"params.yaml": "a: -1\n"})
    read(repo, tmp_path / "cache")
    assert only_file(tmp_path / "cache").stat().st_ino == before
    repo.commit({"params.yaml": "a: -2\n"})
    read(repo, tmp_path / "cache")
    assert only_file(tmp_path / "cache").stat().st_ino != before


def test_old_large_and_stray_files_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"mine.cache": 1e9, "aged.cache": cache.MAX_AGE + 60, "b.cache": 20, "c.cache": 10, "d.cache": 5}
    ages |= {"left.new": cache._STRAY_AGE + 60, "writing.new": 1, "other.txt": 1e9}
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    monkeypatch.setattr(cache, "MAX_FOLDER_BYTES", 250)
    cache.prune(tmp_path, keep=tmp_path / "mine.cache")
    assert {path.name for path in tmp_path.iterdir()} == {"mine.cache", "d.cache", "writing.new", "other.txt"}


def start(argv: list[str]) -> subprocess.Popen[str]:
    code = "import sys; from modelbook.cli import main; main(sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def arguments(repo: GitRepo, folder: Path) -> list[str]:
    return ["runs", "--repo", str(repo.path), "--json", "--cache-dir", str(folder)]


def test_processes_at_the_same_time_agree(repo: GitRepo, tmp_path: Path) -> None:
    argv = arguments(repo, tmp_path / "cache")
    expected = CliRunner().invoke(main, [*argv, "--no-cache"]).stdout
    for _round in range(2):
        processes = [start(argv) for _ in range(4)]
        assert [process.communicate() for process in processes] == [(expected, "")] * 4
    assert only_file(tmp_path / "cache").suffix == ".cache"


WRITER = """
import sys
from pathlib import Path
from modelbook import catalog, history
from modelbook.history import Cache, Repository
repository = Repository(sys.argv[1])
made = catalog.build(history.read(repository))
print("ready", flush=True)
while True:
    store = Cache(Path(sys.argv[2]), repository.place, repository.name)
    store.save(None, made.snapshots, made.runs, made.project.name, all_refs=True)
"""


def killed_writers(repo: GitRepo, folder: Path, times: int) -> Iterator[None]:
    for number in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(repo.path), str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.01 + 0.007 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        yield


def test_a_killed_writer_leaves_the_old_file_or_the_new(repo: GitRepo, tmp_path: Path) -> None:
    read(repo, tmp_path / "cache")
    for _ in killed_writers(repo, tmp_path / "cache", 5):
        made, faults = read(repo, tmp_path / "cache")
        assert not faults
        assert same(made, fresh(repo))


def test_no_cache_leaves_it_alone(repo: GitRepo, tmp_path: Path) -> None:
    argv = arguments(repo, tmp_path / "cache")
    plain = CliRunner().invoke(main, [*argv, "--no-cache"])
    assert plain.exit_code == 0
    assert not (tmp_path / "cache").exists()
    assert CliRunner().invoke(main, argv).stdout == plain.stdout
    path = only_file(tmp_path / "cache")
    path.write_bytes(b"junk")
    assert CliRunner().invoke(main, [*argv, "--no-cache"]).stderr == ""
    told = CliRunner().invoke(main, argv)
    assert told.stdout == plain.stdout
    assert told.stderr == f"the cache {path} was damaged; everything was read again\n"


@pytest.mark.parametrize("name", ["runs", "show", "models", "best", "lineage", "build", "preview"])
def test_every_command_that_reads_has_the_options(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"]).stdout
    assert "--no-cache" in shown
    assert "--cache-dir" in shown


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.default_folder() == tmp_path / "modelbook"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache.default_folder() == Path.home() / ".cache" / "modelbook"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache.default_folder() == Path.home() / "Library" / "Caches" / "modelbook"


def test_a_clone_that_lacks_objects_is_not_stored(repo: GitRepo, tmp_path: Path) -> None:
    expected = CliRunner().invoke(main, ["runs", "--repo", str(repo.path), "--json", "--no-cache"]).stdout
    blob = str(repo.git.head.peel().tree["dvc.lock"].id)
    loose = repo.path / "objects" / blob[:2] / blob[2:]
    away = loose.rename(tmp_path / "away")
    assert CliRunner().invoke(main, arguments(repo, tmp_path / "cache")).stdout != expected
    assert not (tmp_path / "cache").exists()
    away.rename(loose)
    assert CliRunner().invoke(main, arguments(repo, tmp_path / "cache")).stdout == expected


def test_unknown_fields_of_records_are_kept_as_they_are() -> None:
    """What is not pooled stands in the rows under its own type; nothing can be left out by accident."""
    for cls in (Snapshot, Run):
        held = {field.name for field in cache._FIELDS[cls]}
        left_out = set(cls.__struct_fields__) - held
        assert left_out == ({"commit", "params"} if cls is Snapshot else {"commits", "refs"})
    assert Value in cache._POOLED
