"""Model cards: what is written, what is inherited, what is missing."""

from __future__ import annotations

from msgspec.structs import replace

import sample
from modelbook import cards
from modelbook.pages import models
from modelbook.pages.index import Index
from modelbook.records import Spec, Value


def spec(name: str, *chain: Spec, **card: str) -> Spec:
    return Spec(name=name, path=f"experiments/{name}.yaml", chain=chain, card=card)


def test_every_known_section_is_there_in_order_and_own_ones_follow() -> None:
    made = cards.sections(spec("a", limitations="few", house_rules="ours"))
    assert [section.key for section in made] == [*cards.SECTIONS, "house_rules"]
    assert [section.key for section in made if not section.missing] == ["limitations", "house_rules"]
    assert made[-1].title == "House rules"


def test_without_a_spec_all_is_missing() -> None:
    assert all(section.missing for section in cards.sections(None))


def test_a_section_is_inherited_and_says_from_where() -> None:
    base = spec("base", limitations="few", caveats="old")
    made = {s.key: s for s in cards.sections(spec("a", base, caveats="new"))}
    assert (made["limitations"].markdown, made["limitations"].source) == ("few", "experiments/base.yaml")
    assert (made["caveats"].markdown, made["caveats"].source) == ("new", "experiments/a.yaml")


def test_blank_prose_is_missing_prose() -> None:
    assert next(s for s in cards.sections(spec("a", factors=" \n")) if s.key == "factors").missing


def test_a_markdown_card_is_where_its_sections_come_from() -> None:
    written = Spec(name="a", path="experiments/a.yaml", card_file="cards/a.md", card={"factors": "wind"})
    assert next(s for s in cards.sections(written) if s.key == "factors").source == "cards/a.md"


def test_a_card_names_its_gaps() -> None:
    catalog = sample.catalog()
    model = catalog.models[0]
    run = next(run for run in catalog.runs if run.name == "gbm")
    card = cards.card(model, model.versions[0], run)
    assert "Limitations" not in card.missing
    assert "Factors" in card.missing


def test_slices_are_tables_by_dimension() -> None:
    def value(*key: str, path: str = "results/a/slices.json") -> Value:
        return Value(name=".".join(key), key=key, value=0.5, path=path)

    values = (
        value("month", "04", "auc"),
        value("month", "04", "rows"),
        value("month", "05", "rows"),
        value("recall", "7"),
        value("auc", path="results/a/metrics.json"),
        value("month", "04", "auc", path="results/a/metrics.json"),
        value("total"),
    )
    run = replace(sample.RUNS[0], metrics=values)
    month, recall = cards.slices(run)
    assert (month.dimension, month.metrics) == ("month", ("auc", "rows"))
    assert [(part, [item and item.name for item in row]) for part, row in month.rows] == [
        ("04", ["month.04.auc", "month.04.rows"]),
        ("05", [None, "month.05.rows"]),
    ]
    assert (recall.dimension, recall.metrics, [part for part, _ in recall.rows]) == (
        "recall",
        ("recall",),
        ["7"],
    )
    index = Index(replace(sample.catalog(), runs=(run, *sample.RUNS[1:])))
    (first, _), (second, _) = models._slices(index, run)
    assert [column.text for column in first.columns][:2] == ["month", "auc"]
    assert [[cell.text for cell in row] for row in first.rows][1] == ["05", "–", "0.5 rows"]
    assert (second.caption, second.columns[0].text) == ("recall by slice", "slice")
