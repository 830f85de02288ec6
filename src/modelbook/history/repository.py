"""Git objects by pygit2: commits, trees, blobs and the workspace. Never a checkout, nothing is written."""

from __future__ import annotations

import datetime
import fnmatch
import heapq
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import pygit2
from msgspec.structs import replace
from pygit2.enums import FileMode, FileStatus, ObjectType, Option, SortMode

from modelbook._paths import normal_folder, parents
from modelbook.errors import NotARepository, UnknownRevision, UnsupportedRepository
from modelbook.history.files import MAX_BYTES, Unreadable
from modelbook.records import WORKSPACE, Commit, ExperimentRef, Problem, Tag

Kind = Literal["blob", "tree", "link", "module"]

_INTERNAL_REFS = re.compile(
    r"refs/(?:stash$|exps/(?:exec|stash|celery|cache|apply)\b|bisect/|replace/|notes/)"
)
_EXP = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")
_KINDS: Mapping[int, Kind] = {
    FileMode.TREE: "tree",
    FileMode.LINK: "link",
    FileMode.COMMIT: "module",
}
_TREE_ROW = re.compile(rb"[0-7]+ [^\0]+\0.{20}", re.DOTALL)
_RUN_LINE = re.compile(rb"^Run: ([0-9a-f]{12})\r?$", re.MULTILINE)
_MAX_BELOW = 10_000
_SHALLOW = "this clone is shallow: older commits are missing; `git fetch --unshallow` brings them"
_LOST = (
    "{} commits are missing here or damaged, such as {}, and with them what only they lead to: see `git fsck`"
)
_REPLACED = (
    "{} objects are replaced by `git replace`, which is not followed: what was first committed is shown"
)
_CHECK_HASHES = False
"""Whether every object's SHA-1 is worked out again when it is read. Git does not do so either: its packs have
checksums of their own, and `git fsck` is there to look for damage. It takes as long as all other reading."""

_TRACKED = frozenset(
    {"dvc.yaml", "dvc.lock", "mlproject.yaml", "metrics.json", "dvclive.json", "artifacts.yaml", "Dvcfile"}
)


class Entry(NamedTuple):
    """What stands at a path: its kind, and the hex id of a blob or the key of a tree."""

    kind: Kind
    id: str


class Tree(Protocol):
    """The files of one revision."""

    def tracked(self) -> tuple[tuple[str, Entry], ...]:
        """(path, entry) of every file named as DVC or Modelbook name theirs, sorted by path."""
        ...

    def find(self, path: str) -> Entry | None:
        """What stands at a path; None for nothing, and for paths that lead outside."""
        ...

    def below(self, folder: str) -> list[tuple[str, str]]:
        """(path, blob id) of the files in a folder at any depth, sorted; links are left out."""
        ...


def is_tracked_name(name: str) -> bool:
    """Whether a file of this name says something by its name alone."""
    return name in _TRACKED or (name.endswith(".dvc") and name != ".dvc")


def short_ref(ref: str) -> str:
    """A ref's name as people know it: `main`, `v1.0`, `origin/dev`, `exps/lucky-fox`, `pull/3/head`."""
    experiment = _EXP.fullmatch(ref)
    if experiment:
        return f"exps/{experiment[3]}"
    for prefix in ("refs/heads/", "refs/tags/", "refs/remotes/", "refs/"):
        if ref.startswith(prefix):
            return ref[len(prefix) :]
    return ref


