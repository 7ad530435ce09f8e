"""Runs in an environment with DuckDB and the package of its delta extension: a script as a person types it.

Reads statements, prints the rows of the last one as JSON. `INSTALL` and `LOAD` would fetch the extension from the
network; here it is a package.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import duckdb


def extension() -> Path:
    files = importlib.metadata.files("duckdb-ext-delta") or []
    return next(Path(str(file.locate())) for file in files if file.name == "delta.duckdb_extension")


connection = duckdb.connect()
for statement in (each.strip() for each in sys.stdin.read().split(";")):
    if statement == "LOAD delta":
        connection.execute(f"LOAD '{extension()}'")
    elif statement and statement != "INSTALL delta":
        connection.execute(statement)
print(json.dumps(connection.fetchall(), default=str))
