"""Run as a program: `python -m modelbook.pull.remote ROOT FILE` has DVC fetch the hashes that FILE lists.

The only module that imports DVC, for its command line cannot fetch by hash. What no remote has is passed
over: whoever asked looks into the cache afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path


def fetch(root: str, hashes: list[str]) -> None:
    """Bring the content of hashes into a DVC repository's cache, a folder's listing without its files."""
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    with Repo(root) as repo:
        repo.cloud.pull({HashInfo("md5", md5) for md5 in hashes})
        cache = Path(repo.cache.local.path)
        left = [md5 for md5 in hashes if not (cache / md5[:2] / md5[2:]).exists()]
        if left:  # written before DVC 3, which hashed text with Unix line ends
            repo.cloud.pull({HashInfo("md5-dos2unix", md5) for md5 in left})


def main(root: str, listing: str) -> str | None:
    """Fetch the hashes that a file lists; what DVC has against it, in a line."""
    from dvc.exceptions import DvcException

    try:
        fetch(root, Path(listing).read_text(encoding="utf-8").split())
    except DvcException as error:
        return " ".join(str(error).split())
    return None


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
