"""Soda behind one function: these checks, on these frames. Nothing else of Tidemark knows it.

Soda asks a session for one query after the other, and most of them several times: for their rows, for how many there
are, and for the page after the last. It is given something that looks like a session. That has all queries of the scan
answered by Spark at once, as one; what a table's columns are it knows without asking.
"""

from __future__ import annotations

import atexit
import logging
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, TimestampType

from tidemark.compute.failures import check_failed
from tidemark.errors import CommitError
from tidemark.rows import quoted
from tidemark.spark.dataerrors import data_error
from tidemark.spark.relations import query_over

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from tidemark.config.contract import Contract

_CONFIG = "send_anonymous_usage_stats: false\nuser_cookie_id: 00000000-0000-0000-0000-000000000000\n"
_SOURCE = "lake"
_DESCRIBE = "DESCRIBE "
_COLUMNS = StructType([StructField(name, StringType()) for name in ("col_name", "data_type", "comment")])
_QUERY = "_query"
_BESIDE = -1
_import_lock = threading.Lock()


@dataclass(frozen=True)
class CheckResult:
    """One check: `outcome` is `pass`, `warn`, `fail`, `no rows` (nothing to measure) or `error` (it could not run).

    `limit` names the limit of the table that it stands for; None: it is one of the contract's. `bypass`: it failed, and
    somebody has let it pass: who, why, until when. `bad`: which values do not pass, of a check that did not (`> 2000`).
    """

    name: str
    outcome: str
    value: str | None = None
    limit: str | None = None
    bypass: str | None = None
    bad: str | None = None


@dataclass
class Beside:
    """A frame of one row that is asked for in the same query as the checks, and the row."""

    frame: DataFrame
    row: Row | None = None

    def answer(self) -> Row | None:
        """The row, asked for on its own where there was no query to ask it with."""
        if self.row is None:
            self.row = next(iter(self.frame.collect()), None)
        return self.row


def run_checks(
    spark: SparkSession,
    contract: Contract,
    checks: str,
    relations: Mapping[str, DataFrame],
    beside: Beside | None = None,
) -> tuple[CheckResult, ...]:
    """What SodaCL `checks`, which know the frames by the names of `relations`, say of them.

    Raises `CommitError` when they cannot be run at all, or when one fails on a value.
    """
    session = _Session(spark, relations, beside)
    scan = _new_scan()
    scan.set_verbose(False)
    scan.set_scan_definition_name(contract.table)
    scan.set_data_source_name(_SOURCE)
    scan.add_configuration_yaml_str(f"data_source {_SOURCE}:\n  type: spark_df\n")
    scan.add_spark_session(session, data_source_name=_SOURCE)
    scan.add_sodacl_yaml_str(checks)
    session.ask_at_once(scan)
    scan.execute()
    failed = next(filter(None, (data_error(log.exception) for log in scan.get_error_logs() if log.exception)), None)
    if failed:
        raise check_failed(contract, failed)
    unevaluated = "error" if scan.has_error_logs() else "no rows"
    results = tuple(_result(check, unevaluated) for check in scan._checks)
    broken = (
        []
        if any(check.outcome for check in scan._checks)
        else [line for line in scan.get_error_logs_text().splitlines() if line.strip()]
    )
    if broken:
        raise CommitError(
            "the checks could not be run",
            table=contract.table,
            step="gate",
            seen=broken[:5],
            next_step="correct the quality section of the contract, then tidemark validate",
        )
    return results


def _result(check: Any, unevaluated: str) -> CheckResult:
    """Soda's own list of results leaves out the checks that it could not evaluate."""
    if check.outcome is None:
        return CheckResult(str(check.name), unevaluated)
    told = check.get_dict()
    value = (told.get("diagnostics") or {}).get("value")
    outcome = str(told["outcome"])
    return CheckResult(str(told["name"]), outcome, None if value is None else str(value), bad=_bad(check, outcome))


