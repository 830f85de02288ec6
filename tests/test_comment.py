"""The comment: what stands first, what is folded, its length, and that no text of a fork leaves its span."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

import verdict_sample
from modelbook import comment
from modelbook.records import CodeChange, MetricInfo
from modelbook.verdict import Side, Verdict

SITE = "https://acme.example/models"
CANARY = "Zz9canary"
RENAMED = "`tree` (`tree-old` before)"
ENUMS = {"kind", "status", "state", "direction"}


def tokens(markdown: str) -> Iterator[Token]:
    """Every token of the rendered Markdown, inner ones in the place of what holds them."""
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        yield from token.children if token.children is not None else [token]


def rows(markdown: str) -> list[list[str]]:
    """Cells of the first table, as they stand."""
    table = re.split(r"\n\n", markdown[markdown.index("\n| ") :].lstrip())[0]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()[2:]]


def poisoned(node: Any, poison: str, key: str = "") -> Any:
    """A verdict's plain data with a text in the place of every string that a repository could choose."""
    if isinstance(node, dict):
        return {name: poisoned(item, poison, name) for name, item in node.items()}
    if isinstance(node, list | tuple):
        return [poisoned(item, poison, key) for item in node]
    if isinstance(node, str) and key not in ENUMS:
        return poison
    return node


def hostile(poison: str) -> Verdict:
    """The sample with a text in all places."""
    return msgspec.convert(poisoned(msgspec.to_builtins(verdict_sample.verdict()), poison), Verdict)


def test_the_answer_comes_first_behind_the_marker() -> None:
    lines = comment.render(verdict_sample.verdict(), name="a.b-1").splitlines()
    assert lines[0] == "<!-- modelbook:diff a.b-1 -->"
    assert lines[1] == "**A gate does not let this pass.** 5 runs of 15 differ."
    assert lines[3] == "- `best of flights (hgb): roc_auc went from 0.7123 to 0.69`"


def test_what_failed_and_headlines_come_before_the_rest() -> None:
    found = rows(comment.render(verdict_sample.verdict()))
    assert found[0] == [
        "`hgb`, `best of flights`",
        "`roc_auc`",
        "0.7123",
        "0.6900",
        "-0.0223 (-3.1%)",
        "**fails** `max_regression` 0.005",
    ]
    assert [row[:2] for row in found[1:4]] == [
        [name, "`roc_auc`"] for name in ("`logreg`", "`new` (added)", RENAMED)
    ]
    assert sum(row[0].startswith("`hgb`") and row[1] == "`log_loss`" for row in found) == 1, (
        "told by what decides"
    )
    assert ["`hgb`", "`f1`", "", "not pulled", "added"] in [row[:5] for row in found]
    assert ["`hgb`", "`ece`", "0.1", "unreadable", "changed"] in [row[:5] for row in found]


def test_ten_metrics_are_shown_and_the_rest_is_folded() -> None:
    run = verdict_sample.run("hgb", *(verdict_sample.moved(f"m{at:03}", 1, 2) for at in range(200)))
    markdown = comment.render(replace(verdict_sample.verdict(), runs=(run,), leaders=(), files=()))
    assert len(rows(markdown)) == comment.MOST_METRICS
    assert "<summary>190 more metrics</summary>" in markdown
    assert "and 130 more\n" in markdown


def test_everything_else_is_folded_and_named() -> None:
    markdown = comment.render(verdict_sample.verdict())
    assert re.findall(r"<summary>(.*)</summary>", markdown) == [
        "1 mean over seeds",
        "4 runs by how far their headline metric moved",
        "3 runs came, went or are renamed",
        "7 params",
        "1 data set",
        "5 changes of the pipeline",
        "10 files of code",
        "1 change of what it ran on",
        "1 file that cannot be read",
    ]
    for said in (
        "1.0 kB → 2.0 kB",
        "3 → 4",
        "+3 −1",
        "binary",
        "`bad/dvc.yaml`: `is no YAML`",
        "`tree` was `tree-old`",
        "and 7 more",
    ):
        assert said in markdown


