"""`on` that cannot be right is refused, with file, line, clause, input and what to do; and the advice is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tidemark.errors import Finding
from tidemark.lint import lint

SALES = "day date\nshop string\namount decimal(10,2)"
RUNNING = "SELECT\n  day,\n  sum(amount) OVER (ORDER BY day) AS total,\n  amount / sum(amount) OVER () AS share\nFROM"


class Folder:
    """Tables of a few lines each, beside a small environment."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("env/local.yaml", {"name": "local", "home": "home", "exchange": "s3a://x/", "connections": CRM})

    def write(self, name: str, text: Any) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False), "utf-8")

    def table(self, name: str, columns: str, keys: tuple[str, ...], load: dict[str, Any], sql: str = "") -> None:
        layer, table = name.split(".")
        properties: list[dict[str, Any]] = []
        for line in columns.splitlines():
            column, type_, *rest = line.split(" ", 2)
            described = {"name": column, "logicalType": LOGICAL[type_.partition("(")[0]], "physicalType": type_}
            if column in keys:
                described |= {"required": True, "primaryKey": True, "primaryKeyPosition": keys.index(column) + 1}
            properties.append(described | (yaml.safe_load(rest[0]) if rest else {}))
        schema = [{"name": table, "properties": properties}]
        contract = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": name, "version": "1.0.0", "schema": schema}
        self.write(f"{layer}/{table}.contract.yaml", contract)
        self.write(f"{layer}/{table}.load.yaml", load)
        if sql:
            self.write(f"{layer}/{table}.sql", sql)

    def found(self) -> list[Finding]:
        return lint(self.root, "local")

    def told(self) -> list[str]:
        return [f"{each.file.relative_to(self.root)}:{each.line}: {each.message}" for each in self.found()]


