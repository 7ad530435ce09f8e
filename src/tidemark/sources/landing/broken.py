"""Which file Spark failed on, and why: one that cannot be read must not keep the others from being read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from tidemark.sources.landing.listing import Verdict
from tidemark.sources.staged import location
from tidemark.spark.dataerrors import condition_of, java_errors

if TYPE_CHECKING:
    from tidemark.sources.landing.listing import Landing
    from tidemark.sources.watermark import SourceFile

SPARK_FAILURES = (PySparkException, Py4JJavaError)
_CONDITIONS = ("FAILED_READ_FILE", "PATH_NOT_FOUND")
_ABOUT_CONTENT = ("com.github.luben.zstd.ZstdIOException", "java.util.zip.ZipException")
_MESSAGE_LENGTH = 300


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


def verdict_on(landing: Landing, file: SourceFile, cause: str) -> Verdict | None:
    """What is wrong with a file that Spark could not read; None when the driver can, and it is not the content."""
    verdict = landing.examine(file)
    if verdict is None and cause.startswith(_ABOUT_CONTENT):
        return Verdict("broken", cause)
    return verdict