def test_links_lead_to_the_site_alone() -> None:
    markdown = comment.render(verdict_sample.verdict(), site=SITE + "/")
    hrefs = [str(token.attrs["href"]) for token in tokens(markdown) if token.type == "link_open"]
    assert f"{SITE}/runs/{verdict_sample.NEW}/index.html" in hrefs
    assert f"{SITE}/commits/{'1' * 12}/index.html" in hrefs
    assert any(href.startswith(f"{SITE}/changes/compare/index.html#") for href in hrefs)
    assert all(href.startswith(SITE + "/") for href in hrefs)
    assert "](" not in comment.render(verdict_sample.verdict())


def test_nothing_changed_is_one_line() -> None:
    side = Side(label="main", commit="1" * 40)
    found = Verdict(base=side, head=side, status="unchanged", code=CodeChange(more=2))
    assert comment.quiet(found)
    assert comment.render(found) == (
        "<!-- modelbook:diff models -->\n**No model changed.** 2 files of code differ.\n"
    )
    assert not comment.quiet(replace(found, problems=verdict_sample.verdict().problems))


@pytest.mark.parametrize("status", ["passed", "failed", "stale", "unjudged", "unchanged"])
def test_every_status_has_its_sentence(status: Any) -> None:
    markdown = comment.render(replace(verdict_sample.verdict(), status=status))
    assert markdown.splitlines()[1].startswith("**")


def test_what_could_not_be_judged_is_folded_where_the_rest_passed() -> None:
    markdown = comment.render(
        replace(verdict_sample.verdict(), status="passed", reasons=("a: has no value",))
    )
    assert "- `a: has no value`" not in markdown.split("<details>")[0]
    assert "<summary>1 gate could not judge</summary>\n\n- `a: has no value`" in markdown


def test_a_chart_only_where_two_runs_can_be_compared() -> None:
    found = verdict_sample.verdict()
    chart = comment.render(found).split("```text\n")[1].split("\n```")[0]
    assert chart.splitlines() == [
        "logreg                 │████████████████ +0.05 (+8.3%)",
        "new                    │████████████████ +0.05 (+10.0%)",
        "hgb             ███████│                 -0.0223 (-3.1%)",
        "tree                   │█                +0.0001 (+0.0%)",
    ]
    assert "```" not in comment.render(replace(found, runs=found.runs[:1]))


def test_the_length_is_capped_and_what_is_left_out_is_said() -> None:
    found = verdict_sample.verdict()
    runs = tuple(
        verdict_sample.run(f"run {at} {'x' * 200}", verdict_sample.moved("m" * 200, 1, 2))
        for at in range(300)
    )
    code = (
        CodeChange(files=tuple(replace(found.code.files[0], path=f"{at}{'y' * 300}") for at in range(400)))
        if found.code
        else None
    )
    commands = tuple((f"stage {at}" + "s" * 90, "c" * 500, "d" * 500) for at in range(200))
    markdown = comment.render(
        replace(found, runs=runs, code=code, graph=replace(found.graph, commands=commands)),
        site="https://x/" + "p" * 300,
    )
    assert len(markdown) <= comment.MOST_LETTERS < 65_536
    assert "Left out, for a comment has an end: " in markdown
    assert "1 file that cannot be read" in markdown
    assert len(rows(markdown)) == comment.MOST_METRICS


@given(st.text(max_size=200))
@example("`" * 30)
@example("a`b``c```")
@example("|")
@example("\\|")
@example("\\")
@example("\r\n\r\n# x")
@example("\u202egnp.exe\u2066\u200b\x00")
@example("\ud800")
def test_a_code_span_holds_whatever_there_is(raw: str) -> None:
    span = comment.code(raw)
    assert "\n" not in span
    assert "|" not in span
    assert len(span) < 300
    found = list(tokens(f"x {span} y"))
    assert [token.type for token in found] == [
        "paragraph_open",
        "text",
        "code_inline",
        "text",
        "paragraph_close",
    ]