CRM = {"crm": {"kind": "rest", "block": "crm", "secret": "crm"}}
LOGICAL = {
    **dict.fromkeys(("int", "bigint"), "integer"),
    "double": "number",
    "date": "date",
    "string": "string",
    "decimal": "number",
    "timestamp": "timestamp",
    "boolean": "boolean",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    source = {"source": {"connection": "crm", "object": "X", "mode": "full"}}
    folder.table(
        "bronze.sales", SALES, ("day", "shop"), source | {"write": {"mode": "append", "keys": ["day", "shop"]}}
    )
    return folder


def computed(folder: Folder, sql: str, columns: str, keys: tuple[str, ...], **load: Any) -> None:
    inputs = {"inputs": {"bronze.sales": {"on": list(keys)}}}
    folder.table("gold.sales", columns, keys, inputs | {"write": {"mode": "upsert", "keys": list(keys)}} | load, sql)


def test_a_running_total_and_a_share_of_everything_are_refused(folder: Folder) -> None:
    columns = "day date\ntotal decimal(20,2)\nshare decimal(10,4)"
    computed(folder, f"{RUNNING} bronze.sales", columns, ("day",))

    first, second = folder.found()

    assert [first.line, second.line] == [3, 4]
    assert str(first.file).endswith("gold/sales.sql")
    assert "OVER (ORDER BY sales.day" in first.message
    assert "bronze.sales with other `day`" in first.message
    assert first.fix is not None
    assert "add `day` to its PARTITION BY" in first.fix
    assert "`bronze.sales: {refresh: full}` in sales.load.yaml" in first.fix


def test_what_the_finding_advises_is_right(folder: Folder) -> None:
    columns = "day date\ntotal decimal(20,2)\nshare decimal(10,4)"
    whole = {"inputs": {"bronze.sales": {"refresh": "full"}}}
    computed(folder, f"{RUNNING} bronze.sales", columns, ("day",), **whole)
    assert folder.told() == []

    by_day = "SELECT day, sum(amount) OVER (PARTITION BY day ORDER BY shop) AS total, NULL AS share FROM bronze.sales"
    computed(folder, by_day, columns, ("day",))
    assert folder.told() == []


def test_a_table_that_is_always_computed_as_a_whole_may_look_at_everything(folder: Folder) -> None:
    columns = "day date\ntotal decimal(20,2)\nshare decimal(10,4)"
    computed(folder, f"{RUNNING} bronze.sales", columns, ("day",), write={"mode": "replace", "keys": ["day"]})
    assert folder.told() == []


def test_the_time_of_the_run_is_no_column_of_a_table_that_is_computed_in_parts(folder: Folder) -> None:
    sql = "SELECT shop, max(day) AS day, datediff(\n  current_date(), max(day)) AS age FROM bronze.sales GROUP BY shop"
    computed(folder, sql, "shop string\nday date\nage decimal(10,0)", ("shop",))
    assert folder.told() == [
        "gold/sales.sql:2: `current_date` gives another value in every run,"
        " and only the keys that changed are computed anew"
    ]


def test_rows_of_one_key_must_not_be_spread_over_values_of_on(folder: Folder) -> None:
    columns = "shop string\nday date\namount decimal(10,2)"
    computed(
        folder,
        "SELECT shop, day, amount FROM bronze.sales",
        columns,
        ("shop",),
        inputs={"bronze.sales": {"on": ["day"]}},
    )
    assert folder.told() == [
        "gold/sales.load.yaml:3: rows of one `shop` can have different `day`, by which gold.sales is computed"
    ]


def test_keys_that_an_input_has_once_may_be_computed_by_another_column(folder: Folder) -> None:
    columns = "shop string\nday date\namount decimal(10,2)"
    newest = {"write": {"mode": "upsert", "keys": ["shop"], "order_by": ["day"]}}
    inputs = {"inputs": {"bronze.sales": {"on": ["shop"]}}}
    sql = "SELECT shop, day, amount FROM bronze.sales"
    folder.table("silver.sales", columns, ("shop",), inputs | newest, sql)
    by_day = {"inputs": {"silver.sales": {"on": ["day"]}}}
    computed(folder, sql.replace("bronze", "silver"), columns, ("shop",), **by_day)
    assert folder.told() == []


def test_a_history_is_computed_for_whole_keys(folder: Folder) -> None:
    write = {"mode": "scd2", "keys": ["shop"], "effective_from": "day", "surrogate_key": "sk", "track": ["amount"]}
    columns = "sk string\nshop string {required: true}\nday date\namount decimal(10,2)"
    made = "valid_from timestamp\nvalid_to timestamp\nis_current boolean"
    on = {"bronze.sales": {"on": ["shop", "day"]}}
    computed(
        folder, "SELECT shop, day, amount FROM bronze.sales", f"{columns}\n{made}", ("sk",), inputs=on, write=write
    )
    assert folder.told() == [
        "gold/sales.load.yaml:3: rows of one `shop` can have different `day`, by which gold.sales is computed"
    ]


def test_keys_that_are_masked_cannot_be_found_again(folder: Folder) -> None:
    mask = "{classification: personal, customProperties: [{property: mask, value: sha256}]}"
    sql = "SELECT shop, sum(amount) AS amount FROM bronze.sales GROUP BY shop"
    computed(folder, sql, f"shop string {mask}\namount decimal(20,2)", ("shop",))
    assert any("`shop` is masked in gold.sales" in each for each in folder.told())


RATED = "shop string\nday date\namount decimal(10,2)\nrate decimal(10,2)"
LATEST = (
    "SELECT s.shop, s.day, s.amount, max_by(r.rate, r.day) AS rate FROM bronze.sales AS s"
    " LEFT JOIN bronze.rates AS r ON r.shop = s.shop AND r.day <= s.day GROUP BY s.shop, s.day, s.amount"
)


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ({"on": ["shop"], "as_of": {"day": "day"}}, []),
        ({"on": ["shop"], "as_of": {"from": "day"}}, ["bronze.rates has no column `from`"]),
        ({"on": ["shop"], "as_of": {"day": "sold_on"}}, ["neither gold.sales nor bronze.sales has"]),
    ],
)
def test_the_columns_of_as_of_are_the_inputs_and_of_rows_that_take_its_latest(
    folder: Folder, rates: dict[str, Any], told: list[str]
) -> None:
    source = {"source": {"connection": "crm", "object": "Y", "mode": "full"}}
    columns = "shop string\nday date\nrate decimal(10,2)"
    folder.table(
        "bronze.rates", columns, ("shop", "day"), source | {"write": {"mode": "append", "keys": ["shop", "day"]}}
    )
    inputs = {"bronze.sales": {"on": ["shop", "day"]}, "bronze.rates": rates}
    computed(folder, LATEST, RATED, ("shop", "day"), inputs=inputs)
    found = folder.told()
    assert len(found) == len(told), found
    assert all(part in line for part, line in zip(told, found, strict=True))


