"""Personal data does not come into gold: neither past the masks, nor past the gate."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from tests.support.lakes.lake import Lake
from tidemark import steps
from tidemark.engine import Engine
from tidemark.errors import CommitError, ConfigError
from tidemark.lint.privacy import admission
from tidemark.operations.uniqueness import uniqueness
from tidemark.rows import own
from tidemark.rows.finds import FINDS, KINDS, finds, known_hash, searched, told

pytestmark = pytest.mark.usefixtures("planned_anew")

PEOPLE = "id! string\nemail string {classification: personal}\nphone string {classification: personal}\nnote string"
SOURCE = {"source": {"connection": "shop", "object": "x", "mode": "full"}, "write": {"mode": "replace"}}
EXCEPTION = "customProperties: [{property: personalException, value: {reason: mailing, approvedBy: dpo}}]"
ROWS = [(f"p{n}", f"person{n}@example.org", f"+49 170 12345{n:02}", f"note {n}") for n in range(20)]
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def people(lake: Lake) -> Lake:
    lake.table("bronze.people", PEOPLE, SOURCE, keys=["id"])
    lake.load("bronze.people", lake.frame("id string, email string, phone string, note string", ROWS))
    return lake


def gold(lake: Lake, sql: str, columns: str, **load: Any) -> Engine:
    """The engine of a run that can build gold.people."""
    written = {"inputs": {"bronze.people": {"refresh": "full"}}, "write": {"mode": "upsert", "keys": ["id"]}} | load
    lake.table("gold.people", columns, written, keys=["id"], sql=sql)
    return lake.engine()


def built(engine: Engine) -> steps.GateResult:
    checked = steps.build(engine, "gold.people")
    assert checked is not None
    steps.prepare(engine, "gold.people", checked)
    return steps.gate(engine, "gold.people")


def rows_of(engine: Engine) -> list[Any]:
    return engine.prepared["gold.people"].rows(engine.session("gold.people")).orderBy("id").collect()


def past_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the first line were blind: the second does not trust it."""
    monkeypatch.setattr(admission, "admit", lambda tables, name: None)


def test_a_mask_covers_a_column_however_the_query_writes_it(people: Lake) -> None:
    columns = "id! string\nemail string {customProperties: [{property: mask, value: email}]}"
    engine = gold(people, "SELECT id, EMAIL AS `eMail` FROM bronze.people", columns)
    assert built(engine).passed
    assert {row["email"] for row in rows_of(engine)} == {"p***@example.org"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, Email AS note FROM bronze.people",
        "SELECT id, to_json(struct(*)) AS note FROM bronze.people",
        "SELECT id, reflect('java.lang.System', 'getenv', 'HOME') AS note FROM bronze.people",
    ],
)
def test_a_run_refuses_what_validate_refuses(people: Lake, sql: str) -> None:
    engine = gold(people, sql, "id! string\nnote string")
    with pytest.raises(ConfigError, match="may not be loaded as it is configured") as refused:
        steps.build(engine, "gold.people")
    assert refused.value.findings


def test_rows_with_a_column_that_no_contract_masks_are_refused(people: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = gold(people, "SELECT id, note, email AS mail FROM bronze.people", "id! string\nnote string")
    past_admission(monkeypatch)
    with pytest.raises(CommitError, match="columns that the contract lacks") as refused:
        steps.build(engine, "gold.people")
    assert list(refused.value.seen) == ["mail"]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("concat('write to ', email)", "an e-mail address"),
        ("if(id = 'p7', concat('<', email, '>'), 'nothing')", "an e-mail address"),
        ("concat('tel. ', phone)", "a phone number"),
        ("'IBAN DE89 3704 0044 0532 0130 00'", "an IBAN"),
        ("if(id = 'p3', 'DE89370400440532013000', 'x')", "an IBAN"),
        ("'4111 1111 1111 1111'", "a card number"),
        ("replace(phone, ' ', '')", "a phone number"),
        ("upper(email)", "values of a personal column of its inputs"),
    ],
)
def test_the_gate_finds_in_the_rows_what_the_query_should_not_show(
    people: Lake, monkeypatch: pytest.MonkeyPatch, shown: str, told: str
) -> None:
    engine = gold(people, f"SELECT id, {shown} AS note FROM bronze.people", "id! string\nnote string")
    past_admission(monkeypatch)
    result = built(engine)
    assert any(check.name.startswith(f"`note` looks like {told}, unmasked") for check in result.failures)
    assert not any(row[1] in json.dumps(Path(result.path).read_text("utf-8")) for row in ROWS)