class Repository:
    """A Git repository opened for reading.

    Attributes:
        name: of the `origin` remote, else of the folder.
        project: the folder whose mlproject.yaml counts, or that of the nearest folder above it.
        incomplete: whether something was looked for that this clone does not have.
    """

    def __init__(self, path: Path | str, project: str = "") -> None:
        """Open the repository that holds a folder.

        Args:
            project: a folder relative to the Git root, as people type it; empty for the root.

        Raises:
            NotARepository: the folder is in none.
            UnsupportedRepository: it is in one that libgit2 cannot read.
        """
        try:
            found = pygit2.discover_repository(str(path))
        except (pygit2.GitError, KeyError, ValueError):
            found = None
        if found is None:
            raise NotARepository(str(path))
        pygit2.option(Option.ENABLE_STRICT_HASH_VERIFICATION, _CHECK_HASHES)
        try:
            self._git = pygit2.Repository(found)
        except (pygit2.GitError, ValueError) as error:
            raise UnsupportedRepository(str(path), str(error).rpartition(": ")[2]) from error
        self._odb = self._git.odb
        self._entries: dict[str, dict[str, Entry]] = {}
        self._pairs: dict[bytes, tuple[str, Entry]] = {}
        self._scans: dict[str, tuple[tuple[str, Entry], ...]] = {}
        self._outside: dict[str, Path] = {}
        self._lost: set[str] = set()
        self.name = _name(self._git, Path(path))
        self.project = normal_folder(project)
        self.incomplete = False

    @property
    def place(self) -> str:
        """The folder that Git keeps it in, and its project: what tells it from others of this machine."""
        return f"{self._git.path}\0{self.project}" if self.project else str(self._git.path)

    @property
    def shallow(self) -> bool:
        """Whether the clone has only a part of its history."""
        return bool(self._git.is_shallow)

    @property
    def bare(self) -> bool:
        """Whether there is no working tree; a copy of a bare repository without its config counts as one."""
        workdir = self._git.workdir
        return self._git.is_bare or not workdir or not (Path(workdir) / ".git").exists()

    @property
    def root(self) -> Path | None:
        """The top of the working tree; None in a bare repository."""
        return None if self.bare else Path(self._git.workdir)

    @property
    def head(self) -> str:
        """The commit HEAD stands at, or an empty string before the first commit."""
        try:
            return str(self._git.head.peel(pygit2.Commit).id)
        except (pygit2.GitError, KeyError, ValueError):
            return ""

    def problems(self) -> tuple[Problem, ...]:
        """What keeps its history from being all there, as far as it was walked."""
        reasons = []
        if self.shallow:
            reasons.append(_SHALLOW)
        if self._lost:
            reasons.append(_LOST.format(len(self._lost), min(self._lost)[:7]))
        replaced = sum(name.startswith("refs/replace/") for name in self._git.references)
        if replaced:
            reasons.append(_REPLACED.format(replaced))
        return tuple(Problem(path="", reason=reason) for reason in reasons)

    def refs(self) -> dict[str, str]:
        """Full ref name -> commit, of every ref that leads to a commit; DVC's internal refs are left out."""
        found = {}
        for name in sorted(self._git.references):
            if _INTERNAL_REFS.match(name) or name.endswith("/HEAD"):
                continue
            sha = self._peel(name)
            if sha:
                found[name] = sha
        return found

    def tags(self) -> tuple[Tag, ...]:
        """Every tag of a commit, sorted by name."""
        names = (name for name in sorted(self._git.references) if name.startswith("refs/tags/"))
        return tuple(tag for name in names if (tag := self._tag(name)) is not None)

    def _tag(self, name: str) -> Tag | None:
        sha = self._peel(name)
        if not sha:
            return None
        target = self._git.get(self._git.references[name].target)
        note = target if isinstance(target, pygit2.Tag) else None
        who = note.tagger if note else self._git[sha].peel(pygit2.Commit).author
        return Tag(
            name=name.removeprefix("refs/tags/"),
            commit=sha,
            annotated=note is not None,
            date=_date(who.time, who.offset) if who else "",
            author=who.raw_name.decode("utf-8", "replace") if who else "",
            time=who.time if who else 0,
            run=_named_run(note.raw_message or b"") if note else "",
        )

    def experiments(self) -> tuple[ExperimentRef, ...]:
        """Every experiment ref of DVC's with the commit it started from, sorted."""
        found = ((sha, _EXP.fullmatch(ref)) for ref, sha in self.refs().items())
        return tuple(
            ExperimentRef(name=match[3], commit=sha, baseline=match[1] + match[2])
            for sha, match in found
            if match
        )

    def _peel(self, name: str) -> str:
        try:
            return str(self._git.references[name].peel(pygit2.Commit).id)
        except (pygit2.GitError, KeyError, ValueError):
            return ""

    def commits(self, refs: str = "all", known: Mapping[str, Commit] | None = None) -> list[Commit]:
        """Every commit that HEAD or a chosen ref reaches, newest first and never a parent before its child.

        Args:
            refs: `all`, `HEAD`, or a comma-separated list of ref names, patterns (`release/*`) and kinds
                (`heads`, `tags`, `remotes`, `exps`, `pull`); HEAD is always among them.
            known: commits that were read before, without refs.

        Raises:
            UnknownRevision: a name or pattern that no ref has.
        """
        chosen = _chosen(self.refs(), refs)
        tips: dict[str, list[str]] = {}
        for ref, sha in chosen.items():
            tips.setdefault(sha, []).append(short_ref(ref))
        named = {sha: tuple(sorted(names)) for sha, names in tips.items()}
        found = []
        for commit in self._walk(tips):
            sha = str(commit.id)
            old = known.get(sha) if known else None
            if old is None:
                found.append(_commit(commit, named.get(sha, ())))
            else:
                found.append(replace(old, refs=named[sha]) if sha in named else old)
        return found

    def _walk(self, tips: Iterable[str]) -> list[pygit2.Commit]:
        starts = [sha for sha in dict.fromkeys([self.head, *tips]) if sha]
        if not starts:
            return []
        try:
            walker = self._git.walk(pygit2.Oid(hex=starts[0]), SortMode.TOPOLOGICAL | SortMode.TIME)
            for sha in starts[1:]:
                walker.push(pygit2.Oid(hex=sha))
            found = list(walker)
        except (
            KeyError,
            ValueError,
            pygit2.GitError,
        ):  # at one commit that is not there, all end for libgit2
            found = list(self._walk_around(starts))
        return found

    def _walk_around(self, starts: Iterable[str]) -> Iterator[pygit2.Commit]:
        """The commits that are there, in the same order, when some that they name are not."""
        found: dict[str, pygit2.Commit] = {}
        stack = list(starts)
        while stack:
            sha = stack.pop()
            commit = found.get(sha) or self._commit(sha)
            if commit is None:
                self._lost.add(sha)
            elif sha not in found:
                found[sha] = commit
                stack.extend(map(str, commit.parent_ids))
        children = Counter(str(parent) for commit in found.values() for parent in commit.parent_ids)
        ready = [(-commit.commit_time, sha) for sha, commit in found.items() if not children[sha]]
        heapq.heapify(ready)
        while ready:
            commit = found[heapq.heappop(ready)[1]]
            yield commit
            for parent in map(str, commit.parent_ids):
                children[parent] -= 1
                if not children[parent] and parent in found:
                    heapq.heappush(ready, (-found[parent].commit_time, parent))

    def _commit(self, sha: str) -> pygit2.Commit | None:
        """A commit, or None where there is none that libgit2 can read."""
        try:
            return self._git[sha].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            return None

    def commit(self, sha: str) -> Commit:
        """One commit by its full id, with the refs that point at it."""
        refs = tuple(sorted(short_ref(ref) for ref, tip in self.refs().items() if tip == sha))
        return _commit(self._git[sha].peel(pygit2.Commit), refs)

    def resolve(self, revision: str) -> str:
        """The full id of a commit by any name Git knows, or by the short name of a ref.

        Raises:
            UnknownRevision: there is none.
        """
        try:
            return str(self._git.revparse_single(revision).peel(pygit2.Commit).id)
        except (pygit2.GitError, KeyError, ValueError):
            named = [sha for ref, sha in self.refs().items() if short_ref(ref) == revision]
        if not named:
            raise UnknownRevision(revision)
        return named[0]

    def merge_base(self, one: str, other: str) -> str:
        """The commit that two commits, by full id, both come from; empty when they share none here."""
        found = self._git.merge_base(pygit2.Oid(hex=one), pygit2.Oid(hex=other))
        return str(found) if found else ""

    def tree(self, sha: str) -> GitTree:
        """The files of a commit."""
        return GitTree(self, self.tree_id(sha))

    def below(self, workspace: Tree | None, folder: str) -> list[tuple[str, str]]:
        """(path, blob id) of every file in a folder as it is now; none where it cannot be read.

        Args:
            workspace: the files of the working tree, if they differ from HEAD's.
        """
        tree = workspace or (self.tree(self.head) if self.head else None)
        try:
            return tree.below(folder) if tree else []
        except Unreadable:
            return []

    def tree_id(self, sha: str) -> str:
        """The id of a commit's tree.

        Raises:
            Unreadable: the commit is not in this clone.
        """
        try:
            return str(self._git[sha].peel(pygit2.Commit).tree_id)
        except (KeyError, ValueError, pygit2.GitError) as error:
            raise Unreadable("the commit is not in this clone") from error

    def workspace(self) -> WorkTree | None:
        """The files as they stand in the working tree; None in a bare repository or when nothing changed."""
        if self.bare or self._never_checked_out():
            return None
        root = Path(self._git.workdir)
        changed: dict[str, str | None] = {}
        for path, status in self._git.status(untracked_files="all").items():
            if status & FileStatus.IGNORED or path.endswith("/"):
                continue
            changed[path] = self._hash(root / path)
        head = self.head
        return WorkTree(changed, self.tree(head) if head else None) if changed else None

    def _never_checked_out(self) -> bool:
        """Whether this is a `git clone --no-checkout`: no file is there, and yet none was deleted."""
        files = Path(self._git.workdir).iterdir()
        return not len(self._git.index) and all(path.name == ".git" for path in files)

    def _hash(self, path: Path) -> str | None:
        """The blob id that a file of the working tree would have; None when it is no regular file."""
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                return None
            found = str(pygit2.hashfile(str(path)))
        except (OSError, pygit2.GitError):
            return None
        self._outside[found] = path
        return found

    def blob(self, blob_id: str) -> bytes:
        """The content of a blob, from Git or, for a file not committed yet, from the working tree.

        Raises:
            Unreadable: it is not in this clone, or too large.
        """
        kind, content = self._object(blob_id)
        if kind != ObjectType.BLOB:
            return self._file(blob_id)
        if len(content) > MAX_BYTES:
            raise Unreadable(f"too large to read: {len(content):,} bytes")
        return content

    def size(self, blob_id: str) -> int | None:
        """Bytes of a blob, without reading it; None when it is nowhere."""
        try:
            if blob_id in self._outside:
                return self._outside[blob_id].lstat().st_size
            return int(self._git.odb.read_header(blob_id)[1])
        except (KeyError, ValueError, OSError):
            return None

    def _object(self, object_id: str) -> tuple[int, bytes]:
        """(type, content) as Git stores it, which costs less than an object made of it; 0 for none."""
        try:
            kind, content = self._odb.read(object_id)
        except (KeyError, ValueError):
            return 0, b""
        return kind, content

    def _file(self, blob_id: str) -> bytes:
        path = self._outside.get(blob_id)
        self.incomplete |= path is None
        try:
            if path is not None and path.lstat().st_size <= MAX_BYTES:
                return path.read_bytes()
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        raise Unreadable("its content is not in this clone" if path is None else "too large to read")

    def entries(self, tree_id: str) -> dict[str, Entry]:
        """Name -> entry of one folder, by its tree's id.

        Raises:
            Unreadable: the tree is not in this clone.
        """
        found = self._entries.get(tree_id)
        if found is None:
            kind, content = self._object(tree_id)
            if kind != ObjectType.TREE:
                self.incomplete = True
                raise Unreadable("a folder's content is not in this clone")
            known = self._pairs
            pairs = [known.get(row) or self._pair(row) for row in _TREE_ROW.findall(content)]
            found = self._entries[tree_id] = dict(pairs)
        return found

    def _pair(self, row: bytes) -> tuple[str, Entry]:
        """An entry of a tree: mode, space, name, zero byte, 20 bytes of id; equal ones are shared."""
        mode, _space, name = row[:-21].partition(b" ")
        kind = _KINDS.get(int(mode, 8), "blob")
        found = self._pairs[row] = (name.decode("utf-8", "replace"), Entry(kind, row[-20:].hex()))
        return found

    def scan(self, tree_id: str) -> tuple[tuple[str, Entry], ...]:
        """(path, entry) of every file below a tree that is known by its name, sorted by path."""
        found = self._scans.get(tree_id)
        if found is None:
            rows: list[tuple[str, Entry]] = []
            for name, entry in self.entries(tree_id).items():
                if entry.kind == "tree":
                    rows.extend((f"{name}/{path}", inner) for path, inner in self.scan(entry.id))
                elif entry.kind != "module" and is_tracked_name(name):
                    rows.append((name, entry))
            found = self._scans[tree_id] = tuple(sorted(rows))
        return found