def _bad(check: Any, outcome: str) -> str | None:
    """The values of which Soda says this, as the check's threshold has it: `> 2000`, `≠ 0`, `< 1 or > 9`."""
    zone = getattr(check.check_cfg, f"{outcome}_threshold_cfg", None) if outcome in ("warn", "fail") else None
    if zone is None:
        return None
    low = [f"{sign} {_number(bound)}" for sign, bound in ((">", zone.gt), ("≥", zone.gte)) if bound is not None]
    high = [f"{sign} {_number(bound)}" for sign, bound in (("<", zone.lt), ("≤", zone.lte)) if bound is not None]
    if zone.is_split_zone:
        return f"≠ {_number(zone.lt)}" if zone.lt is not None and zone.lt == zone.gt else " or ".join([*high, *low])
    return f"= {_number(zone.gte)}" if zone.gte is not None and zone.gte == zone.lte else " and ".join([*low, *high])


def _number(bound: Any) -> str:
    return str(int(bound)) if isinstance(bound, float) and bound.is_integer() else str(bound)


@dataclass(frozen=True)
class _Answer:
    """Rows that are here already, with as much of a frame's interface as Soda's cursor uses."""

    schema: StructType
    rows: Sequence[Row]

    def collect(self) -> list[Row]:
        return list(self.rows)

    def count(self) -> int:
        return len(self.rows)

    def offset(self, rows: int) -> _Answer:
        return _Answer(self.schema, self.rows[rows:])

    def limit(self, rows: int) -> _Answer:
        return _Answer(self.schema, self.rows[:rows])


@dataclass
class _Session:
    """What Soda takes for a Spark session: it only ever calls `sql`."""

    spark: SparkSession
    relations: Mapping[str, DataFrame]
    beside: Beside | None = None
    answers: dict[str, _Answer] = field(default_factory=dict)

    def sql(self, **asked: str) -> _Answer:
        """The answer to one query. Whatever was not asked at once is asked now, and every row of it is taken."""
        query = asked["sqlQuery"]
        described = self.relations.get(query.strip().removeprefix(_DESCRIBE))
        if described is not None and query.strip().startswith(_DESCRIBE):
            return _columns_of(described)
        if query not in self.answers:
            frame = _without_zone(query_over(self.spark, query, self.relations))
            self.answers[query] = _Answer(frame.schema, frame.collect())
        return self.answers[query]

    def ask_at_once(self, scan: Any) -> None:
        """Makes the scan's queries one, when it comes to run them. What fails then is asked again on its own."""
        source = scan._get_or_create_data_source_scan(_SOURCE)
        run_each = source.execute_queries

        def execute_queries() -> None:
            self._ask(list(_texts(source)))
            run_each()

        source.execute_queries = execute_queries

    def _ask(self, texts: Sequence[str]) -> None:
        frames = {}
        for number, text in enumerate(dict.fromkeys(texts)):
            try:
                frames[number] = text, _without_zone(query_over(self.spark, text, self.relations))
            except PySparkException as refused:  # Soda comes to it and notes it with its check
                logging.getLogger(__name__).debug("a check's query is refused: %s", refused)
        asked = [(number, frame) for number, (_, frame) in frames.items()]
        asked += [] if self.beside is None else [(_BESIDE, self.beside.frame)]
        if len(asked) < 2:
            return
        try:
            rows = _in_one(asked).collect()
        except PySparkException as failed:
            kind = type(failed).__name__  # what it says may hold a value
            logging.getLogger(__name__).debug("the checks are asked one by one, as one of them fails: %s", kind)
            return
        if self.beside is not None:
            self.beside.row = next(
                (_mine(row, _BESIDE, self.beside.frame) for row in rows if row[_QUERY] == _BESIDE), None
            )
        for number, (text, frame) in frames.items():
            mine = [_mine(row, number, frame) for row in rows if row[_QUERY] == number]
            self.answers[text] = _Answer(frame.schema, mine)


