"""A CRM's REST API as a source: SOQL windows, cursor pages written to staging as they come, read back as text.

The window's end is fixed first. Each page becomes one JSON Lines file, so that no more than a page is held in memory.
What came is held against what the API announces and what it has at the end (`sources.crm`): a page that went missing is
read again or an error, not a smaller batch.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from tidemark.aws.folder import open_folder
from tidemark.errors import SourceDownError, SourceError
from tidemark.instants import as_utc
from tidemark.rows import CORRUPT, ORDER, ORIGIN, own, quoted
from tidemark.rows.order import at_page, place_of_asking
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.api import Api, ApiError, Failure, exact_json
from tidemark.sources.crm import Check, Crm, Keys, read_again
from tidemark.sources.looks import Look, RecordHash, following, shape_of, shows_the_same
from tidemark.sources.reading import (
    Comparisons,
    Cursor,
    Reading,
    Seen,
    again,
    change_time,
    everything,
    rereads,
    start_of,
    windowed,
)
from tidemark.sources.staged import empty_frame, file_options, refuse_own_names

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.retry import RetryPolicy
    from tidemark.sources.watermark import Mark, Window

KIND = "rest"
API_PATH = "/services/data/v59.0"
LOGIN_PATH = "/services/oauth2/token"
DELETED = "IsDeleted"
BROKEN = own("broken")
_HALF = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


@dataclass
class Download:
    """The pages of one query as files below `root`: their paths, and rows without a change time.

    `again` are the records that the next window will bring again, `keys` those of all records where there are several
    pages. `broken`: some records hold text that is none.
    """

    root: str
    files: list[str] = field(default_factory=list)
    timeless: int = 0
    again: RecordHash = field(default_factory=RecordHash)
    keys: Keys | None = None
    broken: bool = False


class RestSource:
    """Objects of a CRM in the manner of Salesforce; without a `policy` it is as patient as the environment says."""

    def __init__(self, policy: RetryPolicy | None = None) -> None:
        self._policy = policy

    def extract(self, request: ExtractRequest) -> Extract:
        """The records of the window, as `Source.extract` says."""
        settings = request.connection.settings
        fields, asked = _fields(request), place_of_asking(datetime.now(UTC).replace(tzinfo=None))
        login_path = str(settings.get("login_path", LOGIN_PATH))
        policy = self._policy or request.environment.patience(request.source.connection)
        try:
            with Api(str(settings["base_url"]), login_path, request.connection, policy) as api:
                path = str(settings.get("api_path", API_PATH))
                crm = Crm(api, path, settings.get("page_size"), deleted=_asks_for_deleted(fields))
                what = f"{request.source.object} for {request.table.name}"
                reading = read_again(what, lambda: _reading(request, crm, fields))
                check = Check()
                download = read_again(what, lambda: _checked_download(request, crm, reading, fields, check))
        except ApiError as failure:
            raise _source_error(request, failure) from None
        return _extract(request, reading, fields, download, asked)


def _fields(request: ExtractRequest) -> list[str]:
    """The fields to ask for: for each column of the contract what the load file calls it, else its name."""
    source, filled = request.source, request.table.load.filled
    columns = [name for name in request.table.contract.column_names if name in source.fields or name not in filled]
    fields = [source.fields.get(name, name) for name in columns]
    refuse_own_names(fields, request.table.name, source.object)
    odd = [name for name in (source.object, *fields) if not _NAME.fullmatch(name)]
    if odd:
        raise SourceError(
            f"{', '.join(map(repr, odd))} cannot be a name in the CRM",
            table=request.table.name,
            step="extract",
            next_step="correct `source.object` or `source.fields` in the load file",
        )
    return list({name.lower(): name for name in reversed(fields)}.values())[::-1]


def _asks_for_deleted(fields: Sequence[str]) -> bool:
    """Whether a row could say that its record is in the bin: else it would be a record like any other."""
    return DELETED.lower() in map(str.lower, fields)


def _reading(request: ExtractRequest, crm: Crm, fields: Sequence[str]) -> Reading:
    cursor = change_time(request, fields)
    if cursor is None:
        return everything(request)
    if request.period is not None:
        return again(request, cursor, request.period)
    start = start_of(request, cursor)
    return windowed(request, cursor, start, _seen(request, crm, cursor, start))


def _seen(request: ExtractRequest, crm: Crm, cursor: Cursor, start: Sequence[Mark | None]) -> Seen:
    """What there is after `start`. The end is the newest record's value, and never later than the API's own clock: a
    record with a time that has not come would take the window's end beyond records that are yet to be written."""
    name, source = cursor.column, f"FROM {request.source.object} WHERE {cursor.column}"
    after = "" if not start or start[0] is None else f" AND {_COMPARISONS.at_least(name, start[0])}"
    until = None if cursor.counts else _until(request, crm)
    up_to = "!= NULL" if until is None else f"<= {_literal(until)}"
    order = ", ".join([f"{name} DESC", *(f"{each} DESC NULLS LAST" for each in cursor.columns[1:])])
    query = f"SELECT {', '.join(cursor.columns)} {source} {up_to}{after} ORDER BY {order} LIMIT 1"
    newest = [record for page in crm.pages(query) for record in page.records]
    later = 0 if until is None else crm.first(f"SELECT {name} {source} > {_literal(until)}").total
    both = zip(cursor.columns, cursor.numbers, strict=True)
    marks = [_mark(newest[0], column, request, is_number=number) if newest else None for column, number in both]
    return Seen(tuple(marks), later, until=until)