class GitTree:
    """The files of a commit (see `Tree`)."""

    def __init__(self, repository: Repository, tree_id: str) -> None:
        self._repository = repository
        self._id = tree_id
        self._folders: dict[str, dict[str, Entry] | None] = {}

    def tracked(self) -> tuple[tuple[str, Entry], ...]:
        return self._repository.scan(self._id)

    def find(self, path: str) -> Entry | None:
        if not path:
            return Entry("tree", self._id)
        if path[0] == "/":
            return None
        folder, _slash, name = path.rpartition("/")
        try:
            entries = self._folders[folder]
        except KeyError:
            entries = self._folders[folder] = self._open(folder)
        return entries.get(name) if entries else None

    def _open(self, folder: str) -> dict[str, Entry] | None:
        entry = self.find(folder)
        return self._repository.entries(entry.id) if entry and entry.kind == "tree" else None

    def below(self, folder: str) -> list[tuple[str, str]]:
        top = self.find(folder)
        if top is None or top.kind != "tree":
            return []
        found: list[tuple[str, str]] = []
        stack = [(folder, top.id)]
        while stack and len(found) < _MAX_BELOW:
            path, tree_id = stack.pop()
            for name, entry in self._repository.entries(tree_id).items():
                inner = f"{path}/{name}" if path else name
                if entry.kind == "tree":
                    stack.append((inner, entry.id))
                elif entry.kind == "blob":
                    found.append((inner, entry.id))
        return sorted(found)


