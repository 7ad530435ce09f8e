"""What README and docs tell people to type can be typed, and what they point at is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from cli.main import app
from tests.support.deployments.prefect_file import DEPLOYMENTS, flow_of
from tests.support.documented import PAGES, ROOT, Command, commands

COMMANDS = [command for page in PAGES for command in commands(page)]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def those_of(program: str) -> list[Command]:
    return [command for command in COMMANDS if command.words[0] == program]


def parsed(words: list[str]) -> Any:
    """The context of the command, as the program would read its arguments; nothing is run."""
    command: Any = typer.main.get_command(app)
    context: Any = None
    while isinstance(command, TyperGroup):
        context = command.make_context(command.name, words, parent=context)
        if command.invoke_without_command and not context._protected_args:  # a group that is a command, too
            return context
        _, command, words = command.resolve_command(context, words)
    return command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("command", those_of("tidemark"), ids=" ".join)
def test_tidemark_takes_the_command(command: Command) -> None:
    assert parsed(command.words[1:]).command.callback


@pytest.mark.parametrize("words", ["runs lost", "run --dat 2025-04-01", "ddl --dialect oracle", "apply a b"])
def test_what_tidemark_does_not_take_would_be_seen(words: str) -> None:
    with pytest.raises(TyperException):
        parsed(words.split())


@pytest.mark.parametrize("command", those_of("make"), ids=" ".join)
def test_make_has_the_target(command: Command) -> None:
    assert re.search(rf"^{command.words[1]}:", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize(
    "command", [each for each in those_of("prefect") if each.words[1:3] == ["deployment", "run"]], ids=" ".join
)
def test_the_deployment_takes_the_parameters(command: Command) -> None:
    flow_name, _, name = command.words[3].partition("/")
    deployment = DEPLOYMENTS[name.removesuffix(".prod")]
    flow = flow_of(deployment)
    assert flow.name == flow_name
    given = dict(
        word.split("=", 1)
        for before, word in zip(command.words, command.words[1:], strict=False)
        if before == "--param"
    )
    asked = deployment["parameters"] | {"env": "local", "config": "config"} | given
    assert set(asked) <= set(flow.validate_parameters(asked))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    lost = [link for link in _LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert lost == []


def test_every_page_has_its_place_in_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    placed = set(re.findall(r"^ *- (?:[^:\n]+: )?([\w/-]+\.md)$", text, flags=re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert placed == {page for page in pages if not re.match(r"decisions/\d", page)}


def test_every_decision_is_listed_by_its_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"^\d+\. \[(.*)\]\((.*)\)$", (folder / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    decisions = sorted(folder.glob("0*.md"))
    titles = [page.read_text("utf-8").partition("\n")[0].partition(". ")[2] for page in decisions]
    assert listed == [(title, page.name) for title, page in zip(titles, decisions, strict=True)]
