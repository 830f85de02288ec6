"""Registering and promoting: what the commands change and refuse, and that nobody gets past `check`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from life_sample import CARD, PLACES, PROJECT, Shop
from modelbook import registry
from modelbook.pages import models
from modelbook.pages.index import Index
from modelbook.records import Tag
from modelbook.registry import following


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, {"a": 0.7, "b": 0.8})


@pytest.mark.parametrize(
    ("versions", "bump", "wanted"),
    [
        ([], "patch", "v1.0.0"),
        (["v1.0.0", "v1.10.0", "v1.9.0"], "minor", "v1.11.0"),
        (["v1.9.9"], "patch", "v1.9.10"),
        (["v0.9.9", "v2.0.0-rc.1"], "major", "v1.0.0"),
        (["1f2e3d"], "major", "v1.0.0"),
    ],
)
def test_the_next_version_follows_the_greatest_release(versions: list[str], bump: str, wanted: str) -> None:
    assert following(versions, bump) == wanted


def test_the_best_run_is_registered_and_the_file_changes_in_one_place(shop: Shop) -> None:
    best = shop.run("b")
    said = shop.ok("register", "m")
    assert f"chose run {best} (b), the best of pipeline p at HEAD by auc: 0.8" in said
    assert f"mlproject.yaml: m v1.0.0 is run {best} (b)" in said
    added = f"    versions:\n      v1.0.0: {best}\n".replace(
        best, json.dumps(best) if best[0].isdigit() else best
    )
    artifact = "    artifact: out/${run}/model.bin\n"
    assert shop.text == PROJECT.replace(artifact, artifact + added)
    assert [(item.version, item.run) for item in shop.model().versions] == [("v1.0.0", best)]
    assert "v1.0.0 is run" in shop.ok("register", "m", "--version", "v1.0.0", "--run", best)
    assert "m v1.1.0 is run" in shop.ok("register", "m", "--run", shop.run("a")[:6])
    assert "m v2.0.0 is run" in shop.ok("register", "m", "--bump", "major", "--run", shop.run("a"))


def test_what_cannot_be_registered_is_said(shop: Shop) -> None:
    shop.ok("register", "m")
    assert "there is no model 'n'" in shop.wrong("register", "n")
    assert "a version never changes" in shop.wrong(
        "register", "m", "--version", "1.0.0", "--run", shop.run("a")
    )
    assert "no run has an id that starts with 'ffffff'" in shop.wrong("register", "m", "--run", "ffffff")
    shop.edit("artifact: out/${run}/model.bin", "artifact: out/${run}/metrics.json")
    shop.edit("metrics: [", "metrics: []  # [")
    assert "no stage of pipeline p writes out/${run}/metrics.json" in shop.wrong("register", "m")


def test_a_run_that_is_not_committed_is_not_registered(shop: Shop) -> None:
    shop.repo.write({"dvc.lock": (shop.path / "dvc.lock").read_text().replace("train b", "train b2")})
    shop.repo.write({"out/b/metrics.json": '{"auc": 0.9}'})
    said = shop.wrong("register", "m")
    assert "is not committed yet" in said


def test_put_in_force_taken_out_and_deprecated(shop: Shop) -> None:
    shop.ok("register", "m", "--run", shop.run("a"))
    shop.ok("register", "m")
    shop.ok("assign", "m", "1.0.0", "prod")
    first = shop.commit()
    assert "m is in force" not in shop.text
    assert "v1.0.0 is in force in prod" in shop.refused("deprecate", "m", "v1.0.0")
    shop.ok("assign", "m", "v1.1.0", "prod")
    second = shop.commit()
    shop.ok("deprecate", "m", "v1.0.0", "--reason", "It leaks: the delay.")
    shop.commit()
    assert "it is deprecated: It leaks: the delay." in shop.refused("assign", "m", "v1.0.0", "dev")
    model = shop.model()
    old = model.versions[1]
    assert (old.version, old.deprecated, old.deprecation) == ("v1.0.0", True, "It leaks: the delay.")
    moves = [(item.environment, item.before, item.version, item.commit) for item in model.promotions]
    assert moves == [("prod", "v1.0.0", "v1.1.0", second), ("prod", "", "v1.0.0", first)]
    assert "nothing to do" in shop.ok("assign", "m", "v1.1.0", "prod")
    shop.ok("unassign", "m", "prod")
    assert "environments" not in shop.text
    assert "m is not in force in 'prod'" in shop.wrong("unassign", "m", "prod")
    shop.ok("check")


def test_a_file_that_would_not_be_valid_is_not_written(shop: Shop) -> None:
    shop.ok("register", "m")
    shop.edit("name: shop", "name: shop\nenvironments: {dev: {}}")
    before = shop.text
    assert "unknown environment prod" in shop.wrong("assign", "m", "v1.0.0", "prod")
    assert "expected a version like v1.2.3" in shop.wrong(
        "register", "m", "--version", "2", "--run", shop.run("b")
    )
    assert shop.text == before
    assert not [path for path in shop.path.iterdir() if path.name.startswith(".mlproject")]


# -- a version never changes


def test_a_version_of_a_run_that_is_nowhere_is_an_error(shop: Shop) -> None:
    shop.ok("register", "m")
    shop.edit(shop.run("b"), "f" * 12)
    said = shop.refused("check")
    assert "mlproject.yaml:" in said
    assert f"v1.0.0: run {'f' * 12} is in no commit of this history" in said
    assert any("m v1.0.0: run ffffffffffff" in item.reason for item in shop.catalog().problems)


def test_a_version_that_was_pointed_elsewhere_is_an_error_for_ever(shop: Shop) -> None:
    one, other = shop.run("a"), shop.run("b")
    shop.ok("register", "m", "--run", one)
    sha = shop.commit()
    assert shop.catalog().problems == ()
    shop.edit(one, other)
    reason = f"it was registered with run {one} (commit {sha[:7]}) and now names run {other}"
    assert reason in shop.refused("check")
    shop.commit()
    shop.repo.commit({"x": "1"})
    shop.repo.checkout()
    assert reason in shop.refused("check")
    assert [item.path for item in shop.catalog().problems] == ["mlproject.yaml"]
    assert shop.model().versions[0].reason == f"{reason}; a version never changes"
    shop.edit(other, one)
    shop.ok("check")


# -- what environments require


def test_a_gate_that_fails_keeps_a_version_out(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.8, "b": 0.7}, PLACES % "gates")
    shop.ok("register", "m", "--run", shop.run("a"))
    shop.ok("assign", "m", "v1.0.0", "prod")
    shop.commit()
    shop.ok("register", "m", "--run", shop.run("b"))
    said = shop.refused("assign", "m", "v1.1.0", "prod")
    assert "m v1.1.0 may not be put in prod" in said
    assert "gates: max regression: auc went from 0.8 to 0.7" in said
    shop.ok("assign", "m", "v1.1.0", "dev")
    shop.ok("check")
    shop.edit("prod: v1.0.0", "prod: v1.1.0")
    said = shop.refused("check")
    line = 1 + shop.text.splitlines().index("      prod: v1.1.0")
    assert f"mlproject.yaml:{line}:7 v1.1.0 may not be in prod: gates: max regression" in said
    shop.commit("By hand")
    assert "may not be in prod" in shop.refused("check")


def test_a_way_back_is_open(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.7, "b": 0.8}, PLACES % "gates")
    for name in "ab":
        shop.ok("register", "m", "--run", shop.run(name))
        shop.ok("assign", "m", {"a": "v1.0.0", "b": "v1.1.0"}[name], "prod")
        shop.commit()
    shop.ok("assign", "m", "v1.0.0", "prod")
    shop.ok("check")


def test_a_rule_is_not_loosened_and_used_in_one_change(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.8, "b": 0.7}, PLACES % "gates")
    shop.ok("register", "m", "--run", shop.run("a"))
    shop.ok("register", "m", "--run", shop.run("b"))
    shop.ok("assign", "m", "v1.0.0", "prod")
    shop.commit()
    shop.edit("prod: v1.0.0", "prod: v1.1.0")
    shop.edit("max_regression: 0.01", "max_regression: 1.0")
    assert "max regression" in shop.refused("check")
    shop.edit("requires: [gates]", "requires: []")
    assert "max regression" in shop.refused("check")
    shop.edit("prod: v1.1.0", "prod: v1.0.0")
    shop.commit("Loosen the rule")
    shop.ok("assign", "m", "v1.1.0", "prod")
    shop.ok("check")


def test_gates_that_speak_of_nothing_are_no_evidence(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.8}, PLACES % "gates")
    shop.edit(", gates: {floor: 0.5, max_regression: 0.01}", "")
    shop.commit()
    shop.ok("register", "m")
    assert "no gate speaks of a metric that it has" in shop.refused("assign", "m", "v1.0.0", "prod")


def test_a_card_with_gaps_keeps_a_version_out(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "gaps", {"a": 0.8}, PLACES % "card")
    shop.ok("register", "m")
    said = shop.refused("assign", "m", "v1.0.0", "prod")
    assert "card: its model card says nothing of: Intended use, Out-of-scope use" in said
    assert "experiments/a.yaml" in said
    whole = Shop(tmp_path / "whole", {"a": 0.8}, PLACES % "card", CARD)
    whole.ok("register", "m")
    whole.ok("assign", "m", "v1.0.0", "prod")


def test_check_may_ask_for_whole_cards(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "gaps", {"a": 0.8})
    shop.ok("check")
    assert "the model card of the candidate lacks Intended use, " in shop.refused("check", "--cards")
    shop.ok("register", "m")
    said = shop.refused("check", "--cards")
    assert "the model card of v1.0.0 lacks Intended use, " in said
    assert "write them under card: in experiments/a.yaml" in said
    whole = Shop(tmp_path / "whole", {"a": 0.8}, "", CARD)
    whole.ok("register", "m")
    whole.ok("check", "--cards")


def test_evidence_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.8}, PLACES % "package, reproduced")
    shop.ok("register", "m")
    said = shop.refused("assign", "m", "v1.0.0", "prod")
    run = shop.run("a")
    assert f"package: no stage of run {run} made a package of it" in said
    assert f"reproduced: no record says that run {run} was reproduced" in said
    assert f"`modelbook reproduce {run}`" in said


def test_an_unknown_requirement_is_a_fault_of_the_spec(shop: Shop) -> None:
    shop.edit("name: shop", "name: shop\nenvironments: {prod: {requires: [gate]}}")
    assert "did you mean gates?" in shop.wrong("check")


# -- by Git tags


def gto(shop: Shop) -> dict[str, object]:
    done = subprocess.run(
        ["gto", "show", "--json"],
        cwd=shop.path,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_tags_that_gto_reads(shop: Shop) -> None:
    for name in "ab":
        shop.ok("register", "m", "--run", shop.run(name), "--tag")
        shop.train({"a": 0.7, "b": 0.8, "c": 0.1})  # GTO wants a commit of its own for each version
    assert gto(shop)["m"] == {"version": "v1.1.0", "stage": {}, "registered": True, "active": True}
    shop.ok("assign", "m", "v1.0.0", "prod", "--tag")
    shop.ok("assign", "m", "v1.1.0", "dev", "--tag")
    shop.ok("assign", "m", "v1.1.0", "prod", "--tag")
    assert gto(shop)["m"]["stage"] == {"dev": "v1.1.0", "prod": "v1.1.0"}  # type: ignore[index]
    shop.ok("unassign", "m", "dev", "--tag")
    shop.ok("deprecate", "m", "v1.0.0", "--tag")
    assert gto(shop)["m"]["stage"] == {"prod": "v1.1.0"}  # type: ignore[index]
    model = shop.model()
    assert [(item.version, item.run, item.environments) for item in model.versions] == [
        ("v1.1.0", shop.run("b"), ("prod",))
    ]
    assert [item.tag for item in model.promotions] == ["m#dev!#6", "m#prod#5", "m#dev#4", "m#prod#3"]


def test_a_tag_names_its_run(shop: Shop) -> None:
    shop.ok("register", "m", "--run", shop.run("a"), "--tag")
    (version,) = shop.model().versions
    assert (version.run, version.tag, version.reason) == (shop.run("a"), "m@v1.0.0", None)
    assert "m v1.0.0 is registered by tag m@v1.0.0 alone" in shop.wrong("assign", "m", "v1.0.0", "prod")
    assert "every commit with run" in shop.wrong("register", "m", "--run", shop.run("b"), "--tag")


def test_a_tag_and_the_file_that_name_two_runs_are_a_problem(shop: Shop) -> None:
    shop.ok("register", "m", "--run", shop.run("a"), "--tag")
    shop.edit("    # below", f"    versions: {{v1.0.0: {json.dumps(shop.run('b'))}}}")
    says = f"m v1.0.0 is run {shop.run('b')} here and run {shop.run('a')} by Git tag m@v1.0.0"
    assert any(says in item.reason for item in shop.catalog().problems)


def test_counters_go_on_from_the_greatest() -> None:
    tags = [Tag(name=name, commit="c") for name in ("m@v1.0.0", "m#prod#7", "other#prod#9", "v1")]
    assert [registry.counter(tags, name) for name in ("m", "other", "new")] == [8, 10, 1]


# -- on the site


def page_of(shop: Shop) -> models.ModelPage:
    index = Index(shop.catalog())
    return models.page(index, index.catalog.models[0])


def test_the_models_page_says_what_is_required_and_what_lacks(tmp_path: Path) -> None:
    shop = Shop(tmp_path, {"a": 0.8, "b": 0.7}, PLACES % "gates, reproduced")
    shop.ok("register", "m", "--run", shop.run("a"))
    shop.edit("  m:\n", "  m:\n    environments: {prod: v1.0.0}\n")
    shop.commit()
    shop.ok("register", "m", "--run", shop.run("b"))
    shop.ok("deprecate", "m", "v1.1.0", "--reason", "Worse.")
    page = page_of(shop)
    ((place, requires, version, lacks),) = page.requirements.rows
    assert (place.text, requires.text, version.text) == ("prod", "gates, reproduced", "v1.0.0")
    assert lacks.text == f"reproduced: no record says that run {shop.run('a')} was reproduced"
    assert lacks.tone == "bad"
    states = [(row[0].text, row[1].text, row[1].title, row[1].tone) for row in page.versions.rows]
    assert states == [("v1.1.0", "deprecated", "Worse.", "bad"), ("v1.0.0", "prod", "", "good")]
    assert page.between is not None
    assert page.between.href == "changes/compare/index.html#base=m%40v1.0.0&head=m%40v1.1.0"