class WorkTree:
    """The files of the working tree: those of HEAD, with what changed laid over them (see `Tree`).

    Attributes:
        changed: path -> blob id, None where a file is gone.
    """

    def __init__(self, changed: Mapping[str, str | None], base: Tree | None) -> None:
        self.changed = changed
        self._base = base
        self._folders = {parent for path in changed for parent in parents(path.rpartition("/")[0])}

    def tracked(self) -> tuple[tuple[str, Entry], ...]:
        kept = [row for row in (self._base.tracked() if self._base else ()) if row[0] not in self.changed]
        new = [
            (path, Entry("blob", blob))
            for path, blob in self.changed.items()
            if blob and is_tracked_name(path.rpartition("/")[2])
        ]
        return tuple(sorted([*kept, *new]))

    def find(self, path: str) -> Entry | None:
        if path in self.changed:
            blob = self.changed[path]
            return Entry("blob", blob) if blob else None
        if path in self._folders or not path:
            return Entry("tree", f"workspace:{path}") if not path or self.below(path) else None
        return self._base.find(path) if self._base else None

    def below(self, folder: str) -> list[tuple[str, str]]:
        prefix = f"{folder}/" if folder else ""
        found = dict(self._base.below(folder) if self._base else ())
        for path, blob in self.changed.items():
            if path.startswith(prefix):
                found.pop(path, None)
                if blob:
                    found[path] = blob
        return sorted(found.items())


