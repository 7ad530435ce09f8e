"""What the SQL of both sides takes for a row that is not deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from tidemark.reconcile.received import not_set

if TYPE_CHECKING:
    from tidemark.reconcile.dialects import Kind


@pytest.mark.parametrize(
    ("kind", "sql_type", "living", "deleted"),
    [
        ("boolean", "BOOLEAN", [None, False], [True]),
        ("number", "SMALLINT", [None, 0], [1]),
        ("number", "DECIMAL(3, 1)", [None, 0], [1, 2.5]),
        ("text", "VARCHAR", [None, "", "0", "false", "N", "no", "?"], ["1", "true", " T ", "YES", "y"]),
    ],
)
def test_a_flag_means_what_it_means_to_a_load(
    kind: Kind, sql_type: str, living: list[object], deleted: list[object]
) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE marked (flag {sql_type})")
        connection.executemany("INSERT INTO marked VALUES (?)", [[value] for value in (*living, *deleted)])
        kept = connection.execute(f"SELECT flag FROM marked WHERE {not_set('flag', kind)}").fetchall()
    assert [value for (value,) in kept] == living
