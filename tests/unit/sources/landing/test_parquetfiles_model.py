"""Generated Parquet files against pyarrow's reader: what a file holds comes in as it is, or its row is refused."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.lakes.landing import LandingFolder
from tests.support.odd.kinds import KINDS, REFUSED, of_pyarrow
from tidemark import steps

ROWS, FILES = 25, 20
COLUMNS = "id int\nn bigint\nd decimal(20,4)\ns string\nf double\nt timestamp\nb boolean\nday date"


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[dict[str, Any]]]:
    """A file's table, and what it means row by row."""
    arrays, meant = {}, [dict[str, Any]() for _ in range(ROWS)]
    for name in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, unique=True)):
        kind = draw(st.sampled_from(KINDS[name]))
        values = draw(st.lists(st.none() | kind.values, min_size=ROWS, max_size=ROWS))
        arrays[name] = pa.array(of_pyarrow(kind.type, values), kind.type)
        for row, value in zip(meant, values, strict=True):
            row[name] = None if value is None else kind.meaning(value)
    return pa.table(arrays), meant


def examples() -> list[tuple[pa.Table, list[dict[str, Any]]]]:
    found: list[tuple[pa.Table, list[dict[str, Any]]]] = []

    @settings(max_examples=FILES, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(tables())
    def note(made: tuple[pa.Table, list[dict[str, Any]]]) -> None:
        found.append(made)

    note()
    return found


def same(found: Any, meant: Any) -> bool:
    if isinstance(meant, list | dict):
        return found is not None and json.loads(found) == meant
    if isinstance(meant, float):
        return found is not None and (found == meant and math.copysign(1, found) == math.copysign(1, meant))
    return bool(found == meant)


def test_each_row_is_what_its_file_says_or_refused(parquet_landing: LandingFolder) -> None:
    parquet_landing.columns = COLUMNS
    meant: dict[int, dict[str, Any]] = {}
    for number, (table, rows) in enumerate(examples()):
        ids = range(number * ROWS, (number + 1) * ROWS)
        meant |= dict(zip(ids, rows, strict=True))
        buffer = io.BytesIO()
        pq.write_table(table.append_column("id", pa.array(ids, pa.int32())), buffer)
        parquet_landing.put(f"{number:02}.parquet", buffer.getvalue())
    extract = parquet_landing.extract()
    checked = steps.validate(parquet_landing.lake.engine(), "bronze.events", extract)
    found = {row["id"]: row.asDict() for row in checked.judged.collect()}
    assert sorted(found) == sorted(meant)
    for number, expected in meant.items():
        row = found[number]
        refused = [name for name, value in expected.items() if value is REFUSED]
        assert row["__tidemark_bad"] == bool(refused), (refused, expected, row)
        if not refused:
            wrong = {name: (row[name], value) for name, value in expected.items() if not same(row[name], value)}
            assert not wrong, row
