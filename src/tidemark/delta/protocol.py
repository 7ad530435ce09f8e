"""What a table asks of whoever writes it: by its protocol, its properties, its constraints and its columns.

Entries of our own are written only where every one of these is known and needs nothing but rows as they are. All else
is left to Delta's own writer, which honours what it knows and refuses what it does not; what it would refuse row by row
in the middle of a commit is looked for before anything is committed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql.types import StructField

_ASKED_ELSEWHERE = (  # only while a property or a column of the table says so, and it is looked for there
    *("appendOnly", "invariants", "checkConstraints", "generatedColumns", "identityColumns", "allowColumnDefaults"),
    *("columnMapping", "rowTracking", "inCommitTimestamp"),
)
_GIVEN = (  # what asks for nothing that an entry of ours would not give
    *("changeDataFeed", "deletionVectors", "domainMetadata", "clustering", "timestampNtz"),
    *("typeWidening", "typeWidening-preview", "v2Checkpoint", "vacuumProtocolCheck", "checkpointProtection"),
)
_FEATURES = frozenset((*_ASKED_ELSEWHERE, *_GIVEN))
_PROPERTIES = re.compile(
    r"delta\.(?:"
    r"appendOnly|constraints\..+|feature\..+|minReaderVersion|minWriterVersion"
    r"|enableChangeDataFeed|enableDeletionVectors|enableTypeWidening|enableExpiredLogCleanup|isolationLevel"
    r"|columnMapping\..+|dataSkipping\w+|autoOptimize.*|targetFileSize|tuneFileSizesForRewrites|parquet\..+"
    r"|logRetentionDuration|deletedFileRetentionDuration|setTransactionRetentionDuration|sampleRetentionDuration"
    r"|checkpoint\w*|checkpoint\..+|lastCommitTimestamp|lastUpdateVersion|randomizeFilePrefixes|randomPrefixLength"
    r")$"
)
_SWITCHES = ("delta.enableRowTracking", "delta.enableInCommitTimestamps")
_OFF = re.compile(r"delta\.(?:rowTracking|inCommitTimestamp)\w*(?:\..+)?$")
_HARMLESS = ("comment", "delta.typeChanges")  # of what fields say
_LENGTH = re.compile(r"(?:var)?char\((\d+)\)$")


@dataclass(frozen=True)
class Terms:
    """`others_only`: what only Delta's own writer honours. `constraints`: conditions in SQL, by what people call them,
    of which each must be true in every row. `append_only`: rows are never changed.
    """

    others_only: tuple[str, ...] = ()
    constraints: Mapping[str, str] = field(default_factory=dict)
    append_only: bool = False

    @property
    def own_entries(self) -> bool:
        """Whether entries of our own honour all of it."""
        return not self.others_only and not self.constraints


def terms(known: Any) -> Terms:
    """The terms of a table, by Delta's snapshot of it, or by the transaction that makes it."""
    protocol = json.loads(str(known.protocol().json()))["protocol"]
    return read_terms(protocol, json.loads(str(known.metadata().json()))["metaData"])


def read_terms(protocol: Mapping[str, Any], metadata: Mapping[str, Any]) -> Terms:
    """The terms, by the actions `protocol` and `metaData` of the log."""
    properties: Mapping[str, str] = metadata.get("configuration") or {}
    fields = json.loads(metadata["schemaString"])["fields"]
    features = {*(protocol.get("writerFeatures") or ()), *(protocol.get("readerFeatures") or ())}
    foreign = [
        *(f"the feature {name}" for name in sorted(features - _FEATURES)),
        *(f"the property {name}" for name, value in sorted(properties.items()) if _asks(name, value)),
        *(f"the column {each['name']} ({key})" for each in fields for key in _asked_by(each)),
    ]
    constraints = {
        name.removeprefix("delta.constraints."): text
        for name, text in properties.items()
        if name.startswith("delta.constraints.")
    }
    for each in fields:
        constraints |= dict(_conditions(each))
    return Terms(tuple(foreign), constraints, properties.get("delta.appendOnly", "false").lower() == "true")


def filled_by_delta(column: StructField) -> bool:
    """Whether Delta gives the column its values where a batch has none: computed, counted on, or a default."""
    told = column.metadata
    return "CURRENT_DEFAULT" in told or any(key.startswith(("delta.generation", "delta.identity.")) for key in told)


def _asks(name: str, value: str) -> bool:
    """Whether a property asks for what entries of our own do not give."""
    if name == "delta.columnMapping.mode":
        return value != "none"
    if name in _SWITCHES:
        return value.lower() == "true"
    return name.startswith("delta.") and not _PROPERTIES.match(name) and not _OFF.match(name)


def _asked_by(column: Mapping[str, Any]) -> Iterator[str]:
    """What of a column's metadata asks for more than its values."""
    for key in column.get("metadata") or {}:
        is_spoken_for = key in _HARMLESS or key.startswith("delta.columnMapping.")
        if not is_spoken_for and (key.startswith(("delta.", "__")) or key in ("CURRENT_DEFAULT", "EXISTS_DEFAULT")):
            yield key


def _conditions(column: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The conditions that a column puts on rows: one that is not there is null."""
    name, told = column["name"], column.get("metadata") or {}
    quoted = f"`{name.replace('`', '``')}`"
    if not column.get("nullable", True):
        yield f"{name} NOT NULL", f"{quoted} IS NOT NULL"
    if invariant := told.get("delta.invariants"):
        yield f"invariant of {name}", str(json.loads(invariant)["expression"]["expression"])
    if length := _LENGTH.match(str(told.get("__CHAR_VARCHAR_TYPE_STRING", ""))):
        yield f"length of {name}", f"{quoted} IS NULL OR length({quoted}) <= {length[1]}"
