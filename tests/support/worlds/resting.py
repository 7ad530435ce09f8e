"""All that rests of a world, as text that can be searched: files, records, objects in buckets, versions of tables.

Of tables the rows, not the bytes; what is packed is unpacked.
"""

from __future__ import annotations

import base64
import sqlite3
import subprocess
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError

from sandbox.home import Endpoints, Home
from sandbox.seeding.aws import LANDING, client
from tests.support.worlds.world import World

Text = tuple[str, bytes]
"""Where it rests, and what it says."""
_PARQUET = b"PAR1"


def found(values: Collection[str], texts: Iterable[Text]) -> dict[str, set[str]]:
    """Of each place, the values that are in its texts."""
    held: dict[str, set[str]] = defaultdict(set)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as patterns:
        patterns.write("\n".join(sorted(values)))
        patterns.flush()
        search = ["grep", "--text", "--only-matching", "--fixed-strings", f"--file={patterns.name}"]
        for place, text in texts:
            answer = subprocess.run(search, input=text, capture_output=True, check=False)
            assert answer.returncode in (0, 1), answer.stderr
            held[place] |= set(answer.stdout.decode().splitlines())
    return {place: values for place, values in held.items() if values}


def files(home: Path) -> Iterator[Text]:
    """What lies on disk, Prefect's home with it, but not the shop's own systems."""
    systems = Home(home).folder
    for file in (each for each in home.resolve().rglob("*") if each.is_file() and not each.is_relative_to(systems)):
        parts = file.relative_to(home.resolve()).parts
        yield "/".join(parts[:2]) if parts[0] == "lake" else parts[0], _content(file)


def objects(endpoints: Endpoints) -> Iterator[Text]:
    """What lies in the buckets of the account, but for the landing zone, which is the shop's."""
    s3 = client(endpoints, "s3")
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"] != LANDING):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", []):
                yield bucket, _decoded(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())


def published(world: World) -> Iterator[Text]:
    """What the warehouses hold."""
    for (warehouse, table), rows in world.published_rows().items():
        yield f"{warehouse} {table}", str(rows).encode()


def versions(lake: Path) -> Iterator[Text]:
    """The rows of every version of every table that somebody can still go back to, read by another reader than ours."""
    for log in sorted(lake.glob("*/*/_delta_log")):
        table, newest = log.parent, DeltaTable(log.parent).version()
        for version in range(newest + 1):
            try:
                rows = _rows(DeltaTable(table, version=version))
            except (DeltaError, OSError):
                if version == newest:
                    raise
                continue
            yield f"{table.relative_to(lake)} @ {version}", str(rows).encode()


def _rows(table: DeltaTable) -> list[dict[str, Any]]:
    asked = QueryBuilder().register("held", table).execute("SELECT * FROM held")
    return pa.table(asked.read_all()).to_pylist()


def _content(file: Path) -> bytes:
    if file.suffix == ".db":
        with closing(sqlite3.connect(file)) as store:
            values = [value for (value,) in store.execute("SELECT value FROM records")]
        return b"\n".join(map(_unpacked, values))
    return _decoded(file.read_bytes())


def _unpacked(value: str) -> bytes:
    packed = value.removeprefix("zlib:")
    return zlib.decompress(base64.b64decode(packed)) if packed != value else value.encode()


def _decoded(content: bytes) -> bytes:
    return str(pq.ParquetFile(BytesIO(content)).read().to_pylist()).encode() if content[:4] == _PARQUET else content
