"""The documentation says what is so: its tables, commands, links, examples and the README's tour."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

import doctables
import test_walls
from modelbook.cli import main as cli
from modelbook.spec import models, reports

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
TOUR = "## Five-minute tour"


def fences(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [body for _, found, body in FENCE.findall(text) if found == language]


def shell_lines(text: str) -> Iterator[str]:
    """Every command a page shows: in fenced shell blocks, and as inline code; no number of a report."""
    for body in fences(text, "sh"):
        yield from (re.split(r"\s#\s", line)[0].strip() for line in body.splitlines())
    yield from re.findall(r"`((?:modelbook (?!metric\b)|make )[^`]+)`", FENCE.sub("", text))


def invocations(text: str) -> Iterator[tuple[str, list[str]]]:
    """(subcommand, its words) of every `modelbook …` a page shows."""
    for line in shell_lines(text):
        for part in re.split(r"&&|\||;", line):
            words = part.replace("[", " ").replace("]", " ").split()
            if words and words[0].endswith("modelbook") and len(words) > 1 and words[1][0].isalpha():
                yield words[1], words[2:]


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def command(name: str) -> click.Command | None:
    """The command of that name."""
    return cli.get_command(click.Context(cli, **cli.context_settings), name)


def unknown_words(name: str, words: list[str]) -> list[str]:
    """What of an invocation the command line would not understand."""
    found = command(name)
    if found is None:
        return [name]
    known = {option for param in found.params for option in (*param.opts, *param.secondary_opts)} | {
        "--help",
        "-h",
    }
    own = words[: words.index("--")] if "--" in words else words
    return [word for word in own if word.startswith("-") and word.split("=")[0] not in known]


def models_below(model: type[BaseModel]) -> set[str]:
    """The names of a spec model and all it is made of."""
    return {model.__name__, *model.model_json_schema().get("$defs", {})}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_table_is_what_the_code_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert doctables.refreshed(text) == text, "run `make docs`"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_shown_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    faults = [
        f"{name}: {unknown}" for name, words in invocations(text) for unknown in unknown_words(name, words)
    ]
    assert not faults


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_make_target_shown_exists(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    shown = [
        line.split()[1] for line in shell_lines(path.read_text(encoding="utf-8")) if line.startswith("make ")
    ]
    assert not set(shown) - targets


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    faults = []
    for link in LINK.findall(FENCE.sub("", path.read_text(encoding="utf-8"))):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if re.match(r"\w+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            faults.append(link)
    assert not faults


def test_the_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    assert not [picture.name for picture in pictures if picture.stat().st_size > 200_000]


def test_every_command_is_described() -> None:
    described = set(
        re.findall(r"<!-- options: (\S+) -->", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"))
    )
    context = click.Context(cli, **cli.context_settings)
    visible = {
        part
        for name in cli.list_commands(context)
        if (found := cli.get_command(context, name)) and not found.hidden
        for part in (
            [f"{name}.{each}" for each in found.commands] if isinstance(found, click.Group) else [name]
        )
    }
    assert described == visible


def test_every_spec_model_is_described() -> None:
    described = set(
        re.findall(r"<!-- fields: (\S+) -->", (ROOT / "docs" / "specs.md").read_text(encoding="utf-8"))
    )
    assert described == models_below(models.Project) | models_below(models.Experiment)


def test_every_block_of_reports_is_described() -> None:
    page = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
    described = re.findall(r"(?m)^### (\w+)\n(?:[^#]*)<!-- fields: (\w+) -->", page)
    assert dict(described) == {kind: model.__name__ for kind, model in reports.KINDS.items()}


def test_the_blocks_in_the_docs_are_valid() -> None:
    text = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
    example = "\n".join(fences(text, "markdown"))
    assert "```modelbook" in example
    assert reports.issues(reports.parse_report(example, "docs/reports.md")) == ()


def test_every_room_is_described() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    described = {room: int(floor) for floor, room in re.findall(r"(?m)^\| (\d) \| `(\w+)` \|", page)}
    assert described == test_walls.FLOORS


def test_the_examples_are_valid(tmp_path: Path) -> None:
    """Blocks that start with `# mlproject.yaml` or `# experiments/NAME.yaml` make one faultless project."""
    blocks = fences((ROOT / "docs" / "specs.md").read_text(encoding="utf-8"), "yaml")
    named = {found[1]: block for block in blocks if (found := re.match(r"# (\S+\.yaml)\n", block))}
    assert "mlproject.yaml" in named
    assert len(named) > 2
    for name, block in named.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(block, encoding="utf-8")
    for name in ("prepare.py", "train.py", "data/flights.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    done = subprocess.run(["modelbook", "check"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "words", "unknown"),
    [
        ("sync", ["--check"], []),
        ("sync", ["--chekc"], ["--chekc"]),
        ("frobnicate", [], ["frobnicate"]),
    ],
)
def test_an_unknown_word_is_found(name: str, words: list[str], unknown: list[str]) -> None:
    assert unknown_words(name, words) == unknown


def test_by_hand_the_readme_installs_what_make_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (extras,) = re.findall(r"(?m)^FOR_DEMO := (.*)$", makefile)
    assert f'-c constraints.txt -e "{extras}"' in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_tour_of_the_readme_works_and_the_example_learns(tmp_path: Path) -> None:
    """Every command of the tour, one after the other, in a new folder that has an awkward name."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    tour = text[text.index(TOUR) :].split("\n## ", 1)[0]
    script = "\n".join(body for body in fences(tour, "sh") if "preview" not in body)
    name = 'a "b": c'
    start = "git init -b main moons && cd moons\n"
    assert script.count("moons") == start.count("moons") and start in script
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script.replace("moons", shlex.quote(name))],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "modelbook repro && modelbook build" in done.stdout
    assert "6 runs, no faults" in done.stdout
    made = tmp_path / name
    scores = {
        path.parent.name: json.loads(path.read_text())["accuracy"]
        for path in made.glob("results/*/metrics.json")
    }
    assert len(scores) == 6
    assert scores["cubic"] > scores["linear"] > 0.75
    assert (made / "site/index.html").exists()
