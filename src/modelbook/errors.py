"""What can go wrong, in sentences for the person who must mend it.

Raise sites pass values; the classes here write the sentence and the hint. Only `cli` prints them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ModelbookError(Exception):
    """Base of every error Modelbook raises on purpose.

    Attributes:
        exit_code: the process status: 1 a gate or check failed, 2 bad input.
        hint: what to do about it, one sentence, or an empty string.
    """

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CheckFailed(ModelbookError):
    """A gate or a check said no (exit status 1): the input was fine, the answer is not."""

    exit_code = 1


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One fault in one file.

    Attributes:
        path: relative to the project's root, with forward slashes.
        line: 1-based; 0 when the fault is the whole file's.
        column: 1-based; 0 when the fault is the whole file's.
        message: what was found and what was expected.
        hint: what to do, or an empty string.
    """

    path: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place} {self.message}" + (f", {self.hint}" if self.hint else "")


class SpecError(ModelbookError):
    """Every fault found in a project's specs, all at once.

    Attributes:
        issues: sorted by path, line and column; never empty.
    """

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(sorted(set(issues)))
        super().__init__("\n".join(str(issue) for issue in self.issues))


class NotARepository(ModelbookError):
    """The folder is not inside a Git repository."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is not inside a Git repository",
            hint="run `git init` there, or pass --repo PATH",
        )


class UnsupportedRepository(ModelbookError):
    """A Git repository in a form that libgit2 does not read, such as SHA-256 objects or reftables."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"the Git repository at {path} cannot be opened: {reason}",
            hint="only SHA-1 objects with refs in files can be read: a clone that has them will do",
        )


class UnknownRevision(ModelbookError):
    """A revision that Git cannot resolve."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"unknown revision {revision!r}",
            hint="a commit, branch or tag is expected; `git fetch --all --tags` may bring it",
        )


class ProcessFailed(ModelbookError):
    """A program we ran ended with a non-zero status."""

    def __init__(self, argv: Iterable[str], status: int, stderr: str) -> None:
        tail = "\n".join(stderr.strip().splitlines()[-20:])
        super().__init__(f"`{' '.join(argv)}` ended with status {status}" + (f":\n{tail}" if tail else ""))
        self.status = status


class MissingLibrary(ModelbookError):
    """A library of an extra is not installed."""

    def __init__(self, name: str, extra: str) -> None:
        super().__init__(f"{name} is not installed", hint=f'pip install "modelbook[{extra}]"')


class MissingProgram(ModelbookError):
    """A program we need is not installed, or not on PATH."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} was not found", hint=f"install it, or put it on PATH: {program}")
