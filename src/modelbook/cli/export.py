"""What is known, for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelbook import __version__
from modelbook.cli import repo_option
from modelbook.cli.source import project_option, refs_option
from modelbook.errors import ModelbookError

if TYPE_CHECKING:
    from modelbook.records import Catalog

_OF_A_VERSION = ("model-index", "cyclonedx", "prov")


class NoParquet(ModelbookError):
    """The library that writes Parquet is not installed."""

    def __init__(self) -> None:
        super().__init__("Parquet needs pyarrow", hint='pip install "modelbook[parquet]"')


@click.command()
@click.argument("target", default="", metavar="[MODEL[@VERSION]]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["catalog", "parquet", "model-index", "cyclonedx", "prov"]),
    default="catalog",
    show_default=True,
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file to write (default: standard output); for parquet a folder, with a file for each table.",
)
@repo_option
@refs_option
@project_option
def export(target: str, form: str, out: Path | None, repo: Path, refs: str, project: str) -> None:
    """Write the catalog, or what is known of one version of a model, in a format of other tools.

    MODEL@VERSION (or MODEL@ENVIRONMENT; MODEL alone is its newest version) is for model-index, a README for
    the Hugging Face Hub; cyclonedx, an ML-BOM of CycloneDX 1.6; and prov, PROV-JSON of its lineage. catalog
    and parquet are of everything.
    """
    if (form in _OF_A_VERSION) != bool(target):
        needs = "a MODEL@VERSION" if form in _OF_A_VERSION else "no MODEL"
        raise click.UsageError(f"--format {form} takes {needs}")
    if form == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out FOLDER")
    from modelbook.cli import source
    from modelbook.history import Repository

    reading = source.read(Repository(repo, project), refs, pull=False)
    catalog = source.catalog(reading, project)
    if form == "parquet":
        assert out is not None  # noqa: S101 (looked at above)
        _write_tables(catalog, out)
        return
    text = _text(catalog, form, target)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def _text(catalog: Catalog, form: str, target: str) -> str:
    from modelbook import export as formats
    from modelbook import lineage

    if form == "catalog":
        about = {"project": catalog.project.name, "head": catalog.head}
        return _json({**about, **formats.tables(catalog)})
    subject = formats.subject(catalog, target)
    if form == "model-index":
        return formats.readme(subject)
    if form == "cyclonedx":
        return _json(formats.bill(subject, __version__))
    graph, node = lineage.trace(catalog, subject.name)
    return _json(formats.provenance(subject, lineage.neighbourhood(graph, node) if node else graph))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_tables(catalog: Catalog, folder: Path) -> None:
    """A Parquet file for each table."""
    from modelbook.export import tables

    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise NoParquet from None
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables(catalog).items():
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"{name}.parquet")
        click.echo(f"wrote {folder / name}.parquet: {len(rows)} rows")
