"""Real Git histories for tests, made fast: commits of {path: text} by pygit2, without the `git` program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

Files = Mapping[str, str | bytes | None]
"""Path -> content; None takes the file away."""


class GitRepo:
    """A repository whose commits are made from plain values; times count up from one fixed second."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        self.path = path
        self.git = pygit2.init_repository(str(path), bare=bare, initial_head="main")
        self._clock = 1_700_000_000

    def commit(
        self,
        files: Files,
        message: str = "change",
        *,
        parents: Sequence[str] | None = None,
        ref: str = "refs/heads/main",
        links: Mapping[str, str] | None = None,
        author: str = "Ada",
    ) -> str:
        """A commit on top of `ref` (or of `parents`) with some files changed; the ref then points at it.

        Args:
            links: path -> target of symbolic links.
        """
        above = self._parents(ref) if parents is None else list(parents)
        index = pygit2.Index()
        if above:
            index.read_tree(self.git[above[0]].peel(pygit2.Tree))
        for path, content in files.items():
            self._put(index, path, content, FileMode.BLOB)
        for path, target in (links or {}).items():
            self._put(index, path, target, FileMode.LINK)
        self._clock += 60
        who = pygit2.Signature(author, "ada@example.org", self._clock, 60)
        tree = index.write_tree(self.git)
        sha = str(
            self.git.create_commit(None, who, who, message, tree, [pygit2.Oid(hex=one) for one in above])
        )
        self.git.references.create(ref, sha, force=True)
        return sha

    def tag(self, name: str, sha: str) -> None:
        """A plain tag."""
        self.ref(f"refs/tags/{name}", sha)

    def annotate(self, name: str, sha: str, *, author: str = "Ada") -> None:
        """An annotated tag, a minute after whatever came before it."""
        self._clock += 60
        who = pygit2.Signature(author, "ada@example.org", self._clock, 60)
        self.git.create_tag(name, pygit2.Oid(hex=sha), pygit2.enums.ObjectType.COMMIT, who, name)

    def ref(self, name: str, sha: str) -> None:
        """Any ref."""
        self.git.references.create(name, sha, force=True)

    def checkout(self) -> None:
        """Bring the working tree and the index to HEAD."""
        self.git.checkout("HEAD", strategy=pygit2.enums.CheckoutStrategy.FORCE)

    def write(self, files: Files) -> None:
        """Put files into the working tree, not committed."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)

    def _parents(self, ref: str) -> list[str]:
        return [str(self.git.references[ref].target)] if ref in self.git.references else []

    def _put(self, index: pygit2.Index, path: str, content: str | bytes | None, mode: FileMode) -> None:
        if content is None:
            if path in index:
                index.remove(path)
            return
        data = content.encode() if isinstance(content, str) else content
        index.add(pygit2.IndexEntry(path, self.git.create_blob(data), mode))


def lock(*stages: str) -> str:
    """A dvc.lock of entries that `entry` made."""
    return "schema: '2.0'\nstages:\n" + "".join(stages)


def entry(
    name: str,
    *,
    cmd: str = "run",
    deps: Mapping[str, str] | None = None,
    params: Mapping[str, Mapping[str, object]] | None = None,
    outs: Mapping[str, str] | None = None,
) -> str:
    """One stage of a dvc.lock, laid out as DVC does."""
    lines = [f"  {name}:", f"    cmd: {cmd}"]
    for title, hashes in (("deps", deps), ("outs", outs)):
        if title == "outs" and params:
            lines.append("    params:")
            for file, values in params.items():
                lines.append(f"      {file}:")
                lines += [f"        {key}: {value}" for key, value in values.items()]
        if hashes:
            lines.append(f"    {title}:")
            for path, md5 in hashes.items():
                lines += [f"    - path: {path}", "      hash: md5", f"      md5: {md5}", "      size: 10"]
    return "\n".join(lines) + "\n"
