"""After three days of the shop, the last refused by a gate: its people are where docs/privacy.md says, nowhere else.

Who they are, the shop's own ledger says. Every file, record and row is searched for their addresses and numbers.
"""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sandbox.home import Home
from sandbox.seeding.aws import LANDING, client
from tests.support.worlds import prefect_database
from tests.support.worlds.world import GOLD, Poisoned, World, ledger

pytestmark = pytest.mark.timeout(1800)

TELLING = {
    "silver.customer_versions": ("email", "phone", "street"),
    "silver.contacts": ("email", "phone"),
    "silver.account_versions": ("owner_email",),
}
"""Columns by whose values a person is known; a first name, or a day, is also something else's."""
AS_THEY_ARE = {"lake/bronze", "lake/silver", "lake/_errors"}
"""Where docs/privacy.md says that values are as they came, when no run is under way."""
_TELLS = 5
"""Characters: what is shorter ("7" as a street) is in any text."""


@pytest.fixture(scope="module")
def people() -> frozenset[str]:
    """What tells who somebody is, by the ledger of both days."""
    values = (row[each] for table, columns in TELLING.items() for row in ledger(31).expected(table) for each in columns)
    return frozenset(str(value) for value in values if value and len(str(value)) >= _TELLS)


def test_buckets_hold_nobody_once_the_runs_are_over(world: World, people: frozenset[str]) -> None:
    """First, as of a run that fails the exchange bucket keeps what it had on its way, for a day."""
    assert _found(people, _objects(world)) == {}


def test_files_hold_people_where_the_page_says(world: World, poisoned: Poisoned, people: frozenset[str]) -> None:
    assert poisoned.answer.returncode != 0
    found = _found(people, _files(world.home))

    assert {"lake/bronze", "lake/silver", "lake/_errors"} <= found.keys(), "this looks, and finds"
    assert len(found["lake/silver"]) > 0.9 * len(people), "but for values that are a part of another"
    assert {place: sorted(values)[:5] for place, values in found.items() if place not in AS_THEY_ARE} == {}


@pytest.mark.usefixtures("poisoned")
def test_warehouses_hold_nobody(world: World, people: frozenset[str]) -> None:
    rows = world.published_rows()
    assert {table for _, table in rows} == set(GOLD)
    texts = ((f"{warehouse} {table}", str(given).encode()) for (warehouse, table), given in rows.items())

    assert _found(people, texts) == {}


@pytest.mark.usefixtures("poisoned")
def test_prefects_database_holds_nobody(world: World, people: frozenset[str]) -> None:
    tables = prefect_database.tables(world.home)
    assert {"log", "artifact", "flow_run", "task_run", "events"} <= tables.keys()

    assert _found(people, iter(tables.items())) == {}


@pytest.mark.usefixtures("poisoned")
def test_what_is_shown_on_the_terminal_tells_nobody(world: World, people: frozenset[str]) -> None:
    commands = (["errors", "list"], ["runs", "list"], ["ls"], ["errors", "show", "silver.customers"])
    answers = ((" ".join(each), world.tidemark(*each)) for each in commands)
    told = ((name, f"{answer.stdout}{answer.stderr}".encode()) for name, answer in answers)

    assert _found(people, told) == {}


def _found(people: frozenset[str], texts: Iterator[tuple[str, bytes]]) -> dict[str, set[str]]:
    """Of each place, the values that are in its texts."""
    found: dict[str, set[str]] = defaultdict(set)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as patterns:
        patterns.write("\n".join(sorted(people)))
        patterns.flush()
        search = ["grep", "--text", "--only-matching", "--fixed-strings", f"--file={patterns.name}"]
        for place, text in texts:
            answer = subprocess.run(search, input=text, capture_output=True, check=False)
            assert answer.returncode in (0, 1), answer.stderr
            found[place] |= set(answer.stdout.decode().splitlines())
    return {place: values for place, values in found.items() if values}


def _files(home: Path) -> Iterator[tuple[str, bytes]]:
    """What lies on disk, Prefect's home with it, but not the shop's own systems; of tables the rows, not the bytes."""
    systems = Home(home).folder
    for file in (each for each in home.resolve().rglob("*") if each.is_file() and not each.is_relative_to(systems)):
        parts = file.relative_to(home.resolve()).parts
        yield "/".join(parts[:2]) if parts[0] == "lake" else parts[0], _content(file)


def _content(file: Path) -> bytes:
    if file.suffix == ".parquet":
        return str(pq.ParquetFile(file).read().to_pylist()).encode()
    if file.suffix == ".db":
        with closing(sqlite3.connect(file)) as store:
            values = [value for (value,) in store.execute("SELECT value FROM records")]
        return b"\n".join(map(_unpacked, values))
    return file.read_bytes()


def _unpacked(value: str) -> bytes:
    packed = value.removeprefix("zlib:")
    return zlib.decompress(base64.b64decode(packed)) if packed != value else value.encode()


def _objects(world: World) -> Iterator[tuple[str, bytes]]:
    """What lies in the buckets of the account, but for the landing zone, which is the shop's."""
    s3 = client(world.endpoints, "s3")
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"] != LANDING):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                yield bucket, _object(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


def _object(content: bytes) -> bytes:
    if not content.startswith(b"PAR1"):
        return content
    return str(pq.read_table(BytesIO(content)).to_pylist()).encode()
