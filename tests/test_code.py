"""What commits did to files: as Git itself counts it, bounded, and kept on disk."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gitrepo import GitRepo
from modelbook import history, subproject
from modelbook.history import Cache, CodeReader, code
from modelbook.history.repository import workspace_commit
from modelbook.records import CodeChange, FileChange

TEXT = "".join(f"line {number}\n" for number in range(40))


def changes(repo: GitRepo, cache: Cache | None = None) -> list[CodeChange]:
    """What each commit did, newest first."""
    repository = history.Repository(repo.path)
    reader = CodeReader(repository, cache)
    found = [reader(commit) for commit in repository.commits()]
    reader.save()
    assert all(item is not None for item in found)
    return [item for item in found if item]


def numstat(repo: GitRepo, base: str, head: str) -> dict[str, tuple[int | None, int | None]]:
    """Path -> lines as Git counts them; None for what it calls binary."""
    argv = ["git", "-C", str(repo.path), "diff", "--numstat", "--no-renames", "-z", base, head]
    out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    rows = (row.split("\t") for row in out.split("\0") if row)
    return {
        path: (None if added == "-" else int(added), None if gone == "-" else int(gone))
        for added, gone, path in rows
    }


def test_lines_are_counted_as_git_counts_them(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    edited = TEXT.replace("line 7\n", "seven\nand more\n").replace("line 30\n", "")
    first = repo.commit({"a.py": TEXT, "deep/er/b.txt": "x", "gone.txt": "1\n2", "bin.dat": "a\0b"})
    second = repo.commit(
        {"a.py": edited, "deep/er/b.txt": "x\ny\n", "gone.txt": None, "bin.dat": "a\0c", "new/é.txt": "1"}
    )
    newest, oldest = changes(repo)
    expected = numstat(repo, first, second)
    assert {item.path: (item.added, item.removed) for item in newest.files} == expected
    assert [item.path for item in newest.files] == sorted(expected)
    kinds = {item.path: item.kind for item in newest.files}
    assert (kinds["a.py"], kinds["gone.txt"], kinds["new/é.txt"]) == ("changed", "removed", "added")
    assert next(item for item in newest.files if item.path == "bin.dat").binary
    assert {item.kind for item in oldest.files} == {"added"}


def test_a_file_may_move_with_and_without_edits(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"same.py": TEXT, "edited.py": TEXT + "end\n", "other.py": "nothing\nlike\nit\n"})
    repo.commit(
        {
            "same.py": None, "src/same.py": TEXT,
            "edited.py": None, "src/edited.py": TEXT + "the end\n",
            "other.py": None, "src/other.py": "quite\nanother\nfile\n",
        }
    )  # fmt: skip
    found = {item.path: item for item in changes(repo)[0].files}
    assert (found["src/same.py"].before, found["src/same.py"].added) == ("same.py", 0)
    moved = found["src/edited.py"]
    assert (moved.kind, moved.before, moved.added, moved.removed) == ("renamed", "edited.py", 1, 1)
    assert (found["other.py"].kind, found["src/other.py"].kind) == ("removed", "added")
    assert "same.py" not in found


def test_a_file_may_become_a_folder(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"x": "1\n"})
    repo.commit({"x": None, "x/y": "2\n2\n"})
    kinds = {item.path: (item.kind, item.added, item.removed) for item in changes(repo)[0].files}
    assert kinds == {"x": ("removed", 0, 1), "x/y": ("added", 2, 0)}


def test_a_merge_is_told_against_its_first_parent(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    first = repo.commit({"a": "1\n"})
    side = repo.commit({"b": "2\n"}, parents=[first], ref="refs/heads/side")
    main = repo.commit({"a": "3\n"})
    repo.commit({"b": "2\n"}, parents=[main, side])
    assert [item.path for item in changes(repo)[0].files] == ["b"]


def test_what_is_large_is_listed_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "MOST_BYTES", 100)
    monkeypatch.setattr(code, "MOST_FILES", 3)
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a": "x\n" * 90, **{f"b{at}": "y\n" for at in range(4)}, "dvc.lock": "z\n"})
    (found,) = changes(repo)
    assert found.files[0] == FileChange(path="a", kind="added", new=found.files[0].new)
    assert (len(found.files), found.more) == (3, 3)


def test_the_workspace_is_told_against_head(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a.py": "1\n2\n", "b.py": "3\n"})
    repo.checkout()
    repo.write({"a.py": "1\n2\n4\n", "b.py": None})
    repository = history.Repository(repo.path)
    found = CodeReader(repository)(workspace_commit(None))
    assert found is not None
    assert [(item.path, item.kind, item.added, item.removed) for item in found.files] == [
        ("a.py", "changed", 1, 0),
        ("b.py", "removed", 0, 1),
    ]


def test_what_was_found_is_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = GitRepo(tmp_path / "repo")
    for number in range(3):
        repo.commit({"a.py": TEXT * number + "x"})
    cache = Cache(tmp_path / "cache", str(repo.path), "repo")
    first = changes(repo, cache)
    monkeypatch.setattr(code, "change", None)  # nothing is compared again
    assert changes(repo, cache) == first
    monkeypatch.undo()
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    damaged = Cache(tmp_path / "cache", str(repo.path), "repo")
    assert changes(repo, damaged) == first
    assert "damaged" in damaged.faults[0]


def test_a_history_that_is_only_partly_there_says_so(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo")
    repo.commit({"a": "1\n"})
    repo.commit({"a": "2\n"})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{repo.path}", str(clone)], check=True)
    repository = history.Repository(clone)
    (commit,) = repository.commits()
    found = CodeReader(repository)(commit)
    assert found is not None
    assert "not in this clone" in found.reason


def test_one_folder_of_a_repository_has_its_own_changes() -> None:
    found = CodeChange(
        files=(
            FileChange(path="a/x.py", kind="changed", old="1", new="2", added=1, removed=0),
            FileChange(path="b/y.py", kind="renamed", before="a/y.py", old="3", new="3"),
            FileChange(path="b/z.py", kind="added", new="4"),
            FileChange(path="ab.py", kind="added", new="5"),
        )
    )
    limited = subproject.code(found, "./a/")
    assert limited is not None
    assert [(item.path, item.kind) for item in limited.files] == [
        ("a/x.py", "changed"),
        ("a/y.py", "removed"),
    ]
    assert subproject.code(found, "") is found
    assert subproject.code(None, "a") is None
