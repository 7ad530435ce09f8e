"""What errors tell people to type can be typed."""

from __future__ import annotations

import pytest
from typer.exceptions import TyperException

from tests.support.advice import Advice, advised_in_code, commands
from tests.unit.test_docs import parsed

ADVISED = [(advice, words) for advice in advised_in_code() for words in commands(advice.text)]


@pytest.mark.parametrize(
    ("advice", "words"), ADVISED, ids=[f"{advice.place} {' '.join(words)}" for advice, words in ADVISED]
)
def test_the_command_is_one(advice: Advice, words: list[str]) -> None:
    assert parsed(words).command.callback


def test_the_code_advises_much() -> None:
    told = {" ".join(words[:2]) for _, words in ADVISED}
    assert {"validate", "doctor", "runs list", "plan"} <= {words.partition(" --")[0] for words in told}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("let it end (tidemark runs show 0198f3), then run again", [["runs", "show", "0198f3"]]),
        ("tidemark plan makes a new one", [["plan"]]),
        ("tidemark apply 0198f3 finds it without the file", [["apply", "0198f3"]]),
        (
            "tidemark recover --run ab --undo takes that back; or tidemark restore --run r1 --leave a.b the others",
            [["recover", "--run", "ab", "--undo"], ["restore", "--run", "r1", "--leave", "a.b"]],
        ),
        (
            "tidemark --env prod --config 's3://of ours/shop' recover --run ab ends it",
            [["recover", "--run", "ab"]],
        ),
        ("see to it, then run tidemark itself", []),
    ],
)  # fmt: skip
def test_a_command_ends_where_prose_begins(text: str, found: list[list[str]]) -> None:
    assert commands(text) == found


@pytest.mark.parametrize("text", ["tidemark restore", "tidemark recover --redo", "tidemark runs lost", "tidemark ddl"])
def test_what_cannot_be_typed_would_be_seen(text: str) -> None:
    (words,) = commands(text)
    with pytest.raises(TyperException):
        parsed(words)
