"""Specs of old commits: what they inherit, and cards written in Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitrepo import GitRepo
from modelbook import history
from modelbook.history import wishes
from modelbook.records import Spec


def spec(name: str, **data: object) -> Spec:
    return wishes.spec(f"experiments/{name}.yaml", "0" * 40, data)


@pytest.mark.parametrize("extends", ["base", "base.yaml", "./base.yml", "../experiments/base.yaml"])
def test_a_spec_takes_what_it_does_not_say_from_its_parents(extends: str) -> None:
    base = spec("base", pipeline="flights", owner="team", tags=["trees"], abstract=True)
    child, _base = wishes.inherit([spec("child", extends=extends, owner="me"), base])
    assert [link.name for link in child.chain] == ["base"]
    assert (child.pipeline, child.owner, child.tags) == ("flights", "me", ("trees",))


def test_tags_given_empty_are_not_inherited() -> None:
    child, _base = wishes.inherit([spec("child", extends="base", tags=[]), spec("base", tags=["trees"])])
    assert child.tags == ()


def test_a_chain_ends_at_a_loop_and_at_a_missing_parent() -> None:
    one, two, three = wishes.inherit(
        [spec("one", extends="two"), spec("two", extends="one"), spec("three", extends="gone")]
    )
    assert [link.name for link in one.chain] == ["two"]
    assert [link.name for link in two.chain] == ["one"]
    assert three.chain == ()


CARD = """# Flight delay

Of whom this is.

## Intended use ##

Rank flights.

```
## not a heading
```

### Details
Still intended use.

## Ethical considerations
None known.
"""


def test_a_markdown_card_is_cut_at_its_second_level_headings() -> None:
    sections = wishes.card_sections(CARD)
    assert list(sections) == ["about", "intended_use", "ethical_considerations"]
    assert sections["about"] == "Of whom this is."
    assert "## not a heading" in sections["intended_use"]
    assert sections["intended_use"].endswith("Still intended use.")


@given(st.text(alphabet="#`~ \nab", max_size=60))
def test_any_text_is_a_card(text: str) -> None:
    assert all(body.strip() for body in wishes.card_sections(text).values())


PROJECT = "name: p\npipelines:\n  f:\n    stages: {}\n"


def test_a_card_file_is_read_at_the_commit_of_its_spec(tmp_path: Path) -> None:
    repo = GitRepo(tmp_path / "repo", bare=True)
    files = {"mlproject.yaml": PROJECT, "experiments/a.yaml": "pipeline: f\ncard: cards/a.md\n"}
    repo.commit({**files, "cards/a.md": "## Factors\nold\n"})
    repo.commit({"cards/a.md": "## Factors\nnew\n"})
    repo.commit({"cards/a.md": None})
    gone, new, old = history.read(repo.path).snapshots
    assert (old.specs[0].card, new.specs[0].card) == ({"factors": "old"}, {"factors": "new"})
    assert new.specs[0].card_file == "cards/a.md"
    assert [problem.path for problem in gone.problems if "card" in problem.reason] == ["experiments/a.yaml"]
    assert gone.specs[0].card == {}
