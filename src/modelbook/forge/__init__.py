"""GitHub and GitLab over HTTP: the one sticky comment of a pull request, what a forked run left, and alerts.

    publish(PullRequest(...) or MergeRequest(...), marker, text) -> what was done
    follow(Issue(...), marker, ...) -> what became of the one issue; webhook.post(url, body, ...)
    triggering(client, repository, event, artifact) -> the diff of an untrusted run, and its pull request

Everything an API answers is data from outside: checked, bounded, and no token follows it to another host.
"""

from modelbook.forge import github, gitlab, webhook
from modelbook.forge.github import PullRequest, Triggered, pull_request_of, run_of, standing, triggering
from modelbook.forge.gitlab import MergeRequest
from modelbook.forge.http import ForgeError
from modelbook.forge.issue import Issue, follow
from modelbook.forge.sticky import Done, Thread, publish
from modelbook.forge.untrusted import Untrusted, file

__all__ = [
    "Done",
    "ForgeError",
    "Issue",
    "MergeRequest",
    "PullRequest",
    "Thread",
    "Triggered",
    "Untrusted",
    "file",
    "follow",
    "github",
    "gitlab",
    "publish",
    "pull_request_of",
    "run_of",
    "standing",
    "triggering",
    "webhook",
]
