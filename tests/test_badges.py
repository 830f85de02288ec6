"""Badges: what they say, that they are whole SVG and JSON, and that they are in the site."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

import sample
from modelbook import charts
from modelbook.cli import main
from modelbook.pages import badges
from modelbook.pages.index import Index
from modelbook.records import Model, ModelInfo, ModelVersion

HOSTILE = '</text><script>alert(1)</script>"&\x00\u202e'


def model(*versions: tuple[str, tuple[str, ...], bool]) -> Model:
    """A model with (version, environments, deprecated), newest first."""
    made = tuple(
        ModelVersion(version=name, run="r", environments=places, deprecated=old)
        for name, places, old in versions
    )
    return Model(name="m", info=ModelInfo(name="m"), versions=made)


@pytest.mark.parametrize(
    ("found", "says", "color"),
    [
        (model(("v2", ("staging",), False), ("v1", ("prod",), False)), "v1 in prod", badges.GOOD),
        (model(("v2", (), False), ("v1", ("production",), False)), "v1 in production", badges.GOOD),
        (model(("v2", ("staging",), False), ("v1", (), False)), "v2 in staging", badges.PLAIN),
        (model(("v2", (), True), ("v1", (), False)), "v1", badges.PLAIN),
        (model(), "no version", badges.PLAIN),
    ],
)
def test_a_model_says_what_is_in_production(found: Model, says: str, color: str) -> None:
    assert badges.of_model(found) == badges.Badge("m", says, color)


def test_a_pipeline_says_its_headline_at_head() -> None:
    index = Index(sample.catalog())
    for pipeline, info in index.headlines.items():
        found = badges.of_pipeline(index, pipeline)
        assert found is not None
        runs = [run for run in index.runs_of_pipeline[pipeline] if run.id in index.current]
        scores = [value.value for run in runs if (value := run.metric(info.name))]
        top = max(score for score in scores if isinstance(score, float) and score == score)
        assert (found.label, found.message) == (info.name, format(top, info.format))


def test_a_badge_without_runs_at_head_is_of_the_best_there_ever_was() -> None:
    catalog = sample.catalog()
    gone = replace(catalog, experiments=tuple(replace(item, current=()) for item in catalog.experiments))
    for pipeline in Index(gone).headlines:
        assert badges.of_pipeline(Index(gone), pipeline) is not None
    assert badges.of_metric(gone, "roc_auc").message


@pytest.mark.parametrize("words", ["m", HOSTILE, "x" * 500, "", "é 日本"])
def test_an_svg_is_whole_and_loads_nothing(words: str) -> None:
    drawn = charts.badge(words, words, badges.GOOD)
    root = ET.fromstring(drawn)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "title", "rect", "path", "text"}
    assert not re.search(r"(?i)href|url\(|<script|<style|onload", drawn)
    assert float(root.attrib["width"]) < 600


def test_json_is_what_shields_reads() -> None:
    found = json.loads(badges.Badge(HOSTILE, "1").json())
    assert found == {"schemaVersion": 1, "label": HOSTILE, "message": "1", "color": badges.PLAIN}


def test_the_site_has_a_badge_of_every_model_and_pipeline(sample_site: Path) -> None:
    index = Index(sample.catalog())
    expected = dict(badges.files(index))
    assert len(expected) >= 2 * (len(index.catalog.models) + len(index.headlines))
    for path, content in expected.items():
        assert (sample_site / path).read_text(encoding="utf-8") == content
    assert {
        path.relative_to(sample_site).as_posix() for path in (sample_site / "badges").rglob("*.*")
    } == set(expected)


@pytest.mark.slow
def test_the_command_line_prints_one() -> None:
    root = Path(__file__).parent.parent
    run = CliRunner()
    drawn = run.invoke(main, ["badge", "roc_auc", "--repo", str(root)])
    assert drawn.exit_code == 0
    assert ET.fromstring(drawn.output).attrib["aria-label"].startswith("roc_auc: 0.")
    said = run.invoke(main, ["badge", "flight-delay", "--json", "--repo", str(root)])
    assert json.loads(said.output)["message"].endswith(" in prod")
    assert run.invoke(main, ["badge", "nothing", "--repo", str(root)]).exit_code == 2
