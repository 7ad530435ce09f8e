"""Questions to released tables: the rows, what is hidden in them, and what is no question to them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from tests.support.lakes.released import ReaderLake
from tidemark.errors import ConfigError, TidemarkError
from tidemark.serving.lake import ReleasedLake
from tidemark.serving.rows import query, show


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> ReleasedLake:
    found = ReaderLake(tmp_path_factory.mktemp("lake"))
    found.table("gold.sales", "id: int", "city: string")
    found.table("silver.people", "id: int", "email: string", personal=("email",))
    found.write("gold.sales", pa.table({"id": [1, 2, 3], "city": ["Ulm", None, "Bonn"], "_batch_id": ["b"] * 3}))
    found.write("silver.people", pa.table({"id": [1, 2], "email": ["a@b.de", None], "drifted": ["call 0170", "x"]}))
    found.release()
    return found.open()


class TestShow:
    def test_rows_come_without_bookkeeping_unless_it_is_named(self, lake: ReleasedLake) -> None:
        assert show(lake, "gold.sales", limit=1).values() == [{"id": 1, "city": "Ulm"}]
        assert show(lake, "gold.sales", columns=["_batch_id"], limit=1).values() == [{"_batch_id": "b"}]

    def test_a_condition_chooses_rows(self, lake: ReleasedLake) -> None:
        assert show(lake, "gold.sales", where="city IS NULL OR id > 2", columns=["id"]).values() == [
            {"id": 2},
            {"id": 3},
        ]

    def test_personal_data_and_what_no_contract_describes_is_hidden_below_gold(self, lake: ReleasedLake) -> None:
        answer = show(lake, "silver.people")
        assert answer.values() == [
            {"id": 1, "email": "***", "drifted": "***"},
            {"id": 2, "email": None, "drifted": "***"},
        ]
        assert answer.hidden == ("silver.people.email", "silver.people.drifted")

    @pytest.mark.parametrize(
        "where", ["email = 'a@b.de'", "EMAIL LIKE 'a%'", "length(drifted) > 3", 'people."email" = 1']
    )
    def test_nothing_is_found_by_what_is_hidden(self, lake: ReleasedLake, where: str) -> None:
        with pytest.raises(ConfigError, match="is not shown, and nothing can be found by it"):
            show(lake, "silver.people", where=where)

    def test_a_condition_sees_no_more_than_what_is_shown(self, lake: ReleasedLake) -> None:
        where = "EXISTS (SELECT 1 FROM \"rows of silver.people\" AS r WHERE r::text LIKE '%a@b.de%')"
        with pytest.raises(ConfigError, match="does not exist"):
            show(lake, "silver.people", where=where)

    @pytest.mark.parametrize("where", ["1=1; DROP TABLE x", "1=1) LIMIT (5", "id >", "1=1) UNION (SELECT 1", "", " "])
    def test_what_is_no_condition_is_told(self, lake: ReleasedLake, where: str) -> None:
        with pytest.raises(ConfigError):
            show(lake, "gold.sales", where=where)

    def test_unknown_columns_and_tables_are_told_with_close_ones(self, lake: ReleasedLake) -> None:
        with pytest.raises(ConfigError) as column:
            show(lake, "gold.sales", columns=["citi"])
        assert column.value.next_step == "did you mean `city`?"
        with pytest.raises(ConfigError) as table:
            show(lake, "gold.sale")
        assert table.value.next_step == "did you mean `gold.sales`?"


class TestQuery:
    @pytest.mark.parametrize(
        ("sql", "rows"),
        [
            ("SELECT count(*) AS n FROM gold.sales", [{"n": 3}]),
            ("WITH s AS (SELECT * FROM gold.sales) SELECT max(id) AS id FROM s", [{"id": 3}]),
            ("SELECT a.id FROM gold.sales a JOIN Gold.SALES b ON b.id = a.id + 1 ORDER BY 1", [{"id": 1}, {"id": 2}]),
            ("SELECT s.id FROM gold.sales s SEMI JOIN silver.people p USING (id) ORDER BY ALL", [{"id": 1}, {"id": 2}]),
            ("SELECT 1 AS one", [{"one": 1}]),
        ],
    )
    def test_tables_go_by_their_names(self, lake: ReleasedLake, sql: str, rows: list[dict[str, int]]) -> None:
        assert query(lake, sql).values() == rows

    @pytest.mark.parametrize(
        "sql",
        ["SELECT count(DISTINCT email) FROM silver.people", "SELECT id FROM silver.people WHERE drifted = '***'"],
    )
    def test_what_is_hidden_is_not_there_to_be_counted(self, lake: ReleasedLake, sql: str) -> None:
        with pytest.raises(ConfigError) as refused:
            query(lake, sql)
        assert "silver.people.email" in str(refused.value.next_step)

    def test_a_star_leaves_it_out_and_says_so(self, lake: ReleasedLake) -> None:
        answer = query(lake, "SELECT * FROM silver.people ORDER BY id")
        assert answer.values() == [{"id": 1}, {"id": 2}]
        assert answer.hidden == ("silver.people.email", "silver.people.drifted")

    def test_columns_of_one_name_are_told_apart(self, lake: ReleasedLake) -> None:
        asked = "SELECT a.id, b.id, 7 AS id_1, a.city, b.city FROM gold.sales a JOIN gold.sales b ON b.id = a.id + 2"
        assert query(lake, asked).values() == [{"id": 1, "id_2": 3, "id_1": 7, "city": "Ulm", "city_1": "Bonn"}]

    @pytest.mark.parametrize(
        "sql",
        [
            # A name that only a query inside gives is another one outside.
            'SELECT * FROM (WITH "rows of silver.people" AS (SELECT 1) SELECT 1), "rows of silver.people"',
            "SELECT * FROM (WITH duckdb_views AS (SELECT 1) SELECT 1), duckdb_views",
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT * FROM '/etc/passwd'",
            'SELECT * FROM "/tmp/x.parquet"',
            "SELECT content FROM read_text('/etc/passwd')",
            "SELECT * FROM gold.sales, read_blob('/etc/*')",
            "SELECT (SELECT count(*) FROM glob('/etc/*'))",
            "SELECT * FROM query_table(['rows of silver.people'])",
            'SELECT * FROM "rows of silver.people"',
            "SELECT * FROM query('SELECT 1')",
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM information_schema.tables",
            "SELECT getenv('HOME')",
            "SELECT * FROM lake",
            "COPY gold.sales TO '/tmp/out.csv'",
            "ATTACH '/tmp/x.db'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "PRAGMA database_list",
            "CREATE TABLE x AS SELECT 1",
            "SELECT 1; SELECT 2",
            "SELEKT 1",
            "",
        ],
    )
    def test_nothing_else_can_be_asked_or_done(self, lake: ReleasedLake, sql: str) -> None:
        with pytest.raises(ConfigError):
            query(lake, sql)


def test_files_that_are_gone_are_told(tmp_path: Path) -> None:
    lake = ReaderLake(tmp_path)
    lake.table("gold.sales", "id: int")
    lake.write("gold.sales", pa.table({"id": [1]}))
    lake.release()
    for file in Path(lake.path("gold.sales")).glob("*.parquet"):
        file.unlink()
    with pytest.raises(TidemarkError, match="a table's files cannot be read"):
        show(lake.open(), "gold.sales")
