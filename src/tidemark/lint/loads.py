"""Load files against contracts, queries and the environment: every name in them must mean something."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tidemark.config.contract import LAYERS
from tidemark.config.environment import Environment
from tidemark.config.files.yamltext import Document, Where
from tidemark.config.load import SourceSpec, WatermarkSpec
from tidemark.config.project import Table
from tidemark.errors import Finding, choose
from tidemark.lint.inspection import Inspection
from tidemark.sql.types import FRACTIONS, METADATA_COLUMNS, TIMES, is_numeric, is_whole

_MOST_CLUSTER_COLUMNS = 4  # Delta's limit of liquid clustering
_FILE_KINDS = ("s3", "files")
_BUCKETS = ("s3://", "s3a://")
_UNLOADING_KINDS = ("snowflake", "redshift")
READ_KINDS = (*_FILE_KINDS, *_UNLOADING_KINDS, "rest")
"""Kinds of connections that tables are read from."""


def find(inspection: Inspection) -> Iterator[Finding]:
    """Findings about the load file of every table that could be read."""
    for name, table in inspection.read.tables.items():
        document = inspection.read.documents[name]
        yield from _write_columns(inspection, table, document)
        yield from _published_key(table, document)
        yield from _layout(table, document)
        yield from _casts(table, document)
        if table.load.source is not None:
            yield from _source(table, document)
        yield from _limits(table, document)
        yield from _inputs(inspection, table, document)
        if inspection.environment is not None:
            yield from _environment_names(inspection.environment, table, document)


def _write_columns(inspection: Inspection, table: Table, document: Document) -> Iterator[Finding]:
    write, contract = table.load.write, table.contract
    known = contract.column_names
    yield from _absent(document, ("write", "keys"), write.keys, known)
    for position, key in enumerate(write.keys):
        if key in known and not contract.column(key).required:
            fix = f"add `required: true` to {key} in {contract.path.name}"
            yield document.finding(("write", "keys", position), f"key column `{key}` may be null", fix)
    flag = write.deletes.flag if write.deletes else None
    if flag in known and contract.column(flag).type not in ("boolean", "string"):
        message = f"`{flag}` is a {contract.column(flag).type}: what marks deleted rows is true or false"
        yield document.finding(("write", "deletes", "flag"), message, f"make it a boolean in {contract.path.name}")
    written = inspection.written(table)
    if written is not None:
        yield from _absent(document, ("write", "order_by"), write.order_by, written)
        yield from _absent(document, ("write", "effective_from"), _named(write.effective_from), written)
        if write.deletes:
            yield from _absent(document, ("write", "deletes", "flag"), _named(write.deletes.flag), written)
            yield from _absent(document, ("write", "deletes", "at"), _named(write.deletes.at), written)


def _published_key(table: Table, document: Document) -> Iterator[Finding]:
    """A warehouse finds rows by the contract's primary key, the lake by the load file's: both must name the same."""
    write = table.load.write
    same = {"upsert": [write.keys], "scd2": [_named(write.surrogate_key), (*write.keys, write.validity.start)]}
    keys = same.get(write.mode, [])
    if table.load.publish and keys and set(table.contract.keys) not in map(set, keys):
        has = ", ".join(table.contract.keys) or "nothing"
        message = f"the primary key in {table.contract.path.name} is {has}: a warehouse would find other rows by it"
        fix = f"mark {' or '.join(' and '.join(names) for names in keys)} as `primaryKey` there"
        yield document.finding(("write", "keys"), message, fix)


def _layout(table: Table, document: Document) -> Iterator[Finding]:
    stored = (*table.contract.column_names, *METADATA_COLUMNS)
    yield from _absent(document, ("cluster_by",), table.load.cluster_by, stored)
    yield from _absent(document, ("partition_by",), table.load.partition_by, stored)
    if len(table.load.cluster_by) > _MOST_CLUSTER_COLUMNS:
        message = f"cluster_by names {len(table.load.cluster_by)} columns, Delta takes {_MOST_CLUSTER_COLUMNS}"
        yield document.finding(("cluster_by",), message, "keep those that queries filter by")


def _casts(table: Table, document: Document) -> Iterator[Finding]:
    """What `cast` says of a column must mean something for its type."""
    columns = table.contract.column_names
    for name, how in table.load.cast.items():
        where = ("cast", name)
        yield from _absent(document, where, (name,), columns)
        if name not in columns:
            continue
        column_type = table.contract.column(name).type
        if how.fit == "round" and not is_numeric(column_type):
            message = f"`{name}` is a {column_type}: only numbers are rounded"
            yield document.finding(where, message, "write `truncate`" if column_type in TIMES else "remove it")
        if how.fit == "truncate" and column_type in ("string", "boolean", *FRACTIONS):
            message = f"`{name}` is a {column_type}: nothing of it can be cut"
            yield document.finding(where, message, "write `round`" if column_type in FRACTIONS else "remove it")
        if (how.zone or how.fold != "refuse") and column_type not in TIMES:
            message = f"`{name}` is a {column_type}: it has no time zone"
            yield document.finding(where, message, "keep `zone` and `fold` for timestamps and dates")


def _source(table: Table, document: Document) -> Iterator[Finding]:
    source, watermark, write = table.load.source, table.load.watermark, table.load.write
    columns = table.contract.column_names
    for name in source.fields if source else ():
        yield from _absent(document, ("source", "fields", name), (name,), columns)
    if watermark is not None:
        yield from _cursor(table, watermark, document)
        if source is not None and source.mode == "full":
            message = "a full extract has no watermark"
            yield document.finding(("watermark",), message, "remove `watermark:`, or `mode: full`")
        elif source is not None and source.format is None and write.mode == "replace":
            yield from _replaced_by_windows(table, watermark, document)
    for name in table.load.drift:
        if name in columns:
            message = f"`{name}` is in the contract; `drift` is about source columns that it does not know"
            yield document.finding(("drift", name), message, "remove it")
    if source is not None and source.taken_at is not None:
        where = ("source", "taken_at")
        yield from _absent(document, where, (source.taken_at,), columns)
        if source.taken_at in columns and table.contract.column(source.taken_at).type != "timestamp":
            message = f"`{source.taken_at}` is a {table.contract.column(source.taken_at).type}"
            yield document.finding(where, message, "name a timestamp column")
        if source.taken_at in (*write.keys, *source.fields):
            message = f"`{source.taken_at}` is filled by the engine"
            yield document.finding(where, message, "leave it out of `keys` and `source.fields`")
    if write.deletes and write.deletes.missing and not (source and source.mode == "full"):
        message = "`deletes.missing` needs every row of the source in every run"
        yield document.finding(("write", "deletes", "missing"), message, "add `mode: full` to the source")
    if write.deletes and write.deletes.missing == "soft" and write.deletes.flag not in columns:
        message = f"tombstones need the column `{write.deletes.flag}`, which the contract lacks"
        yield document.finding(("write", "deletes", "flag"), message, f"add it to {table.contract.path.name}")
    if write.deletes:
        yield from _absent(document, ("write", "deletes", "within"), write.deletes.within, columns)
    if write.mode == "append" and write.deletes and write.deletes.missing == "hard":
        message = "a log keeps every row: nothing can be deleted from it"
        yield document.finding(("write", "deletes", "missing"), message, "write `missing: soft`")
    if write.mode == "append" and write.deletes and write.deletes.missing and not write.keys:
        message = "`deletes.missing` needs keys: by what else would a row be missing"
        yield document.finding(("write", "deletes", "missing"), message, "add `keys: […]` to `write`")
    if write.mode == "replace" and write.deletes and write.deletes.missing:
        message = "`deletes.missing`: a table that is replaced has no row that the extract lacks, nor a tombstone of it"
        fix = "remove it, or write `mode: upsert` or `append`, with `keys`"
        yield document.finding(("write", "deletes", "missing"), message, fix)


def _replaced_by_windows(table: Table, watermark: WatermarkSpec, document: Document) -> Iterator[Finding]:
    """What a run reads of a system is a part: it stands for a partition as a whole only where that is one value of the
    watermark."""
    partitions = set(table.load.write.partition_by)
    cut = [name for name in watermark.columns if name in table.load.cast and table.load.cast[name].fit]
    if set(watermark.columns) <= partitions and not cut:
        return
    what = "whole partitions" if partitions else "the whole table"
    message = f"`mode: replace` would put the rows since the last run in place of {what}"
    fix = "read all there is (`mode: full` in the source, without `watermark`), or write `mode: append` or `upsert`"
    yield document.finding(("write", "mode"), message, fix)


def _cursor(table: Table, watermark: WatermarkSpec, document: Document) -> Iterator[Finding]:
    """Columns of times or whole numbers; a lookback goes back in what the first column holds."""
    types = {column.name: column.type for column in table.contract.columns}
    yield from _absent(document, ("watermark", "column"), watermark.columns, types)
    for name in watermark.columns:
        if name in types and types[name] not in TIMES and not is_whole(types[name]):
            message = f"watermark column `{name}` is a {types[name]}"
            yield document.finding(("watermark", "column"), message, "name timestamp, date or whole number columns")
    if watermark.column in types and watermark.lookback:
        is_number = is_whole(types[watermark.column])
        if is_number != isinstance(watermark.lookback, int):
            message = f"`lookback` is a {'span of time' if is_number else 'number'}"
            fix = f"`{watermark.column}` is a {types[watermark.column]}: write {'a number' if is_number else '72h'}"
            yield document.finding(("watermark", "lookback"), message, fix)
    source = table.load.source
    if source is not None and source.format is None and source.taken_at in watermark.columns:
        message = f"watermark column `{source.taken_at}` is filled by the engine"
        yield document.finding(("watermark", "column"), message, "name a column that the source has")
    connection = source.connection if source else ""
    if len(watermark.columns) > 1 and source and source.format is not None:
        message = f"files of `{connection}` are known by name: further columns say nothing"
        yield document.finding(("watermark", "column"), message, "name one column")


def _limits(table: Table, document: Document) -> Iterator[Finding]:
    """Limits of what can never happen to the table."""
    limits, write = table.load.limits, table.load.write
    missing = write.deletes.missing if write.deletes else None
    if limits.deleted is not None and write.mode == "append" and missing is None:
        message = "`limits.deleted`: nothing is ever deleted from a log"
        yield document.finding(("limits", "deleted"), message, "remove it")
    if limits.empty is not None and table.load.source and missing is None and write.mode != "replace":
        message = "`limits.empty`: an extract without rows changes nothing here"
        yield document.finding(("limits", "empty"), message, "remove it")


def _inputs(inspection: Inspection, table: Table, document: Document) -> Iterator[Finding]:
    depth = LAYERS.index(table.layer)
    for name, spec in table.load.inputs.items():
        layer = name.partition(".")[0]
        if layer in LAYERS and LAYERS.index(layer) > depth:
            message = f"{table.name} reads {name}: {table.layer} comes before {layer}"
            yield document.finding(("inputs", name), message, f"read tables of {' or '.join(LAYERS[: depth + 1])}")
        read = inspection.read.tables.get(name)
        if spec.on is None or read is None:
            continue
        where = ("inputs", name, "on")
        yield from _absent(document, where, spec.on, read.contract.column_names, owner=name)
        yield from _absent(document, where, spec.on, table.contract.column_names, owner=table.name)


def _environment_names(environment: Environment, table: Table, document: Document) -> Iterator[Finding]:
    source = table.load.source
    if source is not None:
        connection = environment.connections.get(source.connection)
        if connection is None:
            message = f"environment {environment.name} has no connection `{source.connection}`"
            yield document.finding(
                ("source", "connection"), message, choose(source.connection, environment.connections)
            )
        else:
            yield from _read_from(connection.kind, source, table, document)
            if connection.kind in _UNLOADING_KINDS and not environment.exchange.startswith(_BUCKETS):
                message = f"a {connection.kind} connection cannot write to {environment.exchange}"
                fix = f"name a bucket that both can reach as `exchange` of environment {environment.name}: s3a://…"
                yield document.finding(("source", "connection"), message, fix)
    for position, target in enumerate(table.load.publish):
        here = ("publish", position)
        if target not in environment.targets:
            message = f"environment {environment.name} has no target `{target}`"
            yield document.finding(here, message, choose(target, environment.targets))
        if table.layer != "gold":
            message = f"{table.name} is published, but only gold is masked"
            yield document.finding(here, message, "publish a gold table instead")


def _read_from(kind: str, source: SourceSpec, table: Table, document: Document) -> Iterator[Finding]:
    """What the load file says of a source has to mean something for its kind of connection."""
    if kind not in READ_KINDS:
        message = f"no table is read from a {kind} connection (`{source.connection}`)"
        fix = "read the files that a consumer of it leaves: name a connection of the kind `s3` or `files`"
        yield document.finding(("source", "connection"), message, fix)
    elif kind in _FILE_KINDS and source.format is None:
        message = f"files of `{source.connection}` have no format"
        yield document.finding(("source",), message, "add `format: json`, `csv` or `parquet`")
    elif kind not in _FILE_KINDS and source.format is None and _says_nothing_of_what_is_new(table, source):
        fix = "add `watermark: {column: …}`, or `mode: full` to the source"
        yield document.finding(("source",), f"{table.name} does not say how far it was read", fix)
    for word in ("format", "snapshot", "options"):
        if getattr(source, word) and kind not in _FILE_KINDS:
            message = f"`{word}` has no meaning for a {kind} connection"
            yield document.finding(("source", word), message, "remove it")


def _says_nothing_of_what_is_new(table: Table, source: SourceSpec) -> bool:
    return source.mode == "incremental" and table.load.watermark is None


def _named(name: str | None) -> tuple[str, ...]:
    return () if name is None else (name,)


def _absent(
    document: Document, where: Where, names: Collection[str], known: Collection[str], owner: str | None = None
) -> Iterator[Finding]:
    """A finding for each name that is not known, on its own line where `where` is a list in the file."""
    for position, name in enumerate(names):
        if name not in known:
            subject = f"{owner} has" if owner else "there is"
            message = f"{'.'.join(map(str, where))}: {subject} no column `{name}`"
            yield document.finding((*where, position), message, choose(name, known))
