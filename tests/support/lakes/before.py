"""Lakes that earlier versions have written, unpacked as if they had always lain there, and gone on with.

`tests/fixtures/lakes` has them, and the shop that is in each. What their tables must hold is said in plain Python.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import sqlite3
import tarfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from tests.fixtures.lakes import shop
from tests.support.lakes.histories import spans
from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.config.connections import ConnectionValue
from tidemark.control import commits, release
from tidemark.control.release import Release
from tidemark.control.state import open_state
from tidemark.engine import Engine
from tidemark.operations import staging
from tidemark.sources import Extract

FOLDER = Path(__file__).parents[2] / "fixtures" / "lakes"
ARCHIVES = sorted(FOLDER.glob("*.tar.gz"))
BUILT = (*shop.BUILT, *shop.LATER)

Row = Mapping[str, Any]
Tables = dict[str, list[Row]]

_ANYWHERE = "/lake-of-before"  # what stands for the lake's folder in an archive
_UNKNOWN_MEMBER = "unknown"


def unpack(archive: Path, root: Path) -> None:
    """Lays the lake down at `root`, with the absolute paths that the engine has noted leading there."""
    with tarfile.open(archive) as packed:
        packed.extractall(root, filter="data")
    for path in root.rglob("*"):
        if path.suffix in (".json", ".yaml"):
            moment = path.stat().st_mtime
            text = path.read_text("utf-8")
            path.write_text(text.replace(_ANYWHERE, str(root)), "utf-8")
            os.utime(path, (moment, moment))
    with sqlite3.connect(root / "home" / "state" / "state.db") as state:
        state.execute("UPDATE records SET value = replace(value, ?, ?)", (_ANYWHERE, str(root)))
    state.close()


def told(archive: Path) -> dict[str, Tables]:
    """What each release must hold, as another reader has told when the lake was made."""
    stored = json.loads(archive.with_name(archive.name.replace(".tar.gz", ".json")).read_text("utf-8"))
    return {
        name: {
            table: [dict(zip(held["columns"], row, strict=True)) for row in held["rows"]]
            for table, held in tables.items()
        }
        for name, tables in stored.items()
    }


def log(lake: Lake, table: str) -> list[dict[str, Any]]:
    """The actions of the table's commits, by the public protocol."""
    files = sorted(Path(lake.path(table), "_delta_log").glob("*.json"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def plain(frame: DataFrame) -> list[Row]:
    """The rows, with the columns that are the table's own, as plain values."""
    own = [name for name in frame.columns if not name.startswith("_")]
    return [{name: _plain(row[name]) for name in own} for row in frame.select(*own).collect()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def rows_in_order(rows: Iterable[Row]) -> list[list[tuple[str, Any]]]:
    """The rows in an order of their own, to be compared: each may be there more than once."""
    return sorted((sorted(row.items()) for row in rows), key=repr)


def held(lake: Lake, tables: Iterable[str] = shop.TABLES) -> Tables:
    """What the tables hold now."""
    return {table: plain(lake.delta(table)) for table in tables}


def in_order(tables: Mapping[str, Iterable[Row]]) -> dict[str, list[list[tuple[str, Any]]]]:
    return {table: rows_in_order(rows) for table, rows in tables.items()}


def know(lake: Lake, *kinds: str) -> None:
    """From now on events can be of these kinds."""
    lake.table("bronze.events", shop.event_columns(*kinds), shop.BRONZE["bronze.events"]["load"])


def run_of(lake: Lake, number: int) -> Engine:
    """The engine of a run of that day, which finds the files that have landed."""
    landing = ConnectionValue("shop", "files", {"uri": str(lake.root / shop.LANDING)})
    return dataclasses.replace(lake.engine(shop.day(number)), connect=lambda _: landing)


def end_what_was_begun(lake: Lake) -> list[Release]:
    """What every run does first: it commits to the end what died on the way; gives the releases that this makes."""
    engine, made = lake.engine(), []
    for died in commits.interrupted(engine.state):
        for table, batch in staging.staged(engine, died).items():
            steps.commit(engine, table, batch)
        run = dataclasses.replace(engine.run, run_id=died.run_id, date=died.date)
        made.append(release.record(engine.state, run, engine.committed)[0])
        commits.end(engine.state, died.run_id)
    return made


def released(lake: Lake, name: str) -> Release:
    found = release.find(open_state(lake.engine().environment), name)
    assert found is not None, f"there is no release {name}"
    return found


def receive(lake: Lake, engine: Engine, number: int) -> Extract:
    """Receives what came on that day; gives what was found in the landing folder."""
    since = {"column": "updated_at", "low": "2025-03-01T00:00:00.000000"}
    frames = {
        "bronze.customers": (shop.CUSTOMER_SCHEMA, [row for batch in shop.CUSTOMERS[number] for row in batch]),
        "bronze.lines": (shop.LINE_SCHEMA, shop.LINES[number]),
    }
    for table, (schema, rows) in frames.items():
        to = since | {"high": shop.at(number, 23, 59).isoformat(timespec="microseconds")}
        lake.load(table, lake.frame(schema, rows), engine=engine, watermark=to)
    land(lake.root, number)
    extracted = steps.extract(engine, "bronze.events")
    checked = steps.validate(engine, "bronze.events", extracted)
    lake.finish(engine, "bronze.events", *lake.prepare(engine, "bronze.events", checked))
    return extracted


def land(root: Path, number: int) -> None:
    path = root / shop.LANDING / "events" / f"dt={shop.day(number)}" / "events.csv"
    if path.exists():
        return
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([shop.NEW_EVENT_HEADER, *shop.EVENTS[number]])
    moment = shop.at(number, 23).replace(tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))


def received(days: int, kinds: Sequence[str]) -> Tables:
    """What bronze must hold once so many days were received and events may be of these kinds: a version once."""
    until = range(1, days + 1)
    customers = [row for number in until for batch in shop.CUSTOMERS[number] for row in batch]
    lines = [row for number in until for row in shop.LINES[number]]
    events = [row for number in until for row in shop.EVENTS[number]]
    has_channel = days > 1
    return {
        "bronze.customers": _named(shop.CUSTOMER_SCHEMA, dict.fromkeys(customers)),
        "bronze.lines": _named(shop.LINE_SCHEMA, dict.fromkeys(lines)),
        "bronze.events": [_event(row, has_channel) for row in events if row[1] in kinds and _is_amount(row[2])],
    }


def _named(schema: str, rows: Iterable[shop.Row]) -> list[Row]:
    names = [column.split()[0] for column in schema.split(", ")]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in rows]


def _event(row: shop.Row, has_channel: bool) -> Row:
    event_id, kind, amount, day, updated_at, *channel = row
    found = {
        "event_id": event_id,
        "kind": kind,
        "amount": str(Decimal(amount)) if amount else None,
        "day": day,
        "updated_at": _plain(datetime.fromisoformat(updated_at)),
    }
    return found | ({"channel": channel[0] or None if channel else None} if has_channel else {})


def _is_amount(text: str) -> bool:
    try:
        return not text or Decimal(text).is_finite()
    except InvalidOperation:
        return False


def built(bronze: Mapping[str, Sequence[Row]]) -> Tables:
    """What silver and gold must hold, from what was received; the unknown member and surrogate keys left out."""
    lines = _newest(bronze["bronze.lines"], "order_id", "line")
    lines = [_without(row, "is_deleted") for row in lines if not row["is_deleted"]]
    events = [_without(row, "channel") for row in _newest(bronze["bronze.events"], "event_id")]
    history = _history(bronze["bronze.customers"])
    sales = [_without(row, "updated_at") | {"city": _city(history, row)} for row in lines]
    totals: dict[str, list[int | None]] = defaultdict(list)
    for row in sales:
        if row["city"] is not None:
            totals[row["city"]].append(row["amount"])
    days: dict[str, list[str | None]] = defaultdict(list)
    for row in events:
        days[row["day"]].append(row["amount"])
    return {
        "silver.lines": lines,
        "silver.events": events,
        "gold.customers": history,
        "gold.sales": sales,
        "gold.totals": [{"city": city, "amount": _sum(amounts)} for city, amounts in totals.items()],
        "gold.days": [{"day": day, "events": len(amounts), "amount": _total(amounts)} for day, amounts in days.items()],
    }


def known_members(tables: Tables) -> Tables:
    """The tables without what `built` leaves out."""
    members = [row for row in tables["gold.customers"] if row["customer"] != _UNKNOWN_MEMBER]
    return tables | {"gold.customers": [_without(row, "sk") for row in members]}


def _newest(rows: Iterable[Row], *keys: str) -> list[Row]:
    """Of each key the row that was changed last; no two of them have one instant."""
    found = {tuple(row[key] for key in keys): row for row in sorted(rows, key=lambda row: str(row["updated_at"]))}
    return list(found.values())


def _history(versions: Iterable[Row]) -> list[Row]:
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(versions, key=lambda row: str(row["updated_at"])):
        by_key[row["customer"]].append(row)
    return [
        {**shown, "valid_from": start, "valid_to": end, "is_current": end is None}
        for rows in by_key.values()
        for shown, start, end in spans((row["updated_at"], _followed(row), _shown(row)) for row in rows)
    ]


def _followed(row: Row) -> tuple[Any, ...] | None:
    return None if row["is_deleted"] else (row["city"],)


def _shown(row: Row) -> Row:
    return {name: row[name] for name in ("customer", "city", "born")}


def _city(history: Iterable[Row], line: Row) -> str | None:
    """Where the customer lived when the line was changed."""
    for row in history:
        ends_later = row["valid_to"] is None or line["updated_at"] < row["valid_to"]
        if row["customer"] == line["customer"] and row["valid_from"] <= line["updated_at"] and ends_later:
            return None if row["city"] is None else str(row["city"])
    return None


def _sum(amounts: Iterable[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def _total(amounts: Iterable[str | None]) -> str | None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    return str(sum(known, Decimal("0.00"))) if known else None


def _without(row: Row, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
