"""Files that land in a folder as a source: JSON, CSV and Parquet, each file received once.

New is a file whose path, size and tag are not in the book that the table's last commit carries. A file that was
written anew under its old name is new. Files in `dt=YYYY-MM-DD` folders later than the run's day wait for theirs.

A file that cannot be read does not keep the others from being read. A broken one is one corrupt record, and is read
again when it changes; one that is out of reach, or was written to while it was read, is left for the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from tidemark.compile.casts import EXACT, casts_of
from tidemark.config.csvformat import CsvFormat
from tidemark.errors import ConfigError, SourceError
from tidemark.rows import AGE, CORRUPT, MAYBE_AGE, ORIGIN, TAKEN, literal
from tidemark.sources import Extract, ExtractRequest
from tidemark.sources.landing.folders import columns_of
from tidemark.sources.landing.formats.broken import SPARK_FAILURES, failed_read, suspected, verdict_on
from tidemark.sources.landing.formats.csvfiles import read_csv
from tidemark.sources.landing.formats.jsonfiles import read_json
from tidemark.sources.landing.formats.parquetfiles import read_parquet_files
from tidemark.sources.landing.listing import Landing, Listing, UnreadableError, Verdict, folder_day
from tidemark.sources.landing.onetype import AsTyped
from tidemark.sources.landing.parts import Part, Reader, together
from tidemark.sources.landing.shelf import Shelf
from tidemark.sources.landing.snapshots import Picked, parts_left_out, pick, taken_at
from tidemark.sources.staged import empty_frame, folded, is_own_name, union
from tidemark.sources.watermark import FileBook, Period, SourceFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KIND = "files"
_NAMED = 3
_EACH = 10
_CHANGING = "it was written to while it was read"


class FilesSource:
    """A folder of files, on disk or in S3."""

    def extract(self, request: ExtractRequest) -> Extract:
        """The rows of the files that are due, as `Source.extract` says.

        `since` picks the files of its day and later ones, received before or not; those before it that were never
        received stay due. With a `period`, by its days; files outside `dt=…` folders by when they were put there.
        """
        read, landing = _reader(request), Landing.of(request)
        listing = landing.files()
        due = [file for file in listing.files if not _is_later(file, request.as_of)]
        if request.period is not None:
            return self._again(request, read, landing, listing, [file for file in due if _is_of(file, request.period)])
        shelf = Shelf.of(request.table.name, request.environment.roots.lake, request.environment.aws)
        book = shelf.book(request.bookkeeping)
        in_log = request.table.load.logs_snapshots  # of snapshots: each is whole by itself, and read once
        everything = request.full or (request.source.mode == "full" and not in_log)
        chosen = [file for file in due if everything or _is_wanted(file, book, request.since)]
        picked = pick(request.table, due, chosen)
        reading = _read(request, read, landing, listing, picked)
        received = _received(reading, chosen)
        return Extract(
            table=request.table.name,
            given=reading.given,
            watermark=shelf.kept(book.after(received, listing.files)).to_json(),
            identity=_identity([*received, *picked.again]),
            full=(bool(picked.files) if in_log else everything and len(due) == len(listing.files))
            and _is_whole(reading, chosen),
            source_system=KIND,
            notices=(
                *_notices(landing, listing, due, received),
                *_of_book(book, due, chosen),
                *picked.notices,
                *reading.notices,
            ),
            empty=reading.is_empty,
            rereads=any(map(book.has_name, picked.files)),
            unsettled=partial(_unsettled, landing, reading.files),
        )

    def _again(
        self, request: ExtractRequest, read: Reader, landing: Landing, listing: Listing, chosen: Sequence[SourceFile]
    ) -> Extract:
        """Files of a period, received before or not; the book of what was received stays as it is."""
        picked = Picked(tuple(file for file in chosen if file.size))
        reading = _read(request, read, landing, listing, picked)
        return Extract(
            table=request.table.name,
            given=reading.given,
            watermark=request.bookkeeping,
            identity={"again": _identity(_received(reading, chosen))},
            full=False,
            source_system=KIND,
            notices=reading.notices,
            empty=reading.is_empty,
            unsettled=partial(_unsettled, landing, reading.files),
        )


@dataclass(frozen=True)
class _Reading:
    """What the picked files gave: `files` are those that are read, `waiting` those that are left for the next run,
    `lacking` says what was left out though it may be a part of the same.
    """

    files: tuple[SourceFile, ...]
    given: DataFrame | Callable[[], DataFrame]
    waiting: frozenset[SourceFile]
    notices: tuple[str, ...]
    verdicts: dict[SourceFile, Verdict]
    lacking: list[str]
    is_empty: bool


def _is_whole(reading: _Reading, chosen: Sequence[SourceFile]) -> bool:
    """Whether all that was written was read: a file without a byte beside others may be one that was cut off."""
    return not (reading.verdicts or reading.lacking) and (reading.is_empty or all(file.size for file in chosen))


def _received(reading: _Reading, chosen: Sequence[SourceFile]) -> tuple[SourceFile, ...]:
    return tuple(file for file in chosen if file not in reading.waiting)


def _read(request: ExtractRequest, read: Reader, landing: Landing, listing: Listing, picked: Picked) -> _Reading:
    """The rows of the files that can be read, and a corrupt record for each that is broken."""
    waiting = {file: Verdict("changing", _CHANGING) for file in picked.files if file.path in request.unsettled}
    settled = [file for file in picked.files if file not in waiting]
    verdicts = suspected(request, landing, settled) | _in_folders_of_ours(listing, settled) | waiting
    given: DataFrame | None = None
    told: list[str] = []
    while readable := [file for file in picked.files if file not in verdicts]:
        try:
            parts, told = _by_age(request, read, landing, listing, picked, readable)
        except UnreadableError as unreadable:
            verdicts |= unreadable.verdicts
        except SPARK_FAILURES as failure:
            found = verdict_on(request, landing, readable, *(failed_read(failure) or ("", "")))
            if found is None:
                raise
            verdicts |= found
        else:
            given = together(parts, listing.folder, _expected(request), _types(request))
            break
    _refuse_where_nothing_may_be_read(landing, verdicts, readable)
    left_out = parts_left_out(picked, listing.unread, request.table)
    lacking = [*map(_closed, listing.closed), *(f"{path}: left out, though it is part of it" for path in left_out)]
    if request.table.load.write.mode == "replace" and picked.files:
        _refuse_part_of_a_snapshot(landing, verdicts, lacking)
    broken = {file: verdict for file, verdict in verdicts.items() if verdict.kind == "broken"}
    if broken:
        records = _quarantined(request.spark, broken)
        given = records if given is None else union([given, records])
    return _Reading(
        files=tuple(readable),
        given=partial(_nothing, request) if given is None else given,
        waiting=frozenset(verdicts) - frozenset(broken),
        notices=(*told, *_of_unreadable(verdicts)),
        verdicts=verdicts,
        lacking=lacking,
        is_empty=given is None,
    )


def _by_age(
    request: ExtractRequest,
    read: Reader,
    landing: Landing,
    listing: Listing,
    picked: Picked,
    readable: Sequence[SourceFile],
) -> tuple[list[Part], list[str]]:
    """The rows of the readable files; where several snapshots are among them, with the age of theirs."""
    if not picked.by_age:
        parts, told = read(request.spark, landing, readable, listing.folder)
        return [part.with_rows(_dated(request, readable)) for part in parts], told
    parts, told = list[Part](), list[str]()
    for age, snapshot in enumerate(picked.by_age):
        if files := [file for file in snapshot if file in readable]:
            of_snapshot, notices = read(request.spark, landing, files, listing.folder)
            mark = partial(DataFrame.withColumn, colName=AGE if picked.is_sure else MAYBE_AGE, col=F.lit(age))
            parts += [part.with_rows(mark).with_rows(_dated(request, snapshot)) for part in of_snapshot]
            told += notices
    return parts, told


def _unsettled(landing: Landing, files: Sequence[SourceFile]) -> frozenset[str]:
    """The paths of those files that are not any more what they were when they were listed."""
    looks = landing.each(files, landing.is_as_listed)
    return frozenset(file.path for file, is_as_listed in zip(files, looks, strict=True) if not is_as_listed)


def _in_folders_of_ours(listing: Listing, files: Sequence[SourceFile]) -> dict[SourceFile, Verdict]:
    """The files in folders that give them a column with a name that the engine keeps for itself."""
    own = {file: [name for name in columns_of(file.path, listing.folder) if is_own_name(name)] for file in files}
    return {
        file: Verdict("broken", f"its folder is a column with a name of the engine's own ({names[0]}): rename it")
        for file, names in own.items()
        if names
    }


def _refuse_where_nothing_may_be_read(
    landing: Landing, verdicts: dict[SourceFile, Verdict], readable: Sequence[SourceFile]
) -> None:
    """One file that may not be read is that file's matter; all of them are the place's."""
    if readable or not verdicts or any(verdict.kind != "refused" for verdict in verdicts.values()):
        return
    raise SourceError(
        f"none of the {len(verdicts)} files that are due in {landing.location} may be read",
        table=landing.table,
        step="extract",
        seen=[f"{file.path}: {verdict.reason}" for file, verdict in list(verdicts.items())[:_NAMED]],
        next_step="grant this role or user access, then run again",
    )


def _refuse_part_of_a_snapshot(landing: Landing, verdicts: dict[SourceFile, Verdict], lacking: Sequence[str]) -> None:
    """What cannot be read of a snapshot would be gone from the table that the rest replaces."""
    seen = [*(f"{file.path}: {verdict.reason}" for file, verdict in verdicts.items()), *lacking]
    if not seen:
        return
    raise SourceError(
        "a file of the snapshot that is to be the table cannot be read; the table stays as it is",
        table=landing.table,
        step="extract",
        seen=seen[:_NAMED],
        evidence=landing.location,
        next_step="have the file written anew, or a newer snapshot put beside it, then run again",
    )


def _closed(folder: str) -> str:
    return f"{folder}: the folder may not be listed"


def _quarantined(spark: SparkSession, broken: dict[SourceFile, Verdict]) -> DataFrame:
    columns = StructType([StructField(CORRUPT, StringType()), StructField(ORIGIN, StringType())])
    records = [(f"{verdict.reason}: {file.path} ({file.size} bytes)", file.path) for file, verdict in _by_path(broken)]
    return spark.createDataFrame(records, columns)


def _by_path(verdicts: dict[SourceFile, Verdict]) -> list[tuple[SourceFile, Verdict]]:
    return sorted(verdicts.items(), key=lambda each: each[0].path)


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


def _expected(request: ExtractRequest) -> tuple[str, ...]:
    """The columns of the contract by the source's names, in the contract's order."""
    fields = request.source.fields
    return tuple(fields.get(name, name) for name in request.table.contract.column_names)


def _reader(request: ExtractRequest) -> Reader:
    """What reads the format that the load file names, with its options; raises `ConfigError` for what cannot be."""
    options, table, wanted = request.source.options, request.table.name, _types(request)
    match request.source.format:
        case "csv":
            return partial(_read_csv, request, CsvFormat.of(options))
        case "json":
            whole = options.get("multiLine")
            return lambda spark, landing, files, _: _as_one(files, *read_json(spark, landing, files, whole, wanted))
        case "parquet":
            return lambda spark, landing, files, _: read_parquet_files(spark, landing, files, wanted)
    raise ConfigError(f"{table} does not say what its files are", next_step="add `format: json`, `csv` or `parquet`")


def _types(request: ExtractRequest) -> AsTyped:
    """The contract's type of a source column and how values come into it, None for one that it does not know."""
    casts = casts_of(request.table.contract, request.table.load)
    types = {
        folded(source): (column.type, casts.get(column.name, EXACT))
        for source, column in zip(_expected(request), request.table.contract.columns, strict=True)
    }
    return lambda name: types.get(folded(name))


