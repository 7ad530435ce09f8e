"""A bronze table to be, from what a connection has: files, or a table of a warehouse."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import fsspec

from tidemark.aws.clients import filesystem
from tidemark.errors import ConfigError
from tidemark.sketch import files
from tidemark.sketch.drafts import Draft, columns_of
from tidemark.sketch.keys import keys_of
from tidemark.sketch.places import FILE_KINDS, Place
from tidemark.sketch.sample import BYTES, Sample, SeenColumn, merged
from tidemark.sources import source_for
from tidemark.sources.landing.listing import Landing, Listing
from tidemark.sources.staged import is_own_name
from tidemark.sources.unload import UnloadSource
from tidemark.warehouses import WarehouseError

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import Environment
    from tidemark.sketch.files import Look

_FILES = 5  # that are looked at, the newest
_ROWS = 1000  # of a warehouse's table
_FOLDER = re.compile(r"([^=/]+)=([^/]*)(?=/)")
_DAY, _NULL = "dt", "__HIVE_DEFAULT_PARTITION__"
_CHANGED = re.compile(r"(?:^|_)(?:updated|modified|changed|modstamp|systemmod|last_?(?:update|change|modified))")


def draft(table: str, place: Place, environment: Environment, connect: Callable[[str], ConnectionValue]) -> Draft:
    """The table as a log of what the connection has; raises `ConfigError` where there is nothing to look at."""
    kind = environment.connections[place.connection].kind
    if kind in FILE_KINDS:
        return _of_files(table, place, environment)
    source = source_for(kind)
    if not isinstance(source, UnloadSource):
        raise ConfigError(
            f"what a {kind} connection has cannot be looked at", next_step="write the files: docs/adding-a-table.md"
        )
    return _of_warehouse(table, place, source, connect(place.connection))


def _of_files(table: str, place: Place, environment: Environment) -> Draft:
    landing = _landing(table, place, environment)
    listing = landing.files()
    found = [each for each in listing.files if files.format_of(each.path)]
    if not found:
        raise _nothing_to_read(landing, listing)
    form, _ = Counter(files.format_of(each.path) for each in found).most_common(1)[0]
    chosen = [each for each in found if files.format_of(each.path) == form]
    if place.look is not None:
        chosen.sort(key=lambda each: not each.path.endswith(f"/{place.look}"))
        form = files.format_of(chosen[0].path)
        chosen = [each for each in chosen if files.format_of(each.path) == form]
    else:
        chosen.sort(key=lambda each: each.modified, reverse=True)
    looks = [_look(landing, each.path, listing.folder, str(form)) for each in chosen[:_FILES]]
    seen = merged([each.sample for each in looks])
    held = [each.name for each in seen.columns if each.type == BYTES]
    sample = replace(seen, columns=tuple(each for each in seen.columns if each.type != BYTES))
    keys = keys_of(sample, table.partition(".")[2])
    names = [each.path.rsplit("/", 1)[-1] for each in chosen[:_FILES]]
    source: dict[str, Any] = {"connection": place.connection, "object": place.object, "format": form}
    options = dict(looks[0].options)
    options |= {name: value for each in looks for name, value in each.options.items() if name == "null_values"}
    if options:
        source["options"] = options
    made = _draft(table, sample, keys, source, f"From {sample.rows} rows of {', '.join(names)}.")
    hint = f"Not in the contract, as it holds bytes that are no text, and received all the same: {', '.join(held)}."
    return replace(made, hints=(*made.hints, " ".join(hint.split()))) if held else made


def _nothing_to_read(landing: Landing, listing: Listing) -> ConfigError:
    if listing.hidden:
        told = f"{landing.location} is passed over, as every file is whose name begins with a dot or an underscore"
        return ConfigError(told, next_step="rename it")
    there = "files, but their names do not tell what they are" if listing.files else "no file"
    return ConfigError(
        f"{landing.location} has {there}", next_step=f"name them by what they are: {', '.join(files.FORMATS)}"
    )


def _draft(table: str, sample: Sample, keys: Sequence[str], source: dict[str, Any], seen: str) -> Draft:
    if own := [each.name for each in sample.columns if is_own_name(each.name)]:
        told = f"{source['object']} has a column whose name is the engine's own ({', '.join(own)})"
        raise ConfigError(told, next_step="have it called otherwise where it comes from")
    columns = columns_of(sample, keys)
    fields = {column.name: column.source for column in columns if column.source}
    if fields:
        source["fields"] = fields
    write: dict[str, Any] = {"mode": "append"}
    hints: tuple[str, ...] = ()
    names = [column.name for column in sorted(columns, key=lambda each: each.key or 0) if column.key]
    if names:
        write["keys"] = names
    else:
        hints = ("No column tells the rows apart: without `keys` a row that comes twice is there twice.",)
    return Draft(table, columns, {"source": source, "write": write}, seen, hints)


def _landing(table: str, place: Place, environment: Environment) -> Landing:
    uri = str(environment.connections[place.connection].settings["uri"])
    is_remote = "://" in uri
    store = filesystem(environment.aws) if is_remote else fsspec.filesystem("file")
    root = uri if is_remote else str(Path(uri).expanduser().absolute())
    return Landing(store, root.rstrip("/"), place.object.lstrip("/"), table, environment.patience(place.connection))


def _look(landing: Landing, path: str, folder: str, form: str) -> Look:
    with landing.store.open(path, "rb") as file:
        look = files.look_at(file, path.rsplit("/", 1)[-1], form)
    told = {unquote(name).lower(): unquote(value) for name, value in _FOLDER.findall(path.partition(folder)[2])}
    known = {column.name.lower() for column in look.sample.columns}
    added = tuple(
        SeenColumn(name, [None if value == _NULL else value] * look.sample.rows)
        for name, value in told.items()
        if name != _DAY and name not in known
    )
    sample = Sample((*look.sample.columns, *added), look.sample.rows, look.sample.whole)
    return files.Look(sample, look.options)


def _of_warehouse(table: str, place: Place, source: UnloadSource, connection: ConnectionValue) -> Draft:
    warehouse = source.warehouse(connection)
    try:
        relation = warehouse.name(place.object)
        with warehouse.session() as session:
            described = session.columns(relation)
            rows = session.rows(f"SELECT * FROM {relation} LIMIT {_ROWS}")
    except WarehouseError as failure:
        raise ConfigError(
            f"{place.object} of {place.connection} cannot be looked at: {failure}",
            next_step=warehouse.advice(failure.trouble),
        ) from None
    columns = tuple(
        SeenColumn(each.name, [_text(row[at]) for row in rows], _type([row[at] for row in rows]))
        for at, each in enumerate(described)
    )
    sample = Sample(columns, len(rows), len(rows) < _ROWS)
    changed = _change_time(sample)
    keys = keys_of(sample, table.partition(".")[2])
    told = {"connection": place.connection, "object": place.object}
    made = _draft(table, sample, keys, told if changed else told | {"mode": "full"}, f"From {len(rows)} rows.")
    if changed is None:
        hint = "No column says when a row changed: every run reads the whole table."
        return Draft(table, made.columns, made.load, made.seen, (*made.hints, hint))
    name = made.columns[[column.name for column in sample.columns].index(changed)].name
    load = {"source": made.load["source"], "watermark": {"column": name, "lookback": "1h"}, "write": made.load["write"]}
    return Draft(table, made.columns, load, made.seen, made.hints)


def _change_time(sample: Sample) -> str | None:
    """The column that says when a row was changed: called so, a timestamp, and there in every row."""
    able = [each for each in sample.columns if each.type == "timestamp" and None not in each.values]
    return next((each.name for each in able if _CHANGED.search(each.name.lower())), None)


_TYPES: Mapping[type, str] = {bool: "boolean", int: "bigint", float: "double", datetime: "timestamp", date: "date"}


def _type(values: Sequence[Any]) -> str:
    """The Spark type of what the driver gave for a column."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, Decimal} and Decimal in kinds:
        exponents = [value.as_tuple().exponent for value in values if isinstance(value, Decimal)]
        scale = max((-each for each in exponents if isinstance(each, int)), default=0)
        return f"decimal(38,{max(scale, 0)})"
    return _TYPES.get(next(iter(kinds)), "string") if len(kinds) == 1 else "string"


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
