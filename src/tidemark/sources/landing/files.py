"""Files that land in a folder as a source: JSON, CSV and Parquet, each file received once.

New is a file whose path, size and tag are not in the book that the table's last commit carries. A file that was
written anew under its old name is new. Files in `dt=YYYY-MM-DD` folders later than the run's day wait for theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from tidemark.errors import ConfigError
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.landing.csvfiles import CsvFormat, read_csv
from tidemark.sources.landing.jsonfiles import read_json, whole_documents
from tidemark.sources.landing.listing import Landing, folder_day
from tidemark.sources.landing.parquetfiles import read_parquet_files, refuse_options
from tidemark.sources.staged import empty_frame
from tidemark.sources.watermark import FileBook, Period, SourceFile

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

KIND = "files"
_NAMED = 3

Reader = Callable[["SparkSession", Landing, Sequence[SourceFile]], tuple["DataFrame", list[str]]]


class FilesSource:
    """A folder of files, on disk or in S3."""

    def extract(self, request: ExtractRequest) -> Extract:
        """The rows of the files that are due, as `Source.extract` says.

        `since` picks the files of its day and later ones, received before or not; those before it that were never
        received stay due. With a `period`, by its days; files outside `dt=…` folders by when they were put there.
        """
        read, landing = _reader(request), Landing.of(request)
        listed = landing.files()
        due = [file for file in listed if not _is_later(file, request.as_of)]
        book = FileBook.from_json(request.bookkeeping)
        everything = request.full or request.source.mode == "full"
        if request.period is not None:
            return self._again(request, read, landing, [file for file in due if _is_of(file, request.period)])
        chosen = [file for file in due if everything or _is_wanted(file, book, request.since)]
        with_content = [file for file in chosen if file.size]
        given, told = _rows(request, read, landing, with_content)
        notices = _notices(landing, listed, due, chosen)
        return Extract(
            table=request.table.name,
            given=given,
            watermark=book.after(chosen, listed).to_json(),
            identity=_identity(chosen),
            full=everything and len(due) == len(listed),
            source_system=KIND,
            notices=(*notices, *told),
            empty=not with_content,
        )

    def _again(self, request: ExtractRequest, read: Reader, landing: Landing, chosen: Sequence[SourceFile]) -> Extract:
        """Files of a period, received before or not; the book of what was received stays as it is."""
        with_content = [file for file in chosen if file.size]
        given, told = _rows(request, read, landing, with_content)
        return Extract(
            table=request.table.name,
            given=given,
            watermark=request.bookkeeping,
            identity={"again": _identity(chosen)},
            full=False,
            source_system=KIND,
            notices=tuple(told),
            empty=not with_content,
        )


def _is_later(file: SourceFile, as_of: datetime) -> bool:
    day = folder_day(file)
    return day is not None and day > as_of.date()


def _is_wanted(file: SourceFile, book: FileBook, since: datetime | None) -> bool:
    if since is None:
        return not book.knows(file)
    day = folder_day(file)
    return file.modified >= since if day is None else day >= since.date()


def _is_of(file: SourceFile, period: Period) -> bool:
    day = folder_day(file)
    if day is None:
        return period.start <= file.modified <= period.end
    return period.start.date() <= day <= period.end.date()


def _reader(request: ExtractRequest) -> Reader:
    """What reads the format that the load file names, with its options; raises `ConfigError` for what cannot be."""
    options, table = request.source.options, request.table.name
    match request.source.format:
        case "csv":
            return partial(read_csv, form=CsvFormat.of(options, table))
        case "json":
            return partial(read_json, whole=whole_documents(options, table))
        case "parquet":
            refuse_options(options, table)
            return read_parquet_files
    raise ConfigError(f"{table} does not say what its files are", next_step="add `format: json`, `csv` or `parquet`")


def _rows(
    request: ExtractRequest, read: Reader, landing: Landing, files: Sequence[SourceFile]
) -> tuple[DataFrame | Callable[[], DataFrame], list[str]]:
    """The rows of the files, or what makes a frame of none, and what there is to tell of them."""
    return read(request.spark, landing, files) if files else (partial(_nothing, request), [])


def _nothing(request: ExtractRequest) -> DataFrame:
    fields = request.source.fields
    names = [fields.get(name, name) for name in request.table.contract.column_names]
    return empty_frame(request.spark, names, corrupt=True)


def _identity(files: Sequence[SourceFile]) -> dict[str, Any]:
    listing = json.dumps(sorted((file.path, file.size, file.etag) for file in files))
    return {"files": len(files), "digest": hashlib.sha256(listing.encode()).hexdigest()}


def _notices(
    landing: Landing, listed: Sequence[SourceFile], due: Sequence[SourceFile], chosen: Sequence[SourceFile]
) -> list[str]:
    notices = []
    if not listed:
        notices.append(f"there are no files in {landing.location}")
    if len(due) < len(listed):
        notices.append(f"{len(listed) - len(due)} files lie in folders of later days: they wait")
    empty = [file.path for file in chosen if not file.size]
    if empty:
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        notices.append(f"empty files: {', '.join(empty[:_NAMED])}{more}")
    return notices
