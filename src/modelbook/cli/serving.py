"""Commands that take a model out of the repository: packaged, served."""

from __future__ import annotations

from pathlib import Path

import click

from modelbook.cli import repo_option


@click.command()
@click.argument("run")
@repo_option
def package(repo: Path, run: str) -> None:
    """Write the package of a run: its model with all that serving it needs, in one folder.

    The stage that `package:` adds to a pipeline calls this; the folder is one of its outs.
    """
    from modelbook import package as packaging
    from modelbook import spec
    from modelbook.spec.packaging import order_path

    root = spec.find_root(repo)
    order = packaging.read_order(root, order_path(run), run)
    found = packaging.write(root, order)
    click.echo(
        f"{order.out}: ONNX differs by at most {found.max_difference:g} on {found.rows} rows, "
        f"and calls {found.equal:.4%} of them the same"
    )