def workspace_commit(head: Commit | None) -> Commit:
    """The pseudo-commit of the workspace on top of HEAD."""
    if head is None:
        return Commit(sha=WORKSPACE, subject="Not committed yet")
    return Commit(
        sha=WORKSPACE, parents=(head.sha,), author=head.author, date=head.date, subject="Not committed yet"
    )


def _name(git: pygit2.Repository, path: Path) -> str:
    try:
        url = str(git.remotes["origin"].url or "")
    except (KeyError, ValueError):
        url = ""
    name = re.split(r"[/:\\]", url.rstrip("/"))[-1]
    if not name:
        folder = Path(git.workdir or git.path)
        name = folder.name if folder.name != ".git" else folder.parent.name
    return name.removesuffix(".git") or path.resolve().name


def _chosen(refs: dict[str, str], wanted: str) -> dict[str, str]:
    if wanted == "all":
        return refs
    chosen: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in wanted.split(","))):
        found = {ref: sha for ref, sha in refs.items() if _matches(ref, word)}
        if not found and word != "HEAD":
            raise UnknownRevision(word)
        chosen.update(found)
    return chosen


def _matches(ref: str, word: str) -> bool:
    return (
        ref == word
        or ref.startswith(f"refs/{word}/")
        or fnmatch.fnmatchcase(short_ref(ref), word)
        or fnmatch.fnmatchcase(ref, word)
    )


def _commit(commit: pygit2.Commit, refs: tuple[str, ...]) -> Commit:
    subject, _newline, body = _message(commit).strip().partition("\n")
    author = commit.author
    return Commit(
        sha=str(commit.id),
        parents=tuple(map(str, commit.parent_ids)),
        author=author.raw_name.decode("utf-8", "replace"),
        date=_date(author.time, author.offset),
        subject=subject.strip(),
        body=body.strip(),
        refs=refs,
    )


def _message(commit: pygit2.Commit) -> str:
    """The message in the encoding that the commit names, if it names one that we know."""
    try:
        return commit.raw_message.decode(commit.message_encoding or "utf-8", "replace")
    except LookupError:
        return commit.raw_message.decode("utf-8", "replace")


def _named_run(message: bytes) -> str:
    """The run that a tag's message names, as `modelbook register --tag` writes it."""
    found = _RUN_LINE.search(message)
    return found[1].decode() if found else ""


def _date(seconds: int, offset: int) -> str:
    try:
        zone = datetime.timezone(datetime.timedelta(minutes=offset))
        return datetime.datetime.fromtimestamp(seconds, zone).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""