ATTACKS = [
    f"{CANARY}",
    f"@{CANARY} #1 GH-1 acme/x#2 {'f' * 40} :+1:",
    f"| {CANARY} | b |\n| --- |",
    f"`{CANARY}` ``` {CANARY}",
    f"```\n{CANARY}\n```",
    f"<img src=x onerror={CANARY}><!-- {CANARY} -->",
    f"--> <!-- modelbook:diff {CANARY} -->",
    f"</summary></details><script>{CANARY}</script>",
    f"![{CANARY}](https://evil.example/{CANARY}.png)",
    f"[{CANARY}](javascript:{CANARY})",
    f"https://{CANARY}.example www.{CANARY}.example a@{CANARY}.example",
    f"\n\n# {CANARY}\n\n> {CANARY}\n\n- [ ] {CANARY}",
    f"\\`{CANARY}\\",
    f'"] %%{{init: {{}}}}%% {CANARY}\nclick A "javascript:{CANARY}"',
    f"&lt;{CANARY}&gt;&#64;{CANARY}",
    f"$\\ce{{{CANARY}}}$ $`{CANARY}`$",
    f"\u202e{CANARY}\u2028{CANARY}\x85{CANARY}\x0c",
    CANARY + "x" * 5_000,
]
PIECES = st.sampled_from(
    [CANARY, "`", "``", "|", "\n", "\\", "<", ">", "[", "](", "@", "#1", "*", "_", " ", "é", "\u202e"]
)


@given(
    st.one_of(
        st.sampled_from(ATTACKS), st.lists(PIECES, max_size=30).map(lambda parts: CANARY + "".join(parts))
    )
)
@settings(max_examples=150)
def test_nothing_that_a_repository_says_leaves_its_code_span(poison: str) -> None:
    markdown = comment.render(hostile(poison), site=SITE)
    assert len(markdown) <= comment.MOST_LETTERS
    for token in tokens(markdown):
        if token.type in ("code_inline", "fence"):
            continue
        assert CANARY not in token.content, token
        assert CANARY not in str(token.attrs), token
        assert not re.search(r"[@#]|://|www\.|\$", token.content), token
        if token.type in ("html_block", "html_inline"):
            assert re.fullmatch(
                r"<!-- modelbook:diff models -->\n?|"
                r"<details><summary>[\w ,]+</summary>\n?|</details>\n?",
                token.content,
            ), token
        assert token.type != "image"
    assert re.search(CANARY, markdown)


@pytest.mark.parametrize("poison", ATTACKS)
def test_no_cell_is_added_to_a_table(poison: str) -> None:
    widths: set[int] = set()
    heads = 0
    for token in tokens(comment.render(hostile(poison))):
        heads = 0 if token.type == "tr_open" else heads + (token.type in ("td_open", "th_open"))
        if token.type == "tr_close":
            widths.add(heads)
    assert widths == {3, 4, 6, 7}
    lines = [line for line in comment.render(hostile(poison)).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {4, 5, 7, 8}


@pytest.mark.parametrize("poison", ATTACKS)
def test_no_name_ends_the_fence_of_a_chart(poison: str) -> None:
    (chart,) = [token for token in tokens(comment.render(hostile(poison))) if token.type == "fence"]
    assert chart.info == "text"
    assert "`" not in chart.content
    lines = chart.content.splitlines()
    assert len(lines) == 5
    assert all(re.fullmatch(r".{1,24} [ █]{16}│[ █]{16} \S+ \(\S+\)", line) for line in lines)


@pytest.mark.parametrize("form", [".999999999f", ">99999999", "*^1000000.3f", ".400%", "n", "{}", "0" * 50])
def test_a_format_that_asks_for_the_moon_is_not_used(form: str) -> None:
    found = replace(verdict_sample.verdict(), metrics=(MetricInfo(name="roc_auc", format=form),))
    assert rows(comment.render(found))[0][2] == "0.7123"


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), 10**400, -(10**400), True, None, [[1] * 10_000], {}, "x" * 10_000]
)
def test_any_value_can_be_shown(number: object) -> None:
    change = verdict_sample.moved("m", 1, 2)
    odd = replace(change, after=verdict_sample.value(number, "m"), delta=None)
    markdown = comment.render(replace(verdict_sample.verdict(), runs=(verdict_sample.run("hgb", odd),)))
    assert len(markdown) < 10_000


@pytest.mark.parametrize("name", ["", "a b", "x -->", "a\n", "-a", "x" * 51, "ä"])
def test_a_name_that_could_end_the_hidden_line_is_refused(name: str) -> None:
    with pytest.raises(comment.BadComment, match="--name"):
        comment.marker(name)


@pytest.mark.parametrize(
    "site",
    ["acme.example", "javascript:alert(1)", "https://a b", "https://a/)x", "https://a/<b>", "https://u@h/"],
)
def test_a_site_that_is_no_address_is_refused(site: str) -> None:
    with pytest.raises(comment.BadComment, match="--site"):
        comment.render(verdict_sample.verdict(), site=site)
