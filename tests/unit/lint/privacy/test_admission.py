"""A corpus of queries on their way to gold: what shows personal data, what does not, and what is no query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from sqlglot import exp

from tests.support.lakes.config_folder import ConfigFolder
from tidemark.config.project import load_project
from tidemark.errors import ConfigError
from tidemark.lint import lint
from tidemark.lint.privacy import admission
from tidemark.lint.privacy.seeing.marks import NOTHING
from tidemark.lint.privacy.seeing.scope import Given, Scope
from tidemark.lint.privacy.seeing.seen import Eye
from tidemark.sql.queries import parse

HERE, SUPPORT = Path(__file__).parent, Path(__file__).parents[3] / "support"
CORPUS = [
    yaml.safe_load(path.read_text("utf-8"))
    for path in (
        HERE / "personal_queries.yaml",
        HERE / "telling_queries.yaml",
        HERE / "attacking_queries.yaml",
        HERE / "choosing_queries.yaml",
        HERE / "business_queries.yaml",
        SUPPORT / "reaching_queries.yaml",
    )
]
QUERIES: Mapping[str, list[str]] = {
    kind: [sql for part in CORPUS for sql in part.get(kind, ())]
    for kind in ("refused", "harmless", "misread", "not_a_query")
}
PERSONAL = {
    "customers": ("first_name", "last_name", "email", "phone", "birth_date", "address", "emails"),
    "orders": ("contact_email",),
    "newsletter": ("email",),
    "visits": (),
    "calendar": (),
}
COLUMNS = {
    "customers": ("customer_id", "city", "country", "segment", "updated_at", *PERSONAL["customers"]),
    "orders": ("order_id", "customer_id", "amount", "status", "ordered_at", "note", *PERSONAL["orders"]),
    "newsletter": ("email", "topic"),
    "visits": ("visit_id", "customer_id", "page"),
    "calendar": ("day", "zodiac", "holiday"),
}
KEYS = {
    "customers": "customer_id", "orders": "order_id", "newsletter": "email", "visits": "visit_id", "calendar": "day",
}  # fmt: skip
EXCEPTED = "{property: personalException, value: {reason: r, approvedBy: a}}"
INPUTS = "".join(f"  silver.{name}:\n" for name in COLUMNS)


def contract(layer: str, name: str, columns: Mapping[str, str]) -> str:
    properties = "".join(
        f"      - {{name: {column}, logicalType: string, physicalType: string{more}}}\n"
        for column, more in columns.items()
    )
    return (
        f"apiVersion: v3.2.0\nkind: DataContract\nid: {layer}.{name}\nversion: 1.0.0\n"
        f"schema:\n  - name: {name}\n    properties:\n{properties}"
    )


def shop(root: Path) -> ConfigFolder:
    """Silver tables, three of them with personal columns, each a copy of one in bronze."""
    folder = ConfigFolder(root)
    for name, columns in COLUMNS.items():
        marks = {each: ", classification: personal" if each in PERSONAL[name] else "" for each in columns}
        folder.write(f"bronze/{name}.contract.yaml", contract("bronze", name, marks))
        folder.write(
            f"bronze/{name}.load.yaml", f"source: {{connection: crm, object: {name}}}\nwrite: {{mode: append}}\n"
        )
        keys = {each: ", primaryKey: true, required: true" if each == KEYS[name] else "" for each in columns}
        folder.write(f"silver/{name}.contract.yaml", contract("silver", name, keys))
        folder.write(f"silver/{name}.load.yaml", f"inputs:\n  bronze.{name}:\nwrite: {{mode: replace}}\n")
        folder.write(f"silver/{name}.sql", f"SELECT {', '.join(columns)} FROM bronze.{name}")
    return folder


def gold(folder: ConfigFolder, name: str, sql: str, shown: str = "", inputs: str = INPUTS) -> None:
    folder.write(f"gold/{name}.contract.yaml", contract("gold", name, {"id": "", "shown": shown}))
    folder.write(f"gold/{name}.load.yaml", f"inputs:\n{inputs}write: {{mode: replace}}\n")
    folder.write(f"gold/{name}.sql", sql)


NUMBERED = {f"{kind}_{number}": sql for kind, queries in QUERIES.items() for number, sql in enumerate(queries)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """What the load of each query would say before it reads a row: `refused_0`, `harmless_0` …"""
    folder = shop(tmp_path_factory.mktemp("corpus") / "config")
    gold(folder, "one", NUMBERED["harmless_0"])
    project = load_project(folder.root, "local")
    one = project.table("gold.one")
    made = {f"gold.{name}": replace(one, name=f"gold.{name}", sql=sql) for name, sql in NUMBERED.items()}
    tables, told = {**project.tables, **made}, defaultdict(list)
    for name in NUMBERED:
        try:
            admission.admit(tables, f"gold.{name}")
        except ConfigError as refused:
            told[name] += [finding.message for finding in refused.findings]
    return told


def of(kind: str) -> dict[str, str]:
    return {name: sql for name, sql in NUMBERED.items() if name.startswith(f"{kind}_")}


def test_the_corpus_is_large_enough() -> None:
    assert len(QUERIES["refused"]) >= 120
    assert len(QUERIES["harmless"]) >= 60
    assert all(len(set(queries)) == len(queries) for queries in QUERIES.values())


@pytest.mark.parametrize("kind", ["refused", "misread", "not_a_query"])
def test_what_shows_personal_data_or_is_no_query_is_refused(kind: str, ran: Mapping[str, list[str]]) -> None:
    assert [sql for name, sql in of(kind).items() if not ran.get(name)] == []


def test_what_shows_it_is_refused_for_that(ran: Mapping[str, list[str]]) -> None:
    """But for the few that are refused for the way in which they hide it."""
    shown = {name for name, messages in ran.items() if any(" data unmasked" in message for message in messages)}
    other = [sql for name, sql in of("refused").items() if name not in shown]
    assert all(any(sign in sql for sign in ("\\\n", "silver__")) for sql in other), other


def test_what_is_harmless_passes(ran: Mapping[str, list[str]]) -> None:
    assert {sql: ran[name] for name, sql in of("harmless").items() if name in ran} == {}


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_validate_says_the_same(every: int, tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    for name, sql in list(NUMBERED.items())[::every]:
        gold(folder, name, sql)
    told = {finding.file.name.partition(".")[0] for finding in lint(folder.root, "local") if _matters(finding.message)}
    written = {path.name.partition(".")[0] for path in (folder.root / "gold").glob("*_*.sql")} & set(NUMBERED)
    assert told & set(NUMBERED) == {name for name in written if not name.startswith("harmless")}


def _matters(message: str) -> bool:
    """Whether a finding is about what a query shows or is, and not about the inputs and columns of these tables."""
    return not any(each in message for each in ("is not read by", "does not give it", "which the contract lacks"))


def test_how_often_a_row_is_there_is_told_through_a_stored_table(tmp_path: Path) -> None:
    """A row for each year of a person's age: counted by who reads them."""
    folder = shop(tmp_path / "config")
    folder.write("silver/years.contract.yaml", contract("silver", "years", {"customer_id": "", "updated_at": ""}))
    folder.write("silver/years.load.yaml", "inputs:\n  silver.customers:\nwrite: {mode: replace}\n")
    each = "LATERAL VIEW explode(sequence(1, year(birth_date))) e AS y"
    folder.write("silver/years.sql", f"SELECT customer_id, updated_at FROM silver.customers {each}")
    counted = "SELECT customer_id AS id, count(*) AS shown FROM silver.years GROUP BY customer_id"
    gold(folder, "one", counted, inputs="  silver.years:\n")

    tables = load_project(folder.root, "local").tables
    with pytest.raises(ConfigError, match=r"one\.shown shows personal data unmasked: it comes from .*birth_date"):
        admission.admit(tables, "gold.one")


