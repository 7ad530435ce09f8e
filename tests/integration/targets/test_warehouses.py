"""Snowflake and Redshift as targets: one suite for both, read back with their own clients."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sandbox.services.listen import bind
from tests.support.worlds.systems import WAREHOUSES, Systems
from tidemark.compile.ddl import publish_columns
from tidemark.compile.script import relation, script
from tidemark.config.connections import load_plugin
from tidemark.config.project import Table, load_project
from tidemark.errors import TargetError
from tidemark.retry import RetryPolicy
from tidemark.targets import TARGETS, PublishRequest, PublishResult, target_for
from tidemark.targets.base import WarehouseTarget
from tidemark.warehouses import Session

QUICK = RetryPolicy(attempts=2, first_wait=0.01, longest_wait=0.05)
COLUMNS = "id int\nname string\namount decimal(18,2)\nnoted_at timestamp\nday date"
AT = datetime(2025, 3, 1, 10, 0, 0, 123456)
Row = tuple[Any, ...]


def row(key: int | None, name: str, change: str = "insert") -> Row:
    return (key, name, Decimal("1.10"), AT, date(2025, 3, 1), change)


@dataclass
class Published:
    """A gold table in one warehouse."""

    systems: Systems
    warehouse: str
    name: str = field(default_factory=lambda: f"t_{uuid.uuid4().hex[:10]}")
    columns: str = COLUMNS
    schema: str = "gold"

    @property
    def table(self) -> Table:
        return self.systems.gold(self.name, self.columns, ["id"])

    def target(self, **connection: Any) -> WarehouseTarget:
        value = self.systems.connection(self.warehouse, **connection)
        target = target_for(value.kind)(value, self.schema, self.systems.environment)
        assert isinstance(target, WarehouseTarget)
        return target

    def request(self, version: int, rows_after: int, *changes: Row, full: bool = False) -> PublishRequest:
        table = self.table
        types = ", ".join(f"{column.name} {column.type}" for column in table.contract.columns)
        frame = self.systems.spark.createDataFrame(list(changes), f"{types}, _change_type string")
        metadata = (
            "'batch' AS _batch_id",
            "timestamp '2025-03-31 05:00:00' AS _ingest_ts",
            "date '2025-03-31' AS _run_date",
        )
        return PublishRequest(
            table=table,
            changes=frame.selectExpr("*", *metadata, "1L AS _row_hash"),
            full=full,
            exchange=f"{self.systems.environment.exchange}/publish/test/{self.warehouse}/{self.name}",
            release=f"r{version}",
            version=version,
            rows_after=rows_after,
        )

    def publish(self, version: int, rows_after: int, *changes: Row, full: bool = False) -> PublishResult:
        return self.target().publish(self.request(version, rows_after, *changes, full=full))

    def version(self) -> int | None:
        return self.target().published_versions().get(f"gold.{self.name}")

    def content(self, columns: str = "id, name") -> list[Row]:
        rows = self.systems.execute(self.warehouse, f"SELECT {columns} FROM {self.schema}.{self.name}")
        return sorted(rows, key=repr)


@pytest.fixture(params=WAREHOUSES)
def published(request: pytest.FixtureRequest, systems: Systems) -> Published:
    return Published(systems, str(request.param))


def test_a_first_publication_creates_the_table_with_every_value(published: Published) -> None:
    assert published.version() is None
    result = published.publish(3, 2, row(1, "Ann"), row(2, "Zoë \"x\", 'y'\n"), full=True)
    assert (result.inserted, result.deleted, result.rows_after, result.changed) == (2, 0, 2, True)
    assert (result.target, result.table, result.version) == (published.warehouse, f"gold.{published.name}", 3)
    values = published.content("id, name, amount, noted_at, day, _batch_id, _ingest_ts, _run_date")
    stamp = ("batch", datetime(2025, 3, 31, 5), date(2025, 3, 31))
    assert values == [
        (1, "Ann", Decimal("1.10"), AT, date(2025, 3, 1), *stamp),
        (2, "Zoë \"x\", 'y'\n", Decimal("1.10"), AT, date(2025, 3, 1), *stamp),
    ]
    assert published.version() == 3


def test_changes_replace_insert_and_delete_by_key(published: Published) -> None:
    published.publish(0, 3, row(1, "Ann"), row(2, "Bob"), row(3, "Cid"), full=True)
    result = published.publish(
        1,
        3,
        row(2, "Bob", "update_preimage"),
        row(2, "Rob", "update_postimage"),
        (3, None, None, None, None, "delete"),
        row(4, "Dan"),
        row(99, "never there", "delete"),
    )
    assert published.content() == [(1, "Ann"), (2, "Rob"), (4, "Dan")]
    assert (result.inserted, result.deleted) == (2, 2)


def test_full_replaces_everything_and_an_older_version_may_come_back(published: Published) -> None:
    published.publish(5, 2, row(1, "Ann"), row(2, "Bob"), full=True)
    published.publish(4, 1, row(7, "Gus"), full=True)
    assert published.content() == [(7, "Gus")]
    assert published.version() == 4


def test_a_schema_is_published_to_by_one_environment(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    foreign = published.systems.environment.model_copy(update={"name": "another"})
    value = published.systems.connection(published.warehouse)
    other = target_for(value.kind)(value, published.schema, foreign)
    for attempt in (other.published_versions, lambda: other.publish(published.request(2, 0, full=True))):
        with pytest.raises(TargetError, match="is published to by the environment"):
            attempt()
    assert (published.version(), published.content()) == (1, [(1, "Ann")])


def test_rows_that_name_somebody_are_counted(published: Published) -> None:
    target = published.target()
    assert target.count_named(published.table, ["name"], "Ann") == 0, "there is no table yet"
    published.publish(1, 3, row(1, "Ann"), row(2, " ANN"), row(3, "Zoë's\\"), full=True)
    assert target.count_named(published.table, ["name"], "Ann") == 1
    assert target.count_named(published.table, ["name"], "ann", folded=True) == 2
    assert target.count_named(published.table, ["id", "name"], "2") == 1
    assert target.count_named(published.table, ["name"], "Zoë's\\") == 1
    assert target.count_named(published.table, ["name"], "Bob") == 0


def test_the_same_version_again_does_nothing(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    again = published.publish(1, 99, row(1, "not this"), full=True)
    assert not again.changed
    assert published.content() == [(1, "Ann")]


def test_no_changes_still_bring_the_version(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    result = published.publish(2, 1)
    assert (result.inserted, result.deleted, result.changed) == (0, 0, True)
    assert published.version() == 2


def test_a_key_that_comes_twice_is_refused_and_nothing_changes(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    with pytest.raises(TargetError, match=r"1 keys .* come more than once") as refused:
        published.publish(2, 3, row(2, "Bob"), row(2, "Rob"))
    assert refused.value.table == f"gold.{published.name}"
    assert published.content() == [(1, "Ann")]
    assert published.version() == 1


def test_a_row_count_that_is_not_the_lakes_is_rolled_back(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    with pytest.raises(TargetError, match=r"would have 2 rows .* has 5 in the lake"):
        published.publish(2, 5, row(2, "Bob"))
    assert published.content() == [(1, "Ann")]
    assert published.version() == 1
    published.publish(2, 2, row(2, "Bob"))
    assert published.content() == [(1, "Ann"), (2, "Bob")]


def test_what_is_advised_where_others_write_to_the_table_has_it_published_anew(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    name = published.target().relation(published.table)
    published.systems.execute(published.warehouse, f"DELETE FROM {name}")
    with pytest.raises(TargetError, match=r"would have 1 rows .* has 2 in the lake") as refused:
        published.publish(2, 2, row(2, "Bob"))
    assert refused.value.next_step is not None
    statement = refused.value.next_step.partition("after ")[2].partition(" it is published")[0]
    published.systems.execute(published.warehouse, statement)
    assert published.version() is None
    published.publish(2, 2, row(1, "Ann"), row(2, "Bob"), full=True)
    assert published.content() == [(1, "Ann"), (2, "Bob")]


def test_a_contract_that_grew_adds_its_column(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    published.columns = f"{COLUMNS}\nchannel string"
    change = (2, "Bob", None, None, None, "web", "insert")
    published.publish(2, 2, change)
    assert published.content("id, channel") == [(1, None), (2, "web")]


@pytest.mark.parametrize(
    ("column", "before", "after", "old", "new"),
    [
        ("amount", "decimal(9,2)", "decimal(18,2)", Decimal("1.10"), Decimal("1234567890123.45")),
        ("amount", "int", "double", 7, 0.5),
    ],
)
def test_a_column_that_grew_in_the_lake_alone_is_told_with_what_lets_it_grow_here(
    published: Published, column: str, before: str, after: str, old: Any, new: Any
) -> None:
    published.columns = f"id int\n{column} {before}"
    published.publish(1, 1, (1, old, "insert"), full=True)
    published.columns = f"id int\n{column} {after}"
    request = replace(published.request(2, 2, (2, new, "insert")), grown=("amount",))

    with pytest.raises(TargetError, match="columns have grown in the lake and not in") as raised:
        published.target().publish(request)
    assert published.version() == 1

    assert raised.value.next_step is not None
    for statement in raised.value.next_step.partition("publish again: ")[2].split("; "):
        published.systems.execute(published.warehouse, statement)
    published.target().publish(request)
    assert [(key, float(value)) for key, value in published.content("id, amount")] == [(1, float(old)), (2, float(new))]


def test_a_table_made_anew_in_other_types_is_not_rounded_to_those_of_before(published: Published) -> None:
    published.columns = "id int\namount decimal(9,2)\nat date"
    published.publish(1, 1, (1, Decimal("1.10"), date(2025, 3, 1), "insert"), full=True)
    published.columns = "id int\namount decimal(18,4)\nat timestamp"
    request = replace(published.request(0, 1, (1, Decimal("1.1234"), AT, "insert"), full=True), anew=True)
    with pytest.raises(TargetError, match=r"amount from decimal\(9,2\) to decimal\(18,4\), at from date to timestamp"):
        published.target().publish(request)
    assert published.content("id, amount") == [(1, Decimal("1.10"))]


def test_changes_are_not_put_on_top_of_another_publication(published: Published) -> None:
    published.publish(1, 2, row(1, "Ann"), row(2, "Bob"), full=True)
    early, late = (
        replace(published.request(version, 2, row(1, name, "update_postimage")), since=1)
        for version, name in ((3, "Eve"), (2, "Anna"))
    )
    published.target().publish(early)
    with pytest.raises(TargetError, match=r"another publication to .* came between"):
        published.target().publish(late)
    assert (published.version(), published.content()) == (3, [(1, "Eve"), (2, "Bob")])


def test_a_table_that_somebody_has_dropped_is_not_taken_for_published(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    published.systems.execute(published.warehouse, f"DROP TABLE gold.{published.name}")
    assert published.version() is None
    assert published.publish(1, 1, row(1, "Ann"), full=True).changed
    assert (published.version(), published.content()) == (1, [(1, "Ann")])


def test_what_an_earlier_attempt_left_behind_is_replaced(published: Published) -> None:
    published.publish(1, 1, row(1, "Ann"), full=True)
    published.systems.execute(
        published.warehouse,
        f"CREATE TABLE gold.tidemark_stage_{published.name} (something VARCHAR(9))",
        f"INSERT INTO gold.tidemark_stage_{published.name} VALUES ('old')",
    )
    request = published.request(2, 2, row(2, "Bob"))
    request.changes.limit(0).write.parquet(f"{request.exchange}/v2/leftover")
    published.target().publish(request)
    assert published.content() == [(1, "Ann"), (2, "Bob")]
    left = published.systems.execute(
        published.warehouse,
        f"SELECT table_name FROM information_schema.tables WHERE LOWER(table_name) = 'tidemark_stage_{published.name}'",
    )
    assert left == []


def test_a_kept_session_serves_all_tables_and_is_replaced_when_it_fails(
    systems: Systems, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Published(systems, published.warehouse)
    target = published.target()
    opened: list[int] = []
    original = type(target.warehouse).open
    monkeypatch.setattr(
        type(target.warehouse),
        "open",
        lambda warehouse: opened.append(1) or original(warehouse),
    )
    target.keep_session()
    target.publish(published.request(1, 1, row(1, "Ann"), full=True))
    target.publish(other.request(1, 1, row(1, "Bob"), full=True))
    assert len(opened) == 1
    with pytest.raises(TargetError, match="has 7 in the lake"):
        target.publish(published.request(2, 7, row(2, "Cid")))
    target.publish(published.request(2, 2, row(2, "Cid")))
    target.close()
    assert len(opened) == 2
    assert (published.content(), other.content()) == ([(1, "Ann"), (2, "Cid")], [(1, "Bob")])


class Killed(BaseException):
    """What ends an attempt in the middle."""


@contextmanager
def killed(at: Callable[[int, str], bool], patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Ends the process's work before the first statement for which `at` holds of its number and text."""
    seen: list[str] = []
    original: Callable[[Session, str], list[Row]] = Session.rows

    def rows(session: Session, sql: str) -> list[Row]:
        seen.append(sql)
        if at(len(seen), sql):
            raise Killed(sql)
        return original(session, sql)

    with patch.context() as patched:
        patched.setattr(Session, "rows", rows)
        yield seen


