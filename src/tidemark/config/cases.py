"""Tests of a table's query: `<layer>/<table>.test.yaml` with rows of its inputs, and the rows that come of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tidemark.config.files.modelfile import build
from tidemark.config.files.yamltext import Document, parse
from tidemark.errors import ConfigError, Finding

SUFFIX = ".test.yaml"
Rows = tuple[dict[str, Any], ...]


class Case(BaseModel):
    """Rows that are given, and rows that are expected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="What is so, in words.", examples=["a cancelled line earns nothing"])
    given: dict[str, Rows] = Field(
        default={},
        description=(
            "By table, the rows that it has. A column that a row does not name is null; a table that is not named "
            "has no row."
        ),
        examples=[{"bronze.web_returns": [{"return_id": "RET-1", "reason": "late", "refund": 5}]}],
    )
    expect: Rows = Field(
        description="All rows that come of that, in any order. Only the columns that they name are compared.",
        examples=[[{"reason": "late", "return_count": 1}]],
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are compared."""
        return tuple(dict.fromkeys(name for row in self.expect for name in row))


class Cases(BaseModel):
    """The tests of one table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tests: tuple[Case, ...] = Field(min_length=1, description="One after another, each for itself.")


def path_of(config_dir: Path, table: str) -> Path:
    """Where the tests of a table lie."""
    layer, _, name = table.partition(".")
    return config_dir / layer / f"{name}{SUFFIX}"


def read_cases(path: Path) -> tuple[Cases | None, Document, list[Finding]]:
    """The tests in a file as far as they can be read, their document for line numbers and texts, what is wrong."""
    document = parse(path)
    cases, findings = build(document, Cases)
    return cases, document, findings


def load_cases(path: Path) -> tuple[Cases, Document]:
    """The tests in a file; raises `ConfigError` with everything wrong in it."""
    cases, document, findings = read_cases(path)
    if cases is None or findings:
        raise ConfigError(f"{path} is not valid", findings=findings, next_step="tidemark validate")
    return cases, document