def test_rows_of_every_part_of_a_batch_are_looked_at(people: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses are in the last fifth, far behind as many rows as are looked at."""
    sql = (
        "SELECT concat('r', id) AS id, if(id >= 8000, concat('mail', '@', 'example.net'), 'nothing') AS note "
        "FROM (SELECT explode(sequence(0, 9999)) AS id FROM (SELECT count(*) FROM bronze.people))"
    )
    engine = gold(people, sql, "id! string\nnote string")
    past_admission(monkeypatch)
    found = re.search(r"`note` looks like an e-mail address.*\((\d+) of (\d+) values", str(built(engine).failures))
    assert found
    hits, looked_at = map(int, found.groups())
    assert 1000 < looked_at < 4000
    assert 0.1 < hits / looked_at < 0.3


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        ("array<struct<a:string,b:int>>", "array(named_struct('a', 'x', 'b', 1), named_struct('a', email, 'b', 2))"),
        ("map<string,string>", "map('to', email)"),
        ("map<string,int>", "map(email, 1)"),
        ("struct<deep:struct<list:array<string>>>", "named_struct('deep', named_struct('list', array('x', email)))"),
        ("map<string,array<map<string,string>>>", "map('a', array(map('b', 'x'), map('c', email)))"),
    ],
)
def test_values_are_found_at_any_depth(people: Lake, type_: str, shown: str) -> None:
    """Beside nulls of every kind, as the e-mail address and as a value of the input."""
    rows = people.frame("id string, email string, phone string, note string", ROWS)
    nested = rows.selectExpr(f"cast(if(id <> 'p1', {shown}, null) AS {type_}) AS nested", "1.5 AS rate")
    columns = searched(nested.schema.fields, ())
    assert columns == ("nested",)
    known = rows.select(known_hash(F.col("email")).alias(FINDS))
    counted = finds(nested, columns, known).collect()[0][FINDS]
    found = {each.what: each.count for each in told(counted, 1.0)}
    assert found["an e-mail address"] == 19
    assert found.get("values of a personal column of its inputs") == 19


def test_a_personal_field_is_found_among_many_others(people: Lake) -> None:
    """Names look like nothing: they are known from the input, and are few among the values of the whole column."""
    rows = people.frame("id string, email string, phone string, note string", ROWS)
    others = ", ".join(f"'f{n}', concat('some text {n} ', id)" for n in range(20))
    nested = rows.selectExpr(f"named_struct({others}, 'list', array(named_struct('who', note))) AS nested")
    known = rows.select(known_hash(F.col("note")).alias(FINDS))
    counted = finds(nested, ["nested"], known).collect()[0][FINDS]
    assert [(each.column, each.count, each.looked_at) for each in told(counted, 1.0)] == [("nested.list.who", 20, 20)]


@pytest.mark.parametrize(
    "shown",
    [
        "note",
        "cast(null AS string)",
        "'DE89 3704 0044 0532 0130 01'",
        "concat('ORD-', 20260101, '-', row_number() OVER (ORDER BY id))",
        "cast(1000000000000000 + hash(id) AS string)",
        "'2026-11-28 12:00:00.123456'",
        "uuid()",
        "sha2(note, 256)",
        "'@all see me at 5'",
        "concat(note, ' +1 great')",
    ],
)
def test_the_gate_lets_ordinary_values_pass(people: Lake, monkeypatch: pytest.MonkeyPatch, shown: str) -> None:
    engine = gold(people, f"SELECT id, {shown} AS note FROM bronze.people", "id! string\nnote string")
    past_admission(monkeypatch)
    assert built(engine).failures == ()


def test_an_exception_is_recorded_with_the_gate_and_lets_the_column_pass(people: Lake) -> None:
    engine = gold(people, "SELECT id, email AS note FROM bronze.people", f"id! string\nnote string {{{EXCEPTION}}}")
    result = built(engine)
    assert result.passed
    recorded = json.loads(Path(result.path).read_text("utf-8"))["personal_exceptions"]
    assert recorded == [{"column": "note", "reason": "mailing", "approved_by": "dpo", "until": None}]
    assert rows_of(engine)[0]["note"] == "person0@example.org"


def test_tokens_are_made_with_the_key_of_the_environment_and_a_new_key_builds_anew(
    people: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_SECRET_MASKING", json.dumps({"k1": KEY, "k2": KEY[::-1]}))
    columns = "id! string\nnote string {customProperties: [{property: mask, value: hmac}]}"
    sql = "SELECT id, email AS note FROM bronze.people"
    refused = gold(people, sql, columns)
    with pytest.raises(ConfigError) as error:
        steps.build(refused, "gold.people")
    assert "the environment names no key" in str(error.value.findings[0])

    document = json.loads(json.dumps({"masking": {"secret": "masking", "key": "k1"}, "secrets": "env"}))
    for key, secret in (("k1", KEY), ("k2", KEY[::-1])):
        document["masking"]["key"] = key
        people.write("env/test.yaml", people_environment(people) | document)
        engine = people.engine()
        people.build("gold.people", engine=engine)
        stored = dict(people.read("gold.people"))
        expected = hmac.new(secret.encode(), b"person0@example.org", hashlib.sha256).hexdigest()
        assert stored["p0"] == f"{key}:{expected}"


def people_environment(lake: Lake) -> dict[str, Any]:
    import yaml

    found: dict[str, Any] = yaml.safe_load((lake.root / "config/env/test.yaml").read_text("utf-8"))
    return found


def test_a_domain_of_few_people_is_hidden_where_the_contract_asks_for_it(people: Lake) -> None:
    extra = [("q1", "carla@rare.example", None, None), ("q2", "CARLA@rare.example", None, None)]
    people.load("bronze.people", people.frame("id string, email string, phone string, note string", [*ROWS, *extra]))
    mask = "customProperties: [{property: mask, value: email}, {property: maskPeople, value: 2}]"
    engine = gold(people, "SELECT id, email FROM bronze.people", f"id! string\nemail string {{{mask}}}")
    assert built(engine).passed
    assert {row["email"] for row in rows_of(engine)} == {"p***@example.org", "***"}


def test_a_transform_runs_only_from_a_package_of_the_environment(people: Lake) -> None:
    people.table(
        "gold.people",
        "id! string",
        {
            "inputs": {"bronze.people": {"refresh": "full"}},
            "write": {"mode": "replace"},
            "transform": "shutil:rmtree",
        },
        keys=["id"],
    )
    engine = people.engine()
    table = engine.table("gold.people")
    with pytest.raises(ConfigError, match="in no package that may be run"):
        steps.build(engine, "gold.people")
    from tidemark.config.definition import transform_of

    with pytest.raises(ConfigError, match="in no package that may be run"):
        transform_of(table)
    with pytest.raises(ConfigError, match="only imports"):
        transform_of(
            replace(
                table,
                transforms=("tests",),
                load=table.load.model_copy(update={"transform": "tests.support.lakes.lake:load_project"}),
            )
        )


def test_rows_that_can_be_told_apart_are_counted(lake: Lake) -> None:
    rows = [("Bonn", 1), ("Bonn", 1), ("Bonn", 2), (None, 1), (None, 1), ("Trier", 3)]
    found = uniqueness(lake.frame("city string, band int", rows), ["city", "band"], 3)
    assert (found.rows, found.combinations, found.alone, found.few, found.smallest) == (6, 4, 2, 6, 1)
    empty = uniqueness(lake.frame("city string, band int", []), ["city"], 3)
    assert (empty.rows, empty.alone, empty.smallest) == (0, 0, 0)
    with pytest.raises(ConfigError, match="no column `town`"):
        uniqueness(lake.frame("city string", []), ["town"], 3)


def counted(of: int, hits: int, compared: int) -> dict[str, Any]:
    """What `finds` counts of a column whose values look like nothing."""
    looks = [{"like": 0, "found": 0}] * len(KINDS)
    names = {"column": "x", "found": looks, "of": of, "hits": hits, "compared": compared}
    return {own(name): value for name, value in names.items()}


def test_known_values_are_a_part_of_the_rows_in_which_they_were_looked_for() -> None:
    (find,) = told([counted(2000, 100, 100)], 1.0)

    assert (find.count, find.looked_at) == (100, 100)
    assert told([counted(10, 1, 2000)], 1.0) == []


@pytest.mark.parametrize("name", ["_source_order", "__tidemark_source_order"])
def test_the_engines_own_columns_take_no_address_from_a_query_or_a_transform(
    people: Lake, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    past_admission(monkeypatch)
    sql = f"SELECT id, inline(array(named_struct('{name}', email))) FROM bronze.people"
    engine = gold(people, sql, "id! string")
    with pytest.raises(CommitError, match="its rows have columns") as refused:
        steps.build(engine, "gold.people")
    assert refused.value.seen == (name,)


def test_what_orders_rows_and_was_a_column_once_is_not_stored_with_addresses(
    people: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["ord"]}
    gold(people, "SELECT id, note AS ord FROM bronze.people", "id! string\nord string", write=write)
    people.build("gold.people")
    past_admission(monkeypatch)
    engine = gold(people, "SELECT id, email AS ord FROM bronze.people", "id! string", write=write)
    with pytest.raises(CommitError, match="columns that the contract lacks") as refused:
        steps.build(engine, "gold.people")
    assert refused.value.seen == ("ord",)


def test_what_only_orders_rows_may_be_personal(people: Lake) -> None:
    write = {"mode": "upsert", "keys": ["id"], "order_by": ["ord"]}
    gold(people, "SELECT id, email AS ord FROM bronze.people", "id! string", write=write)
    people.build("gold.people")
    assert "ord" not in people.delta("gold.people").columns
    assert len(people.read("gold.people", "id")) == len(ROWS)