def _read_csv(
    request: ExtractRequest,
    form: CsvFormat,
    spark: SparkSession,
    landing: Landing,
    files: Sequence[SourceFile],
    folder: str,
) -> tuple[list[Part], list[str]]:
    may_show = not any(column.is_personal for column in request.table.contract.columns)
    filled = request.table.load.filled
    given = zip(_expected(request), request.table.contract.column_names, strict=True)
    expected = tuple(source for source, name in given if name not in filled)
    return _as_one(files, *read_csv(spark, landing, files, form, partial(_in_file, expected, folder), may_show))


def _as_one(files: Sequence[SourceFile], frame: DataFrame, told: list[str]) -> tuple[list[Part], list[str]]:
    return [Part(frame, files)], told


def _in_file(expected: Collection[str], folder: str, file: SourceFile) -> tuple[str, ...]:
    """The expected columns that a file has itself: those of its folders are not in it."""
    given = columns_of(file.path, folder)
    return tuple(name for name in expected if name.lower() not in given)


def _dated(request: ExtractRequest, files: Sequence[SourceFile]) -> Callable[[DataFrame], DataFrame]:
    """Adds to rows when their files, which are one snapshot, were taken, where the table wants to know."""
    if request.source.taken_at is None:
        return lambda frame: frame
    taken = literal(taken_at(files, request.source.snapshot))
    return lambda frame: frame.withColumn(TAKEN, taken)


