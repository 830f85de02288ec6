"""Commands for jobs of a forge: what a diff says in the job's summary, beside the code, and as a comment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from modelbook.cli import repo_option
from modelbook.cli.source import comment_options
from modelbook.errors import CheckFailed, ModelbookError, SpecError

if TYPE_CHECKING:
    from modelbook import forge
    from modelbook.spec.source import Source
    from modelbook.verdict import Verdict

ARTIFACT = "modelbook-diff"
MOST_ANNOTATIONS = 10
"""GitHub shows no more of one step."""


class NoVerdict(ModelbookError):
    """A file is not what `modelbook diff --format json` writes."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"{name} is no diff: {why}",
            hint="`modelbook diff --format json` writes one; both must be the same version of Modelbook",
        )


class Unset(ModelbookError):
    """An environment variable is missing that the forge or the workflow must set."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} is not set", hint=what)


class Gated(CheckFailed):
    """The gates do not let this pass."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(" ".join(f"{verdict.status}: {'; '.join(verdict.reasons)}".split()))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@comment_options
@click.option("--gate", is_flag=True, help="Exit 1 when a gate failed or results are stale.")
@click.option("--project", default="", metavar="DIR", help="The folder whose mlproject.yaml has the gates.")
@repo_option
def summary(file: Path, name: str, site: str, gate: bool, project: str, repo: Path) -> None:
    """Write a diff, as JSON in FILE, to the summary of this job, and its faults beside the code.

    In GitHub's jobs the summary is GITHUB_STEP_SUMMARY, and faults are annotations at the gates in
    mlproject.yaml. Elsewhere the summary goes to standard output.
    """
    verdict = _verdict(_read(file), file.name)
    told = _rendered(verdict, file.name, site=site, name=name)
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as opened:
            opened.write(told + "\n")
        for line in _annotations(verdict, _gates_file(repo, project)):
            click.echo(line)
    else:
        click.echo(told)
    if gate and not verdict.ok:
        raise Gated(verdict)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@comment_options
@click.option(
    "--triggered", is_flag=True, help="Of the run that triggered this `workflow_run`, which is not trusted."
)
@click.option("--print", "show", is_flag=True, help="Print the Markdown and post nothing.")
def comment(file: Path | None, name: str, site: str, triggered: bool, show: bool) -> None:
    """Post a diff, as JSON in FILE, as the one comment on this pull request, or edit it.

    In GitHub's jobs GITHUB_TOKEN must hold a token that may write comments, in GitLab's MODELBOOK_TOKEN.
    """
    from modelbook import comment as markdown

    if (file is None) != triggered:
        raise click.UsageError("give either FILE or --triggered")
    found = _triggered(name) if file is None else _Found(_read(file))
    if found is None:
        _withdraw(name, show=show)
        return
    source = file.name if file else "diff.json"
    verdict = _verdict(found.raw, source)
    body = _rendered(verdict, source, site=site, name=name, preview=found.preview)
    if show:
        click.echo(body, nl=False)
    elif not found.current:
        click.echo("The pull request has moved on since: nothing was posted.")
    else:
        _post(found.thread or _thread(), name, body, quiet=markdown.quiet(verdict))


def _withdraw(name: str, *, show: bool) -> None:
    """Say of our comment that it is of an older commit, since the run of this one left no diff."""
    from modelbook import comment as markdown
    from modelbook import forge

    client, repository = _github()
    run = forge.run_of(_event())
    body = markdown.missing(run.head, run.url, name=name)
    if show:
        click.echo(body, nl=False)
        return
    click.echo("The run left no diff.")
    for number in forge.standing(client, repository, run):
        _post(_pull_request(client, repository, number), name, body, quiet=True)


def _post(thread: forge.Thread, name: str, body: str, *, quiet: bool) -> None:
    from modelbook import comment as markdown
    from modelbook import forge

    words = {
        "created": "Posted a comment.",
        "edited": "Edited our comment.",
        "unchanged": "Our comment says so already.",
        "silent": "There is nothing to say, and no comment of ours: nothing was posted.",
    }
    click.echo(words[forge.publish(thread, markdown.marker(name), body, quiet=quiet)])


# -- what is read


class _Found(NamedTuple):
    """A diff, not decoded; where it is to be posted, if that is known; and whether it still may."""

    raw: bytes
    thread: forge.Thread | None = None
    current: bool = True
    preview: str = ""


def _read(path: Path) -> bytes:
    from modelbook import forge

    return forge.file(path)


def _verdict(raw: bytes, name: str) -> Verdict:
    """The verdict in a file that may come from anyone.

    Raises:
        NoVerdict: it is none.
    """
    import msgspec

    from modelbook.verdict import from_json

    try:
        return from_json(raw)
    except msgspec.MsgspecError as error:
        # It quotes names from the file, and a runner obeys commands such as `##[...]` anywhere in a line.
        raise NoVerdict(name, re.sub(r"[^\w .,$`|'-]", "?", str(error))[:300]) from None
    except (RecursionError, ValueError, OverflowError):
        raise NoVerdict(name, "a value in it is none that a metric has") from None


def _rendered(verdict: Verdict, source: str, *, site: str, name: str, preview: str = "") -> str:
    """The Markdown of a verdict that may come from anyone.

    Raises:
        NoVerdict: a value in it cannot be written down, such as a number of ten thousand digits.
    """
    from modelbook import comment as markdown

    try:
        return markdown.render(verdict, site=site, name=name, preview=preview)
    except (ValueError, OverflowError, RecursionError):
        raise NoVerdict(source, "a value in it is none that a metric has") from None


