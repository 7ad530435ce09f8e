"""docs/troubleshooting.md quotes messages that the code has, and at least one of every kind of error."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.reference.errors import ANY, ROOT, every, nodes, text_of

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
QUOTED = re.findall(r"^\| `([^`]+)` \|", PAGE, flags=re.MULTILINE)


@cache
def texts() -> tuple[str, ...]:
    """All texts of the code, `…` for what differs."""
    return tuple(dict.fromkeys(_texts()))


def _texts() -> Iterator[str]:
    for those in nodes().values():
        for node in those:
            if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                yield text_of(node).replace("`", "")


def quotes(quoted: str, text: str) -> bool:
    """Whether the text could be what is quoted: its words in their order, with anything where `…` stands."""
    at = 0
    for part in _parts(quoted):
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@cache
def _parts(quoted: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in quoted.split(ANY) if part.strip(" .:;,"))


def is_in_the_code(quoted: str) -> bool:
    """Whole, or as what an enum says at the end of what a message begins with (`…: it cannot be reached`)."""
    if any(quotes(quoted, text) for text in texts()):
        return True
    head, _, tail = quoted.rpartition(": ")
    return bool(head) and tail in texts() and any(quotes(head, text) for text in texts())


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_message_is_in_the_code(quoted: str) -> None:
    assert is_in_the_code(quoted)


def test_a_message_that_is_not_there_would_be_seen() -> None:
    assert not is_in_the_code("the lake … belongs to nobody")
    assert not is_in_the_code("… could not be read from …: it is asleep")


def test_every_kind_of_error_is_there() -> None:
    assert len(QUOTED) > 40
    told = {each.kind for each in every() for quoted in QUOTED if quotes(quoted, each.message.replace("`", ""))}
    assert {each.kind for each in every()} - {"AwsError"} - told == set()
