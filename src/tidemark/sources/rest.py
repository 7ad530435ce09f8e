"""A CRM's REST API as a source: SOQL windows, cursor pages written to staging as they come, read back as text.

The window's end is fixed first. Each page becomes one JSON Lines file, so that no more than a page is held in memory.
The rows received are held against `totalSize`: a page that went missing is an error, not a smaller batch.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from tidemark.aws.folder import open_folder
from tidemark.errors import SourceError
from tidemark.retry import RetryPolicy
from tidemark.rows import ORIGIN
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.api import DEFAULT_POLICY, Api, ApiError, Failure
from tidemark.sources.looks import Look, RecordHash, following, shape_of, shows_the_same
from tidemark.sources.reading import Reading, Seen, again, change_time, everything, start_of, windowed
from tidemark.sources.staged import FILE_OPTIONS, empty_frame, refuse_own_names

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from tidemark.sources.watermark import Window

KIND = "rest"
API_PATH = "/services/data/v59.0"
LOGIN_PATH = "/services/oauth2/token"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class Crm:
    """Queries in SOQL, by pages."""

    def __init__(self, api: Api, api_path: str, page_size: int | None) -> None:
        self._api = api
        self._query_path = f"{api_path.strip('/')}/queryAll/"
        self._headers = {"Sforce-Query-Options": f"batchSize={page_size}"} if page_size else {}

    def pages(self, soql: str) -> Iterator[list[dict[str, Any]]]:
        """The records of a query, page by page. Raises `ApiError`, also when they are fewer or more than announced."""
        page = _page(self._api.get(self._query_path, params={"q": soql}, headers=self._headers))
        announced, received, visited = page.total, 0, set[str]()
        while True:
            received += len(page.records)
            yield page.records
            if page.following is None:
                break
            if page.following in visited:
                raise ApiError(Failure.REFUSED, f"its pages go in a circle: {page.following}")
            visited.add(page.following)
            page = _page(self._api.get(page.following, headers=self._headers))
        if received != announced:
            raise ApiError(Failure.REFUSED, f"it announced {announced} records and sent {received}")

    def first(self, soql: str) -> tuple[int, list[dict[str, Any]]]:
        """How many records a query has, and its first page."""
        page = _page(self._api.get(self._query_path, params={"q": soql}, headers=self._headers))
        return page.total, page.records


@dataclass(frozen=True)
class Page:
    """One page: the records of the whole query, those of this page, and the address of the next (None: the last)."""

    total: int
    records: list[dict[str, Any]]
    following: str | None


@dataclass
class Download:
    """The pages of one query as files below `root`: their paths, and rows without a change time.

    `again` are the records that the next window will bring again.
    """

    root: str
    files: list[str] = field(default_factory=list)
    timeless: int = 0
    again: RecordHash = field(default_factory=RecordHash)


class RestSource:
    """Objects of a CRM in the manner of Salesforce."""

    def __init__(self, policy: RetryPolicy = DEFAULT_POLICY) -> None:
        self._policy = policy

    def extract(self, request: ExtractRequest) -> Extract:
        """The records of the window, as `Source.extract` says."""
        settings = request.connection.settings
        fields = _fields(request)
        login_path = str(settings.get("login_path", LOGIN_PATH))
        try:
            with Api(str(settings["base_url"]), login_path, request.connection, self._policy) as api:
                crm = Crm(api, str(settings.get("api_path", API_PATH)), settings.get("page_size"))
                reading = _reading(request, crm, fields)
                download = _download(request, crm, reading, fields)
        except ApiError as failure:
            raise _source_error(request, failure) from None
        return _extract(request, reading, fields, download)


def _page(answer: Any) -> Page:
    """An answer as a page; its numbers are text. Raises `ApiError` when it is none."""
    try:
        records, done = answer["records"], answer["done"]
        following = None if done else answer["nextRecordsUrl"]
        total = int(answer["totalSize"])
    except (KeyError, TypeError, ValueError) as missing:
        raise ApiError(Failure.REFUSED, f"its answer is no page of records: {missing!r}") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError(Failure.REFUSED, "its page holds something else than records")
    return Page(total, records, following)


def _fields(request: ExtractRequest) -> list[str]:
    """The fields to ask for: those that the load file maps, else the contract's columns as they are."""
    source = request.source
    fields = list(source.fields.values()) or list(request.table.contract.column_names)
    refuse_own_names(fields, request.table.name, source.object)
    odd = [name for name in (source.object, *fields) if not _NAME.fullmatch(name)]
    if odd:
        raise SourceError(
            f"{', '.join(map(repr, odd))} cannot be a name in the CRM",
            table=request.table.name,
            step="extract",
            next_step="correct `source.object` or `source.fields` in the load file",
        )
    return list(dict.fromkeys(fields))


