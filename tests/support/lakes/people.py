"""A small lake about people: some of it is theirs, some only names them, and some has forgotten who it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.lakes.lake import ENVIRONMENT, Lake, Rows, at
from tidemark.control import release
from tidemark.control.erasures import Receipt
from tidemark.operations.erasing import course, person, proof, purging, taking_out

KEY = "0123456789abcdef" * 4
NOBODY = "person-0000"
RECEIVED = ("bronze.people", "bronze.orders", "bronze.visits")
BUILT = ("silver.people", "silver.orders", "gold.people", "gold.orders", "gold.totals")

_PERSONAL = "{classification: personal}"
_BY_MAIL = "{classification: personal, customProperties: [{property: mask, value: email}]}"
_PEOPLE = f"person! string\nemail string {_BY_MAIL}\nstreet string {_PERSONAL}\ncity string\nseen_at! timestamp"
_TO_PEOPLE = "relationships: [{to: people.contract.yaml#schema/people/properties/person}]"
_REPLACED = f"customProperties: [{{property: erasure, value: {{replaceBy: {NOBODY}}}}}]"
PEOPLE_SCHEMA = "person string, email string, street string, city string, seen_at timestamp"
ORDER_SCHEMA = "order_id string, buyer string, amount int, note string"
VISIT_SCHEMA = "visit string, visitor string, page string"

ANN: tuple[Any, ...] = ("person-0007", "ann.seven@example.org", "Hafenweg 7", "Kiel", at(1))
ANN_MOVED: tuple[Any, ...] = ("person-0007", "ann.seven@example.org", "Am Markt 12", "Ulm", at(2))
BOB: tuple[Any, ...] = ("person-0070", "bob@example.org", "Seestr. 70", "Ulm", at(1))
ORDERS: Rows = [("o1", ANN[0], 5, None), ("o2", ANN[0], 7, "fragile"), ("o3", BOB[0], 11, None)]
VISITS: Rows = [("v1", ANN[0], "/shop"), ("v2", None, "/shop"), ("v3", BOB[0], "/cart")]


def describe(lake: Lake) -> None:
    """People and what they did: people's rows are theirs, orders stay without a buyer, visits without a visitor."""
    masking = {"masking": {"secret": "masking", "key": "k1"}, "secrets": "env"}
    home = {"home": str(lake.root / "home"), "exchange": str(lake.root / "exchange")}
    lake.write("env/test.yaml", ENVIRONMENT | home | masking)
    received = {"source": {"connection": "shop", "object": "x"}}
    log = {"mode": "append", "keys": ["person", "seen_at"]}
    lake.table("bronze.people", _PEOPLE, received | {"write": log}, keys=["person", "seen_at"])
    amount = "amount int {logicalTypeOptions: {minimum: 0}}"
    orders = f"order_id! string\nbuyer! string {{{_REPLACED}}}\n{amount}\nnote string"
    lake.table(
        "bronze.orders", orders, received | {"write": {"mode": "append", "keys": ["order_id"]}}, keys=["order_id"]
    )
    visits = f"visit! string\nvisitor string {{{_TO_PEOPLE}}}\npage string"
    lake.table("bronze.visits", visits, received | {"write": {"mode": "append", "keys": ["visit"]}}, keys=["visit"])
    lake.table(
        "silver.people",
        _PEOPLE.replace("person! string", "person string"),
        {
            "inputs": {"bronze.people": {"on": ["person"]}},
            "write": {"mode": "upsert", "keys": ["person"], "order_by": ["seen_at"]},
        },
        keys=["person"],
        sql="SELECT person, email, street, city, seen_at FROM bronze.people",
    )
    lake.table(
        "silver.orders",
        f"order_id string\nbuyer string {{{_TO_PEOPLE}}}\namount int",
        {"inputs": {"bronze.orders": {"on": ["order_id"]}}, "write": {"mode": "upsert", "keys": ["order_id"]}},
        keys=["order_id"],
        sql="SELECT order_id, buyer, amount FROM bronze.orders",
    )
    history = {"effective_from": "seen_at", "surrogate_key": "sk", "track": ["city"], "unknown_member": True}
    lake.table(
        "gold.people",
        f"sk string\nperson string\nemail string {_BY_MAIL}\ncity string\nvalid_from timestamp\nvalid_to timestamp\n"
        "is_current boolean",
        {"inputs": {"bronze.people": {"on": ["person"]}}, "write": {"mode": "scd2", "keys": ["person"]} | history},
        keys=["sk"],
        sql="SELECT person, email, city, seen_at FROM bronze.people",
    )
    lake.table(
        "gold.orders",
        "order_id string\nsk string\namount int",
        {
            "inputs": {"silver.orders": {"on": ["order_id"]}, "gold.people": {"refresh": "full"}},
            "write": {"mode": "upsert", "keys": ["order_id"]},
        },
        keys=["order_id"],
        sql="""SELECT o.order_id, coalesce(p.sk, repeat('0', 32)) AS sk, o.amount FROM silver.orders AS o
               LEFT JOIN gold.people AS p ON p.person = o.buyer AND p.is_current""",
    )
    lake.table(
        "gold.totals",
        "city string\npeople bigint",
        {"inputs": {"gold.people": {"refresh": "full"}}, "write": {"mode": "replace"}},
        keys=["city"],
        sql="SELECT city, count(*) AS people FROM gold.people WHERE is_current GROUP BY city",
    )


def receive(lake: Lake, people: Rows = (), orders: Rows = (), visits: Rows = ()) -> list[Any]:
    """Loads what sources have; gives what these loads say."""
    given = (("bronze.people", PEOPLE_SCHEMA, people), ("bronze.orders", ORDER_SCHEMA, orders))
    every = (*given, ("bronze.visits", VISIT_SCHEMA, visits))
    return [lake.load(table, lake.frame(schema, rows)) for table, schema, rows in every if rows]


def released(lake: Lake) -> release.Release:
    engine = lake.engine()
    return release.record(engine.state, engine.run, {})[0]


def erase(lake: Lake, subject: str, reached: Callable[[str], None] = lambda _: None) -> Receipt:
    """Erases a person as the flow does; `reached` hears of each step that is about to come."""
    engine = lake.engine()
    who = course.begin(engine, person.person(engine.project, subject, "tester"))
    tables = course.concerned(engine, who)
    for treatment in who.trail.treatments:
        reached("take out")
        taking_out.take_out(engine, who, treatment)
    reached("build")
    lake.build_together(*(name for name in BUILT if name in tables), engine=engine)
    reached("clear away")
    course.clear_away(engine, who)
    for table in tables:
        reached("seal")
        purging.seal(engine, who, table)
    reached("close releases")
    receipt, _ = purging.close_releases(engine, who.receipt)
    for table in tables:
        reached("purge")
        purging.purge(engine, table)
    reached("prove")
    proof.refuse_left(proof.search(engine, who, engine.project.order()))
    receipt = purging.finish(engine, receipt)
    person.forget(engine.environment, who)
    for table in engine.leases.held():
        engine.leases.release(table)
    return receipt
