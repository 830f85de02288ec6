"""What `docker build` needs for an image that serves a package: no secret in it, nothing runs as root."""

from __future__ import annotations

import json
import re
from pathlib import Path

from modelbook import __version__
from modelbook.deploy.order import Order

PACKAGE = "package"
"""The folder of the package in the context."""
PORT = 8080
_INSIDE = "/models"
_USER = "10001:10001"
_PYTHON = re.compile(r'^python: "?3\.(\d+)', re.MULTILINE)
_OLDEST, _USUAL = 11, 12
_IGNORE = f"*\n!{PACKAGE}\n"

_DOCKERFILE = """\
# Serves {title}. Modelbook wrote this file; a deployment writes it anew.
FROM {base}
LABEL org.opencontainers.image.title={model} \\
      org.opencontainers.image.version={version} \\
      org.opencontainers.image.revision={commit}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# What answers. Libraries that the package names are installed at the version that it names.
ARG MODELBOOK="modelbook[serve]=={modelbook}"
COPY {package}/requirements.txt /tmp/package-requirements.txt
RUN python -m pip install --no-cache-dir "$MODELBOOK" -c /tmp/package-requirements.txt

COPY {package}/ {inside}/
USER {user}
EXPOSE {port}
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD {health}
CMD {command}
"""


def files(order: Order, package: Path) -> dict[str, bytes]:
    """Name -> content of what lies beside the package."""
    serve = ["modelbook", "serve", _INSIDE, "--as", f"{order.wish.model}@{order.version}"]
    ask = f"import urllib.request as web; web.urlopen('http://127.0.0.1:{PORT}/v2/health/ready', timeout=4)"
    text = _DOCKERFILE.format(
        title=order,
        base=order.wish.base or f"python:3.{_python(package)}-slim",
        model=json.dumps(order.wish.model),
        version=json.dumps(order.version),
        commit=json.dumps(order.run.commit),
        modelbook=__version__,
        package=PACKAGE,
        inside=_INSIDE,
        user=_USER,
        port=PORT,
        health=json.dumps(["python", "-c", ask]),
        command=json.dumps([*serve, "--host", "0.0.0.0", "--port", str(PORT)]),  # noqa: S104 (in a container)
    )
    return {"Dockerfile": text.encode(), ".dockerignore": _IGNORE.encode()}


def _python(package: Path) -> int:
    """The minor version of the Python that the model was made with, where Modelbook runs on it."""
    try:
        found = _PYTHON.search((package / "python_env.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        found = None
    minor = int(found[1]) if found else _USUAL
    return minor if minor >= _OLDEST else _USUAL