def test_a_mask_or_a_written_exception_lets_any_of_them_pass(tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    allowed = "{reason: asked for by the mailing house, approvedBy: data protection}"
    ways = {
        "masked": "{property: mask, value: hmac}",
        "excepted": f"{{property: personalException, value: {allowed}}}",
        "ended": f"{{property: personalException, value: {allowed[:-1]}, until: 2020-01-01}}}}",
    }
    text = (folder.root / "env/local.yaml").read_text("utf-8")
    folder.write("env/local.yaml", f"{text}masking: {{secret: masking, key: k1}}\n")
    for number, sql in enumerate(QUERIES["refused"][::9]):
        for way, property_ in ways.items():
            if "\\\n" not in sql and "IDENTIFIER" not in sql and "silver__" not in sql:
                gold(folder, f"{way}_{number}", sql, f", customProperties: [{property_}]")
    tables = load_project(folder.root, "local").tables
    for name in tables:
        messages = [finding.message for finding in admission.findings(tables, name)]
        shown = [message for message in messages if ".shown shows" in message]
        if ".ended_" in name:
            assert any(" shows " in message for message in messages), name  # some in the other column, `id`
            assert all(message.endswith("(its personalException ended on 2020-01-01)") for message in shown)
        else:
            assert shown == []


def test_gold_of_gold_sees_masked_values_and_not_those_of_an_exception(tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    sql = "SELECT customer_id AS id, email AS shown FROM silver.customers"
    gold(folder, "masked", sql, ", customProperties: [{property: mask, value: email}]")
    exception = "{property: personalException, value: {reason: r, approvedBy: a}}"
    gold(folder, "excepted", sql, f", customProperties: [{exception}]")
    gold(folder, "from_masked", "SELECT id, shown FROM gold.masked", inputs="  gold.masked:\n")
    gold(folder, "from_excepted", "SELECT id, shown FROM gold.excepted", inputs="  gold.excepted:\n")
    assert {each.message for each in lint(folder.root, "local") if "unmasked" in each.message} == {
        "gold.from_excepted.shown shows personal data unmasked: it comes from bronze.customers.email"
    }


def test_checks_are_held_to_the_same(tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    gold(folder, "sales", "SELECT order_id AS id, status AS shown FROM silver.orders")
    text = (folder.root / "gold/sales.contract.yaml").read_text("utf-8")
    checks = """    quality:
      - {name: shell, type: sql, query: "SELECT count(*) FROM {object} WHERE reflect('a', 'b') = 'x'", mustBe: 0}
      - {name: file, type: sql, query: "SELECT count(*) FROM text.`/etc/passwd`", mustBe: 0}
      - {name: variable, type: sql, query: "SELECT count(*) FROM {object} WHERE shown = '${env:X}'", mustBe: 0}
      - name: soda
        type: custom
        engine: soda
        implementation: {"odd < 1": {odd expression: "max(java_method('a', 'b'))"}}
      - name: rows
        type: custom
        engine: soda
        implementation: {"failed rows": {fail condition: "try_reflect('a', 'b') = 'c'"}}
      - {name: fine, type: sql, query: "SELECT count(*) FROM {object} WHERE shown = 'x'", mustBe: 0}
      - name: pattern
        type: custom
        engine: soda
        implementation: {"invalid_count(shown) = 0": {valid regex: "x' OR reflect('a', 'b') = '"}}
      - name: fine (too)
        type: custom
        engine: soda
        implementation: {"invalid_count(shown) = 0": {name: "texts (of any kind)", valid regex: "^ORD(-|_)[0-9]+$"}}
      - {name: as fine, type: custom, engine: soda, implementation: max(id) >= 1}
"""
    folder.write("gold/sales.contract.yaml", text + checks)
    tables = load_project(folder.root, "local").tables
    told = [finding.message.split("`")[1] for finding in admission.findings(tables, "gold.sales")]
    assert sorted(set(told)) == ["file", "pattern", "rows", "shell", "soda", "variable"]
    messages = [finding.message for finding in lint(folder.root, "local")]
    assert all(any(f"check `{name}`" in message for message in messages) for name in set(told))


def partitioned(root: Path, layer: str, column: str, marked: str = "") -> list[str]:
    """What may not be of a table that lies in folders by `column`."""
    folder = shop(root / "config")
    if layer == "gold":
        gold(folder, "customers", f"SELECT customer_id AS id, {column} AS shown FROM silver.customers", marked)
        column = "shown"
    load = f"{layer}/customers.load.yaml"
    folder.edit(load, "write: ", f"partition_by: [{column}]\nwrite: ")
    if marked and layer == "silver":
        text = f"{{name: {column}, logicalType: string, physicalType: string"
        folder.edit("silver/customers.contract.yaml", text, f"{text}{marked}")
    name, tables = f"{layer}.customers", load_project(folder.root, "local").tables
    told = [each for each in admission.findings(tables, name) if "partition_by" in each.message]
    assert [str(each) for each in lint(folder.root, "local") if "stand in the names" in each.message] == [
        str(each) for each in told
    ]
    return [f"{each.file.name}:{each.line} {each.message}" for each in told]


@pytest.mark.parametrize(("layer", "line"), [("bronze", 2), ("silver", 3)])
def test_a_table_does_not_lie_in_folders_by_a_personal_column(layer: str, line: int, tmp_path: Path) -> None:
    assert partitioned(tmp_path, layer, "birth_date") == [
        f"customers.load.yaml:{line} partition_by: `birth_date` is personal, and its values would stand in the names "
        "of folders"
    ]


@pytest.mark.parametrize(
    ("layer", "column", "marked"),
    [
        ("silver", "city", ""),
        ("silver", "birth_date", f", customProperties: [{EXCEPTED}]"),
        ("gold", "email", ", customProperties: [{property: mask, value: email}]"),
    ],
)
def test_a_table_lies_in_folders_by_anything_else(layer: str, column: str, marked: str, tmp_path: Path) -> None:
    assert partitioned(tmp_path, layer, column, marked) == []


@pytest.mark.parametrize("name", ["input_file_name", "input_file_block_start", "input_file_block_length"])
def test_where_a_row_lies_may_show_what_its_table_is_partitioned_by(name: str, tmp_path: Path) -> None:
    (told,) = messages_of(
        shop(tmp_path / "config"), f"SELECT customer_id AS id, {name}() AS shown FROM silver.customers"
    )
    assert told.startswith("gold.one.shown shows personal data unmasked")


def test_python_comes_only_from_packages_that_the_environment_names(tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    gold(folder, "sales", "")
    folder.remove("gold/sales.sql")
    folder.edit("gold/sales.load.yaml", "write:", "transform: os:system\nwrite:")
    (message, *_) = [each.message for each in folder.findings() if "transform" in each.message]
    assert message == "gold.sales is built by os:system, which is in no package that may be run (transforms: none)"
    folder.write("env/local.yaml", (folder.root / "env/local.yaml").read_text("utf-8") + "transforms: [shop.tables]\n")
    folder.edit("gold/sales.load.yaml", "os:system", "shop.tables.sales:build")
    told = [each.message for each in folder.findings()]
    assert not any("package" in message for message in told)
    assert "gold.sales.shown shows personal data unmasked" in " ".join(told)
    folder.edit("gold/sales.load.yaml", "shop.tables.sales:build", "shop.tablesque:build")
    assert any("in no package" in each.message for each in folder.findings())


def messages_of(folder: ConfigFolder, sql: str) -> list[str]:
    gold(folder, "one", sql)
    tables = load_project(folder.root, "local").tables
    return [each.message for each in admission.findings(tables, "gold.one")]


@pytest.mark.parametrize(
    ("part", "operator", "personal"),
    [
        ("status", " || ", "contact_email"),
        ("amount", " + ", "length(contact_email)"),
        ("1", " - ", "length(note || note)"),
    ],
)
def test_long_chains_are_followed_to_their_ends(part: str, operator: str, personal: str, tmp_path: Path) -> None:
    folder, chain = shop(tmp_path / "config"), operator.join([part] * 1500)
    assert messages_of(folder, f"SELECT order_id AS id, {chain} AS shown FROM silver.orders") == []
    told = messages_of(folder, f"SELECT order_id AS id, {personal}{operator}{chain} AS shown FROM silver.orders")
    seen = ["gold.one.shown shows personal data unmasked: it comes from bronze.orders.contact_email"]
    assert told == (seen if "contact_email" in personal else [])


@pytest.mark.parametrize("word", [" AND ", " OR "])
def test_long_conditions_are_followed_to_their_ends(word: str, tmp_path: Path) -> None:
    sql = f"SELECT order_id AS id, status AS shown FROM silver.orders WHERE {word.join(['status <> note'] * 1500)}"
    assert messages_of(shop(tmp_path / "config"), sql) == []


@pytest.mark.parametrize("depth", [100, 250, 1000])
def test_what_is_nested_too_deep_to_be_followed_counts_as_seen(depth: int, tmp_path: Path) -> None:
    value = f"{'lower(' * depth}contact_email{')' * depth}"
    told = messages_of(shop(tmp_path / "config"), f"SELECT order_id AS id, {value} AS shown FROM silver.orders")
    assert any(each.startswith("gold.one.shown shows personal data unmasked: ") for each in told)


class Counting(Eye):
    """Counts the queries that it looks through."""

    asked = 0

    def query(self, node: exp.Expr, around: Scope) -> Given:
        self.asked += 1
        return super().query(node, around)


def test_queries_in_conditions_are_looked_through_once_in_each_that_is_around() -> None:
    query, counts = "SELECT max(order_id) FROM silver.orders", []
    for _ in range(8):
        query = f"SELECT max(order_id) AS id FROM silver.orders WHERE order_id = ({query}) AND status IS NOT NULL"
        eye = Counting({"silver.orders": Given((("order_id", NOTHING), ("status", NOTHING)))})
        eye.given(parse(query))
        counts.append(eye.asked)
    assert {after - before for before, after in pairwise(counts)} == {2}  # the subquery, and its parentheses


def test_a_query_is_asked_anew_where_what_is_around_it_has_been_told_more(tmp_path: Path) -> None:
    """`n.topic` is told of the person by the last condition, when the first one has been asked before."""
    sql = (
        "SELECT o.order_id AS id, o.status AS shown FROM silver.orders o, silver.newsletter n "
        "WHERE o.note = (SELECT max(n.topic) FROM silver.customers WHERE city = n.topic) AND n.topic = 'x' AND {}"
    )
    folder = shop(tmp_path / "config")
    assert messages_of(folder, sql.format("o.amount = 1")) == []
    assert len(messages_of(folder, sql.format("n.topic = (SELECT min(email) FROM silver.customers)"))) == 2


SILVER = """inputs:
  silver.customers:
write: {mode: replace}
"""


@pytest.mark.parametrize(
    ("silver", "sql", "is_seen"),
    [
        ("nullif(email, 'anna@example.org')", "SELECT customer_id AS id, kept IS NULL AS shown FROM silver.more", True),
        ("nullif(trim(email), '')", "SELECT customer_id AS id, kept IS NULL AS shown FROM silver.more", False),
        ("city", "SELECT customer_id AS id, kept IS NULL AS shown FROM silver.more", False),
        ("email", "SELECT person AS id, count_if(kept LIKE 'a%') AS shown FROM silver.more GROUP BY person", True),
        ("email", "SELECT kept IS NULL AS id, count_if(kept LIKE 'a%') AS shown FROM silver.more GROUP BY 1", False),
    ],
)
def test_nulls_and_keys_are_followed_from_table_to_table(silver: str, sql: str, is_seen: bool, tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    to = "../silver/customers.contract.yaml#schema/customers/properties/customer_id"
    columns = {"customer_id": "", "person": f", relationships: [{{to: '{to}'}}]", "kept": ""}
    folder.write("silver/more.contract.yaml", contract("silver", "more", columns))
    folder.write("silver/more.load.yaml", SILVER)
    folder.write("silver/more.sql", f"SELECT customer_id, city AS person, {silver} AS kept FROM silver.customers")
    gold(folder, "one", sql, inputs="  silver.more:\n")
    messages = [each.message for each in admission.findings(load_project(folder.root, "local").tables, "gold.one")]
    assert [".shown shows personal data unmasked" in message for message in messages] == [True] * is_seen


def test_the_sight_of_a_table_names_columns_and_no_marks(tmp_path: Path) -> None:
    folder = shop(tmp_path / "config")
    tables = load_project(folder.root, "local").tables
    given = admission.sight(tables).given("silver.customers")
    assert given.seen("customer_id") == frozenset()
    assert given.seen("email") == {("bronze.customers", "email")}
    assert given.seen("_row_hash") == {("bronze.customers", name) for name in PERSONAL["customers"]}
