"""Small files beside the tables (manifests, gate results), through the file systems that Spark itself uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidemark.errors import CommitError
from tidemark.spark.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


# An object is there as a whole once its stream is closed, and to rename one is to copy it.
_OBJECTS = ("s3a", "s3")


def exists(spark: SparkSession, path: str) -> bool:
    """Whether a file or folder lies at `path`."""
    hadoop_path, file_system = _resolve(spark, path)
    return bool(file_system.exists(hadoop_path))


def size(spark: SparkSession, path: str) -> int:
    """The bytes of all files below a folder."""
    hadoop_path, file_system = _resolve(spark, path)
    return int(file_system.getContentSummary(hadoop_path).getLength())


def delete(spark: SparkSession, path: str) -> None:
    """Removes a file or a whole folder; nothing happens where there is none."""
    hadoop_path, file_system = _resolve(spark, path)
    file_system.delete(hadoop_path, True)


def move(spark: SparkSession, source: str, target: str) -> None:
    """Moves the files of a folder, which has no others below it; what was begun before is taken to its end.

    File by file: on S3 the objects are copied inside the store, and of a folder that is moved as a whole a process
    that dies would leave a part in each place.
    """
    from_path, file_system = _resolve(spark, source)
    to_path, _ = _resolve(spark, target)
    if not file_system.exists(from_path):
        return
    file_system.mkdirs(to_path)
    for status in file_system.listStatus(from_path):
        file = status.getPath()
        moved, _ = _resolve(spark, f"{target}/{file.getName()}")
        file_system.delete(moved, False)
        if not file_system.rename(file, moved):
            raise CommitError(f"{file} could not be moved to {target}", step="commit")
    file_system.delete(from_path, True)


def write_text(spark: SparkSession, path: str, text: str) -> None:
    """Writes a whole file, replacing what was there; the file appears complete or not at all."""
    hadoop_path, file_system = _resolve(spark, path)
    if str(file_system.getUri().getScheme()) in _OBJECTS:
        _write(file_system, hadoop_path, text)
        return
    partial, _ = _resolve(spark, f"{path}.partial")
    _write(file_system, partial, text)
    file_system.delete(hadoop_path, False)
    file_system.rename(partial, hadoop_path)


def _write(file_system: Any, path: Any, text: str) -> None:
    stream = file_system.create(path, True)
    stream.write(bytearray(text.encode()))
    stream.close()


def try_to_write(spark: SparkSession, path: str) -> None:
    """Writes an empty file and removes it again: raises what writing there would raise."""
    hadoop_path, file_system = _resolve(spark, path)
    file_system.create(hadoop_path, True).close()
    file_system.delete(hadoop_path, False)


def read_text(spark: SparkSession, path: str) -> str | None:
    """The file's text, or None when there is no such file."""
    if not exists(spark, path):
        return None
    hadoop_path, file_system = _resolve(spark, path)
    stream = file_system.open(hadoop_path)
    try:
        return bytes(stream.readAllBytes()).decode()
    finally:
        stream.close()


def read_line(spark: SparkSession, path: str, beginning: str) -> str | None:
    """The file's first line that begins so, "" when none does; None when there is no such file."""
    hadoop_path, file_system = _resolve(spark, path)
    if not file_system.exists(hadoop_path):
        return None
    text = java_class(spark, "java.io.InputStreamReader")(file_system.open(hadoop_path), "UTF-8")
    reader = java_class(spark, "java.io.BufferedReader")(text)
    try:
        while (line := reader.readLine()) is not None:
            if line.startswith(beginning):
                return str(line)
    finally:
        reader.close()
    return ""


def _resolve(spark: SparkSession, path: str) -> tuple[Any, Any]:
    context: Any = spark.sparkContext
    hadoop_path = java_class(spark, "org.apache.hadoop.fs.Path")(path)
    return hadoop_path, hadoop_path.getFileSystem(context._jsc.hadoopConfiguration())
