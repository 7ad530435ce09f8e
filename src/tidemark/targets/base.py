"""How a table enters a warehouse, whichever it is: staged, checked, and then in one transaction or not at all.

Spark writes the changes as Parquet to the exchange bucket; the warehouse copies just these files into a staging table,
where rows and keys are checked. One transaction then replaces the rows of the staged keys, notes the version in
`TIDEMARK_RELEASES`, and holds the table's row count against the lake's before it commits. A process that dies leaves
the published table as it was; what it staged is replaced by whoever comes next, because the names are always the same.
"""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pyspark.sql import functions as F

from tidemark import faults
from tidemark.aws.clients import filesystem
from tidemark.compile.ddl import column_type, create_table, publish_columns
from tidemark.errors import TargetError
from tidemark.retry import RetryPolicy
from tidemark.rows import quoted as spark_name
from tidemark.rows.batches import Counter
from tidemark.sources.staged import parquet_files
from tidemark.targets import PublishRequest, PublishResult, grown
from tidemark.targets.exports import StagedFiles
from tidemark.warehouses import ResultColumn, Session, Trouble, Warehouse, WarehouseError, literal, quoted
from tidemark.write.manifest import CHANGE_TYPE

if TYPE_CHECKING:
    from tidemark.config.connections import ConnectionValue
    from tidemark.config.environment import Environment
    from tidemark.config.project import Table

Answer = TypeVar("Answer")

DEFAULT_POLICY = RetryPolicy(attempts=5, first_wait=1.0)
RELEASES = "tidemark_releases"
STAGING_PREFIX = "tidemark_stage_"
OWNER = "*"  # in the place of a table's name: the environment that publishes to the schema

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Names:
    """The qualified names of one publication, quoted; `columns` and `keys` are stored names, not quoted."""

    table: str
    staging: str
    releases: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    change_type: str


