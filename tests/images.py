"""What `modelbook deploy` writes for container engines, taken by real ones: skopeo, umoci, buildah and runc.

    python tests/images.py layout FOLDER TAG
    python tests/images.py context FOLDER [OPTION OF BUILDAH ...]

`layout` has skopeo copy an image in OCI's layout, whole and for each processor, and umoci and buildah unpack
it: the package that comes out must be the one that went in. `context` has buildah build the folder of a
`docker` deployment of a classifier, and runc start the image as the image itself says: its command, its user,
on a file system that can't be written to. It must get well by its own health check, answer the package's
example as onnxruntime does here, and end with status 0 when it is told to stop. Where Modelbook is no release
or no registry is in reach, options tell buildah:

    python tests/images.py context build/planners-image/current --pull-never \\
        --volume $PWD/dist:/dist:ro --build-arg "MODELBOOK=modelbook[serve] @ file:///dist/NAME.whl"

On Debian: apt-get install --no-install-recommends skopeo umoci buildah runc. No part of the test suite: it
needs root, and an image of Python to start from. Raises if anything does not hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import numpy as np

from modelbook import package
from modelbook.deploy import docker, oci
from shared.answers import chances

_WEB = build_opener(ProxyHandler({}))
_ADDRESS = f"http://127.0.0.1:{docker.PORT}/v2"
_PATIENCE = 240
"""Times that it is asked whether it is ready, half a second after one another."""


def run(*words: str | Path) -> str:
    """What a program says; it must end well."""
    return subprocess.run([*words], check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def unpacked(image: str, *options: str) -> Iterator[tuple[dict[str, Any], Path]]:
    """(configuration, root) of an image, as buildah unpacks it."""
    name = run("buildah", "from", *options, image).strip()
    try:
        config = json.loads(run("buildah", "inspect", name))["Docker"]["config"]
        yield config, Path(run("buildah", "mount", name).strip())
    finally:
        run("buildah", "rm", name)


# -- an image in OCI's layout


def layout(scratch: Path, folder: Path, tag: str) -> None:
    """Copy and unpack it."""
    source, whole = f"oci:{folder}:{tag}", scratch / "whole"
    run("skopeo", "copy", "--all", "--preserve-digests", source, f"oci:{whole}:{tag}")
    digest = json.loads(run("skopeo", "inspect", source))["Digest"]
    assert digest == oci.digest(folder) == oci.digest(whole)
    print(f"skopeo: {digest}, copied whole with its digest")
    for platform in oci.PLATFORMS:
        for_one(scratch, source, tag, platform)


def for_one(scratch: Path, source: str, tag: str, platform: str) -> None:
    """The same for one processor."""
    skopeo = ("skopeo", "--override-os", "linux", "--override-arch", platform)
    config = json.loads(run(*skopeo, "inspect", "--config", source))
    assert (config["os"], config["architecture"]) == ("linux", platform)
    alone, archive = scratch / platform, f"docker-archive:{scratch}/{platform}.tar"
    run(*skopeo, "copy", source, f"oci:{alone}:{tag}")  # umoci takes no image for several processors
    run(*skopeo, "copy", source, f"{archive}:image:{tag}")
    run("umoci", "unpack", "--rootless", "--image", f"{alone}:{tag}", scratch / f"{platform}.bundle")
    found = package.verify(scratch / f"{platform}.bundle/rootfs" / oci.FOLDER)
    for image in (source, archive):
        with unpacked(image, "--arch", platform) as (_, root):
            assert package.verify(root / oci.FOLDER) == found
    print(f"{platform}: {len(found)} files whole, by umoci, by buildah, and by buildah as Docker's archive")


# -- a folder for `docker build`


def context(scratch: Path, folder: Path, *options: str) -> None:
    """Build it, start it, ask it, stop it."""
    tag = f"localhost/{scratch.name}"
    # Only Docker's own form has health checks.
    build = ("buildah", "build", "--isolation", "chroot", "--network", "host", "--format", "docker")
    run(*build, "--tag", tag, *options, folder)
    try:
        with unpacked(tag, "--pull-never") as (config, root):
            (scratch / "config.json").write_text(json.dumps(bundle(scratch, root, config)))
            model = config["Cmd"][config["Cmd"].index("--as") + 1].split("@")[0]
            serve(scratch, folder / docker.PACKAGE, config["Healthcheck"]["Test"][1:], model)
    finally:
        run("buildah", "rmi", tag)


def bundle(scratch: Path, root: Path, image: dict[str, Any]) -> dict[str, Any]:
    """What runc is told: the image's own command, user and environment, nothing to write to."""
    run("runc", "spec", "--bundle", scratch)
    told: dict[str, Any] = json.loads((scratch / "config.json").read_text())
    user, group = map(int, image["User"].split(":"))
    told["root"] = {"path": str(root), "readonly": True}
    told["process"] |= {
        "args": image["Cmd"],
        "env": image["Env"],
        "user": {"uid": user, "gid": group},
        "cwd": image.get("WorkingDir") or "/",
        "terminal": False,
        "rlimits": [],
    }
    linux = told["linux"]
    linux.pop("resources", None)
    shared = ("network", "cgroup")  # it is asked from here, and not every sandbox may divide processors
    linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] not in shared]
    return told


def serve(scratch: Path, packaged: Path, health: list[str], model: str) -> None:
    """Start the container, ask it, and see it end well when it is told to stop."""
    started = subprocess.Popen(["runc", "run", "--bundle", str(scratch), scratch.name])
    try:
        wait(started)
        run("runc", "exec", scratch.name, *health)
        user = run("runc", "exec", scratch.name, "id", "-u").strip()
        found = asked(packaged, model)
        assert np.allclose(found, chances(packaged), atol=1e-6)
    finally:
        subprocess.run(["runc", "kill", scratch.name, "TERM"], check=False)
        status = started.wait(timeout=60)
    assert status == 0, f"it ended with status {status}"
    print(f"runc, as user {user}: well by its own check, {found.tolist()} as onnxruntime here, ended with 0")


def wait(started: subprocess.Popen[bytes]) -> None:
    """Until it is ready."""
    for _ in range(_PATIENCE):
        assert started.poll() is None, "it ended before it was ready"
        try:
            _WEB.open(f"{_ADDRESS}/health/ready").close()
        except URLError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError("it did not get ready")


def asked(packaged: Path, model: str) -> np.ndarray:
    """The chances that the container gives for the package's own example."""
    example = json.loads((packaged / "input_example.json").read_text())
    columns = dict(zip(example["columns"], zip(*example["data"], strict=True), strict=True))
    with _WEB.open(f"{_ADDRESS}/models/{model}") as answer:
        inputs = json.load(answer)["inputs"]
    tensors = [
        {
            "name": one["name"],
            "datatype": one["datatype"],
            "shape": [len(example["data"]), *one["shape"][1:]],
            "data": columns.get(one["name"], example["data"]),
        }
        for one in inputs
    ]
    with _WEB.open(
        Request(f"{_ADDRESS}/models/{model}/infer", json.dumps({"inputs": tensors}).encode())
    ) as answer:
        outputs = {one["name"]: one for one in json.load(answer)["outputs"]}
    return np.reshape(outputs["probabilities"]["data"], outputs["probabilities"]["shape"])


def main(what: str, folder: str, *more: str) -> None:
    with tempfile.TemporaryDirectory(prefix="modelbook-images-") as scratch:
        if what == "layout":
            layout(Path(scratch), Path(folder).resolve(), *more)
        else:
            context(Path(scratch), Path(folder).resolve(), *more)


if __name__ == "__main__":
    main(*sys.argv[1:])