def _nothing(request: ExtractRequest) -> DataFrame:
    return empty_frame(request.spark, _expected(request), corrupt=True)


def _identity(files: Sequence[SourceFile]) -> dict[str, Any]:
    listing = json.dumps(sorted((file.path, file.size, file.etag) for file in files))
    return {"files": len(files), "digest": hashlib.sha256(listing.encode()).hexdigest()}


def _notices(
    landing: Landing, listing: Listing, due: Sequence[SourceFile], received: Sequence[SourceFile]
) -> Iterator[str]:
    """What there is to tell of the files that lie there."""
    if not listing.files:
        yield f"there are no files in {landing.location}"
    if len(due) < len(listing.files):
        yield f"{len(listing.files) - len(due)} files lie in folders of later days: they wait"
    empty = [file.path for file in received if not file.size]
    if empty:
        yield f"empty files: {_some(empty)}"
    yield from (f"{_closed(folder)}; what is in it is not read" for folder in listing.closed[:_EACH])
    if listing.hidden:
        yield (
            f"{len(listing.hidden)} files are left out, for a dot or underscore before their name or a folder's, or"
            f" because they are still being copied: {_some(listing.hidden)}"
        )
    if listing.nameless:
        nameless = _some(listing.nameless)
        yield f"{len(listing.nameless)} files have names that Spark cannot address, rename them: {nameless}"
    if listing.odd:
        yield f"{len(listing.odd)} are no files, but links to folders or to nothing, or pipes: {_some(listing.odd)}"


