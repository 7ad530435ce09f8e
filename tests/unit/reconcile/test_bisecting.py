"""Two tables of the same rows but for a few: these are found, by key and column, and hardly anything else is read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.duckside import Queries
from tidemark.reconcile import bisecting
from tidemark.reconcile.bisecting import Bisection, Search
from tidemark.reconcile.comparing import Comparison, Showing
from tidemark.reconcile.dialects import Kind
from tidemark.reconcile.found import Reconciled
from tidemark.reconcile.sides import Answers, Part

COLUMNS: list[tuple[str, Kind]] = [("id", "text"), ("line", "number"), ("name", "text"), ("amount", "number")]
ROWS = 60_000
MANY = f"""
SELECT 'ORD-' || lpad(CAST(n // 2 AS VARCHAR), 8, '0') AS id, n % 2 AS line, 'name ' || n AS name,
  CAST(n / 7 AS DECIMAL(18, 2)) AS amount FROM range({ROWS}) AS numbers(n)
"""
ORDER, LINE = "ORD-00013210", 1
CHANGES = {
    "missing": f"DELETE FROM there WHERE id = '{ORDER}' AND line = {LINE}",
    "extra": f"DELETE FROM here WHERE id = '{ORDER}' AND line = {LINE}",
    "changed": f"UPDATE there SET amount = amount + 0.01 WHERE id = '{ORDER}' AND line = {LINE}",
}


@pytest.fixture(scope="module")
def many() -> Queries:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY}")
    return queries


def compared(
    queries: Queries, keys: Sequence[str] = ("id", "line"), columns: Sequence[tuple[str, Kind]] = COLUMNS
) -> Reconciled:
    here, there = (queries.side(name, columns, keys) for name in ("here", "there"))
    ((rows,),) = queries.ask("SELECT count(*) FROM there")
    names = frozenset(name for name, _ in columns)
    return Comparison("gold.t", here, there, ("lake", "warehouse"), Showing(names, names), 1, rows=rows).found()


def filled(queries: Queries, *changes: str) -> Queries:
    queries.run("CREATE OR REPLACE TABLE here AS FROM made", "CREATE OR REPLACE TABLE there AS FROM made", *changes)
    return queries


@pytest.mark.parametrize("what", CHANGES)
def test_one_row_of_many_is_found_and_little_is_read(many: Queries, what: str) -> None:
    found = compared(filled(many, CHANGES[what]))
    assert (found.outcome, found.complete, len(found.differences)) == ("differs", True, 1)
    assert {name: getattr(found, name) for name in CHANGES} == dict.fromkeys(CHANGES, 0) | {what: 1}
    (row,) = found.differences
    assert (row.what, dict(row.key)) == (what, {"id": ORDER, "line": str(LINE)})
    n = int(ORDER[4:]) * 2 + LINE
    ((before,),) = many.ask(f"SELECT CAST(amount AS VARCHAR) FROM made WHERE name = 'name {n}'")
    expected = {"amount": (before, f"{float(before) + 0.01:.2f}")} if what == "changed" else {}
    assert {name: tuple(map(float, both)) for name, both in row.columns.items()} == {
        name: tuple(map(float, both)) for name, both in expected.items()
    }
    assert max(found.read) < ROWS / 100


def test_the_same_rows_in_another_order_are_equal(many: Queries) -> None:
    found = compared(filled(many, "CREATE OR REPLACE TABLE there AS FROM made ORDER BY md5(name)"))
    assert (found.outcome, found.rows, found.read) == ("equal", (ROWS, ROWS), (0, 0))


def test_what_is_empty_is_equal_or_not() -> None:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 5")
    filled(queries, "DELETE FROM here", "DELETE FROM there")
    assert compared(queries).outcome == "equal"
    filled(queries, "DELETE FROM there")
    found = compared(queries)
    assert (found.outcome, found.missing, found.rows) == ("differs", 5, (5, 0))
    filled(queries, "DELETE FROM here")
    assert compared(queries).extra == 5


def test_a_key_of_few_values_is_divided_by_its_hash(many: Queries) -> None:
    """All rows have one value in the first key column; the second has no order that both sides share."""
    many.run("CREATE OR REPLACE TABLE here AS SELECT 'all' AS id, * EXCLUDE (id, line), name AS line FROM made")
    many.run("CREATE OR REPLACE TABLE there AS FROM here", "DELETE FROM there WHERE name = 'name 777'")
    columns: list[tuple[str, Kind]] = [("id", "text"), ("line", "float"), ("name", "text")]
    many.run("ALTER TABLE here ALTER line TYPE DOUBLE USING CAST(substr(name, 6) AS DOUBLE)")
    many.run("ALTER TABLE there ALTER line TYPE DOUBLE USING CAST(substr(name, 6) AS DOUBLE)")
    found = compared(many, ("id", "line"), columns)
    assert (found.missing, found.extra, found.changed) == (1, 0, 0)
    assert found.differences[0].key == {"id": "all", "line": "777.0"}
    assert max(found.read) < ROWS / 100


def test_more_than_can_be_shown_is_told_as_such(many: Queries) -> None:
    found = compared(filled(many, "UPDATE there SET name = name || '!'"))
    assert (found.outcome, found.complete) == ("differs", False)
    assert found.columns == {"name": 1000}
    assert found.changed >= 1000
    assert "at least" in found.told


def test_a_half_that_is_gone_is_found(many: Queries) -> None:
    found = compared(filled(many, f"DELETE FROM there WHERE id > '{ORDER}'"))
    assert found.outcome == "differs"
    assert found.missing > 0
    assert (found.extra, found.changed) == (0, 0)


def test_a_side_that_has_nothing_is_divided_by_the_other(many: Queries) -> None:
    """Nobody fetches more rows than of other tables where one side lacks all of them."""
    filled(many, "DELETE FROM there")
    sides = [many.side(name, COLUMNS, ("id", "line")) for name in ("here", "there")]
    found = Bisection(*sides, shown=(), bounding=("id", "line")).search(rows=0)
    assert (found.upstream.rows, found.downstream.rows) == (ROWS, 0)
    assert sides[0].read <= bisecting.MOST_PARTS * bisecting.FETCHED


def test_a_key_that_stands_too_often_is_told_and_not_fetched() -> None:
    queries = Queries()
    queries.run("CREATE TABLE made AS SELECT 'a' AS id, 1 AS line, 'x' AS name, n AS amount FROM range(9000) AS t(n)")
    found = compared(filled(queries, "DELETE FROM there WHERE amount > 10"))
    assert (found.outcome, found.complete, found.differing) == ("differs", False, 0)


def test_rows_twice_upstream_are_no_difference_where_one_of_them_is_there() -> None:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 50")
    found = compared(filled(queries, "INSERT INTO here FROM made LIMIT 3"))
    assert (found.outcome, found.left_out) == ("equal", {"twice upstream": 3})
    found = compared(filled(queries, "INSERT INTO there FROM made LIMIT 3"))
    assert (found.outcome, found.changed) == ("differs", 3), "a key stands twice downstream"


def test_rows_that_are_twice_upstream_everywhere_are_no_difference_either(many: Queries) -> None:
    """Of a small table all are found; of a large one nobody calls it another, or equal, who has not seen them all."""
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 20000")
    found = compared(filled(queries, "INSERT INTO here SELECT * FROM made WHERE line = 1 AND amount % 7 < 1"))
    assert (found.outcome, found.complete) == ("equal", True)
    assert found.left_out["twice upstream"] > bisecting.MOST_PARTS

    found = compared(filled(many, "INSERT INTO here SELECT * FROM made WHERE line = 1 AND amount % 70 < 1"))
    assert (found.outcome, found.complete, found.differing) == ("not compared", False, 0)


@pytest.mark.parametrize("name", ["it's", "back\\slash", "", "ä\n", "'; DROP TABLE here; --", "a%b_c"])
def test_odd_keys_bound_no_range_and_are_found(name: str) -> None:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 40")
    queries.connection.execute("INSERT INTO made VALUES (?, 0, 'odd', 1)", [name])
    found = compared(filled(queries, "DELETE FROM there WHERE name = 'odd'"))
    assert [dict(row.key) for row in found.differences] == [{"id": name, "line": "0"}]


def test_another_order_of_texts_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are in order here and not there lead to other ranges than those that were summed."""
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 5000")
    filled(queries, "DELETE FROM there WHERE name = 'name 4321'")
    bounds = Bisection._bounds

    def disordered(self: Bisection, name: str, values: Sequence[str], part: Part, rows: int) -> list[str]:
        found = bounds(self, name, values, part, rows)
        return [*found[1::2], *found[::2]]

    monkeypatch.setattr(Bisection, "_bounds", disordered)
    found = compared(queries)
    assert [dict(row.key) for row in found.differences] == [{"id": "ORD-00002160", "line": "1"}]


def test_keys_with_nulls_are_compared_too() -> None:
    queries = Queries()
    queries.run(
        f"CREATE TABLE made AS {MANY} LIMIT 5000", "INSERT INTO made VALUES (NULL, 7, 'a', 1), ('x', NULL, 'b', 1)"
    )
    assert compared(filled(queries)).outcome == "equal"
    found = compared(
        filled(queries, "DELETE FROM there WHERE id IS NULL", "UPDATE there SET name = 'c' WHERE line IS NULL")
    )
    assert {(row.what, row.key["id"], row.key["line"]) for row in found.differences} == {
        ("missing", None, "7"),
        ("changed", "x", None),
    }


def test_personal_values_are_hidden() -> None:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 5000")
    filled(queries, "UPDATE there SET name = 'secret', amount = 0 WHERE id = 'ORD-00000002' AND line = 0")
    sides = [queries.side(name, COLUMNS, ("id", "line")) for name in ("here", "there")]
    queries.asked.clear()
    showing = Showing({"line", "amount"}, {"line", "amount"})
    found = Comparison("gold.t", sides[0], sides[1], ("a", "b"), showing, 1, rows=5000).found()
    (row,) = found.differences
    assert row.key == {"id": "***", "line": "0"}
    assert row.columns == {"name": ("***", "***"), "amount": ("0.57", "0")}
    assert not any("ORD-" in sql or "name " in sql for sql in queries.asked), "statements are kept in warehouses"
    assert "secret" not in str(queries.answers)
    assert "ORD-" not in str(queries.answers)


def test_columns_that_cannot_be_compared_are_never_equal() -> None:
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 10")
    filled(queries)
    here, there = (queries.side(name, COLUMNS, ("id", "line")) for name in ("here", "there"))
    apart = {"note": "VARIANT in the source, string in the lake"}
    found = Comparison("bronze.t", here, there, ("a", "b"), Showing((), ()), 1, apart, rows=10).found()
    assert found.outcome == "not compared"
    assert "note (VARIANT in the source, string in the lake)" in str(found.reason)


def test_a_search_that_did_not_end_says_so() -> None:
    assert Search(rest=1).complete is False
    assert bisecting.FETCHED * bisecting.RANGES > 1_000_000, "a million rows need one pass and one fetch"


def test_sums_that_differ_without_a_row_are_never_equal() -> None:
    """Rows that are others whenever they are summed; what was left out before says nothing of that."""
    queries = Queries()
    queries.run(f"CREATE TABLE made AS {MANY} LIMIT 10")
    filled(queries)
    here, there = (queries.side(name, COLUMNS, ("id", "line")) for name in ("here", "there"))

    def ask(sql: str) -> Answers:
        is_sum = "GROUP BY" in sql
        queries.run(f"CREATE OR REPLACE TABLE there AS FROM made {'LIMIT 9' if is_sum else ''}")
        return queries.ask(sql)

    there.ask = ask
    names = frozenset(name for name, _ in COLUMNS)
    comparison = Comparison("bronze.t", here, there, ("a", "b"), Showing(names, names), 1, rows=10)
    comparison.left_out["in the error lane"] = 3
    found = comparison.found()
    assert (found.outcome, found.differences) == ("not compared", ())
    assert "rows were changed while they were compared" in str(found.reason)
