"""One writer per table: who lost the lease, or meets another commit, neither doubles nor loses a row."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from delta.tables import DeltaTable

from tests.support.lakes.lake import Lake
from tests.support.lakes.saved import Beginnings
from tidemark import steps
from tidemark.control.leases import LeaseError
from tidemark.delta import deltalog
from tidemark.delta.table import read_state
from tidemark.engine import Engine
from tidemark.errors import CommitError
from tidemark.sources import Extract
from tidemark.write import rewrite
from tidemark.write.commit import commit
from tidemark.write.manifest import Prepared

TABLE = "bronze.cities"
SOURCE = "id string, city string"
FIRST = [("a", "Ulm", None)]
SOURCE_SPEC = {"connection": "shop", "object": "cities"}


@pytest.fixture(params=["append", "upsert"])
def cities(request: pytest.FixtureRequest, beginnings: Beginnings) -> Lake:
    return beginnings.of(two_cities, request.param)[0]


def two_cities(lake: Lake, mode: str) -> None:
    write = {"mode": mode, "keys": ["id"]}
    lake.table(TABLE, "id! string\ncity string", {"source": SOURCE_SPEC, "write": write}, keys=["id"])
    lake.load(TABLE, lake.frame(SOURCE, [("a", "Ulm"), ("b", "Bonn")]))


def prepared(lake: Lake, engine: Engine, *rows: tuple[str, str]) -> Prepared:
    frame = lake.frame(f"{SOURCE}, _origin string", [(*row, "test") for row in rows])
    extract = Extract(
        table=TABLE, given=frame, watermark={}, identity={"rows": repr(rows)}, full=False, source_system="test"
    )
    return steps.prepare(engine, TABLE, steps.validate(engine, TABLE, extract))


def impatient(lake: Lake) -> None:
    """Leases that last a moment."""
    environment = {"name": "test", "home": str(lake.root / "home"), "exchange": "s3a://exchange"}
    connections = {"shop": {"kind": "s3", "settings": {"uri": "s3a://shop"}}}
    state = {"kind": "sqlite", "location": str(lake.root / "home" / "state" / "state.db"), "lease": "1s"}
    state["lease_wait"] = "0s"
    lake.write("env/test.yaml", environment | {"connections": connections, "state": state})


def test_a_run_that_slept_past_its_lease_writes_nothing(cities: Lake) -> None:
    impatient(cities)
    sleeper, other = cities.engine(), cities.engine()
    late = prepared(cities, sleeper, ("c", "Jena"))
    sleeper.leases.acquire(TABLE)
    with pytest.raises(LeaseError, match=f"held by run {sleeper.run.run_id}"):
        other.leases.acquire(TABLE)
    time.sleep(1.1)
    other.leases.acquire(TABLE)

    with pytest.raises(LeaseError, match=f"held by run {other.run.run_id}"):
        steps.commit(sleeper, TABLE, late)

    assert cities.read(TABLE) == [("a", "Ulm"), ("b", "Bonn")]
    steps.commit(other, TABLE, prepared(cities, other, ("d", "Trier")))
    assert cities.read(TABLE, "id") == [("a",), ("b",), ("d",)]


def test_the_table_itself_refuses_a_token_that_is_no_longer_the_last(cities: Lake) -> None:
    engine = cities.engine()
    late = prepared(cities, engine, ("c", "Jena"))
    path = cities.path(TABLE)

    with pytest.raises(CommitError, match="has taken over the lease"):
        commit(engine.session(TABLE), engine.table(TABLE), path, replace(late, fence=0))

    assert cities.read(TABLE, "id") == [("a",), ("b",)]


def test_a_control_store_that_was_lost_keeps_nobody_from_writing(cities: Lake) -> None:
    for number in range(3):
        cities.load(TABLE, cities.frame(SOURCE, [(f"n{number}", "Trier")]))
    (cities.root / "home" / "state" / "state.db").unlink()

    cities.load(TABLE, cities.frame(SOURCE, [("c", "Jena")]))

    assert cities.read(TABLE, "id") == [("a",), ("b",), ("c",), ("n0",), ("n1",), ("n2",)]
    assert read_state(cities.spark, cities.path(TABLE)).fence == 5


def once_before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> list[bool]:
    """Lets `act` happen just before the first call of this function of `deltalog`; the list says whether it has."""
    go_on, done = getattr(deltalog, step), []

    def first(*arguments: Any, **named: Any) -> int:
        if not done:
            done.append(True)
            act()
        return int(go_on(*arguments, **named))

    monkeypatch.setattr(deltalog, step, first)
    return done


@pytest.mark.parametrize("rows", [(("c", "Jena"),), (("c", "Jena"), ("a", "Mainz"))], ids=["insert", "update"])
def test_maintenance_in_the_middle_of_a_commit_is_no_obstacle(
    cities: Lake, monkeypatch: pytest.MonkeyPatch, rows: tuple[tuple[str, str], ...]
) -> None:
    cities.load(TABLE, cities.frame(SOURCE, [("z", "Köln")]))
    engine = cities.engine()
    waiting = prepared(cities, engine, *rows)
    compacted = once_before(
        monkeypatch, "_commit", lambda: cities.spark.sql(f"OPTIMIZE delta.`{cities.path(TABLE)}`").collect()
    )

    committed = steps.commit(engine, TABLE, waiting)

    assert compacted
    assert committed.changed
    expected = {("a", "Ulm"), ("b", "Bonn"), ("z", "Köln"), *rows}
    if engine.table(TABLE).load.write.mode == "upsert":
        expected -= {("a", "Ulm")} if ("a", "Mainz") in rows else set()
    assert set(cities.read(TABLE)) == expected
    assert len(cities.read(TABLE)) == len(expected)


NEW, CHANGED = ("c", "Jena"), ("a", "Mainz")


def lost(file: Path) -> None:
    file.unlink()


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-9])


def there_twice(file: Path) -> None:
    shutil.copy(file, file.with_name("part-again.parquet"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lost, "2 rows were staged, [01] are there"),
        (cut_short, "cannot be read"),
        (there_twice, "2 rows were staged, [34] are there"),
    ],
)
@pytest.mark.parametrize("mode", ["append", "upsert", "replace"])
def test_a_batch_that_is_not_what_was_staged_is_refused(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, mode: str, damage: Callable[[Path], None], message: str
) -> None:
    monkeypatch.setattr(rewrite, "SMALL_TABLE", 0)
    write = {"append": {}, "upsert": {"keys": ["id"]}, "replace": {}}[mode] | {"mode": mode}
    lake.table(TABLE, "id! string\ncity string", {"source": SOURCE_SPEC, "write": write}, keys=["id"])
    lake.load(TABLE, lake.frame(SOURCE, [("a", "Ulm")]))
    engine = lake.engine()
    waiting = prepared(lake, engine, NEW, CHANGED)
    damage(max(Path(waiting.data).glob("*.parquet"), key=lambda file: file.stat().st_size))

    with pytest.raises(CommitError, match=message):
        steps.commit(engine, TABLE, waiting)

    assert lake.read(TABLE) == [("a", "Ulm")]


@pytest.mark.parametrize("step", ["adopt", "_commit"], ids=["before its transaction", "in its transaction"])
def test_a_commit_of_somebody_else_in_the_middle_is_a_conflict_that_writes_nothing(
    cities: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    engine = cities.engine()
    waiting = prepared(cities, engine, ("c", "Jena"))
    another = cities.delta(TABLE).where("id = 'a'").write.format("delta").mode("append")
    signed = another.option("userMetadata", '{"batch_id": "of-another"}')
    once_before(monkeypatch, step, lambda: signed.save(cities.path(TABLE)))

    with pytest.raises(CommitError, match="another run has committed"):
        steps.commit(engine, TABLE, waiting)

    assert cities.read(TABLE, "id") == [("a",), ("a",), ("b",)]


@pytest.mark.parametrize("step", ["adopt", "_commit"], ids=["before its transaction", "in its transaction"])
def test_two_who_commit_the_same_batch_at_once_commit_it_once(
    cities: Lake, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    engine = cities.engine()
    waiting = prepared(cities, engine, ("c", "Jena"))
    held = replace(waiting, fence=engine.leases.confirm(TABLE).token)
    arguments = engine.session(TABLE), engine.table(TABLE), cities.path(TABLE), held
    committed = once_before(monkeypatch, step, lambda: commit(*arguments))

    steps.commit(engine, TABLE, waiting)

    assert committed
    assert cities.read(TABLE, "id") == [("a",), ("b",), ("c",)]


def test_a_table_in_partitions_takes_rows_when_its_load_file_no_longer_says_so(lake: Lake) -> None:
    load = {"source": SOURCE_SPEC, "write": {"mode": "append"}}
    lake.table(TABLE, "id! string\ncity string", load | {"partition_by": ["city"]})
    lake.load(TABLE, lake.frame(SOURCE, [("a", "Ulm")]))
    lake.table(TABLE, "id! string\ncity string", load)
    lake.load(TABLE, lake.frame(SOURCE, [("b", "Bonn")]))
    assert lake.read(TABLE) == [("a", "Ulm"), ("b", "Bonn")]


@pytest.mark.parametrize(
    "layout",
    [{}, {"cluster_by": ["city", "id"]}, {"partition_by": ["city"]}],
    ids=["plain", "clustered", "partitioned"],
)
def test_the_first_commit_makes_the_table_that_delta_would_make(lake: Lake, layout: dict[str, Any]) -> None:
    write = {"mode": "upsert", "keys": ["id"]}
    columns = "id! string\ncity string {description: Where it is.}\nfounded date"
    lake.table(TABLE, columns, {"source": SOURCE_SPEC, "write": write, **layout}, keys=["id"])
    batch, errors = lake.receive(engine := lake.engine(), TABLE, lake.frame(f"{SOURCE}, founded date", FIRST))
    staged = {file.name for file in Path(lake.path(TABLE)).rglob("*.parquet")}
    lake.finish(engine, TABLE, batch, errors)
    ours = lake.delta(TABLE)

    builder = DeltaTable.create(lake.spark).location(str(lake.root / "made-by-delta")).addColumns(ours.schema)
    builder = builder.property("delta.isolationLevel", "Serializable")
    builder = builder.property("delta.setTransactionRetentionDuration", "interval 60 days")
    by = {"cluster_by": builder.clusterBy, "partition_by": builder.partitionedBy}
    for kind, names in layout.items():
        builder = by[kind](*names)
    builder.execute()

    made, wanted = (described(lake, path) for path in (lake.path(TABLE), str(lake.root / "made-by-delta")))
    assert made == wanted
    assert ours.schema["city"].metadata == {"comment": "Where it is."}
    assert lake.read(TABLE) == [("a", "Ulm", None)]
    history = DeltaTable.forPath(lake.spark, lake.path(TABLE)).history().collect()
    written = ["WRITE"] if "partition_by" not in layout else ["WRITE", "WRITE"]
    assert [row.operation for row in history] == written
    now_there = {file.rpartition("/")[2] for file in ours.inputFiles()}
    assert "partition_by" in layout or now_there <= staged, "a first batch is staged where it stays"


def described(lake: Lake, path: str) -> dict[str, Any]:
    """Layout, properties and protocol of a table."""
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{path}`").first()
    assert detail is not None
    same = ("partitionColumns", "clusteringColumns", "properties", "minReaderVersion", "minWriterVersion")
    return {name: detail[name] for name in same} | {"features": sorted(detail["tableFeatures"])}