def _of_book(book: FileBook, due: Sequence[SourceFile], chosen: Sequence[SourceFile]) -> Iterator[str]:
    """What there is to tell of files that count as known."""
    passed = set(due) - set(chosen)
    touched = sorted(file.path for file in passed if book.was_touched(file))
    if touched:
        yield (
            "files count as known, though they were written to or replaced since they were received: size and"
            f" modification time are the same (`touch` them to have them read again): {_some(touched)}"
        )
    forgotten = sorted(file.path for file in passed if book.has_forgotten(file))
    if forgotten:
        yield (
            f"{len(forgotten)} files are older than the newest that fit into the book and count as received, whether"
            f" they were or not (move files away that were): {_some(forgotten)}"
        )


def _of_unreadable(verdicts: dict[SourceFile, Verdict]) -> Iterator[str]:
    says = dict.fromkeys(("gone", "refused", "changing"), "it is left for the next run")
    says["broken"] = "it is in the error lane as a whole, and read again when it changes"
    for file, verdict in _by_path(verdicts)[:_EACH]:
        yield f"{file.path}: {verdict.reason}; {says[verdict.kind]}"
    if len(verdicts) > _EACH:
        yield f"{len(verdicts) - _EACH} more files could not be read"


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{', '.join(paths[:_NAMED])}{more}"