def _event() -> dict[str, Any]:
    path = _need("GITHUB_EVENT_PATH", "GitHub sets it in the jobs of a workflow")
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unset("GITHUB_EVENT_PATH", f"it leads to no event: {error}") from None
    return found if isinstance(found, dict) else {}


def _need(name: str, what: str) -> str:
    found = os.environ.get(name, "").strip()
    if not found:
        raise Unset(name, what)
    return found


# -- where it is posted


def github() -> tuple[Any, str, str]:
    """(client, repository, address of the GraphQL API) of the workflow that runs.

    Raises:
        Unset: a variable that GitHub or the workflow must set is not there.
    """
    client, repository = _github()
    return client, repository, _graphql(client)


def _github() -> tuple[Any, str]:
    """(client, repository) of the workflow that runs."""
    from modelbook import forge

    repository = _need("GITHUB_REPOSITORY", "GitHub sets it in the jobs of a workflow, as OWNER/NAME")
    if not forge.github.REPOSITORY.fullmatch(repository):
        raise Unset("GITHUB_REPOSITORY", f"expected OWNER/NAME, found {repository!r}")
    token = _need("GITHUB_TOKEN", "give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`")
    return forge.github.client(
        os.environ.get("GITHUB_API_URL") or "https://api.github.com", token
    ), repository


def _pull_request(client: Any, repository: str, number: int) -> forge.Thread:
    from modelbook import forge

    return forge.PullRequest(client, repository, number, _graphql(client))


def _graphql(client: Any) -> str:
    return os.environ.get("GITHUB_GRAPHQL_URL") or f"{client.base}/graphql"


def _thread() -> forge.Thread:
    """The comments of the pull or merge request that this job is about."""
    from modelbook import forge

    if os.environ.get("GITLAB_CI"):
        return _merge_request()
    client, repository = _github()
    number = forge.pull_request_of(_event())
    if number is None:
        raise Unset(
            "the number of a pull request", "run this in a workflow on `pull_request`, or with --triggered"
        )
    return _pull_request(client, repository, number)


def _merge_request() -> forge.Thread:
    from modelbook import forge

    token = _need(
        "MODELBOOK_TOKEN",
        "make a project access token with scope `api` and role Reporter, and store it as a masked variable",
    )
    api = _need("CI_API_V4_URL", "GitLab sets it in its jobs")
    project = os.environ.get("CI_MERGE_REQUEST_PROJECT_ID") or _need(
        "CI_PROJECT_ID", "GitLab sets it in its jobs"
    )
    number = _need("CI_MERGE_REQUEST_IID", "run this in pipelines of merge requests: `merge_request_event`")
    if not (number.isascii() and number.isdecimal()):
        raise Unset("CI_MERGE_REQUEST_IID", f"expected a number, found {number!r}")
    return forge.MergeRequest(forge.gitlab.client(api, token), project, int(number))


def _triggered(name: str) -> _Found | None:
    """What the run behind a `workflow_run` event left; None when it left nothing."""
    from modelbook import forge

    client, repository = _github()
    artifact = ARTIFACT if name == "models" else f"{ARTIFACT}-{name}"
    found = forge.triggering(client, repository, _event(), artifact)
    if found is None:
        return None
    thread = _pull_request(client, repository, found.number)
    return _Found(found.verdict, thread, found.current, found.preview)


# -- annotations


def _gates_file(repo: Path, project: str) -> Source | None:
    """The mlproject.yaml that declares the gates, with its lines; None where there is none to point into."""
    from modelbook.spec import PROJECT_FILE
    from modelbook.spec.source import read

    root = next((top for top in (repo.resolve(), *repo.resolve().parents) if (top / ".git").exists()), repo)
    for folder in (project.strip("/"), ""):
        path = f"{folder}/{PROJECT_FILE}" if folder else PROJECT_FILE
        if (root / path).is_file():
            try:
                return read(root, path)
            except SpecError:
                return None
    return None


def _annotations(verdict: Verdict, source: Source | None) -> Iterator[str]:
    """GitHub's commands that put each failed gate beside its line, and stale results beside their lock."""
    found = [*_gate_faults(verdict, source), *_stale_faults(verdict)]
    yield from found[:MOST_ANNOTATIONS]


def _gate_faults(verdict: Verdict, source: Source | None) -> Iterator[str]:
    for what, item in verdict.judgements:
        if item.passed is False:
            place: dict[str, object] = {}
            if source is not None:
                steps = ("metrics", item.gate.metric, "gates", item.gate.kind)
                line, column = source.position(steps, key=True)
                place = {"file": source.path, "line": line, "col": column}
            yield command("error", f"{what}: {item.reason}", **place, title="Modelbook gate")


def _stale_faults(verdict: Verdict) -> Iterator[str]:
    for item in verdict.stale:
        folder = item.stage.rpartition(":")[0].rpartition("/")[0]
        lock = f"{folder}/dvc.lock" if folder else "dvc.lock"
        message = f"{item.stage}: {item.reason}"
        yield command("error", message, file=item.file or lock, title="Results are not from this code")


def command(name: str, message: str, **properties: object) -> str:
    """A workflow command, as GitHub's runner reads it: no text can end it, or begin another."""
    said = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{name} {said}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
