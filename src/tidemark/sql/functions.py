"""The functions that a query may call: Spark's own, but for those that reach out of the query.

The list (`functions.txt`) is that of Spark 4.1 (`SHOW SYSTEM FUNCTIONS`), with what only its grammar knows (`try_cast`,
types). A function that is not there is refused, whatever it does: one of a later Spark is added when somebody has
looked at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ALLOWED = frozenset(Path(__file__).with_name("functions.txt").read_text(encoding="utf-8").split())

_JAVA = "calls Java methods: whatever the driver's account may do, a query could"
_FILES = "reads outside the table's inputs"
_OPTIONS = "can be told to read files: read the format in the source, or as text"
_PLACE = "tells of the place where the query runs, not of data"
WITH_MESSAGE = {"raise_error": 0, "assert_true": 1}
"""Functions that stop a query with a message, and which argument that is: it goes to logs, so it is written out."""

REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("reflect", "java_method", "try_reflect"), _JAVA),
    **dict.fromkeys(
        ("read_files", "table_changes", "cloud_files", "read_kafka", "read_kinesis", "read_pubsub", "remote_query"),
        _FILES,
    ),
    **dict.fromkeys(
        ("from_avro", "to_avro", "schema_of_avro", "from_protobuf", "to_protobuf", "from_xml", "schema_of_xml"),
        _OPTIONS,
    ),
    **dict.fromkeys(
        ("current_user", "session_user", "user", "current_catalog", "current_database", "current_schema", "version"),
        _PLACE,
    ),
    **dict.fromkeys(("python_worker_logs", "sql_keywords", "collations"), _PLACE),
    "identifier": "names a table or a column by a text, which nobody can follow: write the name",
}
"""Functions that no query may call, whatever it calls them for, and why."""

KEYWORDS = frozenset(
    (
        "all", "and", "any", "as", "between", "by", "case", "cross", "cube",
        "distinct", "div", "else", "end", "except", "exists", "filter", "for", "from",
        "group", "having", "ilike", "in", "include", "intersect", "is", "join", "lateral",
        "like", "limit", "minus", "not", "nulls", "of", "offset", "on", "or",
        "order", "outer", "over", "partition", "pivot", "qualify", "regexp", "replace", "rlike",
        "rollup", "rename", "select", "semi", "set", "sets", "some", "table", "tablesample",
        "then", "union", "unpivot", "using", "values", "when", "where", "window", "with",
        "within", "interval", "overlaps",
    )
)  # fmt: skip
"""Words of the grammar that may stand before a parenthesis."""

HINTS = frozenset(
    (
        "broadcast", "broadcastjoin", "mapjoin", "merge", "mergejoin", "shuffle_merge", "shuffle_hash",
        "shuffle_replicate_nl", "coalesce", "repartition", "repartition_by_range", "rebalance",
    )
)  # fmt: skip
