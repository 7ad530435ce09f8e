"""The reference says every key, option, setting and variable that there is, and says it as the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from blocks.logins.connections import BLOCKS
from tests.support.reference import FOLDER, PAGES, commands, keys
from tests.support.reference.variables import VARIABLES
from tidemark.config.schemas import MODELS, json_schema

ROOT = Path(__file__).parents[2]
_SETTING = re.compile(r"\bsettings(?:\.get\(|\[)\"(\w+)\"")
_VARIABLE = re.compile(r"environ(?:\.get\(|\[)\"(\w+)\"|envvar=\"(\w+)\"")


def sources(*folders: str) -> Iterator[str]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "python -m tests.support.reference"


def test_every_page_is_in_the_index() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in PAGES if f"({name})" not in index] == []


@pytest.mark.parametrize("kind", MODELS)
def test_every_key_is_there(kind: str) -> None:
    schema = json_schema(kind)
    page = PAGES[f"{kind}.md"]()
    found = {each.model for each in keys.sections(schema)}
    assert set(schema["$defs"]) - found <= {"AllBut", "Limit"}
    for section in keys.sections(schema):
        part = page.partition(f"## {section.heading}\n")[2].partition("\n## ")[0]
        assert [key for key in section.schema["properties"] if f"`{key}`" not in part] == [], section.heading


def test_every_option_of_every_command_has_a_meaning() -> None:
    every = list(commands.every())
    assert len(every) > 30
    assert {name for name, _ in every} == set(commands.EXAMPLES)
    silent = [f"{name} {each.name}" for name, command in every for each in command.params if not each.help]
    assert silent == []
    assert [name for name, command in every if not command.help] == []


def test_every_setting_of_a_connection_is_there() -> None:
    read = {name for text in sources("src/tidemark", "blocks") for name in _SETTING.findall(text)}
    told = {name for block in BLOCKS.values() for name in block.setting_names()}
    conf = {"s3"}  # of boto3's own configuration
    assert read - conf - told - {name for names in keys.FURTHER.values() for name in names} == set()


def test_every_variable_is_there() -> None:
    found = (each for text in sources("src", "cli", "flows", "tasks", "blocks") for each in _VARIABLE.findall(text))
    read = {first or second for first, second in found} - {"PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"}
    written = {"JAVA_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"}
    assert read - written - set(VARIABLES) == set()