class WarehouseTarget(ABC):
    """A schema of a warehouse."""

    warehouse_type: ClassVar[type[Warehouse]]

    def __init__(
        self,
        connection: ConnectionValue,
        schema: str,
        environment: Environment,
        policy: RetryPolicy = DEFAULT_POLICY,
    ) -> None:
        self.warehouse = self.warehouse_type(connection)
        self._schema = schema
        self._environment = environment
        self._policy = policy
        self._keeps = False
        self._kept: Session | None = None
        self._knows_releases = self._is_claimed = False

    @abstractmethod
    def create_staging(self, session: Session, staging: str, select: str) -> None:
        """Makes an empty staging table with the columns of a query, in place of one that was left behind."""

    @abstractmethod
    def copy(self, session: Session, staging: str, files: StagedFiles) -> None:
        """Loads just these files into the staging table, whose columns stand in the order of theirs."""

    def keep_session(self) -> None:
        """As `Target.keep_session` says."""
        self._keeps = True

    def close(self) -> None:
        """As `Target.close` says."""
        session, self._kept = self._kept, None
        if session is not None:
            session.close()

    def published_versions(self) -> Mapping[str, int]:
        """As `Target.published_versions` says."""
        return self._try(None, lambda: self._with_session(self._versions_there))

    def relation(self, table: Table) -> str:
        """The table in the warehouse, as SQL names it."""
        return self._names(table).table

    def count_named(self, table: Table, columns: Sequence[str], value: str, *, folded: bool = False) -> int:
        """As `Target.count_named` says. The value is compared by a digest: statements are kept in the warehouse."""
        digest = hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()
        as_text = column_type("string", self.warehouse.dialect)  # Redshift's bare VARCHAR has room for 256 bytes
        texts = (f"CAST({self._own(name)} AS {as_text})" for name in columns)
        compared = (f"LOWER(TRIM({text}))" if folded else text for text in texts)
        condition = " OR ".join(f"MD5({text}) = '{digest}'" for text in compared)
        name = self._names(table).table

        def count(session: Session) -> int:
            if self._columns(session, name) is None:
                return 0
            (found,) = session.one(f"SELECT COUNT(*) FROM {name} WHERE {condition}")
            return int(found)

        return self._try(table.name, lambda: self._with_session(count))

    def export(self, request: PublishRequest) -> StagedFiles:
        """As `Target.export` says."""
        folder = f"{request.exchange}/v{request.version}"
        return request.exports.once(folder, lambda: write_files(request, folder, self._environment))

    def publish(self, request: PublishRequest) -> PublishResult:
        """As `Target.publish` says. What passes is tried again, with the same files."""
        table = request.table.name
        files = self.export(request)
        return self._try(table, lambda: self._with_session(lambda session: self._load(session, request, files)))

    def _load(self, session: Session, request: PublishRequest, files: StagedFiles) -> PublishResult:
        names = self._names(request.table)
        has = None if request.anew else self._all_versions(session).get(request.table.name)
        if has == request.version and self._columns(session, names.table) is not None:
            return self._result(request, 0, 0, changed=False)
        is_new = self._prepare_tables(session, request.table, names)
        if not is_new:
            self._refuse_narrow(session, request, names)
        inserted, deleted = self._stage(session, request, names, files)
        with session.transaction():
            for statement in self._statements(request, names):
                session.run(statement)
            faults.reach(f"{request.table.name}: written to {self.warehouse.title}, not committed")
            self._refuse_others(session, request, names)
        faults.reach(f"{request.table.name}: committed to {self.warehouse.title}")
        self._drop_staging(session, names)
        return self._result(request, inserted, deleted)

    def _refuse_others(self, session: Session, request: PublishRequest, names: Names) -> None:
        """Says, before the transaction commits, that somebody else has written what it would change."""
        table = request.table.name
        noted = f"SELECT COUNT(*) FROM {names.releases} WHERE {self._own('table_name')} = {literal(table)}"
        rows, versions = session.one(f"SELECT COUNT(*), ({noted}) FROM {names.table}")
        if versions != 1:
            raise self._refused(
                table,
                f"another publication to {self.warehouse.title} came between, from which these changes do not lead on",
                "publish again: it starts from what is there by then",
            )
        if rows != request.rows_after:
            raise self._refused(
                table,
                f"would have {rows} rows in {self.warehouse.title}, but has {request.rows_after} in the lake",
                f"find out who else writes to the table; after DELETE FROM {names.releases} WHERE "
                f"{self._own('table_name')} = {literal(table)} it is published anew, as a whole",
            )

    def _prepare_tables(self, session: Session, table: Table, names: Names) -> bool:
        """Creates what is missing: schema, releases, table and columns; says whether the table is new."""
        if not self._knows_releases and self._columns(session, names.releases) is None:
            session.run(f"CREATE SCHEMA IF NOT EXISTS {self.warehouse.name(self._schema)}")
            session.run(self._create_releases(names.releases))
        self._knows_releases = True
        dialect = self.warehouse.dialect
        columns = self._columns(session, names.table)
        is_new = columns is None
        if columns is None:
            session.run(create_table(table.contract, table.load, dialect, names.table))
            columns = session.columns(names.table)
        there = {column.name.lower() for column in columns}
        for (name, spark_type), stored in zip(publish_columns(table.contract).items(), names.columns, strict=True):
            if name.lower() not in there:
                column = f"{quoted(stored)} {column_type(spark_type, dialect)}"
                session.run(f"ALTER TABLE {names.table} ADD COLUMN {column}")
        return is_new

    def _refuse_narrow(self, session: Session, request: PublishRequest, names: Names) -> None:
        """Says which columns have grown in the lake and not here; their values would be refused, or rounded."""
        contract = request.table.contract
        looked_at = tuple(publish_columns(contract)) if request.full else request.grown
        if not looked_at:
            return
        stored = grown.stored_types(session, self.warehouse.name_parts(self._schema), self._stored(contract.name))
        told = grown.told(contract, looked_at, stored, self.warehouse, names.table)
        if told:
            raise self._refused(contract.table, *told)

    def _columns(self, session: Session, relation: str) -> tuple[ResultColumn, ...] | None:
        """The columns of a table; None where there is none."""
        try:
            return session.columns(relation)
        except WarehouseError as failure:
            if failure.trouble is not Trouble.MISSING:
                raise
            return None

    def _stage(self, session: Session, request: PublishRequest, names: Names, files: StagedFiles) -> tuple[int, int]:
        """Fills the staging table and checks it; gives the rows that will be inserted and deleted."""
        columns = ", ".join(map(quoted, names.columns))
        empty = f"SELECT {columns}, CAST(NULL AS VARCHAR(20)) AS {quoted(names.change_type)} FROM {names.table}"
        self.create_staging(session, names.staging, f"{empty} WHERE 1 = 0")
        if files.files:
            self.copy(session, names.staging, files)
        change, keys = quoted(names.change_type), ", ".join(map(quoted, names.keys))
        repeated = f"SELECT {keys} FROM {names.staging} GROUP BY {keys} HAVING COUNT(*) > 1"
        count_repeated = f"(SELECT COUNT(*) FROM ({repeated}) AS repeated)" if keys else "0"
        rows, deleted, twice = session.one(
            f"SELECT COUNT(*), COUNT(CASE WHEN {change} = 'delete' THEN 1 END), {count_repeated} FROM {names.staging}"
        )
        if rows != files.rows:
            raise self._refused(
                request.table.name,
                f"{self.warehouse.title} loaded {rows} of the {files.rows} rows in {files.folder}",
                "publish again; the files are kept",
            )
        if twice:
            raise self._refused(
                request.table.name,
                f"{twice} keys ({', '.join(names.keys)}) come more than once",
                f"check the key of {request.table.name}: tidemark check --select {request.table.name}",
            )
        return int(rows) - int(deleted), int(deleted)

    def _statements(self, request: PublishRequest, names: Names) -> list[str]:
        """What the transaction does."""
        table, staging = names.table.rpartition(".")[2], names.staging.rpartition(".")[2]
        columns = ", ".join(map(quoted, names.columns))
        if request.full:
            remove = f"DELETE FROM {names.table}"
        else:
            match = " AND ".join(f"{table}.{quoted(key)} = {staging}.{quoted(key)}" for key in names.keys)
            remove = f"DELETE FROM {names.table} USING {names.staging} WHERE {match}"
        name, now = literal(request.table.name), datetime.now(UTC).replace(tzinfo=None)
        release = f"{name}, {request.version}, {literal(request.release)}, {request.rows_after}"
        # First, so that of two publications one waits here; what is left of the other's is found before the commit.
        forget = f"DELETE FROM {names.releases} WHERE {self._own('table_name')} = {name}"
        if not request.full and request.since is not None:
            forget += f" AND {self._own('version')} = {request.since}"
        return [
            *self._claim(names),
            forget,
            remove,
            f"INSERT INTO {names.table} ({columns}) SELECT {columns} FROM {names.staging}"
            f" WHERE {quoted(names.change_type)} <> 'delete'",
            f"INSERT INTO {names.releases} VALUES ({release}, {self.warehouse.timestamp(now)})",
        ]

    def _all_versions(self, session: Session) -> dict[str, int]:
        """The version that the warehouse has of each table; {} before the first publication."""
        try:
            wanted = ", ".join(map(self._own, ("table_name", "version", "release_id")))
            rows = session.rows(f"SELECT {wanted} FROM {self._releases}")
        except WarehouseError as failure:
            if failure.trouble is not Trouble.MISSING:
                raise
            return {}
        self._knows_releases = True
        for owner in (str(release) for table, _, release in rows if table == OWNER):
            self._refuse_foreign(owner)
        return {str(table): int(version) for table, version, _ in rows if table != OWNER}

    def _versions_there(self, session: Session) -> dict[str, int]:
        """The versions of the tables that are still there: of one that somebody has dropped it says nothing."""
        versions = self._all_versions(session)
        if not versions:
            return {}
        there = grown.tables(session, self.warehouse.name_parts(self._schema))

        def is_there(table: str) -> bool:
            name = table.partition(".")[2]
            return self._stored(name) in there or self._columns(session, self._qualified(name)) is not None

        return {table: version for table, version in versions.items() if is_there(table)}

    def _claim(self, names: Names) -> list[str]:
        """Makes the schema this environment's, where it is nobody's yet."""
        if self._is_claimed:
            return []
        now = self.warehouse.timestamp(datetime.now(UTC).replace(tzinfo=None))
        return [f"INSERT INTO {names.releases} VALUES ('{OWNER}', 0, {literal(self._environment.name)}, 0, {now})"]

    def _refuse_foreign(self, owner: str) -> None:
        """Two environments that publish to one schema would write over each other's tables."""
        self._is_claimed = True
        if owner != self._environment.name:
            raise TargetError(
                f"the schema {self._schema} of {self.warehouse.place()} is published to by the environment {owner}, "
                f"not by {self._environment.name}; nothing was written there",
                step="publish",
                next_step=f"name another schema or database in env/{self._environment.name}.yaml",
            )

    def _create_releases(self, releases: str) -> str:
        types = {
            "table_name": "VARCHAR(256)",
            "version": "BIGINT",
            "release_id": "VARCHAR(256)",
            "rows": "BIGINT",
            "published_at": column_type("timestamp", self.warehouse.dialect),
        }
        columns = ", ".join(f"{self._own(name)} {of_type}" for name, of_type in types.items())
        return f"CREATE TABLE IF NOT EXISTS {releases} ({columns})"

    def _names(self, table: Table) -> Names:
        fold = self.warehouse.fold
        return Names(
            table=self._qualified(table.contract.name),
            staging=self._qualified(STAGING_PREFIX + table.contract.name),
            releases=self._releases,
            columns=tuple(map(fold, publish_columns(table.contract))),
            keys=tuple(map(fold, table.contract.keys)),
            change_type=fold(CHANGE_TYPE),
        )

    @property
    def _releases(self) -> str:
        return self._qualified(RELEASES)

    def _qualified(self, name: str) -> str:
        return f"{self.warehouse.name(self._schema)}.{self._own(name)}"

    def _own(self, name: str) -> str:
        return quoted(self._stored(name))

    def _stored(self, name: str) -> str:
        return self.warehouse.fold(name)

    def _drop_staging(self, session: Session, names: Names) -> None:
        """The table is published by now: what is left behind here does no harm and is replaced next time."""
        try:
            session.run(f"DROP TABLE IF EXISTS {names.staging}")
        except WarehouseError as failure:
            log.warning("the staging table %s was left behind: %s", names.staging, failure)

    def _result(self, request: PublishRequest, inserted: int, deleted: int, *, changed: bool = True) -> PublishResult:
        return PublishResult(
            table=request.table.name,
            target=self.warehouse.connection.name,
            version=request.version,
            inserted=inserted,
            deleted=deleted,
            rows_after=request.rows_after,
            changed=changed,
        )

    def _refused(self, table: str, summary: str, next_step: str) -> TargetError:
        seen = [f"nothing was published: {self.warehouse.title} has {table} as it was"]
        return TargetError(f"{table}: {summary}", table=table, step="publish", seen=seen, next_step=next_step)

    def _with_session(self, use: Callable[[Session], Answer]) -> Answer:
        if not self._keeps:
            with self.warehouse.session() as session:
                return use(session)
        self._kept = self._kept or self.warehouse.open()
        try:
            return use(self._kept)
        except BaseException:
            self.close()  # nobody knows what state it is in
            raise

    def _try(self, table: str | None, action: Callable[[], Answer]) -> Answer:
        try:
            return self._policy.call(
                action, passing=lambda failure: isinstance(failure, WarehouseError) and failure.trouble.passes
            )
        except WarehouseError as failure:
            what = f"{table} could not" if table else "nothing could"
            raise TargetError(
                f"{what} be published to {self.warehouse.place()}: {failure.trouble.value}",
                table=table,
                step="publish",
                seen=[failure.said],
                next_step=self.warehouse.advice(failure.trouble),
            ) from None


def write_files(request: PublishRequest, folder: str, environment: Environment) -> StagedFiles:
    """Writes the changes to `folder`, in place of what an earlier attempt left there."""
    # The warehouses' TIMESTAMP knows no zone.
    columns = [
        spark_name(name).cast("timestamp_ntz").alias(name) if of_type == "timestamp" else spark_name(name)
        for name, of_type in publish_columns(request.table.contract).items()
    ]
    counter = Counter(rows=F.count("*"))
    changes = request.changes.where(F.col(CHANGE_TYPE) != "update_preimage").select(*columns, CHANGE_TYPE)
    counter.on(changes).write.mode("overwrite").option("compression", "snappy").parquet(folder)
    return StagedFiles(folder, parquet_files(filesystem(environment.aws), folder), counter.values["rows"])
