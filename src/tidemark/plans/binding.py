"""What binds a plan to what was looked at: the digest of its document, and of every file that its batches have staged.

Between plan and apply lie hours, and the files lie where others may write. A file of as many rows of as many bytes in
the place of another is another plan.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from tidemark.observe.drift import STAGED_COLUMNS
from tidemark.spark import storage
from tidemark.write.manifest import MANIFEST_FILE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.plans.document import PlanDocument
    from tidemark.write.manifest import Prepared

_SCHEME = r"^[A-Za-z][A-Za-z0-9+.-]*:"
_NOTHING = hashlib.sha256().hexdigest()


def digest(document: PlanDocument) -> str:
    """The SHA-256 of all that the plan says: numbers, versions, windows, and the digests of what is staged."""
    return hashlib.sha256(json.dumps(document.to_json(), sort_keys=True).encode()).hexdigest()


def staged(spark: SparkSession, batches: Mapping[str, Prepared]) -> dict[str, str]:
    """For each table the SHA-256 of its batch: its manifest, and the content of every file. The tasks of one job read
    them, a file at a time; the driver gets a digest for each folder.

    Raises `PySparkException` or `Py4JJavaError` where one cannot be read.
    """
    every = {folder for batch in batches.values() for folder in _folders(batch)}
    folders = sorted(folder for folder in every if storage.exists(spark, folder))
    found = _contents(spark, folders) if folders else {}
    return {table: _whole(spark, batch, found) for table, batch in batches.items()}


UNREADABLE = (PySparkException, Py4JJavaError)
"""What `staged` raises for files that are gone, or are not what their checksums say."""


def _folders(batch: Prepared) -> tuple[str, ...]:
    """The folders in which the batch has files of rows."""
    rewritten = (*batch.rewrite.whole, *batch.rewrite.feed) if batch.rewrite else ()
    return tuple(dict.fromkeys((batch.data, *((batch.rejects,) if batch.rejects else ()), *rewritten)))


def _contents(spark: SparkSession, folders: list[str]) -> dict[str, str]:
    """A digest for each folder that holds files."""
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(folders)
    place = F.regexp_replace(F.regexp_replace("path", _SCHEME, ""), "^/+", "")
    each = files.select(
        F.regexp_extract(place, r"^(.*)/[^/]+$", 1).alias("folder"),
        F.concat_ws(":", F.regexp_extract(place, r"([^/]+)$", 1), "length", F.sha2("content", 256)).alias("file"),
    )
    told = each.groupBy("folder").agg(F.sha2(F.concat_ws("/", F.sort_array(F.collect_list("file"))), 256).alias("sha"))
    return {row["folder"]: row["sha"] for row in told.collect()}


def _whole(spark: SparkSession, batch: Prepared, found: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for folder in _folders(batch):
        name = _plain(folder)
        below = sorted((place, sha) for place, sha in found.items() if place == name or place.startswith(f"{name}/"))
        whole.update(json.dumps([(place.removeprefix(name), sha) for place, sha in below]).encode() + b"\0")
    for name in (MANIFEST_FILE, STAGED_COLUMNS):
        text = storage.read_text(spark, f"{batch.path}/{name}")
        whole.update((_NOTHING if text is None else hashlib.sha256(text.encode()).hexdigest()).encode())
    return whole.hexdigest()


def _plain(folder: str) -> str:
    """A folder as the paths of its files are compared: without scheme, and without slashes at its ends."""
    scheme, colon, rest = folder.partition(":")
    return (rest if colon and "/" not in scheme else folder).strip("/")