def _until(request: ExtractRequest, crm: Crm) -> datetime:
    """The last instant to look at, in milliseconds: the run's end, or now by the API's clock, which tells seconds."""
    now = crm.clock()
    until = request.as_of if now is None else min(request.as_of, now + timedelta(seconds=1))
    return until.replace(microsecond=until.microsecond // 1000 * 1000)


def _soql(request: ExtractRequest, reading: Reading, fields: Sequence[str]) -> str:
    query = f"SELECT {', '.join(fields)} FROM {request.source.object}"
    name, window = reading.column, reading.window
    if name is None:
        return query
    if window is None:
        return f"{query} WHERE {name} = NULL"
    if request.period is not None:
        end = request.period.end
        window = replace(window, high=end.replace(microsecond=end.microsecond // 1000 * 1000))
    timeless = f" OR {name} = NULL" if reading.timeless else ""
    order = ", ".join([name, *(tie.column for tie in window.ties)])
    return f"{query} WHERE ({_COMPARISONS.of(window)}){timeless} ORDER BY {order}"


def _checked_download(
    request: ExtractRequest, crm: Crm, reading: Reading, fields: Sequence[str], check: Check
) -> Download:
    """All pages of the window; several are held against what is there at the end. Raises `ApiError`."""
    names = _key_fields(request, reading, fields)
    download = _download(request, crm, reading, fields, names)
    if download.keys is not None and request.connection.settings.get("check_pages", True):
        there = Keys()
        for page in crm.pages(_soql(request, reading, names)):
            for record in page.records:
                there.add([_text(_value(record, name)) for name in names])
        check.judge(download.keys, there)
    return download


def _key_fields(request: ExtractRequest, reading: Reading, fields: Sequence[str]) -> list[str]:
    """The fields that tell a record from others: those of the table's keys, and the cursor's; without keys all."""
    table, names = request.table, request.source.fields
    keys = [names.get(key, key) for key in table.load.write.keys or table.contract.keys]
    if not keys or not set(keys) <= set(fields):
        return list(fields)
    cursor = [reading.column] if reading.column else []
    ties = [tie.column for tie in reading.window.ties] if reading.window else []
    return list(dict.fromkeys([*keys, *cursor, *ties]))


def _download(
    request: ExtractRequest, crm: Crm, reading: Reading, fields: Sequence[str], key_fields: Sequence[str]
) -> Download:
    download = Download(f"{request.local_staging}/{uuid.uuid4().hex}")
    window = following(request, reading)
    folder = open_folder(download.root, request.environment.aws)
    for number, page in enumerate(crm.pages(_soql(request, reading, fields)), start=1):
        if page.following is not None and download.keys is None:
            download.keys = Keys()
        rows = [{name: _text(_value(record, name)) for name in fields} for record in page.records]
        if not rows:
            continue
        lines = [_line(row) for row in rows]
        download.broken |= any(BROKEN in line for line in lines)
        download.files.append(
            folder.write_text(f"page-{number:06d}.json", "".join(f"{json.dumps(line)}\n" for line in lines))
        )
        download.timeless += sum(reading.column is not None and row[reading.column] is None for row in rows)
        for row in rows:
            if _is_within(window, row):
                download.again.add(row)
            if download.keys is not None:
                download.keys.add([row[name] for name in key_fields])
    return download


def _line(row: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """A row as it is staged. A text with half a character (a lone surrogate) cannot be stored as it came: such a row
    is staged as the JSON that it was, and ends in the error lane."""
    if any(_HALF.search(text) for text in row.values() if text):
        return {BROKEN: json.dumps(row)}
    return row


def _is_within(window: Window | None, row: Mapping[str, str | None]) -> bool:
    """Whether the next reading brings the record again; one with no value of the cursor, or an odd one, counts."""
    if window is None or row[window.column] is None:
        return True
    columns = (window.column, *(tie.column for tie in window.ties))
    try:
        values = [_read(row[name], isinstance(end, int)) for name, end in zip(columns, window.position, strict=True)]
    except (ValueError, ArithmeticError):
        return True
    return window.contains(*values)


def _extract(
    request: ExtractRequest, reading: Reading, fields: Sequence[str], download: Download, asked: str
) -> Extract:
    notices = reading.notices
    if download.timeless:
        about = f"{download.timeless} records of {request.source.object} have no {reading.column}"
        notices += (f"{about}: they are read every time",)
    window = following(request, reading)
    look = None
    if reading.column is None or window is not None:
        repeated = download.again
        look = Look(window.to_json() if window else None, repeated.rows, repeated.text, shape_of(fields))
    same = shows_the_same(request, reading, look)
    files = [] if same else download.files
    return Extract(
        table=request.table.name,
        given=lambda: _frame(request, fields, files, asked, broken=download.broken),
        watermark=reading.watermark,
        identity=reading.identity,
        full=reading.full and not same,
        source_system=KIND,
        notices=notices,
        empty=not files,
        look=look.to_json() if look else {},
        window=reading.among,
        rereads=rereads(request, reading),
    )


def _frame(
    request: ExtractRequest, fields: Sequence[str], files: Sequence[str], asked: str, *, broken: bool
) -> DataFrame:
    if not files:
        return empty_frame(request.spark, fields)
    names = [*fields, BROKEN] if broken else fields
    schema = StructType([StructField(name, StringType()) for name in names])
    frame = request.spark.read.schema(schema).options(**file_options(list(files))).json(list(files))
    order = at_page(F.lit(asked)).alias(ORDER)
    origin = F.lit(f"{KIND}://{request.connection.name}/{request.source.object}").alias(ORIGIN)
    columns = [quoted(name).alias(CORRUPT if name == BROKEN else name) for name in names]
    return frame.select(*columns, origin, order)


def _value(record: Mapping[str, Any], name: str) -> Any:
    """A field of a record; `Owner.Email` is the field of a related record, null where there is none.

    The API names fields in the case in which it has them, whatever the case of the question.
    """
    value: Any = record
    for part in name.split("."):
        value = _member(value, part) if isinstance(value, Mapping) else None
    return value


def _member(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    return next((value for key, value in record.items() if key.lower() == name.lower()), None)


def _text(value: Any) -> str | None:
    """A value as text, for the contract to judge: what is not there stays null, nested values are JSON."""
    return value if value is None or isinstance(value, str) else exact_json(value)


def _literal(value: Mark) -> str:
    """A value as SOQL writes it: an instant (naive UTC) to the millisecond, which is what the CRM's clock tells apart.

    One with a finer clock has given finer instants, and gets them back.
    """
    if isinstance(value, int):
        return str(value)
    return f"{value.isoformat(timespec='microseconds' if value.microsecond % 1000 else 'milliseconds')}Z"


def _next(value: Mark) -> str:
    return _literal(value + 1) if isinstance(value, int) else _literal(value)


_COMPARISONS = Comparisons(
    name=str,
    before=lambda name, value: f"{name} < {_literal(value)}",
    up_to=lambda name, value: f"{name} {'<' if isinstance(value, int) else '<='} {_next(value)}",
    at_least=lambda name, value: f"{name} >= {_literal(value)}",
    after=lambda name, value: f"{name} {'>=' if isinstance(value, int) else '>'} {_next(value)}",
    null="= NULL",
)


def _mark(record: Mapping[str, Any], name: str, request: ExtractRequest, *, is_number: bool) -> Mark | None:
    """The newest value of a column of the cursor."""
    text = _text(_value(record, name))
    try:
        return _read(text, is_number)
    except (ValueError, ArithmeticError):
        raise SourceError(
            f"{name} of {request.source.object} is no {'whole number' if is_number else 'change time'}",
            table=request.table.name,
            step="extract",
            seen=[f"its newest value is {text!r}"],
            next_step="name a field of date-times, or of whole numbers, in `watermark`",
        ) from None


def _read(text: str | None, is_number: bool) -> Mark | None:
    """A value of a cursor as the API writes it: a number, or an instant as naive UTC."""
    if text is None:
        return None
    if is_number:
        return int(Decimal(text))
    return as_utc(datetime.fromisoformat(text))


def _source_error(request: ExtractRequest, failure: ApiError) -> SourceError:
    address = request.connection.settings["base_url"]
    secret = request.connection.secret.name or "of the connection"
    advice = {
        Failure.DOWN: f"check that {address} is up and can be reached from here, then run again",
        Failure.BROKEN: "run again; if it stays so, ask those who run the API",
        Failure.CREDENTIALS: f"correct client_id and client_secret in the secret {secret}",
        Failure.REFUSED: "read the API's message above; check `source.object` and `source.fields` in the load file, "
        "and `base_url` of the connection",
        Failure.GONE: "run again, when fewer sessions or queries of this user are open; a larger `page_size` helps",
        Failure.MOVED: "run again when fewer records change; a larger `page_size` of the connection makes fewer pages, "
        "and a `watermark` fewer records",
    }
    kind = SourceDownError if failure.passes else SourceError
    return kind(
        f"{request.source.object} could not be read from {address}: {failure.failure.value}",
        table=request.table.name,
        step="extract",
        seen=[failure.said],
        next_step=advice[failure.failure],
    )
