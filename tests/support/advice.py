"""The commands that errors advise: found in the code that makes the errors, and in the errors themselves.

Advice is a sentence: a command in it goes as far as its own words go, and prose follows. A word counts as a subcommand,
an option or an argument where `tidemark` knows it as one.
"""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup, TyperOption

from cli.main import app

ROOT = Path(__file__).parents[2]
SOURCES = ("src/tidemark", "blocks", "tasks", "flows", "cli")
_ENDS = ",;:.)`"


class Advice(NamedTuple):
    """What one place in the code advises; an unknown value stands there as a word that could be one."""

    place: str
    text: str


def advised_in_code() -> list[Advice]:
    """Every text of the code with `tidemark …` in it, but for docstrings."""
    return [advice for folder in SOURCES for file in sorted((ROOT / folder).rglob("*.py")) for advice in _advised(file)]


def commands(advice: str) -> list[list[str]]:
    """The commands in an advice, each as the words after `tidemark`."""
    found = []
    for part in advice.split("tidemark ")[1:]:
        words = _words(part)
        if words:
            found.append(words)
    return found


def _words(text: str) -> list[str]:
    """The words of the command that the text begins with; none where it begins with prose."""
    command: Any = typer.main.get_command(app)
    words, taken = _after_where(_split(text)), list[str]()
    while isinstance(command, TyperGroup) and words and words[0].rstrip(_ENDS) in command.commands:
        word = words.pop(0)
        command = command.commands[word.rstrip(_ENDS)]
        taken.append(word.rstrip(_ENDS))
        if word != word.rstrip(_ENDS):
            return taken
    if not taken:
        return []
    options = {name: each for each in command.params if isinstance(each, TyperOption) for name in each.opts}
    arguments = [each for each in command.params if not isinstance(each, TyperOption)]
    while words:
        word, ended = words[0].rstrip(_ENDS), words[0] != words[0].rstrip(_ENDS)
        if word.startswith("--"):
            taken.append(word)
            words.pop(0)
            option = options.get(word)
            if option is None:
                return taken  # the parser will say that there is none
            if not option.is_flag and words and not ended:
                value, ended = words[0].rstrip(_ENDS), words[0] != words[0].rstrip(_ENDS)
                taken.append(value)
                words.pop(0)
        elif arguments and not isinstance(command, TyperGroup):
            arguments.pop(0)
            taken.append(word)
            words.pop(0)
        else:
            return taken
        if ended:
            return taken
    return taken


def _after_where(words: list[str]) -> list[str]:
    """The words after the options that say where a command is to work, which stand before its name."""
    while words and words[0] in ("--env", "--config"):
        words = words[2:]
    return words


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text.partition("\n")[0])
    except ValueError:  # an apostrophe of prose
        return text.partition("\n")[0].split()


def _advised(file: Path) -> Iterator[Advice]:
    tree = ast.parse(file.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part != node
    }
    for node in ast.walk(tree):
        if id(node) in prose or id(node) in inside:
            continue
        text = _text(node)
        if text and "tidemark " in text:
            yield Advice(f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", text)


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "" for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _value(ast.unparse(node.value))
    return None


def _value(expression: str) -> str:
    """A word that could stand where the expression does."""
    if "'" in expression or '"' in expression:
        return "value"
    known = {"table": "bronze.people", "env": "local", "date": "2025-03-01", "day": "2025-03-01", "start": "2025-03-01"}
    return next((word for name, word in known.items() if name in expression), "0198f3c2")
