"""GitHub and GitLab over HTTP: the one sticky comment of a pull request, and what a forked run left for us.

    publish(PullRequest(...) or MergeRequest(...), marker, text) -> what was done
    triggering(client, repository, event, artifact) -> the diff of an untrusted run, and its pull request

Everything an API answers is data from outside: checked, bounded, and no token follows it to another host.
"""

from modelbook.forge import github, gitlab
from modelbook.forge.github import PullRequest, Triggered, pull_request_of, run_of, standing, triggering
from modelbook.forge.gitlab import MergeRequest
from modelbook.forge.http import ForgeError
from modelbook.forge.sticky import Done, Thread, publish
from modelbook.forge.untrusted import Untrusted, file

__all__ = [
    "Done",
    "ForgeError",
    "MergeRequest",
    "PullRequest",
    "Thread",
    "Triggered",
    "Untrusted",
    "file",
    "github",
    "gitlab",
    "publish",
    "pull_request_of",
    "run_of",
    "standing",
    "triggering",
]