@pytest.mark.parametrize(
    "rates", [{"as_of": {"day": "day"}}, {"on": ["shop"], "as_of": {"day": "day", "shop": "shop"}}]
)
def test_as_of_is_one_pair_beside_on(folder: Folder, rates: dict[str, Any]) -> None:
    inputs = {"bronze.sales": {"on": ["shop", "day"]}, "bronze.rates": rates}
    computed(folder, LATEST, RATED, ("shop", "day"), inputs=inputs)
    assert any("as_of" in each for each in folder.told())


def test_a_key_may_be_a_digest_of_the_columns_of_on(folder: Folder) -> None:
    sql = "SELECT sha2(shop, 256) AS sk, shop, sum(amount) AS amount FROM bronze.sales GROUP BY shop"
    inputs = {"inputs": {"bronze.sales": {"on": ["shop"]}}}
    columns = "sk string\nshop string\namount decimal(20,2)"
    computed(folder, sql, columns, ("sk",), **inputs)
    assert folder.told() == []
    computed(folder, sql.replace("sha2(shop, 256)", "left(shop, 1)"), columns, ("sk",), **inputs)
    assert len(folder.told()) == 1


@pytest.mark.parametrize(
    ("given", "kept", "cast", "refused"),
    [
        ("string", "bigint", {}, True),
        ("string", "timestamp", {}, True),
        ("decimal(18,4)", "double", {}, True),
        ("decimal(10,2)", "bigint", {"id": "round"}, True),
        ("date", "timestamp", {"id": {"zone": "Europe/Berlin"}}, True),
        ("date", "timestamp", {}, False),
        ("decimal(38,0)", "bigint", {}, False),
        ("int", "double", {}, False),
        ("bigint", "string", {}, False),
        ("string", "string", {}, False),
    ],
)
def test_a_value_of_on_is_one_value_in_the_input_and_in_the_table(
    folder: Folder, given: str, kept: str, cast: dict[str, Any], refused: bool
) -> None:
    """`7` and `07` are two keys of a log of text, and one number: a change of one is computed without the other."""
    _keyed(folder, given)
    inputs = {"inputs": {"bronze.a": {"on": ["id"]}}}
    computed(folder, "SELECT id FROM bronze.a", f"id {kept}", ("id",), **inputs, cast=cast)
    told = [each for each in folder.told() if "is a" in each]
    differing = f"gold/sales.load.yaml:4: `id` is a {given} in bronze.a and a {kept} in gold.sales: values that differ"
    assert [each.startswith(differing) for each in told] == [True] * refused


def test_inputs_of_one_grain_have_one_type(folder: Folder) -> None:
    _keyed(folder, "string")
    _keyed(folder, "bigint", "bronze.b")
    inputs = {"inputs": {name: {"on": ["id"]} for name in ("bronze.a", "bronze.b")}}
    computed(folder, "SELECT a.id FROM bronze.a a LEFT JOIN bronze.b b ON a.id = b.id", "id string", ("id",), **inputs)
    (told,) = folder.told()
    assert "`id` is a bigint in bronze.b and a string in gold.sales" in told


def _keyed(folder: Folder, type_: str, name: str = "bronze.a") -> None:
    source = {"source": {"connection": "crm", "object": "Y", "mode": "full"}}
    folder.table(name, f"id {type_}", ("id",), source | {"write": {"mode": "append", "keys": ["id"]}})