def _without_zone(frame: DataFrame) -> DataFrame:
    """Instants as their UTC clocks: PySpark would give them by the clock of this machine, and Soda takes them for UTC.

    Of names that come twice nobody can say which one is meant; those stay.
    """
    names = [name.lower() for name in frame.columns]
    instants = [field.name for field in frame.schema.fields if isinstance(field.dataType, TimestampType)]
    clocks = {name: quoted(name).cast("timestamp_ntz") for name in instants if names.count(name.lower()) == 1}
    return frame.withColumns(clocks) if clocks else frame


def _texts(source: Any) -> Iterator[str]:
    """The SQL of a scan's queries that give one row."""
    from soda.execution.query.aggregation_query import AggregationQuery
    from soda.execution.query.duplicates_query import DuplicatesQuery
    from soda.execution.query.reference_query import ReferenceQuery
    from soda.execution.query.user_defined_numeric_query import UserDefinedNumericQuery

    partitions = [partition for table in source.tables.values() for partition in table.partitions.values()]
    for query in (*(query for partition in partitions for query in partition.collect_queries()), *source.queries):
        if isinstance(query, AggregationQuery):
            yield _aggregation(query)
        elif isinstance(query, DuplicatesQuery | ReferenceQuery | UserDefinedNumericQuery):
            yield query.sql


def _aggregation(query: Any) -> str:
    """The SQL of an aggregation, which writes it only when it is executed: without an answer it does nothing more."""
    query.fetchone = lambda: None
    try:
        query.execute()
    finally:
        del query.fetchone
    return str(query.sql)


def _in_one(frames: Sequence[tuple[int, DataFrame]]) -> DataFrame:
    """The first row of each frame, in columns of its own."""
    numbered = []
    for number, frame in frames:
        names = [f"{number}_{position}" for position in range(len(frame.columns))]
        first = frame.toDF(*names).limit(1)
        numbered.append(first.select(F.lit(number).alias(_QUERY), *map(quoted, names)))
    return reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), numbered)


def _mine(row: Row, number: int, frame: DataFrame) -> Row:
    """What a row of all answers has of one frame."""
    return _row(frame.columns, [row[f"{number}_{position}"] for position in range(len(frame.columns))])


def _row(names: Sequence[str], values: Sequence[Any]) -> Row:
    return Row(*names)(*values)


def _columns_of(frame: DataFrame) -> _Answer:
    rows = [_row(_COLUMNS.fieldNames(), (each.name, each.dataType.simpleString(), None)) for each in frame.schema]
    return _Answer(_COLUMNS, rows)


class _NoSamples:
    """A Soda sampler: rows that break a check hold personal data and are not looked at, logged or kept."""

    logs: Any = None

    def store_sample(self, sample_context: Any) -> None:
        """Lets the sample go."""
        del sample_context


def _as_written(template: Any, variables: Any = None) -> Any:
    """A text of a check as it is: to Soda it is a template, which could read variables of this process."""
    del variables
    return template


@cache
def _home() -> Path:
    """A folder of this process alone, where nobody else can have put anything."""
    folder = Path(mkdtemp(prefix="tidemark-soda-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _new_scan() -> Any:
    """A Soda scan; Soda's telemetry starts at import and is told not to before that."""
    with _import_lock:
        from soda.common.config_helper import ConfigHelper

        config = _home() / "config.yml"
        config.write_text(_CONFIG, encoding="utf-8")
        ConfigHelper.get_instance(str(config))
        from soda.common.jinja import Jinja
        from soda.scan import Scan

        Jinja.resolve = staticmethod(_as_written)

        logging.getLogger("soda").setLevel(logging.CRITICAL)  # its errors, which may quote values, are in the scan

    scan = Scan()
    scan.sampler = _NoSamples()
    return scan
