"""Which file Spark failed on, and why: one that cannot be read must not keep the others from being read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from tidemark.sources.landing.compression import is_packed
from tidemark.sources.landing.formats.parquetfiles import is_beyond_spark, read_to_its_end
from tidemark.sources.landing.listing import UnreadableError, Verdict
from tidemark.sources.staged import location
from tidemark.spark.dataerrors import condition_of, java_errors

if TYPE_CHECKING:
    from tidemark.sources import ExtractRequest
    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

SPARK_FAILURES = (PySparkException, Py4JJavaError)
_CONDITIONS = ("FAILED_READ_FILE", "PATH_NOT_FOUND")
# What Spark's readers throw over what stands in a file: damage, encodings and codecs that they lack, values that they
# cannot hold. A store that does not answer throws none of these.
_ABOUT_CONTENT = re.compile(
    r"com\.github\.luben\.zstd\.ZstdIOException|java\.util\.zip\.ZipException|org\.apache\.parquet\."
    r"|org\.apache\.spark\.SparkUnsupportedOperationException|java\.time\.DateTimeException"
    r"|java\.lang\.(Arithmetic|ClassCast|ClassNotFound|IllegalArgument|NegativeArraySize|UnsupportedOperation)Exception"
    r"|java\.lang\.(Array)?IndexOutOfBoundsException"
)
_MESSAGE_LENGTH = 300
_MOST_BYTES = 1024 * 1024 * 1024


def failed_read(failure: BaseException) -> tuple[str, str] | None:
    """The path of the file that Spark failed on, as it writes it, and the cause; None for any other failure."""
    thrown = list(java_errors(failure))
    for each in thrown:
        if condition_of(each).startswith(_CONDITIONS):
            path = str(dict(each.getMessageParameters()).get("path", ""))
            cause = thrown[-1]
            name, message = str(cause.getClass().getName()), str(cause.getMessage() or "")
            return path, f"{name}: {message.partition(chr(10))[0][:_MESSAGE_LENGTH]}"
    return None


def file_at(path: str, files: Sequence[SourceFile]) -> SourceFile | None:
    """The file that Spark means by a path, which it writes encoded or as it is."""
    by_location = {location(file.path): file for file in files}
    return by_location.get(location(path)) or by_location.get(location(unquote(path)))


def _verdict(landing: Landing, file: SourceFile, cause: str) -> Verdict | None:
    """What is wrong with a file that Spark could not read; None when the driver can, and it is not the content."""
    verdict = landing.examine(file)
    if verdict is None and _ABOUT_CONTENT.match(cause):
        return Verdict("broken", f"a file of a kind that Spark cannot read ({cause})")
    return verdict


def verdict_on(
    request: ExtractRequest, landing: Landing, files: Sequence[SourceFile], path: str, cause: str
) -> dict[SourceFile, Verdict] | None:
    """What is wrong with the file that Spark failed on; None where it is none of these, or nothing is wrong with it."""
    file = file_at(path, files)
    verdict = _verdict(landing, file, cause) if file else None
    if file and verdict is None and request.source.format == "parquet":
        verdict = read_to_its_end(landing, file)
    return {file: verdict} if file and verdict else None


def suspected(request: ExtractRequest, landing: Landing, files: Sequence[SourceFile]) -> dict[SourceFile, Verdict]:
    """What is wrong with the files that Spark failed on before; one with which nothing is may be read this time.

    Spark fails on one file at a time, and reads all of them anew without it. So that many broken ones do not cost as
    many readings, the others are looked at as soon as a file has failed.
    """
    verdicts: dict[SourceFile, Verdict] = {}
    for path, cause in request.failed.items():
        verdicts |= verdict_on(request, landing, files, path, cause) or {}
    if not verdicts:
        return verdicts
    others = [file for file in files if file not in verdicts]
    try:
        return verdicts | _found_by_the_driver(landing, others, is_parquet=request.source.format == "parquet")
    except UnreadableError as unreadable:
        return verdicts | unreadable.verdicts


def _found_by_the_driver(
    landing: Landing, files: Sequence[SourceFile], *, is_parquet: bool
) -> dict[SourceFile, Verdict]:
    """What can be told by footers, or by unpacking what is compressed, if that is not too much to be read here."""
    if is_parquet:
        looks = landing.each(files, partial(is_beyond_spark, landing))
    else:
        files = [file for file in files if is_packed(file.path)]
        if sum(file.size for file in files) > _MOST_BYTES:
            return {}
        looks = landing.each(files, landing.examine)
    return {file: verdict for file, verdict in zip(files, looks, strict=True) if verdict}
