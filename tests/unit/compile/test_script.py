"""A script of all tables for a warehouse: it can be run from top to bottom, and its keys are those of the contracts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from tidemark.compile.ddl import DIALECTS
from tidemark.compile.script import script
from tidemark.config.contract import Column, Contract, Reference
from tidemark.config.load import Load
from tidemark.config.project import Table, load_project
from tidemark.errors import ConfigError

WAREHOUSES = ("snowflake", "redshift")
SHIPPED = load_project("config", "local").tables
FOREIGN_KEY = re.compile(r'FOREIGN KEY \("(\w+)"\) REFERENCES "(\w+)"\."(\w+)" \("(\w+)"\)')
CREATED = re.compile(r'CREATE TABLE IF NOT EXISTS "(\w+)"\."(\w+)"')


def table(contract: Contract, *references: Reference, **load: Any) -> Table:
    told = replace(contract, references=references)
    return Table(contract.table, told, Load.model_validate({"write": {"mode": "append"}, **load}))


def relationships() -> set[tuple[str, str, str, str]]:
    """Those of the shipped contracts, as another reader finds them: table, column, table, column."""
    found = set()
    for path in Path("config").glob("*/*.contract.yaml"):
        document = yaml.safe_load(path.read_text("utf-8"))
        for column in document["schema"][0]["properties"]:
            for each in column.get("relationships", ()):
                file, _, place = each["to"].partition("#")
                there = (path.parent / file).resolve()
                _, name, _, target = place.split("/")
                assert there.name == f"{name}.contract.yaml"
                found.add((document["id"], column["name"], f"{there.parent.name}.{name}", target))
    return found


@pytest.mark.parametrize("dialect", WAREHOUSES)
def test_every_relationship_of_the_contracts_is_a_foreign_key_to_a_table_before_it(dialect: Any) -> None:
    made: list[str] = []
    found = set()
    for statement in script(list(SHIPPED.values()), dialect):
        if (created := CREATED.match(statement)) is None:
            continue
        name = ".".join(created.groups()).lower()
        for column, layer, other, target in FOREIGN_KEY.findall(statement):
            found.add((name, column.lower(), f"{layer}.{other}".lower(), target.lower()))
            assert f"{layer}.{other}".lower() in made
        made.append(name)
    assert sorted(made) == sorted(SHIPPED)
    assert found == relationships()
    assert found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_can_be_read(dialect: Any) -> None:
    statements = script(list(SHIPPED.values()), dialect)
    kinds = [type(sqlglot.parse_one(each, dialect="spark" if dialect == "delta" else dialect)) for each in statements]
    assert set(kinds) <= {exp.Create, exp.Comment}
    assert kinds.count(exp.Create) == len(SHIPPED) + 3


def test_a_foreign_key_is_written_where_both_tables_are() -> None:
    (alone,) = script([SHIPPED["gold.fact_sales"]], "snowflake")[1:]
    assert "FOREIGN KEY" not in alone
    together = script([SHIPPED["gold.fact_sales"], SHIPPED["gold.dim_product"]], "snowflake")
    assert [bool(FOREIGN_KEY.search(each)) for each in together] == [False, False, True]
    assert 'UNIQUE ("PRODUCT_SK")' in together[1], "it is not the primary key, which is what a foreign key leads to"


def test_tables_in_a_circle_or_that_refer_to_themselves_get_their_keys_last(
    contract_of: Callable[..., Contract],
) -> None:
    columns = (Column("id", "int", key_position=1), Column("other", "int"))
    one, two = (contract_of(*columns, table=name) for name in ("gold.one", "gold.two"))
    statements = script(
        [
            table(one, Reference(("other",), "gold.two", ("id",))),
            table(two, Reference(("other",), "gold.one", ("id",)), Reference(("other",), "gold.two", ("id",))),
        ],
        "redshift",
    )
    assert [statement.partition("(")[0].strip() for statement in statements] == [
        'CREATE SCHEMA IF NOT EXISTS "gold"',
        'CREATE TABLE IF NOT EXISTS "gold"."two"',
        'CREATE TABLE IF NOT EXISTS "gold"."one"',
        'ALTER TABLE "gold"."two" ADD FOREIGN KEY',
        'ALTER TABLE "gold"."two" ADD FOREIGN KEY',
    ]
    assert 'FOREIGN KEY ("other") REFERENCES "gold"."two" ("id")' in statements[2]


def test_keys_of_several_columns_stay_together(contract_of: Callable[..., Contract]) -> None:
    day, shop = Column("day", "date", key_position=1), Column("shop", "int", key_position=2)
    days = table(contract_of(day, shop, table="gold.days"))
    sales = contract_of(Column("sold", "date"), Column("at", "int"), table="gold.sales")
    statements = script([table(sales, Reference(("sold", "at"), "gold.days", ("day", "shop"))), days], "snowflake")
    assert 'FOREIGN KEY ("SOLD", "AT") REFERENCES "GOLD"."DAYS" ("DAY", "SHOP")' in statements[2]
    assert "UNIQUE" not in statements[1], "it is the primary key"


def test_apostrophes_in_comments_end_no_text(contract_of: Callable[..., Contract]) -> None:
    columns = (Column("id", "int", key_position=1, description="The log's id; '' is none"),)
    told = table(contract_of(*columns, table="gold.things", description="It's\nall 'here'"))
    for dialect in WAREHOUSES:
        text = ";\n".join(script([told], dialect))
        parsed = [each for each in sqlglot.parse(text, dialect=dialect) if each]
        texts = {literal.this for each in parsed for literal in each.find_all(exp.Literal) if literal.is_string}
        assert {"The log's id; '' is none", "It's all 'here'"} <= texts


def test_rows_are_laid_out_by_what_is_asked_of_them(contract_of: Callable[..., Contract]) -> None:
    columns = (Column("id", "int", key_position=1), Column("day", "date"))
    keyed, keyless = contract_of(*columns, table="gold.k"), contract_of(Column("day", "date"), table="gold.n")
    snowflake = script([table(keyed, cluster_by=["day"]), table(keyless)], "snowflake")
    assert snowflake[1].rpartition(")\n")[2] == 'CLUSTER BY ("DAY")'
    assert "CLUSTER" not in snowflake[2]
    redshift = script([table(keyed, cluster_by=["day"]), table(keyless, partition_by=["day"])], "redshift")
    assert redshift[1].endswith('DISTSTYLE KEY DISTKEY ("id")\nCOMPOUND SORTKEY ("day")')
    assert redshift[2].endswith(')\nCOMPOUND SORTKEY ("day")'), "without a key Redshift distributes as it likes"


def test_an_unknown_dialect_is_refused() -> None:
    unknown: Any = "oracle"
    with pytest.raises(ConfigError, match="oracle"):
        script([], unknown)
