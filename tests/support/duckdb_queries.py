"""Runs in an environment with DuckDB and the package of its delta extension, and nothing else of ours.

Reads queries (JSON: `[{"table": path, "version": 3, "sql": "SELECT * FROM t"}, …]`), and leaves the answers in the
folder that it is told: `0.arrow`, `1.arrow`, …
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import duckdb
import pyarrow as pa


def extension() -> Path:
    """DuckDB would fetch its extension when it is first used; here it is a package."""
    files = importlib.metadata.files("duckdb-ext-delta") or []
    return next(Path(str(file.locate())) for file in files if file.name == "delta.duckdb_extension")


def main(folder: Path) -> None:
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension()}'")
    connection.execute("SET TimeZone = 'UTC'")
    attached = None
    for number, query in enumerate(json.load(sys.stdin)):
        if attached != (table := (query["table"], query["version"])):
            connection.execute("DETACH DATABASE IF EXISTS t")
            connection.execute(f"ATTACH '{table[0]}' AS t (TYPE delta, VERSION {table[1]})")
            attached = table
        answer = connection.execute(query["sql"]).fetch_arrow_table()
        with pa.OSFile(str(folder / f"{number}.arrow"), "wb") as file, pa.ipc.new_file(file, answer.schema) as writer:
            writer.write_table(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