@pytest.mark.parametrize("point", ["COPY", "INSERT", "COMMIT"])
def test_an_attempt_that_ends_is_finished_by_the_next(
    published: Published, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    published.publish(0, 2, row(1, "Ann"), row(2, "Bob"), full=True)
    request = published.request(1, 3, row(2, "Rob", "update_postimage"), row(3, "Cid"))
    with killed(lambda _, sql: sql.startswith(point), monkeypatch), pytest.raises(Killed):
        published.target().publish(request)
    assert published.content() == [(1, "Ann"), (2, "Bob")]
    published.target().publish(request)
    assert published.content() == [(1, "Ann"), (2, "Rob"), (3, "Cid")]


@pytest.mark.slow
def test_an_attempt_that_ends_before_any_statement_leaves_the_old_rows_or_the_new(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [(1, "Ann"), (2, "Bob 0")]
    published.publish(0, 2, row(1, "Ann"), row(2, "Bob 0"), full=True)
    for statement in range(1, 40):
        new = (100 + statement, "new")
        request = published.request(
            statement, len(before) + 1, row(2, f"Bob {statement}", "update_postimage"), row(*new)
        )
        after = sorted([*(each for each in before if each[0] != 2), (2, f"Bob {statement}"), new], key=repr)
        with killed(lambda number, _, last=statement: number == last, monkeypatch) as seen:
            try:
                published.target().publish(request)
            except Killed:
                assert published.content() in (before, after)
        published.target().publish(request)
        assert published.content() == after
        assert published.version() == statement
        before = after
        if len(seen) < statement:
            return
    raise AssertionError("no attempt came to its end")


def test_tables_published_side_by_side_into_a_new_schema_do_not_disturb_each_other(
    systems: Systems, published: Published
) -> None:
    schema = f"gold_{uuid.uuid4().hex[:8]}"
    tables = [Published(systems, published.warehouse, schema=schema) for _ in range(4)]
    requests = [table.request(1, 1, row(number, "x"), full=True) for number, table in enumerate(tables)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda each: each[0].target().publish(each[1]), zip(tables, requests, strict=True)))
    assert [result.changed for result in results] == [True] * 4
    assert [table.content("id") for table in tables] == [[(number,)] for number in range(4)]


@pytest.mark.parametrize(
    ("secret", "port", "said"),
    [
        ({"user": "tidemark_loader", "password": "hunter2-wrong"}, None, "refuses the credentials"),
        (None, "dead", "cannot be reached"),
    ],
)
def test_a_warehouse_that_does_not_let_us_in_is_told(
    published: Published, secret: dict[str, str] | None, port: str | None, said: str
) -> None:
    settings: dict[str, Any] = {"login_timeout": 2}
    if port:
        with bind(0) as listener:
            settings["port"] = listener.getsockname()[1]
    connection = published.systems.connection(published.warehouse, secret=secret, **settings)
    target = load_plugin("target", published.warehouse, TARGETS)(
        connection, "gold", published.systems.environment, QUICK
    )
    with pytest.raises(TargetError, match=said) as failed:
        target.publish(published.request(1, 1, row(1, "Ann"), full=True))
    assert failed.value.step == "publish"
    assert "hunter2-wrong" not in f"{failed.value} {failed.value.__context__}"


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_the_script_of_all_tables_runs_and_runs_again(systems: Systems, warehouse: str) -> None:
    tables = load_project("config", "local").tables
    target = Published(systems, warehouse).target()
    with target.warehouse.session() as session:
        for statement in (*script(list(tables.values()), warehouse), *script(list(tables.values()), warehouse)):
            session.run(statement)
        for name, table in tables.items():
            columns = session.columns(relation(name, warehouse))
            assert [column.name.lower() for column in columns] == [*publish_columns(table.contract)]