def _reading(request: ExtractRequest, crm: Crm, fields: Sequence[str]) -> Reading:
    name = change_time(request, fields)
    if name is None:
        return everything(request)
    if request.period is not None:
        return again(request, name, request.period)
    start, source = start_of(request), f"FROM {request.source.object} WHERE {name}"
    after = "" if start is None else f" AND {name} > {_time(start)}"
    _, newest = crm.first(f"SELECT {name} {source} <= {_time(request.as_of)}{after} ORDER BY {name} DESC LIMIT 1")
    later, _ = crm.first(f"SELECT {name} {source} > {_time(request.as_of)}")
    high = _instant(newest[0].get(name), name, request) if newest else None
    return windowed(request, name, start, Seen(high, later))


def _soql(request: ExtractRequest, reading: Reading, fields: Sequence[str]) -> str:
    query = f"SELECT {', '.join(fields)} FROM {request.source.object}"
    name, window = reading.column, reading.window
    if name is None:
        return query
    if window is None:
        return f"{query} WHERE {name} = NULL"
    after = "" if window.low is None else f"{name} > {_time(window.low)} AND "
    timeless = f" OR {name} = NULL" if reading.timeless else ""
    return f"{query} WHERE ({after}{name} <= {_time(window.high)}){timeless} ORDER BY {name}"


def _download(request: ExtractRequest, crm: Crm, reading: Reading, fields: Sequence[str]) -> Download:
    download = Download(f"{request.local_staging}/{uuid.uuid4().hex}")
    window = following(request, reading)
    folder = open_folder(download.root, request.environment.aws)
    for number, records in enumerate(crm.pages(_soql(request, reading, fields)), start=1):
        if not records:
            continue
        rows = [{name: _text(_value(record, name)) for name in fields} for record in records]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        download.files.append(folder.write_text(f"page-{number:06d}.json", lines))
        download.timeless += sum(reading.column is not None and row[reading.column] is None for row in rows)
        for row in rows:
            if _is_within(window, row):
                download.again.add(row)
    return download


def _is_within(window: Window | None, row: Mapping[str, str | None]) -> bool:
    """Whether the next reading brings the record again; one without a change time, or with an odd one, counts."""
    text = row[window.column] if window else None
    if window is None or text is None:
        return True
    try:
        return window.contains(_utc(text))
    except ValueError:
        return True


def _extract(request: ExtractRequest, reading: Reading, fields: Sequence[str], download: Download) -> Extract:
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
        given=lambda: _frame(request, fields, files),
        watermark=reading.watermark,
        identity=reading.identity,
        full=reading.full and not same,
        source_system=KIND,
        notices=notices,
        empty=not files,
        look=look.to_json() if look else {},
        window=reading.among,
    )


def _frame(request: ExtractRequest, fields: Sequence[str], files: Sequence[str]) -> DataFrame:
    if not files:
        return empty_frame(request.spark, fields)
    schema = StructType([StructField(name, StringType()) for name in fields])
    frame = request.spark.read.schema(schema).options(**FILE_OPTIONS).json(list(files))
    return frame.withColumn(ORIGIN, F.lit(f"{KIND}://{request.connection.name}/{request.source.object}"))


def _value(record: Mapping[str, Any], name: str) -> Any:
    """A field of a record; `Owner.Email` is the field of a related record, null where there is none."""
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    """A value as text, for the contract to judge: what is not there stays null, nested values are JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _time(instant: datetime) -> str:
    """An instant (naive UTC) as SOQL writes it, to the millisecond below."""
    return f"{instant.isoformat(timespec='milliseconds')}Z"


def _instant(text: object, column: str, request: ExtractRequest) -> datetime:
    try:
        return _utc(str(text))
    except ValueError:
        raise SourceError(
            f"{column} of {request.source.object} is no change time",
            table=request.table.name,
            step="extract",
            seen=[f"its newest value is {text!r}"],
            next_step="name a date-time field in `watermark`",
        ) from None


def _utc(text: str) -> datetime:
    """An instant as the API writes it; naive UTC."""
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _source_error(request: ExtractRequest, failure: ApiError) -> SourceError:
    address = request.connection.settings["base_url"]
    secret = request.connection.secret.name or "of the connection"
    advice = {
        Failure.DOWN: f"check that {address} is up and can be reached from here, then run again",
        Failure.BROKEN: "run again; if it stays so, ask those who run the API",
        Failure.CREDENTIALS: f"correct client_id and client_secret in the secret {secret}",
        Failure.REFUSED: "read the API's message above; check `source.object` and `source.fields` in the load file",
    }
    return SourceError(
        f"{request.source.object} could not be read from {address}: {failure.failure.value}",
        table=request.table.name,
        step="extract",
        seen=[failure.said],
        next_step=advice[failure.failure],
    )
