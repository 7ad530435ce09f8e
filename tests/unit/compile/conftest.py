"""Contracts made in memory, for tests of what is compiled from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tidemark.config.contract import Check, Column, Contract, Freshness


@pytest.fixture
def contract_of() -> Callable[..., Contract]:
    """Builds a contract from its columns; keys follow from their positions."""

    def build(
        *columns: Column,
        table: str = "silver.things",
        checks: tuple[Check, ...] = (),
        freshness: Freshness | None = None,
        description: str | None = None,
    ) -> Contract:
        keyed = sorted((column for column in columns if column.key_position), key=lambda each: each.key_position or 0)
        return Contract(
            table=table,
            version="1.0.0",
            columns=columns,
            keys=tuple(column.name for column in keyed),
            checks=checks,
            freshness=freshness,
            tags=(),
            path=Path(f"{table.replace('.', '/')}.contract.yaml"),
            description=description,
        )

    return build
